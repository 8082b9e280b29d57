#!/bin/sh
# probes_test.sh - the static probes in the library are those of docs/TRACING.md, all of them.
#
# usage: probes_test.sh LIBTP.SO DOCS/TRACING.MD
set -u
found=$(readelf -n "$1" |
    awk '/Provider: tp$/ { mine = 1; next } mine && /Name:/ { print $2 } { mine = 0 }' | sort -u)
if [ -z "$found" ]; then
    echo "1..0 # SKIP the library was built without probes"
    exit 0
fi
told=$(grep '^| `' "$2" | cut -d '|' -f 2 | grep -o '`[a-z]*`' | tr -d '`' | sort -u)
if [ "$found" = "$told" ]; then
    echo "ok 1 - probes__are_those_of_the_table"
else
    echo "# in the library:" $found
    echo "# in the table:" $told
    echo "not ok 1 - probes__are_those_of_the_table"
fi
# A tracer reads two arguments of each.
if readelf -n "$1" | grep 'Arguments:' | awk 'NF != 3 { bad = 1 } END { exit bad }'; then
    echo "ok 2 - probes__have_two_arguments"
else
    echo "not ok 2 - probes__have_two_arguments"
fi
echo "1..2"
