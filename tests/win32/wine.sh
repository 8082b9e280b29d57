# wine.sh - makes programs for Windows and runs them under Wine; sourced after tap.sh.
#
# Wine gets a prefix of its own in "$work", no display and none of its larger helpers.
mingw=x86_64-w64-mingw32-gcc
mingw_cxx=x86_64-w64-mingw32-g++
wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
wineserver=$(command -v wineserver || echo /usr/lib/wine/wineserver)
[ -x "${wine%/*}/wineserver64" ] && wineserver=${wine%/*}/wineserver64

wine_missing() { # why nothing can be shown under Wine; nothing if it can
    if ! command -v "$mingw" >/dev/null; then
        echo "no $mingw (Debian: gcc-mingw-w64-x86-64)"
    elif ! [ -x "$wine" ]; then
        echo "no wine64 (Debian: wine64)"
    fi
}

# A documented name that the headers of mingw-w64 10 lack, and less of those headers.
exe_flags="-D_WIN32_WINNT=0x0602 -DSetThreadpoolCallbackPersistent=TpSetCallbackPersistent
    -DWIN32_LEAN_AND_MEAN -O0"

make_exe() { # what gcc gets
    # shellcheck disable=SC2086 # flags are words
    "$mingw" $exe_flags "$@"
}

make_exe_cxx() { # what g++ gets
    # shellcheck disable=SC2086
    "$mingw_cxx" $exe_flags -static "$@"
}

in_wine() { # seconds program arguments...: what it prints, lines ending as here
    seconds=$1
    shift
    env -u DISPLAY HOME="$work" WINEPREFIX="$work/prefix" WINEDEBUG=-all \
        WINEDLLOVERRIDES='winemenubuilder.exe,mscoree,mshtml=d' \
        timeout -k 5 "$seconds" "$wine" "$@" 2>>"$work/wine.err" | tr -d '\r'
}

wine_start() { # the first start, which makes the prefix
    mkdir "$work/prefix" && in_wine 120 wineboot -i >/dev/null
}

wine_end() { # nothing of it is left, so that "$work" can go
    WINEPREFIX="$work/prefix" "$wineserver" -k 2>/dev/null
    WINEPREFIX="$work/prefix" timeout 20 "$wineserver" -w 2>/dev/null
    return 0
}
