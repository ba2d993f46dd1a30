#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Rules of style that a pattern can hold: a licence line first in every file
# of C, no function of C's library that APR replaces with a safe one, no line
# over 80 columns and no tab.
set -eu

cd "${LOCKS_SOURCE:-$(dirname "$0")/../..}"
failures=0

fail() {
    printf 'FAIL: %s\n' "$*"
    failures=$((failures + 1))
}

# File names are words without blanks.
sources=$(find mod_locks include tests -name '*.[ch]')
[ "$(printf '%s\n' "$sources" | wc -l)" -ge 20 ] || fail "hardly any source"

for file in $sources; do
    [ "$(sed -n 1p "$file")" = '/* SPDX-License-Identifier: Apache-2.0 */' ] ||
        fail "$file: no licence line"
done

banned='malloc|calloc|realloc|free|alloca|strdup|strndup|strcpy|strcat|strncpy'
banned="$banned|strncat|sprintf|vsprintf|strtok|strtok_r|atoi|atol|atoll|gets"
# Fuzz targets need memory that ends where the input ends: pools round up.
pooled=$(printf '%s\n' "$sources" | grep -v '^tests/fuzz/')
# shellcheck disable=SC2086
if grep -nE "(^|[^A-Za-z0-9_])($banned) *\(" $pooled; then
    fail "use APR's pools and strings instead of the above"
fi

tab=$(printf '\t')
# shellcheck disable=SC2086
if grep -n "$tab" $sources; then
    fail "tabs above"
fi
# Columns are characters, not bytes: continuation bytes of UTF-8 go first.
for file in $sources; do
    if LC_ALL=C tr -d '\200-\277' <"$file" | LC_ALL=C grep -nE '^.{81,}'; then
        fail "$file: lines over 80 columns above"
    fi
done

[ "$failures" -eq 0 ]
