#!/bin/sh
# headers_test.sh - the Windows headers compile in every C and C++, alone and beside tp's, and the
# library exports what they declare.
#
# usage: headers_test.sh SOURCE_ROOT LIBRARY CC [CC arguments]
# (environment: CXX, empty = no C++ tests; NM)
set -u
root=$1
library=$2
shift 2
include=$root/capi/include
. "$(dirname "$0")/../support/tap.sh"
LC_ALL=C
export LC_ALL
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror'
# shellcheck disable=SC2086 # several words are meant
compile() { # language standard source, the rest is the compiler
    language=$1 standard=$2 source=$3
    shift 3
    "$@" -std="$standard" $warnings -I"$include" -I"$include/tp/win32/include" \
        -fsyntax-only -x "$language" "$source" >>"$work/log" 2>&1
}

have_cxx() { [ -n "${CXX:-}" ]; }

# shellcheck disable=SC2086 # the compiler may be several words
everywhere() { # name source [C and C++ standards]: compiled in these, else in the oldest
    name=$1 source=$2 status=0
    : >"$work/log"
    for standard in ${3:-c99}; do
        compile c $standard "$source" $cc || status=1
    done
    report $status "headers__${name}_is_clean_c"
    have_cxx || {
        skip "headers__${name}_is_clean_cxx" "no C++ compiler"
        return
    }
    status=0
    : >"$work/log"
    for standard in ${4:-c++11}; do
        compile c++ $standard "$source" $CXX || status=1
    done
    report $status "headers__${name}_is_clean_cxx"
}
cc=$*

# Each part alone and twice; and then all, by all names that sources include, in all standards.
for header in "$include"/tp/win32.h "$include"/tp/win32/*.h; do
    name=${header#"$include"/}
    printf '#include "%s"\n#include "%s"\nextern int unit;\nint unit;\n' "$name" "$name" >"$work/unit"
    everywhere "$(basename "$name" .h)" "$work/unit"
done
# The system's come first: it has variables, too, that a parameter might hide.
printf '#define _GNU_SOURCE 1\n' >"$work/unit"
for header in errno fcntl netdb pthread signal stdio stdlib string time unistd sys/socket sys/wait; do
    echo "#include <$header.h>" >>"$work/unit"
done
for header in "$include"/tp/win32/include/*.h; do
    echo "#include <$(basename "$header")>" >>"$work/unit"
done
printf '#include "tp/tp.h"\nextern int unit;\nint unit;\n' >>"$work/unit"
everywhere all_of_them_and_tp "$work/unit" 'c99 gnu99 c11 c17 gnu17' 'c++11 c++14 c++17 gnu++17'

# What a source may ask for before it includes them.
everywhere_with() { # name definitions ...: before windows.h
    name=$1
    shift
    : >"$work/unit"
    for definition; do
        echo "#define $definition" >>"$work/unit"
    done
    printf '#include <windows.h>\n#include <tchar.h>\nTCHAR text[] = _T("t");\n' >>"$work/unit"
    everywhere "$name" "$work/unit"
}
everywhere_with unicode UNICODE _UNICODE
everywhere_with lean WIN32_LEAN_AND_MEAN NOMINMAX WIN32_NO_STATUS STRICT
everywhere_with vista '_WIN32_WINNT 0x0600'
everywhere_with named_unions NONAMELESSUNION

# Version 1 or 3 by the Windows that a source asks for, as in Microsoft's headers.
version() { # _WIN32_WINNT version size
    printf '#include <windows.h>\ntypedef char as[sizeof(TP_CALLBACK_ENVIRON) == %s ? 1 : -1];\n' \
        "$2" >"$work/unit"
    : >"$work/log"
    # shellcheck disable=SC2086
    compile c c99 "$work/unit" $cc "-D_WIN32_WINNT=$1"
}
version 0x0600 64 && version 0x0601 72 && version 0x0A00 72
report $? headers__environ_is_that_of_the_version_asked_for

# A 32-bit DWORD on a system whose long has 64 bits.
cat >"$work/unit" <<'END'
#include <windows.h>
typedef char four[sizeof(DWORD) == 4 && sizeof(LONG) == 4 && sizeof(BOOL) == 4 ? 1 : -1];
typedef char same[sizeof(ULONG_PTR) == sizeof(void *) && sizeof(SIZE_T) == sizeof(void *) ? 1 : -1];
typedef char file[sizeof(FILETIME) == 8 && sizeof(LARGE_INTEGER) == 8 ? 1 : -1];
typedef char over[sizeof(OVERLAPPED) == 32 && sizeof(IO_STATUS_BLOCK) == 16 ? 1 : -1];
END
everywhere sizes_of_windows "$work/unit"

# No macro of these headers bears a name of tp's, and none of tp's that of a type here.
echo '#include "tp/tp.h"' >"$work/unit"
"$@" -std=c99 -I"$include" -E -dM -x c "$work/unit" 2>"$work/log" |
    awk '{ sub(/\(.*/, "", $2); print $2 }' | grep '^TP_' | sort -u >"$work/macros"
cat "$include"/tp/win32/*.h | grep -o '\bTP_[A-Z_0-9]*' | grep -v '_H$' | sort -u >"$work/types"
comm -12 "$work/macros" "$work/types" >"$work/log"
test -s "$work/macros" && test -s "$work/types" && test ! -s "$work/log"
report $? headers__share_no_name_with_tp

# ---- what is declared, exported, and used by a test ----------------------------------------------

declared() { # headers
    for header; do
        sed '/^ *#/d; s|/\*.*\*/||' "$header" | tr '\n' ' ' | sed 's/;/;\n/g' |
            sed -n 's/.*\bTPW_API \([^;(]*\)(.*;/\1/p' | awk '{ sub(/^\*+/, "", $NF); print $NF }'
    done | sort -u
}
declared "$include"/tp/win32/*.h >"$work/declared"
"${NM:-nm}" -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | sort \
    >"$work/exported"
test -s "$work/declared" && diff "$work/declared" "$work/exported" >"$work/log" 2>&1
report $? headers__library_exports_what_they_declare
cat "$include"/tp/win32/*.h | grep -c '^TPW_API' >"$work/log"
test "$(wc -l <"$work/declared")" -eq "$(cat "$work/log")"
report $? headers__every_declaration_was_understood

cat "$root"/tests/win32/*.c "$root"/tests/win32/*.h | grep -o '[A-Za-z_0-9]*' | sort -u \
    >"$work/words"
comm -23 "$work/declared" "$work/words" >"$work/log"
test -s "$work/words" && test ! -s "$work/log"
report $? headers__each_function_is_in_a_test

plan
