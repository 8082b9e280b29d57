#!/bin/sh
# contract_test.sh - every number of tests/contract.txt has a test that names it; prints the table.
#
# usage: contract_test.sh SOURCE_ROOT
set -eu
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The tests: names that stand where a test is defined and once more where it is run, one a line with
# its file. A scenario or case that is in no table proves nothing.
find "$root/tests" -type f \( -name '*_test.c' -o -name '*_scenarios.c' \) | sort |
while read -r file; do
    grep -oE '^(TAP_TEST|STAGE_TEST|SCENE|CHILD_TEST)\([a-z0-9_]+\)' "$file" |
    sed 's/.*(\(.*\))/\1/' |
    while read -r name; do
        if [ "$(grep -cE "(^|[^a-z0-9_])$name([^a-z0-9_]|\$)" "$file")" -ge 2 ]; then
            echo "$name ${file#"$root"/}"
        else
            echo "$name ${file#"$root"/}" >>"$work/never_run"
        fi
    done || true
done >"$work/tests"

# For each number the first test, and how many there are.
number_of_tests=0
missing=0
while read -r number about; do
    case $number in
    [CR]-[0-9]*) ;;
    *) continue ;;
    esac
    number_of_tests=$((number_of_tests + 1))
    short=$(echo "$number" | tr 'CR' 'cr' | tr -d '-')
    grep -E "^[a-z0-9_]*_$short(_[a-z0-9_]*)? " "$work/tests" >"$work/found" || true
    if [ -s "$work/found" ]; then
        more=$(($(wc -l <"$work/found") - 1))
        [ "$more" -eq 0 ] && more= || more=" (+$more)"
        echo "# $number $(head -n 1 "$work/found")$more"
    else
        missing=$((missing + 1))
        echo "# $number NO TEST: $about"
    fi
done <"$root/tests/contract.txt"

verdict() { # condition number name
    if [ "$1" = true ]; then
        echo "ok $2 - $3"
    else
        echo "not ok $2 - $3"
        failed=1
    fi
}

failed=0
[ -s "$work/tests" ] && [ "$number_of_tests" -gt 0 ] && result=true || result=false
verdict $result 1 contract__tests_and_numbers_were_found
echo "# $number_of_tests numbers, $missing without a test, $(wc -l <"$work/tests") tests"
[ "$missing" -eq 0 ] && result=true || result=false
verdict $result 2 contract__every_number_is_named_by_a_test
if [ -s "$work/never_run" ]; then
    sed 's/^/# defined but never run: /' "$work/never_run"
    result=false
else
    result=true
fi
verdict $result 3 contract__every_test_that_is_defined_is_run
echo "1..3"
exit $failed
