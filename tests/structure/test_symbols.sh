#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Reads the symbols of what was built: the module exports its module record
# alone, and every external name of the core has the prefix.
set -eu

cd "${LOCKS_BUILD:?set it to the build folder, or run make check}"
failures=0

fail() {
    printf 'FAIL: %s\n' "$*"
    failures=$((failures + 1))
}

exported=$(nm -D --defined-only mod_locks/.libs/mod_locks.so | cut -d ' ' -f 3)
[ "$exported" = locks_module ] ||
    fail "mod_locks.so exports other than locks_module:" "$exported"

# Sanitizers and compilers add names with underscores of their own.
names=$(nm -g --defined-only .libs/liblocks.a | sed -n 's/^[0-9a-f]* [A-Z] //p')
[ "$(printf '%s\n' "$names" | wc -l)" -ge 20 ] || fail "hardly any symbol"
others=$(printf '%s\n' "$names" | grep -Ev '^(locks_|__)') || true
[ -z "$others" ] || fail "external names without the prefix locks_:" "$others"

[ "$failures" -eq 0 ]
