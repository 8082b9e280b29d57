#!/bin/sh
# symbols_test.sh - the library exports what its map, its headers and the stored lists say.
#
# usage: symbols_test.sh LIBRARY MAP INCLUDE_DIR TESTS_ABI_DIR      (environment: NM)
set -u
library=$1
map=$2
include=$3
here=$4
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
LC_ALL=C
export LC_ALL
count=0
failed=0

report() { # status name: one line of TAP, with what went wrong
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        sed 's/^/# /' "$work/log"
        failed=$((failed + 1))
    fi
}
same() { # two sorted lists that must be equal and not empty
    test -s "$1" && diff "$1" "$2" >"$work/log" 2>&1
}

# A version node itself appears as an absolute symbol (type A).
"${NM:-nm}" -D --defined-only --with-symbol-versions "$library" |
    awk '$2 != "A" { print $3 }' | sort >"$work/exported"
awk '/^TP_[0-9.]+ *\{/ { node = $1 }
    /^ *tp_[a-z0-9_]+;/ { sub(/;.*/, ""); sub(/^ */, ""); print $0 "@@" node }' \
    "$map" | sort >"$work/mapped"
sed 's/@.*//' "$work/mapped" | sort -u >"$work/names"
sed -n 's/^TP_API .*\(tp_[a-z0-9_]*\)(.*/\1/p' "$include"/tp/*.h | sort -u >"$work/declared"

same "$work/mapped" "$work/exported"
report $? symbols__library_exports_the_map
same "$work/names" "$work/declared"
report $? symbols__map_names_what_the_headers_declare
# One declaration starts one line, with its name before its first bracket.
cat "$include"/tp/*.h | grep '^TP_API' >"$work/log"
test "$(wc -l <"$work/declared")" -eq "$(wc -l <"$work/log")"
report $? symbols__every_declaration_was_understood

for list in "$here"/symbols-*.txt; do
    release=$(basename "$list" .txt)
    sort -c "$list" 2>"$work/log" && comm -23 "$list" "$work/exported" >"$work/log"
    test -s "$list" && test ! -s "$work/log"
    report $? "symbols__all_of_${release}_are_still_there"
done

# The program written for a release is only a proof if its parts use all of that release.
for list in "$here"/symbols-*.txt; do
    release=$(basename "$list" .txt | sed 's/symbols-//')
    cat "$here/caller-$release.c" "$here/caller-$release"-*.c 2>/dev/null |
        grep -o 'tp_[a-z0-9_]*' | sort -u >"$work/used"
    sed 's/@.*//' "$list" | sort | comm -23 - "$work/used" >"$work/log"
    test ! -s "$work/log"
    report $? "symbols__caller_${release}_uses_all_of_its_release"
done

echo "1..$count"
test "$failed" -eq 0
