#!/bin/sh
# abidiff.sh - no program built against a released libtp.so is broken by today's, says abidiff.
#
# usage: abidiff.sh LIBTP.SO SOURCE_ROOT CC [CC arguments]
#
# First the gate itself is tried on planted breaks: with wrong flags abidiff is silently content.
# Then each stored dump is compared. A library without debug information, or no abidiff, is a skip
# (exit status 77).
set -u
library=$1
root=$2
shift 2
here=$root/tests/abi
if ! command -v abidiff >/dev/null || ! command -v abidw >/dev/null; then
    echo "1..0 # SKIP abidiff and abidw are not installed"
    exit 77
fi
if [ ! -r "$library" ]; then
    echo "Bail out! there is no $library"
    exit 1
fi
if ! readelf -S "$library" | grep -q '\.debug_info'; then
    echo "1..0 # SKIP the library has no debug information"
    exit 77
fi
. "$(dirname "$0")/../support/tap.sh"
compare() { # old headers, new headers, old dump, new library: the exit status of abidiff
    abidiff --fail-no-debug-info --no-added-syms --headers-dir1 "$1" --headers-dir2 "$2" \
        "$3" "$4" >"$work/log" 2>&1
}
build() { # headers, output, the rest are definitions
    headers=$1 output=$2
    shift 2
    $compiler -std=gnu11 -g -shared -fPIC -fvisibility=hidden -I"$headers" "$@" \
        "$here/planted.c" -o "$output" >"$work/log" 2>&1
}
planted() { # name, expected (same or broken), headers, definitions
    name=$1 expected=$2 headers=$3
    shift 3
    if ! build "$headers" "$work/planted.so" "$@"; then
        report 1 "$name"
        return
    fi
    compare "$work/old" "$headers" "$work/old.abi" "$work/planted.so"
    case $expected,$? in
    same,0 | broken,4 | broken,8 | broken,12) report 0 "$name" ;;
    *,*) report 1 "$name" ;;
    esac
}
altered() { # name, sed program for types.h: a copy of the headers with one change that took hold
    mkdir -p "$work/$1/tp"
    cp "$work"/old/tp/*.h "$work/$1/tp/"
    sed "$2" "$work/old/tp/types.h" >"$work/$1/tp/types.h"
    ! cmp -s "$work/old/tp/types.h" "$work/$1/tp/types.h" ||
        { echo "the change of $1 found no place" >"$work/log"; report 1 "abidiff__plants_$1"; }
}

compiler="$*"
mkdir "$work/old"
cp -r "$here/include-0.1/tp" "$work/old/tp"
build "$work/old" "$work/old.so" &&
    "$root/tools/abi-dump" "$work/old.so" "$work/old" "$work/old.abi" >"$work/log" 2>&1
report $? abidiff__dumps
altered widened 's/uint32_t queue_limit;/uint64_t queue_limit;/'
altered appended 's/^} tp_pool_config_t;/    uint64_t appended;\n&/'
altered renumbered 's/typedef int32_t tp_status_t;/typedef int64_t tp_status_t;/'
planted abidiff__accepts_no_change same "$work/old"
planted abidiff__accepts_a_new_function same "$work/old" -DPLANTED_ADDED
planted abidiff__refuses_a_removed_function broken "$work/old" -DPLANTED_REMOVED
planted abidiff__refuses_a_wider_field broken "$work/widened"
planted abidiff__refuses_an_appended_field_unseen broken "$work/appended"
planted abidiff__refuses_a_wider_parameter broken "$work/renumbered"

for dump in "$here"/abi-*.abi; do
    release=$(basename "$dump" .abi | sed 's/abi-//')
    compare "$here/include-$release" "$root/capi/include" "$dump" "$library"
    report $? "abidiff__programs_of_${release}_still_run"
done

plan
