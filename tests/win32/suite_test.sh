#!/bin/sh
# suite_test.sh - the Windows suite here, and the same sources as Windows programs under Wine.
#
# usage: suite_test.sh ROOT SUITE PLUGIN [SOURCE...] (prints TAP)
# SUITE is the program for here, PLUGIN its library; the SOURCEs make the one for Windows. Under Wine
# the examples in Windows style run as well. Without SOURCEs nothing runs under Wine.

set -u
LC_ALL=C
export LC_ALL
root=$1
suite=$(realpath "$2") || exit 1
plugin=$(realpath "$3") || exit 1
shift 3
folder=$root/tests/win32/suite
. "$root/tests/support/tap.sh"
. "$root/tests/win32/wine.sh"

under_wine() { # SOURCE...: compiles, starts Wine, runs; the lines are in "$work/wine.txt"
    make_exe -I"$root" -o "$work/suite.exe" "$@" &&
        make_exe -shared -o "$work/suite_plugin.dll" "$folder/suite_plugin.c" &&
        wine_start && cd "$work" && in_wine 120 suite.exe suite_plugin.dll >"$work/wine.txt"
}

example_under_wine() { # FILE NAME: whether it prints what it prints everywhere
    make=make_exe
    [ "$1" = "${1%.cpp}" ] || make=make_exe_cxx
    expected=$root/examples/windows/expected/$2.txt
    [ -f "$expected" ] || expected=$root/examples/six/expected/$2.txt
    arguments=
    [ "$2" != copy ] || arguments="from.txt to.txt"
    # shellcheck disable=SC2086 # arguments are words
    "$make" -o "$2.exe" "$1" && in_wine 60 "$2.exe" $arguments >got.txt && diff "$expected" got.txt
}

reason=$(wine_missing)
if [ $# -gt 0 ] && [ -z "$reason" ]; then
    under_wine "$@" >"$work/wine.log" 2>&1 &
fi

mkdir "$work/here" && cd "$work/here" || exit 1
timeout -k 5 120 "$suite" "$plugin" >"$work/here.txt" 2>"$work/log"
status=$?
diff "$folder/lines.txt" "$work/here.txt" >>"$work/log" || status=1
report "$status" "suite__prints_its_$(wc -l <"$folder/lines.txt")_lines_here"

if [ $# -eq 0 ]; then
    plan
    exit
fi
if [ -n "$reason" ]; then
    skip "suite__prints_the_same_under_wine" "$reason"
    skip "examples__print_the_same_under_wine" "$reason"
    plan
    exit
fi
wait
"$root/tests/win32/compare.py" "$work/wine.txt" "$work/here.txt" "$folder/wine-defects.txt" \
    >"$work/log" 2>&1
status=$?
[ "$status" -ne 0 ] || sed 's/^/# /' "$work/log"
cat "$work/wine.log" "$work/wine.err" >>"$work/log" 2>/dev/null
report "$status" "suite__prints_the_same_under_wine"

cd "$work" || exit 1
seq 100000 >from.txt
for file in "$root"/examples/windows/*.c "$root"/examples/windows/*.cpp; do
    name=$(basename "$file")
    name=${name%.*}
    if [ "$file" != "${file%.cpp}" ] && ! command -v "$mingw_cxx" >/dev/null; then
        skip "examples__${name}_prints_the_same_under_wine" \
            "no $mingw_cxx (Debian: g++-mingw-w64-x86-64)"
        continue
    fi
    example_under_wine "$file" "$name" >"$work/log" 2>&1
    report $? "examples__${name}_prints_the_same_under_wine"
done
wine_end
plan
