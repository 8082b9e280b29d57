# tap.sh - what shell tests say in TAP, and a folder of their own; sourced after their arguments.
#
# `work` is a folder that goes with the script, and "$work/log" what the last step had to say.
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
count=0
failed=0

report() { # status name: one line of TAP, with what went wrong
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        sed 's/^/# /' "$work/log"
        failed=$((failed + 1))
    fi
}

skip() { # name reason
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

plan() { # the end of the script
    echo "1..$count"
    [ "$failed" -eq 0 ]
}
