#!/bin/sh
# install_test.sh - with what is installed, Windows source is compiled by pkg-config's flags alone.
#
# usage: install_test.sh BUILD_DIR SOURCE_ROOT CC [CC arguments]    (environment: CXX; prints TAP)
set -u
build=$1
root=$2
shift 2
. "$(dirname "$0")/../support/tap.sh"

at=$work/root
python3 "$(dirname "$0")/../support/installed.py" "$build" "$at" >"$work/log" 2>&1
pc=$(find "$at" -name tp-win32.pc)
libraries=$(dirname "$(dirname "$pc")")
PKG_CONFIG_PATH=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$at
LD_LIBRARY_PATH=$libraries
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR LD_LIBRARY_PATH
test -n "$pc" && pkg-config --cflags tp-win32 >"$work/log" 2>&1 &&
    grep -q 'tp/win32/include' "$work/log" && find "$at" -path '*/tp/win32/include/windows.h' | grep -q .
report $? install__pkg_config_finds_headers_and_flags

# The program that docs/WINDOWS.md begins with, as pasted.
awk '/^```c$/ { inside = 1; next } /^```$/ { exit } inside' "$root/docs/WINDOWS.md" >"$work/hello.c"
greets() { # program
    "$1" >"$work/log" 2>&1 && grep -qx '100 callbacks and a timer' "$work/log"
}
# shellcheck disable=SC2046 # several words are meant
"$@" -Wall -Wextra -Werror "$work/hello.c" $(pkg-config --cflags --libs tp-win32) -o "$work/hello" \
    >"$work/log" 2>&1 && greets "$work/hello"
report $? install__page_begins_with_a_program_that_works
# shellcheck disable=SC2046
"$@" "$work/hello.c" $(pkg-config --cflags tp-win32) "$libraries/libtp-win32.a" \
    "$libraries/libtp.a" $(pkg-config --static --libs-only-l tp | sed 's/-ltp //') -pthread \
    -o "$work/static" >"$work/log" 2>&1 && greets "$work/static" &&
    ! ldd "$work/static" | grep -q libtp
report $? install__static_libraries_too
if [ -n "${CXX:-}" ]; then
    # shellcheck disable=SC2046,SC2086
    $CXX -std=c++11 -Wall -Wextra -Werror -x c++ "$work/hello.c" -x none \
        $(pkg-config --cflags --libs tp-win32) -o "$work/plus" >"$work/log" 2>&1 &&
        greets "$work/plus"
    report $? install__and_in_cxx
else
    skip install__and_in_cxx "no C++ compiler"
fi

plan
