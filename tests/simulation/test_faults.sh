#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the core once for each deliberate fault in faults/, and wants the
# simulation to find it. What a fault is stands at its head: the file that it
# changes, and a scenario that shows it.
#
# Usage: sh tests/simulation/test_faults.sh [FAULT...]
set -eu

: "${LOCKS_SOURCE:?names the source tree}" "${LOCKS_BUILD:?names the build}"
: "${LOCKS_COMPILE:?compiles}" "${LOCKS_LINK:?links}"
here=$LOCKS_SOURCE/tests/simulation
work=$(mktemp -d "$LOCKS_BUILD/faults.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

said() {
    sed -n "s/^# $1: //p" "$here/faults/$2.sed"
}

# Builds the simulation with one fault in it. Object files come before the
# archives that have the sound ones.
build() {
    source=$LOCKS_SOURCE/$(said file "$1")
    [ -f "$source" ] || { echo "$1: no such file: $source" >&2; return 1; }
    sed -f "$here/faults/$1.sed" "$source" >"$work/$1.c"
    if cmp -s "$source" "$work/$1.c"; then
        echo "$1: changes nothing: the code it looks for has changed" >&2
        return 1
    fi
    # shellcheck disable=SC2086 # commands and flags are words
    $LOCKS_COMPILE -w -I"$(dirname "$source")" -c "$work/$1.c" \
        -o "$work/$1.o" &&
        $LOCKS_LINK -o "$work/$1" \
            "$LOCKS_BUILD/tests/simulation/test_scenarios.$LOCKS_OBJEXT" \
            "$work/$1.o" "$LOCKS_BUILD/tests/.libs/libhelpers.a" \
            "$LOCKS_BUILD/.libs/liblocks.a" $LOCKS_LIBS
}

# Says nothing if the fault is found, and why not if it is not.
try() {
    if ! build "$1" >"$work/$1.log" 2>&1; then
        echo "$1: it could not be built:"
        cat "$work/$1.log"
        return
    fi
    if LOCKS_SCENARIO=$(said scenario "$1") "$work/$1" >"$work/$1.log" 2>&1; then
        echo "$1: not found: $(said fault "$1")"
    elif ! grep '^  VIOLATION: ' "$work/$1.log" |
        grep -v 'VIOLATION: none' >"$work/$1.found"; then
        echo "$1: it failed, but told of no violation:"
        tail -n 20 "$work/$1.log"
    fi
}

if [ $# -eq 0 ]; then
    for file in "$here"/faults/*.sed; do
        set -- "$@" "$(basename "$file" .sed)"
    done
fi
for fault; do
    try "$fault" >"$work/$fault.result" &
    # Two at a time.
    [ -z "${previous-}" ] || wait "$previous"
    previous=$!
done
wait

failed=0
for fault; do
    if [ -s "$work/$fault.result" ]; then
        failed=1
        cat "$work/$fault.result"
    else
        echo "$fault: found: $(sort -u "$work/$fault.found" |
            sed 's/^ *VIOLATION: //' | head -n 1)"
    fi
done
exit $failed
