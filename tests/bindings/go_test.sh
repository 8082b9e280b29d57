#!/bin/sh
# go_test.sh - the Go package: its tests, its examples, its constants, and that it uses all of libtp.
#
# usage: go_test.sh SOURCE_ROOT LIBTP.SO STATE_DIR      (prints TAP)
# environment: GO (Debian's, else any). STATE_DIR keeps what Go has compiled, for the next run.
set -u
root=$1
library=$(realpath "$2")
state=$3
. "$(dirname "$0")/../support/tap.sh"
go=${GO:-/usr/bin/go}
[ -n "${GO:-}" ] || [ -x "$go" ] || go=go

for program in "$go" gcc pkg-config; do
    if ! command -v "$program" >/dev/null 2>&1; then
        skip go__package "no $program (Debian: golang-go, gcc, pkg-config)"
        plan
        exit
    fi
done

# libtp as an installed one would be found: its headers and the library, nothing else of the tree.
mkdir -p "$state/cache"
state=$(realpath "$state")
root=$(realpath "$root")
cat >"$state/tp.pc" <<END
Name: tp
Description: the library of this build
Version: 0.1.0
Libs: -L$(dirname "$library") -ltp
Cflags: -I$root/capi/include
END
gofmt=$("$go" env GOROOT)/bin/gofmt
unset CC CFLAGS LDFLAGS CGO_CFLAGS CGO_LDFLAGS GOROOT LD_BIND_NOW
export GOENV=off GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=1
export GOCACHE="$state/cache" GOPATH="$state/path"
export PKG_CONFIG_PATH="$state" LD_LIBRARY_PATH="$(dirname "$library")"
cd "$root/bindings/go" || exit 1

"$gofmt" -l . >"$work/log" 2>&1 && test ! -s "$work/log"
report $? go__is_formatted
"$go" vet ./... >"$work/log" 2>&1
report $? go__vet_has_nothing_to_say
CGO_CFLAGS="-I$root/capi/include" GO=$go GOFMT=$gofmt ./generate >"$work/zconst.go" 2>"$work/log" &&
    diff zconst.go "$work/zconst.go" >"$work/log" 2>&1
report $? go__constants_are_those_of_the_headers

# Each test of Go, with the race detector and all that cgo can check; one line each, subtests too.
if [ -n "$(find "$("$go" env GOROOT)/src/runtime/race/" -name 'race_linux_*.syso')" ]; then
    GODEBUG=cgocheck=2 "$go" test -race -count=1 -v -timeout 240s . >"$work/out" 2>&1
    status=$?
    sed -n 's/^ *--- \(PASS\|FAIL\|SKIP\): Test\([^ ]*\) .*/\1 \2/p' "$work/out" >"$work/results"
    while read -r result name; do
        awk -v run="=== RUN   Test$name" '$0 == run { on = 1; next } /^=== RUN/ { on = 0 } on' \
            "$work/out" >"$work/log"
        case $result in
        PASS) report 0 "go__race__$name" ;;
        FAIL) report 1 "go__race__$name" ;;
        SKIP) skip "go__race__$name" "see its source" ;;
        esac
    done <"$work/results"
    tail -n 50 "$work/out" >"$work/log"
    test "$status" -eq 0 && test -s "$work/results"
    report $? go__race__tests_ran_to_their_end
else
    skip go__race "this Go has no race detector"
fi

# Once more as users have it, the dynamic linker telling what is called: with lazy binding a
# function is bound by its first call.
"$go" test -c -ldflags '-extldflags "-Wl,-z,lazy"' -o "$state/plain.test" . >"$work/log" 2>&1 &&
    LD_DEBUG=bindings LD_DEBUG_OUTPUT="$work/bindings" "$state/plain.test" -test.timeout 240s \
        >"$work/log" 2>&1
report $? go__plain_tests_pass
awk '/^ *tp_[a-z0-9_]+;/ { sub(/;.*/, ""); sub(/^ */, ""); print }' "$root/capi/tp.map" |
    sort >"$work/exported"
cat "$work"/bindings.* 2>/dev/null |
    sed -n 's/.*binding file .*plain\.test .* to .*libtp\.so.*symbol `\(tp_[a-z0-9_]*\).*/\1/p' |
    sort -u >"$work/called"
comm -23 "$work/exported" "$work/called" >"$work/log"
test -s "$work/exported" && test ! -s "$work/log"
report $? go__tests_call_each_function_of_libtp

# The examples print what those in other languages print.
mkdir -p "$state/bin"
"$go" build -o "$state/bin/" ./examples/... >"$work/log" 2>&1
report $? go__examples_compile
seq 100000 >"$work/from"
for pair in hello:hello timer:timer waitprocess:wait group:group serial:serial copy:copy; do
    name=${pair%%:*}
    arguments=
    [ "$name" = copy ] && arguments="$work/from $work/to"
    # shellcheck disable=SC2086 # two words are meant
    timeout -k 5 60 "$state/bin/$name" $arguments >"$work/out" 2>&1
    diff "$work/out" "$root/examples/six/expected/${pair#*:}.txt" >"$work/log" 2>&1
    report $? "go__example_$name"
done
cmp "$work/from" "$work/to" >"$work/log" 2>&1
report $? go__example_copy_copied

# The first program of the page works when pasted: a module of its own that finds tp by its folder.
mkdir "$work/first"
awk '/^```go$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' "$root/docs/GO.md" \
    >"$work/first/main.go"
printf 'module first\n\ngo 1.19\n\nrequire tp v0.0.0\n\nreplace tp => %s\n' \
    "$root/bindings/go" >"$work/first/go.mod"
(cd "$work/first" && "$go" run .) >"$work/out" 2>"$work/log" &&
    awk '/^```text$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' "$root/docs/GO.md" |
    diff - "$work/out" >>"$work/log" 2>&1
report $? go__first_program_of_the_page

plan
