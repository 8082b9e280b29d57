#!/bin/sh
# symbols_test.sh - the library exports what its map, its headers and the stored lists say.
#
# usage: symbols_test.sh LIBRARY MAP INCLUDE_DIR TESTS_ABI_DIR [SIM_LIBRARY SIM_MAP]
# (environment: NM)
set -u
library=$1
map=$2
include=$3
here=$4
. "$(dirname "$0")/../support/tap.sh"
LC_ALL=C
export LC_ALL
exported() { # a version node itself appears as an absolute symbol (type A)
    "${NM:-nm}" -D --defined-only --with-symbol-versions "$1" |
        awk '$2 != "A" { print $3 }' | sort
}
mapped() { # one map or more
    awk '/^TP_[A-Z0-9._]+ *\{/ { node = $1 }
        /^ *tp_[a-z0-9_]+;/ { sub(/;.*/, ""); sub(/^ */, ""); print $0 "@@" node }' "$@" | sort
}
same() { # two sorted lists that must be equal and not empty
    test -s "$1" && diff "$1" "$2" >"$work/log" 2>&1
}

exported "$library" >"$work/exported"
mapped "$map" >"$work/mapped"
sed 's/@.*//' "$work/mapped" | sort -u >"$work/names"
declared() { sed -n 's/^TP_API .*\(tp_[a-z0-9_]*\)(.*/\1/p' "$@" | sort -u; }
headers=$(ls "$include"/tp/*.h | grep -v '/sim[a-z_]*\.h$')
# shellcheck disable=SC2086 # several words are meant
declared $headers >"$work/declared"

same "$work/mapped" "$work/exported"
report $? symbols__library_exports_the_map
same "$work/names" "$work/declared"
report $? symbols__map_names_what_the_headers_declare
# One declaration starts one line, with its name before its first bracket.
# shellcheck disable=SC2086 # several words are meant
cat $headers | grep '^TP_API' >"$work/log"
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

# The library on the simulated machine: all that, and tp/sim*.h, without a version, since nor may
# have one what it has of the C library's names.
if [ -n "${5:-}" ]; then
    exported "$5" | grep '^tp_' >"$work/exported"
    mapped "$map" "$6" | sed 's/@.*//' | sort >"$work/mapped"
    same "$work/mapped" "$work/exported"
    report $? symbols__sim_library_exports_both_maps
    mapped "$6" | sed 's/@.*//' >"$work/names"
    declared "$include"/tp/sim*.h >"$work/declared"
    same "$work/names" "$work/declared"
    report $? symbols__sim_map_names_what_its_headers_declare
fi

plan
