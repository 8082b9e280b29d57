#!/bin/sh
# simulation_test.sh - the limiter's bug is found, replayed elsewhere, made small; fixed, it passes.
#
# usage: simulation_test.sh LIMITED LIMITER_TEST_WITH_THE_BUG LIMITER_TEST      (prints TAP)
set -u
limited=$1
lost=$2
right=$3
. "$(dirname "$0")/../support/tap.sh"
finds() { # arguments of the program; its report is in the log
    "$lost" "$@" >"$work/out" 2>"$work/log"
    test $? -eq 1 && grep -q 'the last one failed' "$work/out" &&
        grep -q '^tp-sim: check failed at .*limiter.granted' "$work/log"
}

finds 1000
report $? simulation__the_lost_update_is_found_in_1000_schedules
cp "$work/log" "$work/report"

# The steps that it takes: few, and one of them is between load and store.
steps=$(grep -c '^  [0-9]*\. ' "$work/report")
test "$steps" -ge 1 && test "$steps" -le 6 && grep -Eq ' in bucket_(take|add)' "$work/report" &&
    grep -q '(in work "take")' "$work/report" && grep -q 'pool "requests"' "$work/report"
report $? simulation__the_report_names_a_few_steps

replayed=0
for token in $(sed -n 's/^token of .*: \(tp1:.*\)$/\1/p' "$work/report"); do
    finds "$token" && grep -q '^1 schedules' "$work/out" && replayed=$((replayed + 1))
done
test "$replayed" -eq 2
report $? simulation__both_tokens_repeat_it_in_a_new_process

"$right" 10000 >"$work/out" 2>"$work/log" && grep -q '^10000 schedules, none failed' "$work/out"
report $? simulation__the_right_one_passes_10000_schedules

# With what broke the other one the right one has no trouble; nor has it on real threads.
"$right" "$(sed -n 's/^token of this run: //p' "$work/report")" >"$work/out" 2>"$work/log"
report $? simulation__the_right_one_passes_that_very_run
"$limited" 100 50 20000 >"$work/log" 2>&1 && grep -q '^[0-9]* granted' "$work/log"
report $? simulation__the_program_itself_counts_right

plan
