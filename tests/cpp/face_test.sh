#!/bin/sh
# face_test.sh - tp.hpp compiles alone, everywhere and twice, and its tests use all of libtp.
#
# usage: face_test.sh SOURCE_ROOT CXX [CXX arguments] -- TEST_PROGRAM...
set -u
root=$1
shift
cxx=
while [ "$1" != -- ]; do
    cxx="$cxx $1"
    shift
done
shift
. "$(dirname "$0")/../support/tap.sh"
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror'

for header in "$root"/capi/include/tp/cxx/*.hpp; do
    name=$(basename "$header" .hpp)
    for _ in 1 2; do
        printf '#include "tp/cxx/%s.hpp"\n' "$name"
    done >"$work/$name.cpp"
done
$cxx -std=c++17 $warnings -I"$root/capi/include" -fsyntax-only "$work"/*.cpp >"$work/log" 2>&1
report $? face__each_header_compiles_alone_and_twice

# With the compilers there are; the test that instantiates most of it.
clang=$(command -v clang++ || command -v clang++-14)
for compiler in g++ clang; do
    for standard in 17 20; do
        command=$compiler
        [ $compiler = clang ] && command=$clang
        if ! command -v "$command" >"$work/log" 2>&1; then
            skip "face__compiles_with_${compiler}_in_cxx$standard" "no $compiler"
            continue
        fi
        $command -std=c++$standard $warnings -I"$root" -I"$root/capi/include" -fsyntax-only \
            "$root/tests/cpp/callable_test.cpp" >"$work/log" 2>&1
        report $? "face__compiles_with_${compiler}_in_cxx$standard"
    done
done

# Callables that take what no callback tells; each line is a program of its own.
cat >"$work/refused" <<'END'
tp::work work([](int) {});
tp::wait wait([](tp::io_result) {});
END
bad=0
while read -r line; do
    printf '#include <tp/tp.hpp>\nvoid f();\nvoid f()\n{\n%s\n}\n' "$line" >"$work/refused.cpp"
    if $cxx -std=c++17 -w -I"$root/capi/include" -fsyntax-only "$work/refused.cpp" \
        >"$work/said" 2>&1; then
        echo "compiles: $line"
        bad=1
    fi
done <"$work/refused" >"$work/log"
report $bad face__refuses_callables_that_cannot_be_called

# Each function of the library is called by some test through the header: what the programs lack
# is what the library exports.
nm -u "$@" | sed -n 's/^ *U \(tp_[a-z_]*\).*/\1/p' | LC_ALL=C sort -u >"$work/used"
sed -n 's/^ *\(tp_[a-z_]*\);$/\1/p' "$root/capi/tp.map" | LC_ALL=C sort -u >"$work/exported"
LC_ALL=C comm -13 "$work/used" "$work/exported" >"$work/log"
test -s "$work/used" && test ! -s "$work/log"
report $? face__tests_use_every_function_of_the_library
grep -n 'tp_[a-z_]*(' "$root"/tests/cpp/*_test.cpp | grep -v 'tp_status_message\|tp_sim_' >"$work/log"
test ! -s "$work/log"
report $? face__tests_call_nothing_past_the_header
plan
