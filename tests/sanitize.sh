#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: sh tests/sanitize.sh address|thread|valgrind [PYTEST-ARGUMENT...]
#
# address   make check and the tests against httpd, all built with the address
#           and undefined behaviour sanitizers
# thread    what runs in several threads, built with the thread sanitizer
# valgrind  the tests against httpd with httpd under valgrind: no invalid
#           access, and no definite loss that grows with requests
#
# Installs nothing: sh tests/run.sh has, but for valgrind.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=conf/prepare.sh
. "$root/conf/prepare.sh"
python=/usr/bin/python3
threaded='tests/unit/test_breaker tests/unit/test_counters
    tests/unit/test_deadline tests/unit/test_memo
    tests/unit/test_ticker tests/unit/test_watch
    tests/contract/test_contract_memcached tests/contract/test_memcached_faults
    tests/contract/test_memcached_examine'

# Runs the tests against httpd with the module of a build.
against_httpd() {
    LOCKS_MODULE=$1/objects/mod_locks/.libs/mod_locks.so
    shift
    LOCKS_AXE=${LOCKS_AXE:-$root/.build/npm-$(id -u)/node_modules/axe-core/axe.min.js}
    PYTHONDONTWRITEBYTECODE=1
    export LOCKS_MODULE LOCKS_AXE PYTHONDONTWRITEBYTECODE
    cd "$root"
    "$python" -m pytest tests/httpd "$@"
}

[ $# -gt 0 ] || die "say address, thread or valgrind"
kind=$1
shift
build=$root/.build/$kind-$(id -u)
# What waits is slowed down as well.
LOCKS_TEST_SLACK_MS=${LOCKS_TEST_SLACK_MS:-1000}
export LOCKS_TEST_SLACK_MS
case $kind in
address)
    build_module "$build" --enable-werror --enable-sanitizers
    make -C "$build/objects" check
    # httpd frees little at its end, some tests ask for absurd sizes, and a
    # host whose clock is off loads another library first.
    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
    ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0:quarantine_size_mb=1
    ASAN_OPTIONS=$ASAN_OPTIONS:thread_local_quarantine_size_kb=16
    LOCKS_PRELOAD=$("${CC:-cc}" -print-file-name=libasan.so)
    export ASAN_OPTIONS LOCKS_PRELOAD
    against_httpd "$build" "$@"
    ;;
thread)
    build_module "$build" --enable-werror --enable-sanitizers=thread
    # The simulation has no threads, and its coroutines confuse the sanitizer.
    make -C "$build/objects" check TESTS="$(echo $threaded)"
    ;;
valgrind)
    command -v valgrind >/dev/null || die "install valgrind"
    build_module "$build" --enable-werror
    LOCKS_WRAPPER="valgrind --quiet --trace-children=yes --error-exitcode=97
        --suppressions=$root/tests/valgrind.supp"
    export LOCKS_WRAPPER
    # Histories need some answers to be worth checking, and httpd gives few.
    LOCKS_HISTORY_SECONDS=${LOCKS_HISTORY_SECONDS:-20}
    export LOCKS_HISTORY_SECONDS
    # valgrind's own memory grows with what it finds, and who looks at pages
    # does not wait as long as it takes.
    against_httpd "$build" --ignore=tests/httpd/test_growth.py \
        --ignore-glob='*/test_status_page*' "$@"
    ;;
*) die "say address, thread or valgrind, not $kind" ;;
esac
