#!/bin/sh
# treesum_test.sh - treesum against sha256sum: odd trees, errors, order, interruption, progress.
#
# usage: treesum_test.sh PATH-OF-TREESUM (prints TAP)

set -u
LC_ALL=C
export LC_ALL
treesum=$(realpath "$1") || exit 1
work=$(mktemp -d) || exit 1
# A refused permission needs a user that it binds.
as_user=
if [ "$(id -u)" = 0 ]; then
    as_user='setpriv --reuid 65534 --regid 65534 --clear-groups'
fi

clean() {
    cd /
    chmod -R u+rwx "$work" 2>/dev/null
    rm -rf "$work"
}
trap clean EXIT

# The other user may not be let into the folder where the program was built: a copy, with its library.
run_as_user() {
    mkdir -p "$work/bin"
    cp "$treesum" "$(ldd "$treesum" | sed -n 's/.*libtp\.so[^ ]* => \([^ ]*\) .*/\1/p')" "$work/bin/"
    chmod 755 "$work" "$work/bin" "$work"/bin/*
    LD_LIBRARY_PATH="$work/bin" $as_user "$work/bin/treesum" "$@"
}

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
    [ ! -f got.err ] || head -n 40 got.err | cut -c 1-160 | sed 's/^/# stderr: /'
}

skip() {
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# fresh: an empty working folder that the unprivileged user may look into.
fresh() {
    cd "$work" || exit 1
    chmod -R u+rwx . 2>/dev/null
    rm -rf case
    mkdir case
    chmod 755 "$work" case
    cd case || exit 1
}

# expected DIR: the same lines from find and sha256sum, in the order treesum promises: by path,
# where the slash counts as less than any other byte.
expected() {
    find "$1" -type f -print0 | tr '/\n' '\001\002' | sort -z | tr '\001\002' '/\n' |
        xargs -0 -r sha256sum
}

lines_equal_those_of_sha256sum_in_order() {
    fresh
    mkdir -p tree/a tree/a-b tree/b/c tree/empty
    for name in a/1 a/10 a/2 a-b/x a.b b/c/y b/z Z ab; do
        echo "$name" >"tree/$name"
    done
    : >tree/nothing
    head -c 131072 /dev/zero >tree/one_read
    head -c 131073 /dev/zero >tree/one_read_and_a_byte
    head -c 5000000 /dev/urandom >tree/large
    expected tree >want
    "$treesum" tree >got 2>got.err && [ ! -s got.err ] && cmp -s want got
    judge treesum__lines_equal_those_of_sha256sum_in_order $?
}

odd_names_are_escaped_as_sha256sum_does() {
    fresh
    newline='
'
    return_=$(printf 'r\rr')
    mkdir -p "tree/dir${newline}name" 'tree/back\slash'
    for name in "n${newline}n" 'b\b' "$return_" ' lead' 'trail ' '*' '-n' "quote'\"" '\' \
        "$(printf '\001\177\377')" "dir${newline}name/plain" 'back\slash/plain' '\\n' \
        "${newline}"; do
        echo "$name" >"tree/$name"
    done
    find tree -type f -exec sha256sum {} + | sort >want
    "$treesum" tree 2>got.err >lines && sort lines >got && [ ! -s got.err ] && cmp -s want got &&
        sha256sum -c --quiet --strict lines >/dev/null
    judge treesum__odd_names_are_escaped_as_sha256sum_does $?
}

only_regular_files_are_printed() {
    fresh
    mkdir -p tree/dir
    echo in >tree/dir/file
    ln -s file tree/dir/link
    ln -s dir tree/linked_dir
    ln -s nowhere tree/dangling
    mkfifo tree/fifo
    sha256sum tree/dir/file >want
    timeout 20 "$treesum" tree >got 2>got.err && [ ! -s got.err ] && cmp -s want got
    judge treesum__only_regular_files_are_printed $?
}

arguments_are_followed_and_may_be_files() {
    fresh
    mkdir dir sub
    echo one >dir/one
    echo two >two
    echo dash >-
    ln -s dir to_dir
    ln -s two to_two
    sha256sum two to_two to_dir/one dir/one ./- >want
    "$treesum" two to_two to_dir dir/ sub - >got 2>got.err && [ ! -s got.err ] && cmp -s want got
    judge treesum__arguments_are_followed_and_may_be_files $?
}

empty_directories_give_nothing() {
    fresh
    mkdir -p tree/a/b/c tree/d
    : >want
    "$treesum" tree >got 2>got.err && [ ! -s got.err ] && cmp -s want got
    judge treesum__empty_directories_give_nothing $?
}

what_cannot_be_read_is_told_and_nothing_else_lost() {
    fresh
    if [ -n "$as_user" ] && ! $as_user true 2>/dev/null; then
        skip treesum__what_cannot_be_read_is_told_and_nothing_else_lost "no other user"
        return
    fi
    mkdir -p tree/a tree/closed tree/z
    for name in a/1 closed/hidden m secret z/9; do
        echo "$name" >"tree/$name"
    done
    chmod 000 tree/secret tree/closed
    chmod 755 tree tree/a tree/z
    chmod 644 tree/a/1 tree/m tree/z/9
    sha256sum tree/a/1 tree/m tree/z/9 >want
    cat >want.err <<'END'
treesum: missing: No such file or directory
treesum: tree/closed: Permission denied
treesum: tree/secret: Permission denied
END
    run_as_user missing tree >got 2>got.err
    [ $? = 1 ] && cmp -s want got && cmp -s want.err got.err
    judge treesum__what_cannot_be_read_is_told_and_nothing_else_lost $?
}

other_kinds_of_arguments_are_refused() {
    fresh
    mkfifo fifo
    ln -s dangling link
    echo x >file
    sha256sum file >want
    timeout 20 "$treesum" fifo /dev/null link '' file >got 2>got.err
    [ $? = 1 ] && cmp -s want got && [ "$(wc -l <got.err)" = 4 ]
    judge treesum__other_kinds_of_arguments_are_refused $?
}

# 400 levels of 50 bytes: five times PATH_MAX. Files on the way, before and after the subdirectory,
# so that the walker has to come back to every level.
paths_longer_than_path_max_work() {
    fresh
    name=dddddddddddddddddddddddddddddddddddddddddddddddddd
    mkdir tree
    (
        cd tree || exit 1
        level=0
        while [ $level -lt 400 ]; do
            echo $level >a && echo $level >z && mkdir $name && cd -P $name || exit 1
            level=$((level + 1))
        done
    ) || { judge treesum__paths_longer_than_path_max_work 1; return; }
    (
        level=0
        while [ $level -lt 400 ]; do
            echo $level | sha256sum | cut -c 1-64
            level=$((level + 1))
        done
    ) >down
    { cat down; tac down; } >want
    "$treesum" -j 2 tree 2>got.err >lines
    status=$?
    cut -c 1-64 lines >got
    # Every line's path is as long as its level says.
    awk '{ level = NR <= 400 ? NR - 1 : 800 - NR
           if (length($2) != 6 + 51 * level) bad = 1 } END { exit bad }' lines
    [ $? = 0 ] && [ $status = 0 ] && [ ! -s got.err ] && cmp -s want got
    judge treesum__paths_longer_than_path_max_work $?
    few_descriptors_are_enough
}

# The deep tree once more, and with it 300 directories of one file, with hardly any descriptors.
few_descriptors_are_enough() {
    level=0
    while [ $level -lt 300 ]; do
        mkdir -p wide/$level && echo $level >wide/$level/file
        level=$((level + 1))
    done
    cut -c 1-64 lines >want
    expected wide | cut -c 1-64 >>want
    (ulimit -n 24 && "$treesum" -j 2 tree wide 2>got.err) | cut -c 1-64 >got
    [ ! -s got.err ] && cmp -s want got
    judge treesum__few_descriptors_are_enough $?
}

# More names than the walker keeps in memory at once, in directories inside each other: they are
# read piece by piece, and read again on the way back. (A sanitizer needs memory of its own.)
names_beyond_the_memory_budget_come_in_order() {
    fresh
    pad=$(printf '%0190d' 0)
    for dir in tree tree/0125m tree/0125m/0125m; do
        mkdir $dir
        seq -f "$dir/%06.0f$pad" 1 25000 | xargs touch
    done
    empty=$(sha256sum </dev/null | cut -c 1-64)
    find tree -type f | tr / '\001' | sort | tr '\001' / | sed "s/^/$empty  /" >want
    "$treesum" --stats tree >got 2>got.err
    status=$?
    peak=$(sed -n 's/^peak_kib //p' got.err)
    echo "# 75000 names of 196 bytes, peak memory $peak KiB"
    [ -z "${TAP_SLOWDOWN-}" ] || peak=0
    [ $status = 0 ] && cmp -s want got && [ "$peak" -lt 32768 ]
    judge treesum__names_beyond_the_memory_budget_come_in_order $?
    rm -rf tree
}

many_files_and_any_number_of_threads() {
    fresh
    for dir in 0 1 2 3 4 5 6 7 8 9; do
        mkdir -p tree/$dir/deep
        seq -f "tree/$dir/%03.0f" 1 400 | while read -r name; do echo "$name" >"$name"; done
        seq -f "tree/$dir/deep/%03.0f" 1 100 | while read -r name; do echo "$name" >"$name"; done
    done
    head -c 30000000 /dev/urandom >tree/0/large
    expected tree >want
    "$treesum" tree >got 2>got.err && cmp -s want got && [ "$(wc -l <got)" = 5001 ]
    judge treesum__5000_files_equal_sha256sum $?
    "$treesum" -j 1 tree >got 2>got.err && cmp -s want got
    judge treesum__one_thread_is_enough $?
    "$treesum" -j 4 tree >got 2>got.err && cmp -s want got
    judge treesum__output_does_not_depend_on_the_number_of_threads $?
    "$treesum" -j 4 tree 2>got.err | { sleep 0.2; cat; } >got
    cmp -s want got
    judge treesum__a_slow_reader_loses_nothing $?
    mkdir again
    interruption_is_clean
    a_second_signal_ends_it_at_once
    a_signal_sent_twice_is_one
    an_ignored_signal_changes_nothing
    output_errors_are_told
}

# The reader takes one line and no more, so treesum is certainly in the middle when the signal
# comes: 5001 lines do not fit into a pipe. The statistics show that it ended in order and was not
# killed.
interruption_is_clean() {
    for signal in INT TERM; do
        for threads in 1 4; do
            expected_status=143
            reason=Terminated
            [ $signal = TERM ] || { expected_status=130 && reason=Interrupt; }
            rm -f pipe want
            mkfifo pipe
            exec 3<>pipe
            env --default-signal=INT,TERM \
                "$treesum" -j $threads --stats tree >pipe 2>got.err 3>&- &
            read -r line <&3
            # Time to fill the pipe, so that the printer sleeps. Too short a time fails nothing.
            sleep 0.3
            kill -$signal $!
            wait $!
            status=$?
            exec 3>&-
            [ $status = $expected_status ] && grep -q '^pool.executed ' got.err &&
                grep -qx "treesum: $reason: the list is not complete" got.err && [ -n "$line" ]
            judge "treesum__SIG${signal}_ends_it_in_order_with_${threads}_threads" $?
        done
    done
}

# runs PID: has it not ended yet?
runs() {
    grep -q '^State:.[^Z]' "/proc/$1/status" 2>/dev/null
}

# What it says on standard error finds no room in a full pipe, so after the first signal it hangs
# for good. Further ones come twice a second, as from somebody who has had enough.
a_second_signal_ends_it_at_once() {
    rm -f pipe want errors
    mkfifo pipe errors
    exec 3<>pipe 5<>errors
    dd if=/dev/zero of=errors bs=4096 oflag=nonblock 2>/dev/null
    env --default-signal=INT "$treesum" -j 2 --stats tree >pipe 2>errors 3>&- 5>&- &
    runner=$!
    read -r line <&3
    kill -INT $runner
    sleep 0.7
    runs $runner
    hangs=$?
    tries=0
    while runs $runner && [ $tries -lt 60 ]; do
        tries=$((tries + 1))
        kill -INT $runner 2>/dev/null
        sleep 0.5
    done
    kill -KILL $runner 2>/dev/null
    wait $runner
    [ $? = 130 ] && [ $hangs = 0 ]
    judge treesum__a_second_SIGINT_ends_it_at_once $?
    exec 3>&- 5>&-
}

# As timeout(1) does it: that is one interruption, not two.
a_signal_sent_twice_is_one() {
    rm -f pipe want
    mkfifo pipe
    exec 3<>pipe
    env --default-signal=INT "$treesum" -j 2 --stats tree >pipe 2>got.err 3>&- &
    runner=$!
    read -r line <&3
    kill -INT $runner && kill -INT $runner 2>/dev/null
    wait $runner
    [ $? = 130 ] && grep -q '^pool.executed ' got.err
    judge treesum__a_SIGINT_that_is_sent_twice_ends_it_in_order $?
    exec 3>&-
}

# As of a command that a shell runs in the background.
an_ignored_signal_changes_nothing() {
    rm -f pipe
    expected tree >want
    mkfifo pipe
    exec 3<>pipe
    (trap '' INT && exec "$treesum" -j 2 tree >pipe 2>got.err 3>&-) &
    runner=$!
    read -r line <&3
    kill -INT $runner
    exec 4<pipe 3>&-
    { echo "$line" && cat <&4; } >got
    wait $runner
    [ $? = 0 ] && cmp -s want got && [ ! -s got.err ]
    judge treesum__an_ignored_SIGINT_changes_nothing $?
    exec 4<&-
}

output_errors_are_told() {
    "$treesum" tree >/dev/full 2>got.err
    [ $? = 1 ] && grep -q '^treesum: write error: No space left on device$' got.err
    judge treesum__a_full_device_is_told $?
    { "$treesum" tree 2>got.err; echo $? >status; } | head -n 1 >/dev/null
    [ "$(cat status)" = 1 ] && grep -q '^treesum: write error: Broken pipe$' got.err
    judge treesum__a_closed_pipe_is_told $?
}

# Files come and go all the time: every line is right or a complaint, files that stay are all there.
changing_trees_do_no_harm() {
    fresh
    mkdir -p tree/stay tree/go
    seq -f 'tree/stay/%03.0f' 1 300 | while read -r name; do echo "$name" >"$name"; done
    expected tree/stay >want
    (
        while [ ! -e stop ]; do
            mkdir -p tree/go/a/b/c
            seq -f 'tree/go/a/b/c/%02.0f' 1 20 | xargs touch
            mv tree/go/a tree/go/x
            rm -rf tree/go/x
        done
    ) &
    status=0
    round=0
    while [ $round -lt 20 ]; do
        # With few descriptors the walker closes directories and has to find them again.
        (
            [ $((round % 2)) = 0 ] || ulimit -n 24
            "$treesum" -j 2 tree >lines 2>got.err
        )
        [ $? -le 1 ] || status=1
        grep 'tree/stay/' lines >got
        cmp -s want got || status=1
        round=$((round + 1))
    done
    : >stop
    wait $!
    judge treesum__a_changing_tree_loses_nothing_that_stays $status
}

wrong_arguments_are_refused() {
    fresh
    status=0
    for arguments in '' '-j 0 .' '-j x .' '-j 4001 .' '-j' '--unknown .'; do
        # shellcheck disable=SC2086 # several words are meant
        "$treesum" $arguments >got 2>got.err
        [ $? = 2 ] && [ -s got.err ] && [ ! -s got ] || status=1
    done
    "$treesum" -h >got 2>got.err && grep -q '^Usage: treesum' got || status=1
    judge treesum__wrong_arguments_are_refused $status
}

# ---- the progress line ---------------------------------------------------------------------------
# No test depends on how fast the machine is: the run lasts until the line was seen, because the
# file is too large to be hashed in a minute or because nobody takes the output.

# on_terminal COLUMNS ARGUMENTS: starts treesum on a terminal of its own, as the shell reads the
# arguments. What it writes there goes to the file screen. Its process id is in the file pid.
on_terminal() {
    rm -f pid
    : >screen
    treesum=$treesum SHELL=/bin/sh script -qec "stty cols $1 && echo \$\$ >pid &&
        exec env --default-signal=INT \"\$treesum\" $2" /dev/null </dev/null >screen &
    runner=$!
}

# await PATTERN: until it stands in the file screen. Fails if the run is over without it.
await() {
    tries=0
    until grep -aqE "$1" screen; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] && kill -0 $runner 2>/dev/null || return 1
        sleep 0.1
    done
}

# leave: interrupts it and gives its status.
leave() {
    [ ! -s pid ] || kill -INT "$(cat pid)" 2>/dev/null
    wait $runner
}

# left_standing: what a reader still sees on the screen at the end. A return goes to the first
# column and erases nothing: what follows is written over what was there.
left_standing() {
    awk '{
        sub(/\r$/, "")
        row = ""
        count = split($0, pieces, "\r")
        for (i = 1; i <= count; i++)
            row = pieces[i] substr(row, length(pieces[i]) + 1)
        sub(/ +$/, "", row)
        if (row != "")
            print row
    }' screen
}

# drawn_to COLUMN: has every line been drawn up to there, and no further?
drawn_to() {
    tr '\r' '\n' <screen | awk -v width="$1" '/ files?, / { if (length != width) bad = 1; n++ }
        END { exit bad || n == 0 }'
}

a_terminal_sees_how_far_it_is() {
    fresh
    truncate -s 200G large
    on_terminal 60 'large >got'
    await ', [0-9]+:[0-9][0-9](:[0-9][0-9])? left'
    seen=$?
    leave
    [ $? = 130 ] && [ "$seen" = 0 ] && [ ! -s got ] && drawn_to 59 &&
        [ "$(left_standing)" = 'treesum: Interrupt: the list is not complete' ] &&
        tr '\r' '\n' <screen | awk '
            / files, / {
                # 0 files, 1.23 GB of 215 GB, 1.23 GB/s, 2:34 left
                unit["B"] = 1; unit["kB"] = 1e3; unit["MB"] = 1e6; unit["GB"] = 1e9
                gsub(/[,\/]/, " ")
                done = $3 * unit[$4]
                if ($1 != 0 || done < before || done > 215e9) bad = 1
                if ($5 != "of" || $6 " " $7 != "215 GB") bad = 1
                before = done
            }
            END { exit bad || before == 0 }'
    judge treesum__a_terminal_sees_how_far_it_is $?
}

# hold_output: a tree, its lines in the file want, and a pipe that does not take them all (400 lines
# of 320 bytes) before descriptor 4 is read.
hold_output() {
    fresh
    mkdir tree
    seq -f "tree/%03.0f$(printf '%0247d' 0)" 1 400 | while read -r name; do
        head -c 3000 /dev/urandom >"$name"
    done
    expected tree >want
    mkfifo pipe
    exec 3<>pipe 4<pipe 3>&-
}

the_line_is_gone_when_all_is_printed() {
    hold_output
    on_terminal 0 'tree >pipe'
    await '400 files, 1.20 MB of 1.20 MB, '
    seen=$?
    cat <&4 >got
    wait $runner
    [ $? = 0 ] && [ "$seen" = 0 ] && cmp -s want got && [ -z "$(left_standing)" ] && drawn_to 79
    judge treesum__the_line_is_gone_when_all_is_printed $?
    exec 4<&-
}

# The complaint is shorter than the line, which is certainly there when it comes.
a_complaint_does_not_mix_with_the_line() {
    hold_output
    echo file >x
    on_terminal 80 'tree x/ >pipe'
    await '401 files, 1.20 MB of 1.20 MB, '
    seen=$?
    cat <&4 >got
    wait $runner
    [ $? = 1 ] && [ "$seen" = 0 ] && cmp -s want got &&
        [ "$(left_standing)" = 'treesum: x/: Not a directory' ]
    judge treesum__a_complaint_does_not_mix_with_the_line $?
    exec 4<&-
}

# The file in front keeps the others waiting while a line is drawn, if it takes 200 ms.
lines_and_complaints_stand_alone() {
    fresh
    mkdir tree
    truncate -s 200M tree/first
    echo second >tree/second
    truncate -s 200G large
    { expected tree && echo 'treesum: missing: No such file or directory' &&
        echo 'treesum: Interrupt: the list is not complete'; } >want
    on_terminal 24 'tree missing large'
    await 'treesum: missing: No such' && await '3 files, '
    seen=$?
    leave
    [ $? = 130 ] && [ "$seen" = 0 ] && left_standing >got && cmp -s want got && drawn_to 23
    judge treesum__lines_and_complaints_stand_alone $?
}

# However long it takes: a second is five times what it waits before the first line.
what_is_no_terminal_gets_no_line() {
    fresh
    echo small >small
    truncate -s 200G large
    sha256sum small >want
    on_terminal 80 'small large 2>got.err'
    await '  small'
    sleep 1
    leave
    [ $? = 130 ] && tr -d '\r' <screen >got && cmp -s want got &&
        [ "$(cat got.err)" = 'treesum: Interrupt: the list is not complete' ]
    judge treesum__what_is_no_terminal_gets_no_line $?
}

progress() {
    if ! command -v script >/dev/null; then
        skip treesum__the_progress_line 'no script(1) to make a terminal'
        return
    fi
    a_terminal_sees_how_far_it_is
    the_line_is_gone_when_all_is_printed
    a_complaint_does_not_mix_with_the_line
    lines_and_complaints_stand_alone
    what_is_no_terminal_gets_no_line
}

lines_equal_those_of_sha256sum_in_order
odd_names_are_escaped_as_sha256sum_does
only_regular_files_are_printed
arguments_are_followed_and_may_be_files
empty_directories_give_nothing
what_cannot_be_read_is_told_and_nothing_else_lost
other_kinds_of_arguments_are_refused
paths_longer_than_path_max_work
names_beyond_the_memory_budget_come_in_order
many_files_and_any_number_of_threads
changing_trees_do_no_harm
wrong_arguments_are_refused
progress
echo "1..$number"
exit $failed
