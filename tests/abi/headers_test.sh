#!/bin/sh
# headers_test.sh - every public header compiles alone and twice, and keeps its rules.
#
# usage: headers_test.sh INCLUDE_DIR CC [CC arguments]      (environment: CXX, empty = no C++ tests)
set -u
include=$1
shift
. "$(dirname "$0")/../support/tap.sh"
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror'
compile() { # language source output, the rest is the compiler
    language=$1 source=$2 output=$3
    shift 3
    case $language in
    c) "$@" -std=c99 $warnings -Wstrict-prototypes -I"$include" -x c "$source" $output ;;
    c++) "$@" -std=c++11 $warnings -I"$include" -x c++ "$source" $output ;;
    esac >"$work/log" 2>&1
}

have_cxx() { [ -n "${CXX:-}" ]; }

for header in "$include"/tp/*.h; do
    name=$(basename "$header" .h)
    printf '#include "tp/%s.h"\n#include "tp/%s.h"\nextern int unit; int unit;\n' \
        "$name" "$name" >"$work/unit"
    compile c "$work/unit" -fsyntax-only "$@"
    report $? "headers__${name}_is_clean_c99"
    if have_cxx; then
        compile c++ "$work/unit" -fsyntax-only $CXX
        report $? "headers__${name}_is_clean_cxx11"
    else
        skip "headers__${name}_is_clean_cxx11" "no C++ compiler"
    fi
done

# The initialisers are written differently for the two languages and must give the same bytes.
cat >"$work/init" <<'END'
#include "tp/sim.h"
#include "tp/tp.h"
#include <stdio.h>
#include <string.h>
static void dump(const void *bytes, size_t size)
{
    unsigned char copy[512];
    size_t i;
    memcpy(copy, bytes, size);
    for (i = 0; i < size; i++)
        printf("%02x", copy[i]);
    printf("\n");
}
int main(void)
{
    static const tp_allocator_t allocator = TP_ALLOCATOR_INIT;
    static const tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    static const tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    static const tp_timer_spec_t timer = TP_TIMER_SPEC_INIT;
    static const tp_wait_spec_t wait = TP_WAIT_SPEC_INIT;
    static const tp_io_op_t operation = TP_IO_OP_INIT;
    static const tp_sim_options_t options = TP_SIM_OPTIONS_INIT;
    static const tp_sim_report_t outcome = TP_SIM_REPORT_INIT;
    dump(&options, sizeof options);
    dump(&outcome, sizeof outcome);
    dump(&allocator, sizeof allocator);
    dump(&config, sizeof config);
    dump(&stats, sizeof stats);
    dump(&timer, sizeof timer);
    dump(&wait, sizeof wait);
    dump(&operation, sizeof operation);
    return 0;
}
END
if have_cxx; then
    compile c "$work/init" "-o $work/init_c" "$@" &&
        compile c++ "$work/init" "-o $work/init_cxx" $CXX &&
        "$work/init_c" >"$work/bytes_c" && "$work/init_cxx" >"$work/bytes_cxx" &&
        test -s "$work/bytes_c" && diff "$work/bytes_c" "$work/bytes_cxx" >"$work/log" 2>&1
    report $? headers__initialisers_agree_in_c_and_cxx
else
    skip headers__initialisers_agree_in_c_and_cxx "no C++ compiler"
fi

# From here on the text itself, without comments, is judged.
for header in "$include"/tp/*.h; do
    tr '\n' '\001' <"$header" | sed 's|/\*[^*]*\**\([^/*][^*]*\*\**\)*/||g' | tr '\001' '\n'
done >"$work/code"

grep '^ *# *include *<' "$work/code" | grep -v -E '<(stddef|stdint|stdbool)\.h>' >"$work/log"
test ! -s "$work/log"
report $? headers__include_only_stddef_stdint_stdbool

# bindgen and cgo lose or bend these; an enum by value has no fixed width.
grep -n -w -E "inline|long|union|static|va_list|UINT64_C|UINT32_C" "$work/code" >"$work/log"
# tp_sim_fail takes what printf takes; who has formatting of his own passes "%s".
grep -v 'tp_sim_fail(const char \*format, \.\.\.)' "$work/code" |
    grep -n -E 'enum +tp_|typedef +enum|: *[0-9]+ *;|0x[89a-fA-F][0-9a-fA-F]{15}|\.\.\. *\)' >>"$work/log"
test ! -s "$work/log"
report $? headers__have_nothing_that_bindings_mangle

# Names of types in winnt.h: a macro of that name would break tp/win32.h.
echo '#include "tp/tp.h"' >"$work/unit"
"$@" -std=c99 -I"$include" -E -dM -x c "$work/unit" 2>"$work/log" |
    awk '{ sub(/\(.*/, "", $2); print $2 }' | grep '^TP_' >"$work/macros"
for type in VERSION POOL WORK TIMER WAIT WAIT_RESULT IO CLEANUP_GROUP CALLBACK_INSTANCE \
    CALLBACK_ENVIRON CALLBACK_ENVIRON_V1 CALLBACK_ENVIRON_V3 CALLBACK_PRIORITY \
    POOL_STACK_INFORMATION; do
    grep -x "TP_$type" "$work/macros" >>"$work/log"
done
test -s "$work/macros" && test ! -s "$work/log"
report $? headers__no_macro_bears_a_winnt_type_name

grep -n '^TP_API' "$include/tp/types.h" "$include/tp/version.h" >"$work/log"
test ! -s "$work/log"
report $? headers__types_and_version_declare_no_function

# Every function carries the six fields of its doc block.
awk '
    /^\/\*\*/ { split("", seen); block = 1 }
    /^ \*  Mirrors:/ { seen["Mirrors"] } /^ \*  Returns:/ { seen["Returns"] }
    /^ \*  Threads:/ { seen["Threads"] } /^ \*  Blocks:/ { seen["Blocks"] }
    /^ \*  Owns:/ { seen["Owns"] }       /^ \*  Since:/ { seen["Since"] }
    /^TP_API/ {
        total++
        n = split("Mirrors Returns Threads Blocks Owns Since", want, " ")
        for (i = 1; i <= n; i++)
            if (!(want[i] in seen)) print FILENAME ":" FNR ": no " want[i] ": above " $0
        split("", seen)
    }
    END { if (total == 0) print "no function found" }' "$include"/tp/*.h >"$work/log"
test ! -s "$work/log"
report $? headers__every_function_says_its_six_fields

# tp.h is the interface on one page: its list names every function; tp/sim.h is another one.
sed -n 's/^TP_API .*\(tp_[a-z0-9_]*\)(.*/\1/p' "$include"/tp/*.h | grep -v '^tp_sim_' |
    LC_ALL=C sort -u >"$work/declared"
grep -o 'tp_[a-z0-9_]*' "$include/tp/tp.h" | LC_ALL=C sort -u >"$work/listed"
LC_ALL=C comm -23 "$work/declared" "$work/listed" >"$work/log"
test -s "$work/declared" && test ! -s "$work/log"
report $? headers__tp_h_lists_every_function

plan
