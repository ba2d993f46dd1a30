#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: sh tests/fuzz/run.sh build|run|all|merge [TARGET...]
#
# build  makes the targets with libFuzzer and sanitizers
# run    gives each FUZZ_SECONDS (60), from the corpus and from what earlier
#        runs found
# all    builds and runs
# merge  keeps what earlier runs found in the corpus, where it reaches new code
#
# Everything but the corpus is in FUZZ_BUILD (.build/fuzz of the source tree).
# `make fuzz` builds and runs with the compiler flags that configure found.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
: "${FUZZ_CC:=clang}"
: "${FUZZ_BUILD:=$root/.build/fuzz}"
: "${FUZZ_SECONDS:=60}"
: "${FUZZ_CPPFLAGS:=$(apr-1-config --cppflags --includes) $(apu-1-config --includes) $(pkg-config --cflags json-c libmemcached)}"
: "${FUZZ_LIBS:=$(apu-1-config --link-ld --libs) $(apr-1-config --link-ld --libs) $(pkg-config --libs json-c) -lmemcached}"
sanitizers=address,undefined

die() {
    printf 'fuzz: %s\n' "$*" >&2
    exit 1
}

build() {
    mkdir -p "$FUZZ_BUILD"
    echo 'int LLVMFuzzerTestOneInput(const unsigned char *, unsigned long);' \
        'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long s)' \
        '{ return s > 0 && !d; }' >"$FUZZ_BUILD/probe.c"
    "$FUZZ_CC" -fsanitize=fuzzer "$FUZZ_BUILD/probe.c" -o "$FUZZ_BUILD/probe" ||
        die "$FUZZ_CC has no libFuzzer: install clang and libclang-rt-14-dev" \
            "(Debian) or clang and compiler-rt (RPM)"
    for source in "$root"/mod_locks/locks_*.c "$here/fuzz_$1.c"; do
        object=$FUZZ_BUILD/$(basename "$source" .c).o
        # shellcheck disable=SC2086 # flags are words
        [ "$object" -nt "$source" ] || "$FUZZ_CC" -std=gnu11 -g -O1 \
            "-fsanitize=fuzzer-no-link,$sanitizers" \
            -fno-sanitize-recover=undefined -I"$root/include" \
            -I"$root/mod_locks" -I"$root/tests/support" $FUZZ_CPPFLAGS \
            -c "$source" -o "$object"
    done
    # shellcheck disable=SC2086
    "$FUZZ_CC" "-fsanitize=fuzzer,$sanitizers" "$FUZZ_BUILD/fuzz_$1.o" \
        "$FUZZ_BUILD"/locks_*.o $FUZZ_LIBS -o "$FUZZ_BUILD/fuzz_$1"
}

run() {
    found=$FUZZ_BUILD/found/$1
    mkdir -p "$found" "$FUZZ_BUILD/crashes"
    echo "fuzz: $1 for $FUZZ_SECONDS s"
    "$FUZZ_BUILD/fuzz_$1" -max_total_time="$FUZZ_SECONDS" -timeout=10 \
        -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
        -dict="$here/$1.dict" -artifact_prefix="$FUZZ_BUILD/crashes/$1-" \
        "$found" "$here/corpus/$1"
}

merge() {
    "$FUZZ_BUILD/fuzz_$1" -merge=1 -verbosity=0 "$here/corpus/$1" \
        "$FUZZ_BUILD/found/$1"
}

all() {
    build "$1"
    run "$1"
}

[ $# -gt 0 ] || die "say build, run, all or merge"
what=$1
shift
[ $# -gt 0 ] || set -- body query record session_record address
case $what in
build | run | all | merge) for target in "$@"; do "$what" "$target"; done ;;
*) die "say build, run, all or merge, not $what" ;;
esac
