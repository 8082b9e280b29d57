#!/bin/sh
# six_test.sh - the six small programs print, in each language, what they must.
#
# usage: six_test.sh EXPECTED_DIR PROGRAM...
#   PROGRAM is named LANGUAGE_NAME, NAME being that of a file of EXPECTED_DIR; more of a name may
#   follow after another "_" (prints TAP).
set -u
expected=$1
shift
. "$(dirname "$0")/../support/tap.sh"

seq 100000 >"$work/from"
for program; do
    language_name=$(basename "$program")
    language=${language_name%%_*}
    name=${language_name#*_}
    set --
    [ "$name" = copy ] && set -- "$work/from" "$work/to"
    "$program" "$@" >"$work/printed" 2>"$work/log" &&
        diff "$expected/${name%%_*}.txt" "$work/printed" >>"$work/log" 2>&1 &&
        { [ "$name" != copy ] || cmp "$work/from" "$work/to" >>"$work/log" 2>&1; }
    report $? "six__${name%%_*}_in_$language"
done
plan
