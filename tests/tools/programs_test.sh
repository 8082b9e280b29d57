#!/bin/sh
# programs_test.sh - the programs in README.md and docs/ compile as pasted, and do what they say.
#
# usage: programs_test.sh SOURCE_ROOT LIBTP.SO CC [CC arguments]
# (environment: TP_SIM_LIBRARY, libtp-sim.so; empty: not built. CXX; empty: no C++ compiler)
set -u
root=$1
library=$(realpath "$2")
shift 2
. "$(dirname "$0")/../support/tap.sh"

# The first block of C of a page that has a main, as a program of that name.
build() { # page name, the rest is the compiler
    page=$1 name=$2
    shift 2
    awk -v name="$work/$name" '
        /^```c$/ { inside = 1; text = ""; next }
        /^```$/ && inside && text ~ /int main\(/ { printf "%s", text >(name ".c"); exit }
        /^```$/ { inside = 0 }
        inside { text = text $0 "\n" }' "$page"
    "$@" -std=gnu11 -Wall -Wextra -Werror -I"$root/capi/include" "$work/$name.c" \
        -o "$work/$name" "$library" -Wl,-rpath,"$(dirname "$library")" >"$work/log" 2>&1
}

build "$root/README.md" hello "$@" && "$work/hello" >"$work/log" 2>&1 &&
    test "$(grep -cx 'hello from the pool' "$work/log")" -eq 3
report $? programs__readme_greets_three_times

# A page's first program, and the block of text after it that tells what it prints.
prints_what_is_told() { # page name
    awk '/^```text$/ { inside = 1; next } /^```$/ && inside { exit } inside' "$1" >"$work/told"
    "$work/$2" >"$work/log" 2>&1 && diff "$work/told" "$work/log" >"$work/differs" ||
        { cat "$work/differs" >>"$work/log"; return 1; }
}

build "$root/docs/C.md" primes "$@" && prints_what_is_told "$root/docs/C.md" primes
report $? programs__c_counts_primes

if [ -n "${CXX:-}" ]; then
    awk '/^```cpp$/ { inside = 1; next } /^```$/ && inside { exit } inside' "$root/docs/CPP.md" \
        >"$work/count.cpp"
    $CXX -std=c++17 -Wall -Wextra -Werror -I"$root/capi/include" "$work/count.cpp" \
        -o "$work/count" "$library" -Wl,-rpath,"$(dirname "$library")" >"$work/log" 2>&1 &&
        prints_what_is_told "$root/docs/CPP.md" count
    report $? programs__cxx_counts_down_and_catches
else
    skip programs__cxx_counts_down_and_catches "no C++ compiler"
fi

# The block of C that begins with "/* NAME.c ", as a program on the simulated machine.
simulated() { # page name, the rest is the compiler
    page=$1 name=$2
    shift 2
    awk -v name="$name" -v out="$work/$name.c" '
        /^```c$/ { getline; inside = index($0, "/* " name ".c ") == 1 }
        /^```$/ { inside = 0 }
        inside { print >out }' "$page"
    "$@" -std=gnu11 -g -Wall -Wextra -Werror -DTP_SIM -I"$root/capi/include" "$work/$name.c" \
        -o "$work/$name" "$sim" -Wl,-rpath,"$(dirname "$sim")" >"$work/log" 2>&1
}
finds_it() { # arguments: the report is in the log
    (cd "$work" && ./first "$@" >log 2>&1)
    test $? -eq 1 && grep -q '^tp-sim: check failed at .*first.c:[0-9]*: count == 2$' "$work/log" &&
        grep -Eq '^  [1-9]\. "counters-." \(in work "add one"\) in add_one \(first.c:20\): "count' \
            "$work/log"
}

copies() { # file, on both back ends
    for backend in auto epoll; do
        TP_IO_BACKEND=$backend "$work/copy" "$1" "$work/to" >"$work/log" 2>&1 &&
            cmp "$1" "$work/to" >>"$work/log" 2>&1 || return 1
    done
}

# More than the blocks that are on their way at once, and not a whole number of them; and none.
head -c 1234567 /dev/urandom >"$work/from"
: >"$work/empty"
build "$root/docs/IO.md" copy "$@" && copies "$work/from" && copies "$work/empty"
report $? programs__io_copies_a_file
! "$work/copy" / "$work/to" >"$work/log" 2>&1 && grep -q 'Is a directory' "$work/log"
report $? programs__io_tells_why_it_cannot_copy

if [ -n "${TP_SIM_LIBRARY:-}" ]; then
    sim=$(realpath "$TP_SIM_LIBRARY")
    simulated "$root/docs/SIMULATION.md" first "$@" && finds_it &&
        finds_it "$(sed -n 's/^token of this run: //p' "$work/log")"
    report $? programs__simulation_finds_the_first_bug_and_repeats_it
    simulated "$root/docs/SIMULATION.md" pipe "$@" && "$work/pipe" >"$work/log" 2>&1 &&
        grep -qx '1000 schedules of two hours' "$work/log"
    report $? programs__simulation_waits_for_two_hours
    simulated "$root/docs/SIMULATION.md" target "$@" && "$work/target" >"$work/log" 2>&1
    report $? programs__simulation_runs_a_fuzz_target
fi

plan
