#!/bin/sh
# oss-fuzz.sh - builds the fuzz targets as OSS-Fuzz wants them, into $OUT.
#
# usage: fuzz/oss-fuzz.sh [TARGET...]     all by default
#
# From the environment: CC, CXX, CFLAGS, CXXFLAGS (compiler, sanitizers, coverage),
# LIB_FUZZING_ENGINE (what targets are linked with), OUT (where they go), WORK (where to build).
# Of each target: the program, NAME_seed_corpus.zip, NAME.dict and NAME.options. Needs meson, ninja
# and zip. The container that runs them has no library of ours: those found go to $OUT/lib.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
: "${OUT:?}" "${LIB_FUZZING_ENGINE:?}"
build=${WORK:-$OUT/work}/tp

rm -rf "$build"
meson setup "$build" "$root" -Dfuzz=true "-Dfuzz_engine=$LIB_FUZZING_ENGINE" \
    -Dtests=false -Dexamples=false -Dbench=false -During=disabled -Db_lundef=false >&2
names=${*:-$(ninja -C "$build" -t targets all | sed -n 's|^fuzz/fuzz_\([a-z_]*\): c.*_LINKER.*|\1|p')}
[ -n "$names" ]
for name in $names; do
    ninja -C "$build" --quiet "fuzz/fuzz_$name" >&2
done

# What fuzz/KIND has for a target, or for the one that it is a variant of.
belongs() { # kind, name, suffix
    for try in "$2" "${2%_*}"; do
        if [ -e "$root/fuzz/$1/$try$3" ]; then
            printf '%s\n' "$root/fuzz/$1/$try$3"
            return
        fi
    done
}

mkdir -p "$OUT/lib"
for name in $names; do
    cp "$build/fuzz/fuzz_$name" "$OUT/fuzz_$name"
    corpus=$(belongs corpus "$name" '')
    [ -z "$corpus" ] || zip -q -j -r "$OUT/fuzz_${name}_seed_corpus.zip" "$corpus"
    for kind in dict options; do
        file=$(belongs "$kind" "$name" ".$kind")
        [ -z "$file" ] || cp "$file" "$OUT/fuzz_$name.$kind"
    done
    ldd "$OUT/fuzz_$name" | sed -n 's|.*=> \(/[^ ]*/libroaring[^ ]*\) .*|\1|p' |
        while read -r library; do
            cp -L "$library" "$OUT/lib/"
        done
done
