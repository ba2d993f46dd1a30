#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every directive is in conf/locks.conf and in README.md, and both name no
# directive that there is not.
set -eu

cd "${LOCKS_SOURCE:-$(dirname "$0")/../..}"
failures=0

fail() {
    printf 'FAIL: %s\n' "$*"
    failures=$((failures + 1))
}

directives=$(cat mod_locks/mod_locks*.c | tr -s ' \n' '  ' |
    grep -oE 'AP_INIT_[A-Z0-9_]+\( ?"[A-Za-z]+"' |
    sed 's/.*"\(.*\)"/\1/' | sort -u)
[ "$(printf '%s\n' "$directives" | wc -l)" -ge 13 ] ||
    fail "too few directives found in the sources"

for document in conf/locks.conf README.md; do
    named=$(grep -oE '\<Locks[A-Z][A-Za-z]*' "$document" | sort -u)
    for directive in $directives; do
        printf '%s\n' "$named" | grep -qx "$directive" ||
            fail "$document does not explain $directive"
    done
    for name in $named; do
        printf '%s\n' "$directives" | grep -qx "$name" ||
            fail "$document names $name, which is no directive"
    done
done

# Commented out with one "#" and nothing between, so that an administrator
# finds the line to change.
for directive in $directives; do
    grep -qE "^#$directive " conf/locks.conf ||
        fail "conf/locks.conf does not show $directive with its default"
done

[ "$failures" -eq 0 ]
