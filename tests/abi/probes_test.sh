#!/bin/sh
# probes_test.sh - the static probes in the library are those of docs/TRACING.md, all of them.
#
# usage: probes_test.sh LIBTP.SO DOCS/TRACING.MD
set -u
. "$(dirname "$0")/../support/tap.sh"
found=$(readelf -n "$1" |
    awk '/Provider: tp$/ { mine = 1; next } mine && /Name:/ { print $2 } { mine = 0 }' | sort -u)
if [ -z "$found" ]; then
    echo "1..0 # SKIP the library was built without probes"
    exit 0
fi
grep '^| `' "$2" | cut -d '|' -f 2 | grep -o '`[a-z]*`' | tr -d '`' | sort -u >"$work/told"
echo "$found" | diff - "$work/told" >"$work/log"
report $? probes__are_those_of_the_table

# A tracer reads two arguments of each.
readelf -n "$1" | grep 'Arguments:' | awk 'NF != 3 { print; bad = 1 } END { exit bad }' >"$work/log"
report $? probes__have_two_arguments

plan
