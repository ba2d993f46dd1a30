#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Reads the includes and holds the layers: the core knows no httpd, each
# foreign library is touched by one file, and arrows point one way.
set -eu

cd "${LOCKS_SOURCE:-$(dirname "$0")/../..}"
failures=0

fail() {
    printf 'FAIL: %s\n' "$*"
    failures=$((failures + 1))
}

# includes FILE...: lines of "FILE INCLUDED", where INCLUDED is <x> or "x".
includes() {
    for file in "$@"; do
        sed -n 's|^ *# *include *\([<"][^>"]*[>"]\).*|\1|p' "$file" |
            sed "s|^|$file |"
    done
}

core=$(ls mod_locks/locks_*.[ch])
module=$(ls mod_locks/mod_locks*.[ch])
public=$(ls include/*.h)
# File names are words without blanks.
# shellcheck disable=SC2086
set -- $core $module $public
all=$(includes "$@")
[ "$(printf '%s\n' "$all" | wc -l)" -ge 50 ] || fail "hardly any include found"

# only LIBRARY PATTERN FILE: one file alone includes what matches.
only() {
    users=$(printf '%s\n' "$all" | grep -E " <($2)>" |
        cut -d ' ' -f 1 | sort -u)
    [ "$users" = "$3" ] || fail "$1 belongs to $3 alone; it is included by:" \
        "${users:-no file}"
}

only json-c 'json-c/.*|json.*\.h' mod_locks/locks_json.c
only libmemcached 'libmemcached.*|libhashkit.*' mod_locks/locks_memcached.c

# What the core and the public headers may include: APR and apr-util, C and
# POSIX, and their one foreign library, which was checked above. httpd's
# headers are whatever is not listed.
standard='assert|ctype|errno|fcntl|float|inttypes|limits|math|poll|semaphore'
standard="$standard|signal|stdarg|stdatomic|stdbool|stddef|stdint|stdio"
standard="$standard|stdlib|string|time|unistd|(sys|netinet|arpa)/[a-z]+"
allowed="<(ap[ru]_[a-z0-9_]+|apr|apu|$standard)\.h>"
foreign='<(json-c/.*|json.*\.h|libmemcached.*|libhashkit.*)>'
others=$(printf '%s\n' "$all" |
    grep -E '^(mod_locks/locks_|include/)[^ ]* <' |
    grep -Ev " ($allowed|$foreign)\$") || true
[ -z "$others" ] || fail "neither core nor public headers may include: $others"

# Own headers: the module's are for the module; the store on libmemcached is
# for whoever configures it, never for the protocol.
wrong=$(printf '%s\n' "$all" |
    grep -E '^(mod_locks/locks_|include/)[^ ]* "mod_locks') || true
[ -z "$wrong" ] || fail "the core must not know the module: $wrong"
wrong=$(printf '%s\n' "$all" | grep '^include/[^ ]* "' |
    grep -Ev '"locks_(store|catalog|session)\.h"') || true
[ -z "$wrong" ] || fail "public headers must not need private ones: $wrong"
wrong=$(printf '%s\n' "$all" | grep '"locks_memcached\.h"' |
    grep -Ev '^mod_locks/(mod_locks|locks_memcached)') || true
[ -z "$wrong" ] || fail "the core must not know which store it has: $wrong"

# One way: a header and the sources of its name are one node, and the graph
# of nodes has no cycle.
arrows=$(printf '%s\n' "$all" | sed -n 's/^\([^ ]*\) "\(.*\)"$/\1 \2/p' |
    while read -r from to; do
        from=${from##*/}
        from=${from%.[ch]}
        [ "$from" = "${to%.h}" ] || printf '%s %s\n' "$from" "${to%.h}"
    done)
if ! cycles=$(printf '%s\n' "$arrows" | tsort 2>&1 >/dev/null); then
    fail "includes run in a circle: $cycles"
fi

[ "$failures" -eq 0 ]
