#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The packages are of the version that configure.ac has.
set -eu

cd "${LOCKS_SOURCE:-$(dirname "$0")/../..}"
failures=0

# is FILE VERSION
is() {
    if [ "$2" != "$version" ]; then
        printf 'FAIL: %s is of version "%s", configure.ac of "%s"\n' \
            "$1" "$2" "$version"
        failures=$((failures + 1))
    fi
}

version=$(sed -n 's/^AC_INIT(\[mod_locks\], \[\(.*\)\])$/\1/p' configure.ac)
[ -n "$version" ] || {
    printf 'FAIL: no version found in configure.ac\n'
    exit 1
}
is conf/debian/changelog \
    "$(sed -n '1s/^libapache2-mod-locks (\(.*\)-[^-]*) .*/\1/p' \
        conf/debian/changelog)"
is conf/mod_locks.spec "$(sed -n 's/^Version: *//p' conf/mod_locks.spec)"

[ "$failures" -eq 0 ]
