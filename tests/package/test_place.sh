#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What make install and make uninstall do to httpd's configuration: new files
# are put where a2enmod or httpd look for them, an administrator's are kept.
set -eu

cd "${LOCKS_SOURCE:-$(dirname "$0")/../..}"
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    printf 'FAIL: %s\n' "$*"
    failures=$((failures + 1))
}

# place ACTION LAYOUT: what it prints is in $work/said.
place() {
    DESTDIR=$work sh conf/place.sh "$1" "$2" /etc/server /usr/lib/modules \
        >"$work/said"
}

# holds FILE...: these files are below /etc/server, and no others.
holds() {
    have=$(cd "$work/etc/server" && find . ! -type d | LC_ALL=C sort | tr '\n' ' ')
    [ "$have" = "$* " ] || [ "$have$*" = "" ] ||
        fail "expected the files $*, there are: $have"
}

# check_layout LAYOUT LOAD CONF
check_layout() {
    load=$work/etc/server/$2
    conf=$work/etc/server/$3

    place install "$1"
    holds "./$3" "./$2"
    grep -qx 'LoadModule locks_module /usr/lib/modules/mod_locks.so' \
        "$load" || fail "$1: $2 does not load what was installed"
    cmp -s conf/locks.conf "$conf" || fail "$1: $3 is not ours"

    place install "$1"
    holds "./$3" "./$2"
    [ ! -s "$work/said" ] || fail "$1: a second time is not quiet"

    printf 'LocksTTL 1h\n' >>"$conf"
    place install "$1"
    holds "./$3" "./$3.new" "./$2"
    tail -n 1 "$conf" | grep -qx 'LocksTTL 1h' || fail "$1: $3 was overwritten"
    grep -q "$3.new" "$work/said" || fail "$1: nothing is said about .new"

    place uninstall "$1"
    holds "./$3.saved"
    grep -q "$3.saved" "$work/said" || fail "$1: nothing is said about .saved"
    rm -f "$conf.saved"

    place install "$1"
    place uninstall "$1"
    holds
    place uninstall "$1"
}

check_layout debian mods-available/locks.load mods-available/locks.conf
# The names have to sort as above.
check_layout rpm conf.modules.d/20-locks.conf conf.d/locks.conf

# What a2enmod did is undone: httpd would not start with a dangling link.
place install debian
mkdir "$work/etc/server/mods-enabled"
for name in locks.load locks.conf; do
    ln -s "../mods-available/$name" "$work/etc/server/mods-enabled/$name"
done
place uninstall debian
holds

place install none
holds

[ "$failures" -eq 0 ]
