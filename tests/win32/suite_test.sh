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

# Wine starts while gcc compiles; windows.h is read once, for all of them.
under_wine() { # SOURCE...: compiles, starts Wine, runs; the lines are in "$work/wine.txt"
    wine_start &
    mkdir -p "$work/tests/win32/suite" &&
        make_exe -x c-header -o "$work/tests/win32/suite/suite.h.gch" "$folder/suite.h" &&
        make_exe -I"$work" -I"$root" -o "$work/suite.exe" "$@" &&
        make_exe -shared -o "$work/suite_plugin.dll" "$folder/suite_plugin.c" &&
        wait && cd "$work" && in_wine 120 suite.exe suite_plugin.dll >"$work/wine.txt"
}

make_examples() { # those for which there is a compiler; what it says is in NAME.log
    for file in "$root"/examples/windows/*.c; do
        make_exe -o "$(basename "$file" .c).exe" "$file" >"$(basename "$file" .c).log" 2>&1
    done
    command -v "$mingw_cxx" >/dev/null || return
    for file in "$root"/examples/windows/*.cpp; do
        make_exe_cxx -o "$(basename "$file" .cpp).exe" "$file" >"$(basename "$file" .cpp).log" 2>&1
    done
}

example_under_wine() { # NAME: whether it prints what it prints everywhere
    expected=$root/examples/windows/expected/$1.txt
    [ -f "$expected" ] || expected=$root/examples/six/expected/$1.txt
    arguments=
    [ "$1" != copy ] || arguments="from.txt to.txt"
    # shellcheck disable=SC2086 # arguments are words
    in_wine 60 "$1.exe" $arguments >got.txt && diff "$expected" got.txt
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
cd "$work" || exit 1
make_examples # while the suite sleeps under Wine
wait
"$root/tests/win32/compare.py" wine.txt here.txt "$folder/wine-defects.txt" >log 2>&1
status=$?
[ "$status" -ne 0 ] || sed 's/^/# /' log
cat wine.log wine.err >>log 2>/dev/null
report "$status" "suite__prints_the_same_under_wine"

seq 100000 >from.txt
for file in "$root"/examples/windows/*.c "$root"/examples/windows/*.cpp; do
    name=$(basename "${file%.*}")
    if ! [ -f "$name.log" ]; then
        skip "examples__${name}_prints_the_same_under_wine" \
            "no $mingw_cxx (Debian: g++-mingw-w64-x86-64)"
        continue
    fi
    example_under_wine "$name" >log 2>&1
    status=$?
    cat "$name.log" >>log
    report "$status" "examples__${name}_prints_the_same_under_wine"
done
wine_end
plan
