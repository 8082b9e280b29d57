#!/bin/sh
# install_test.sh - what is installed is all one needs: the limiter's test, built with pkg-config.
#
# usage: install_test.sh BUILD_DIR SOURCE_ROOT CC [CC arguments]    (environment: MESON, CXX; prints TAP)
set -u
build=$1
root=$2
shift 2
. "$(dirname "$0")/../support/tap.sh"

at=$work/root
python3 "$(dirname "$0")/../support/installed.py" "$build" "$at" >"$work/log" 2>&1
pc=$(find "$at" -name tp-sim.pc)
libraries=$(dirname "$(dirname "$pc")")
PKG_CONFIG_PATH=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$at
LD_LIBRARY_PATH=$libraries
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR LD_LIBRARY_PATH
test -n "$pc" && pkg-config --cflags tp-sim | grep -q -- -DTP_SIM &&
    test "$(pkg-config --variable=instrument tp-sim)" = -fsanitize=thread &&
    find "$at" -path '*/tp/sim_world.h' | grep -q .
report $? install__pkg_config_finds_headers_and_flags

finds() { # a program: it finds the bug and tells of it by name
    "$1" >"$work/out" 2>"$work/log"
    test $? -eq 1 && grep -q '(in work "take") in bucket_take' "$work/log"
}
sources="$root/examples/simulation/bucket_lost.c $root/examples/simulation/limiter.c
    $root/examples/simulation/limiter_test.c"
objects=
for source in $sources; do
    # shellcheck disable=SC2046 # several words are meant
    "$@" -std=gnu11 -g -O1 -fno-omit-frame-pointer $(pkg-config --variable=instrument tp-sim) \
        $(pkg-config --cflags tp-sim) -I"$root" -c "$source" -o "$work/$(basename "$source").o" \
        >"$work/log" 2>&1 || report 1 "install__compiles_$(basename "$source" .c)"
    objects="$objects $work/$(basename "$source").o"
done

# shellcheck disable=SC2046,SC2086 # several words are meant
"$@" $objects $(pkg-config --libs tp-sim) -o "$work/shared" >"$work/log" 2>&1 && finds "$work/shared"
report $? install__shared_library_finds_the_bug
# shellcheck disable=SC2086
"$@" $objects "$libraries/libtp-sim.a" -pthread -ldl -o "$work/static" >"$work/log" 2>&1 &&
    finds "$work/static" && ! ldd "$work/static" | grep -q libtp
report $? install__static_library_finds_the_bug

if [ -n "${CXX:-}" ]; then
    cat >"$work/plus.cpp" <<'END'
#include <stdexcept>
#include <tp/sim.h>
#include <tp/tp.h>
static void scenario(void *)
{
    try {
        throw std::runtime_error("caught where it belongs");
    } catch (const std::exception &) {
        tp_sim_sleep(1);
    }
    tp_event_t *event;
    tp_sim_check(tp_event_create(false, false, &event) == TP_OK);
    tp_sim_name(event, "the C++ event");
}
int main()
{
    tp_sim_options_t options = TP_SIM_OPTIONS_INIT;
    options.schedules = 10;
    return tp_sim_run(&options, scenario, nullptr, nullptr) == TP_SIM_FAILED ? 0 : 1;
}
END
    # shellcheck disable=SC2046,SC2086
    $CXX -std=c++11 -g -Wall -Werror $(pkg-config --cflags tp-sim) "$work/plus.cpp" \
        $(pkg-config --libs tp-sim) -o "$work/plus" >"$work/log" 2>&1 && "$work/plus" 2>"$work/log" &&
        grep -q '^tp-sim: event "the C++ event" is still open$' "$work/log"
    report $? install__cxx_programs_are_welcome
    cp "$root/examples/six/group.cpp" "$work/face.cpp"
    # shellcheck disable=SC2046,SC2086
    $CXX -std=c++17 -Wall -Werror $(pkg-config --cflags tp-sim) -c "$work/face.cpp" \
        -o "$work/face.o" >"$work/log" 2>&1 && test -s "$work/face.o"
    report $? install__tp_hpp_comes_with_its_parts
fi

plan
