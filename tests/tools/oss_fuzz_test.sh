#!/bin/sh
# oss_fuzz_test.sh - fuzz/oss-fuzz.sh as it would be called there, with clang's own libFuzzer.
#
# usage: oss_fuzz_test.sh SOURCE_ROOT
set -u
root=$1
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT

skip() {
    echo "ok 1 - oss_fuzz__builds # SKIP $1"
    echo "1..1"
    exit 0
}
for program in clang clang++ zip unzip meson ninja; do
    command -v "$program" >/dev/null 2>&1 || skip "no $program"
done
echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long s) { return !d && s; }' |
    clang -fsanitize=fuzzer,address -x c - -o "$out/probe" 2>/dev/null || skip "no libFuzzer"

count=0
failed=0
check() { # name, then a command
    count=$((count + 1))
    name=$1
    shift
    if "$@" >"$out/log" 2>&1; then
        echo "ok $count - oss_fuzz__$name"
    else
        sed 's/^/# /' "$out/log"
        echo "not ok $count - oss_fuzz__$name"
        failed=1
    fi
}

flags='-O1 -g -fsanitize=address,undefined -fsanitize=fuzzer-no-link'
build() {
    CC=clang CXX=clang++ CFLAGS=$flags CXXFLAGS=$flags LIB_FUZZING_ENGINE=-fsanitize=fuzzer \
        OUT=$out/out WORK=$out/work "$root/fuzz/oss-fuzz.sh" state wheel_small
}
corpus_is_whole() {
    unzip -q "$out/out/fuzz_wheel_small_seed_corpus.zip" -d "$out/corpus" &&
        diff -r "$out/corpus" "$root/fuzz/corpus/wheel"
}
run() {
    "$out/out/fuzz_wheel_small" -runs=2000 "$out/corpus" >"$out/run" 2>&1
    status=$?
    cat "$out/run"
    [ "$status" -eq 0 ] && grep -q 'INITED cov: [1-9]' "$out/run"
}
check builds build
check zips_the_corpus_of_a_variant corpus_is_whole
check copies_options cmp "$out/out/fuzz_state.options" "$root/fuzz/options/state.options"
check target_runs_and_counts_branches run
echo "1..$count"
exit $failed
