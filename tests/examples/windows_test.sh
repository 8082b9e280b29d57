#!/bin/sh
# windows_test.sh - the examples in Windows style, built here; suite_test.sh has them under Wine.
#
# usage: windows_test.sh ROOT PROGRAM... (prints TAP)

set -u
LC_ALL=C
export LC_ALL
root=$1
shift
. "$root/tests/support/tap.sh"
here=$(pwd)
cd "$work" || exit 1
seq 100000 >from.txt

for program in "$@"; do
    [ "$program" != "${program#/}" ] || program=$here/$program
    name=$(basename "$program")
    name=${name#windows_}
    expected=$root/examples/windows/expected/$name.txt
    # Six of them print the same in all languages.
    [ -f "$expected" ] || expected=$root/examples/six/expected/$name.txt
    if [ "$name" = copy ]; then
        timeout -k 5 60 "$program" from.txt to.txt >got.txt 2>log && cmp from.txt to.txt >>log
    else
        timeout -k 5 60 "$program" >got.txt 2>log
    fi
    status=$?
    diff "$expected" got.txt >>log || status=1
    report $status "windows__${name}_prints_its_lines"
done
plan
