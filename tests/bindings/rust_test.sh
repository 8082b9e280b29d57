#!/bin/sh
# rust_test.sh - the Rust crates, with Debian's compiler and with another one where there is one.
#
# usage: rust_test.sh SOURCE_ROOT BUILD_ROOT     (prints each test of cargo as a line of TAP)
# Everything is built in BUILD_ROOT/rust, without a network; libtp and libtp-sim are those there.
set -u
root=$(realpath "$1")
build=$(realpath "$2")
. "$(dirname "$0")/../support/tap.sh"
rust=$root/bindings/rust

exec </dev/null # cargo hands it to the compiler
unset RUSTFLAGS CARGO_TARGET_DIR TP_LIB_DIR TP_EXTRA_LIBS
export PKG_CONFIG_PATH="$build/meson-uninstalled" LD_LIBRARY_PATH="$build"
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 # it is built once
export CARGO_NET_OFFLINE=true CARGO_TERM_COLOR=never RUST_BACKTRACE=0 RUSTDOCFLAGS="-D warnings"

# Debian's first: it is the oldest that has to do. What rustup has put in front of it comes second.
toolchains=
for cargo in /usr/bin/cargo "$(command -v cargo || true)" "${HOME:-}/.cargo/bin/cargo"; do
    bin=$(dirname "$cargo")
    [ -x "$cargo" ] && [ -x "$bin/rustc" ] && "$bin/rustc" --version >/dev/null 2>&1 || continue
    version=$("$bin/rustc" --version | cut -d' ' -f2)
    case " $toolchains " in
    *" $version="*) ;;
    *) toolchains="$toolchains $version=$bin" ;;
    esac
done
if [ -z "$toolchains" ]; then
    echo "1..0 # SKIP there is no cargo (Debian: cargo, rustc)"
    exit 0
fi

run_cargo() { # command of cargo, its arguments; by $version and $bin
    subcommand=$1
    shift
    PATH="$bin:$PATH" RUSTC="$bin/rustc" RUSTDOC="$bin/rustdoc" \
        CARGO_TARGET_DIR="$build/rust/$version" \
        timeout -k 5 400 "$bin/cargo" "$subcommand" --offline --manifest-path "$rust/Cargo.toml" "$@" \
        >"$work/out" 2>&1
}

tests() { # what it is called, the rest is cargo's: its tests one by one, and that it was content
    what=$1
    shift
    run_cargo test "$@"
    status=$?
    cp "$work/out" "$work/log"
    sed -n 's/^test \(.*\) \.\.\. \(ok\|FAILED\)$/\2 \1/p' "$work/out" >"$work/list"
    while read -r result name; do
        [ "$result" = ok ]
        report $? "$version $name"
    done <"$work/list"
    [ "$status" -eq 0 ] && [ -s "$work/list" ]
    report $? "$version $what"
}

for toolchain in $toolchains; do
    version=${toolchain%%=*} bin=${toolchain#*=}
    tests rust__all_tests_pass --workspace
    tests rust__simulator_tests_pass -p tp --features sim --test sim
done
# With the last one only: it is the same library.
tests rust__a_static_libtp_will_do -p tp-sys --features static --test rare

export TP_LIB_DIR="$build" PKG_CONFIG=false
tests rust__a_folder_will_do_instead_of_pkg_config -p tp-sys --test rare
unset TP_LIB_DIR PKG_CONFIG

# The six small programs, as cargo test has built them.
mkdir "$work/six"
for program in hello timer wait_process group serial copy; do
    ln -s "$build/rust/$version/debug/examples/$program" "$work/six/rust_$program"
done
sh "$root/tests/examples/six_test.sh" "$root/examples/six/expected" "$work/six/"rust_* \
    >"$work/log" 2>&1
report $? rust__six_programs_print_what_they_must

# The program that docs/RUST.md begins with, pasted.
mkdir -p "$work/first/src"
fenced() { # language: the first such block of the page
    awk -v fence="\`\`\`$1" '$0 == fence { inside = 1; next } /^```$/ && inside { exit } inside' \
        "$root/docs/RUST.md"
}
fenced toml | sed "s|bindings/rust/tp|$rust/tp|" >"$work/first/Cargo.toml"
fenced rust >"$work/first/src/main.rs"
PATH="$bin:$PATH" RUSTC="$bin/rustc" CARGO_TARGET_DIR="$build/rust/$version" \
    "$bin/cargo" run -q --offline --manifest-path "$work/first/Cargo.toml" >"$work/log" 2>&1 &&
    [ "$(tr '\n' '/' <"$work/log")" = "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]/\
from a thread of the pool/from a thread of the pool/slept/" ]
report $? rust__first_program_works_as_pasted

# Every function of the interface is called by a crate or its tests.
sed -n 's/^ *\(tp_[a-z_]*\);$/\1/p' "$root/capi/tp.map" >"$work/functions"
while read -r name; do
    grep -rhwF "$name" "$rust/tp/src" "$rust/tp/tests" "$rust/tp-sys/tests" | grep -qv '^ *//' ||
        echo "$name is not called"
done <"$work/functions" >"$work/log"
[ -s "$work/functions" ] && ! [ -s "$work/log" ]
report $? rust__every_function_is_used

# The last one is the newest, whose clippy knows most.
if "$bin/cargo" clippy --version >/dev/null 2>&1; then
    run_cargo clippy --workspace --all-targets -- -D warnings
    status=$?
    cp "$work/out" "$work/log"
    report $status "$version rust__clippy_has_nothing_to_say"
else
    skip rust__clippy_has_nothing_to_say "cargo clippy is not installed"
fi

if [ -x /usr/bin/rustfmt ]; then
    find "$rust" -name '*.rs' ! -path '*/target/*' -exec /usr/bin/rustfmt --check \
        --config-path "$rust" {} + >"$work/log" 2>&1
    report $? rust__sources_are_formatted
    if [ "$(bindgen --version 2>/dev/null)" = "bindgen 0.60.1" ] &&
        ls "${LIBCLANG_PATH:-/usr/lib/llvm-14/lib}"/libclang*.so* >/dev/null 2>&1; then
        mkdir "$work/made"
        "$rust/regenerate" "$work/made" >"$work/log" 2>&1 &&
            diff -u "$rust/tp-sys/src/bindings.rs" "$work/made/bindings.rs" >"$work/log" &&
            diff -u "$rust/tp-sys/src/sim.rs" "$work/made/sim.rs" >"$work/log"
        report $? rust__declarations_are_those_of_the_headers
    else
        skip rust__declarations_are_those_of_the_headers "bindgen 0.60.1 or libclang 14 is not installed"
    fi
else
    skip rust__sources_are_formatted "rustfmt is not installed"
    skip rust__declarations_are_those_of_the_headers "rustfmt is not installed"
fi

plan
