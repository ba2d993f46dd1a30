# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What run.sh, profile.sh and soak.sh share: the packages that they need, the
# module's build, and the start of what is written in Python. To be sourced,
# with $root set to the source tree.

: "${root:?}"
# shellcheck source=conf/prepare.sh
. "$root/conf/prepare.sh"

python=/usr/bin/python3
build=$root/.build/bench-$(id -u)

need_bench() {
    need_build_tools
    need_servers
    need python3 python3 test -x "$python"
    need wrk wrk command -v wrk
}

# has_module PATTERN: does httpd have a module of such a file name?
has_module() {
    folder=$("$(find_apxs)" -q LIBEXECDIR) || return 1
    for file in "$folder"/$1; do
        [ -e "$file" ] && return 0
    done
    return 1
}

# php_has EXTENSION: Debian enables one by a file that PHP in httpd reads.
php_has() {
    for file in /etc/php/*/apache2/conf.d/*-"$1".ini; do
        [ -e "$file" ] && return 0
    done
    return 1
}

# Whom mod_locks is compared with. mod_dav is a part of httpd's package.
need_peers() {
    need libapache2-mod-php php has_module 'libphp*.so'
    need php-memcached php-pecl-memcached php_has memcached
    need php-sqlite3 php-pdo php_has pdo_sqlite
    need etcd-server etcd command -v etcd
}

# bench_main MODULE ARGUMENT...: builds, and runs a program of this folder.
bench_main() {
    module=bench.$1
    shift
    say "== Build =="
    build_module "$build" >"$root/.build/bench.log" 2>&1 ||
        die "the build failed; see $root/.build/bench.log"
    LOCKS_MODULE=$build/objects/mod_locks/.libs/mod_locks.so
    PYTHONPATH=$root/tests/bench:$root/tests/httpd
    PYTHONDONTWRITEBYTECODE=1
    export LOCKS_MODULE PYTHONPATH PYTHONDONTWRITEBYTECODE
    exec "$python" -m "$module" "$@"
}
