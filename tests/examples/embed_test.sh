#!/bin/sh
# embed_test.sh - pools in foreign event loops: epoll_loop against factor, glib_loop with sha256sum.
#
# usage: embed_test.sh PATH-OF-EPOLL_LOOP [PATH-OF-GLIB_LOOP] (prints TAP)

set -u
LC_ALL=C
export LC_ALL
epoll_loop=$(realpath "$1") || exit 1
glib_loop=${2:+$(realpath "$2")}
work=$(mktemp -d) || exit 1
server=
cd "$work" || exit 1

clean() {
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null
    cd /
    rm -rf "$work"
}
trap clean EXIT

number=0
failed=0

# judge NAME STATUS: one line of TAP. What led to a failure is in the files of the working folder.
judge() {
    number=$((number + 1))
    if [ "$2" = 0 ]; then
        echo "ok $number - $1"
        return
    fi
    failed=1
    echo "not ok $number - $1"
    diff -a want got | head -n 6 | cut -c 1-160 | sed 's/^/# /'
    tail -n 5 server.out got.err 2>/dev/null | cut -c 1-160 | sed 's/^/# /'
}

skip() {
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# ---- epoll_loop ----------------------------------------------------------------------------------

# client.py PORT WINDOW [PID]: asks the server each line of its input, WINDOW of them at a time, and
# prints the answers as they come. With PID it ends the server at the first answer, and itself when
# the server has said its last word.
cat >client.py <<'END'
import os
import signal
import socket
import sys

port, window = int(sys.argv[1]), int(sys.argv[2])
server = int(sys.argv[3]) if len(sys.argv) > 3 else 0
questions = sys.stdin.read().split("\n")[:-1]
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", port))
client.settimeout(0.1 if server else 20)
asked = answered = 0
while answered < len(questions):
    while asked < len(questions) and asked - answered < window:
        client.send(questions[asked].encode())
        asked += 1
    try:
        print(client.recv(1024).decode(), end="", flush=True)
        answered += 1
        if server and answered == 1:
            os.kill(server, signal.SIGTERM)
    except TimeoutError:
        if not server:
            sys.exit("no answer for 20 seconds")
        if "answers" in open("server.out").read():
            break
END

start_server() {
    : >server.out
    "$epoll_loop" >server.out 2>server.err &
    server=$!
    while [ ! -s server.out ] && kill -0 $server 2>/dev/null; do
        sleep 0.01
    done
    read -r address <server.out
    port=${address#127.0.0.1:}
}

# Ends the server and leaves its last words in "last": true if it ended in order.
end_server() {
    kill -TERM $server 2>/dev/null
    wait $server
    status=$?
    server=
    tail -n 1 server.out >last
    [ $status = 0 ] && [ ! -s server.err ]
}

# answered COUNT: as many questions as answers, and all handed over on the loop's thread (the
# program ends itself with an error at the first that is not).
answered() {
    [ "$(cat last)" = "$1 questions, $1 answers, each on the loop's thread" ]
}

answers_equal_those_of_factor() {
    { seq 0 1500; seq 999999000000 7 999999007000; echo 999999999999989; } >numbers
    factor <numbers | sort >want
    start_server
    python3 client.py "$port" 32 <numbers 2>got.err | sort >got
    end_server && answered 2503 && cmp -s want got
    judge embed__epoll_loop_answers_as_factor_does $?
}

everybody_gets_his_own_answers() {
    start_server
    clients=
    for client in 1 2 3 4; do
        seq ${client}00000000 ${client}00000299 >numbers.$client
        python3 client.py "$port" 8 <numbers.$client >answers.$client 2>>got.err &
        clients="$clients $!"
    done
    # shellcheck disable=SC2086 # several words are meant
    wait $clients
    : >want
    : >got
    for client in 1 2 3 4; do
        factor <numbers.$client >>want
        sort -n answers.$client >>got
    done
    end_server && answered 1200 && cmp -s want got
    judge embed__epoll_loop_gives_four_clients_their_own_answers $?
}

what_is_no_number_is_told() {
    printf '%s\n' 12x '' -3 1234567890123456 ' 7' 7 >numbers
    refusal='not a number of at most 15 digits'
    printf '%s\n' "$refusal" "$refusal" "$refusal" "$refusal" "$refusal" '7: 7' >want
    start_server
    python3 client.py "$port" 1 <numbers >got 2>got.err
    end_server && answered 6 && cmp -s want got
    judge embed__epoll_loop_tells_what_is_no_number $?
}

# 40 primes near 10^15 take a while: at the first answer the others are asked, or still in the
# socket. Whatever the server has taken it answers before it ends.
what_was_asked_is_answered_at_the_end() {
    seq 999999999999001 2 999999999999079 >numbers
    start_server
    python3 client.py "$port" 40 $server <numbers 2>got.err | sort >got
    end_server && lines=$(wc -l <got) && [ "$lines" -ge 2 ] && answered "$lines" &&
        factor <numbers | sort | comm -13 - got >want && [ ! -s want ]
    judge embed__epoll_loop_answers_what_was_asked_before_it_ends $?
}

# ---- glib_loop -----------------------------------------------------------------------------------

lines_equal_those_of_sha256sum_in_order() {
    mkdir -p tree/large tree/small
    for name in a b c; do
        head -c 8000000 /dev/urandom >tree/large/$name
    done
    seq -f 'tree/small/%03.0f' 1 600 | while read -r name; do echo "$name" >"$name"; done
    : >tree/empty
    find tree -type f | sort >names
    xargs sha256sum <names >want
    echo "604 files, each handed over on the main loop's thread" >want.err
    "$glib_loop" <names >got 2>got.err && cmp -s want got && cmp -s want.err got.err
    judge embed__glib_loop_prints_as_sha256sum_does_in_order $?
    # From a pipe that is slow, and with a last name that no newline ends.
    { head -n 300 names; sleep 0.2; tail -n +301 names | head -c -1; } |
        "$glib_loop" 2>got.err >got && cmp -s want got && cmp -s want.err got.err
    judge embed__glib_loop_reads_names_as_they_come $?
}

what_cannot_be_read_is_told_and_nothing_else_lost() {
    echo here >here
    printf '%s\n' here nowhere here >names
    { sha256sum here; sha256sum here; } >want
    "$glib_loop" <names >got 2>got.err && cmp -s want got &&
        grep -q 'nowhere.*: No such file or directory$' got.err &&
        grep -q "^3 files, each handed over on the main loop's thread$" got.err
    judge embed__glib_loop_tells_what_cannot_be_read $?
}

nothing_gives_nothing() {
    : >want
    "$glib_loop" </dev/null >got 2>got.err && cmp -s want got && grep -q '^0 files' got.err
    judge embed__glib_loop_without_names_ends $?
}

answers_equal_those_of_factor
everybody_gets_his_own_answers
what_is_no_number_is_told
what_was_asked_is_answered_at_the_end
if [ -n "$glib_loop" ]; then
    lines_equal_those_of_sha256sum_in_order
    what_cannot_be_read_is_told_and_nothing_else_lost
    nothing_gives_nothing
else
    skip embed__glib_loop "built without GLib"
fi
echo "1..$number"
exit $failed
