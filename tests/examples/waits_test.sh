#!/bin/sh
# waits_test.sh - together: output in one piece, ends, timeouts, SIGINT, what its commands inherit.
#
# usage: waits_test.sh PATH-OF-TOGETHER (prints TAP)

set -u
LC_ALL=C
export LC_ALL
together=$(realpath "$1") || exit 1
work=$(mktemp -d) || exit 1
trap 'cd / && rm -rf "$work"' EXIT
cd "$work" || exit 1

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
    [ ! -f want ] || diff -a want got | head -n 6 | cut -c 1-160 | sed 's/^/# /'
    [ ! -f got.err ] || head -n 5 got.err | cut -c 1-160 | sed 's/^/# stderr: /'
}

output_comes_in_one_piece() {
    { echo 'seq 1 30000: ended, status 0' && seq 1 30000; } >want
    "$together" 50 'seq 1 30000' >got 2>got.err && cmp -s want got
    judge together__all_output_comes_in_one_piece $?
}

# Each waits for the other in the middle of its output: one after the other they would hang.
commands_run_side_by_side() {
    mkfifo there back
    "$together" 50 'echo a; echo >there; read x <back; echo b' \
        'echo c; read x <there; echo >back; echo d' >got.all 2>got.err
    status=$?
    printf '%s\n' a b c d >want
    grep -v ': ended, status 0$' got.all | paste - - | sort | tr '\t' '\n' >got
    [ $status = 0 ] && cmp -s want got
    judge together__commands_run_side_by_side $?
}

ends_are_told() {
    cat >want <<'END'
exit 3: ended, status 3
kill -9 $$: ended, signal 9
true: ended, status 0
END
    "$together" 50 'exit 3' 'kill -9 $$' true 2>got.err | sort >got
    cmp -s want got
    judge together__how_each_one_ended_is_told $?
    "$together" 50 true true >got 2>got.err && ! "$together" 50 true false true >got 2>got.err
    judge together__its_own_status_is_that_of_all $?
}

# The output of one that has ended is held open by a child of it, which is killed with it.
who_is_out_of_time_is_killed() {
    cat >want <<'END'
echo begun; sleep 1000 & sleep 1000: out of time, signal 9
begun
END
    "$together" 1 'echo begun; sleep 1000 & sleep 1000' >got 2>got.err
    [ $? = 1 ] && cmp -s want got
    judge together__who_is_out_of_time_is_killed $?
}

interruption_ends_all() {
    rm -f there
    mkfifo there
    cat >want <<'END'
echo >there; exec sleep 1000: ended, signal 15
exec sleep 2000: ended, signal 15
END
    env --default-signal=INT,TERM "$together" 500 'exec sleep 2000' \
        'echo >there; exec sleep 1000' >got.all 2>got.err &
    read -r x <there
    kill -INT $!
    wait $!
    status=$?
    sort got.all >got
    [ $status = 1 ] && cmp -s want got
    judge together__SIGINT_ends_them_all $?
}

commands_may_be_interrupted_themselves() {
    cat >want <<'END'
kill -INT $$; echo survived: ended, signal 2
END
    env --default-signal=INT "$together" 50 'kill -INT $$; echo survived' >got 2>got.err
    [ $? = 1 ] && cmp -s want got
    judge together__commands_inherit_no_blocked_signal $?
}

many_at_once() {
    seq 1 200 | sed 's/.*/echo &: ended, status 0\n&/' | sort >want
    seq 1 200 | sed 's/^/echo /' | tr '\n' '\0' | xargs -0 "$together" 100 2>got.err | sort >got
    cmp -s want got
    judge together__200_commands_at_once $?
}

output_comes_in_one_piece
commands_run_side_by_side
ends_are_told
who_is_out_of_time_is_killed
interruption_ends_all
commands_may_be_interrupted_themselves
many_at_once
echo "1..$number"
exit $failed
