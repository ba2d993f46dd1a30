#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: sh tests/package/test_deb.sh [BUILD-FOLDER]
#
# Builds the Debian packages, has lintian judge them, installs them, enables
# the module, uses it through an apache2 of its own (memcached and SQLite),
# removes and purges them, and looks for what is left. As root or with sudo.
#
# All of this happens in a view of the file system that is thrown away: /etc,
# /usr and /var can be written to, and the machine's own do not change.
# Where that cannot be had, for want of the right to mount, the packages are
# built and judged, and the end says that they were not installed.
# $LOCKS_PACKAGE_TEST says otherwise:
#
#   host    on the machine itself, for one that is thrown away
#   either  in a view if it can be had, and else on the machine itself
#   no      nothing at all
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
# shellcheck source=conf/prepare.sh
. "$root/conf/prepare.sh"
package=libapache2-mod-locks
listed="/etc/apache2 /usr/include/apache2 /usr/lib/apache2 /usr/share/man/man8
/usr/share/mod_locks /var/lib/apache2"

# fail MESSAGE...: as die, with what apache2 has logged.
fail() {
    if [ -s "$work/log/error.log" ]; then
        say "apache2's error log ends:"
        tail -n 20 "$work/log/error.log"
    fi >&2
    die "$@"
}

# ---- Build, as anyone ----

build_packages() {
    build=${1:-$root/.build/test-$(id -u)}
    need_build_tools
    need_servers
    need apache2 httpd command -v a2enmod
    need build-essential gcc-c++ dpkg-query -s build-essential
    need debhelper debhelper command -v dh
    need fakeroot fakeroot command -v fakeroot
    need lintian lintian command -v lintian
    need man-db man-db command -v man
    need check check-devel pkg-config --exists 'check >= 0.10'
    install_missing
    say "Building the packages ..."
    build_module "$build" --enable-werror >"$build.log" 2>&1 ||
        die "the build failed: see $build.log"
    # make check has its place elsewhere.
    DEB_BUILD_OPTIONS=nocheck make -C "$build/objects" deb \
        >"$build.log" 2>&1 || {
        tail -n 30 "$build.log" >&2
        die "make deb failed; its last lines are above"
    }
    debs=$build/objects/.build/deb
}

judge_packages() {
    say "Asking lintian ..."
    lintian --allow-root --fail-on error,warning "$debs"/*.changes ||
        die "lintian complains"
}

# ---- The view that is thrown away ----

no_view="there is no right to mount here; on a machine that is thrown away"
no_view="$no_view set LOCKS_PACKAGE_TEST=host"

# In the new namespaces: "make_view FOLDER".
make_view() {
    mount -t tmpfs -o mode=755 locks "$1" || return
    for folder in etc usr var; do
        mkdir -p "$1/view/$folder/upper" "$1/view/$folder/work" &&
            mount -t overlay overlay -o "lowerdir=/$folder" \
                -o "upperdir=$1/view/$folder/upper" \
                -o "workdir=$1/view/$folder/work" "/$folder" || return
    done
    # The machine's services are out of reach: neither the maintainer scripts
    # nor a2enmod find them.
    mount -t tmpfs -o mode=755 locks /run && mkdir -p /run/lock || return
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
}

# in_new_namespaces COMMAND ARGUMENT...: runs it as root.
in_new_namespaces() {
    as_root unshare --mount --pid --fork --mount-proc --kill-child "$@"
}

can_make_view() {
    in_new_namespaces sh "$0" --view 2>/dev/null
}

use_packages() {
    how=${LOCKS_PACKAGE_TEST:-view}
    case $how in
    host) ;;
    view | either)
        if can_make_view; then
            how=view
        elif [ "$how" = view ]; then
            say "NOT INSTALLED, only built and judged: $no_view"
            return
        else
            how=host
        fi
        ;;
    *) die "LOCKS_PACKAGE_TEST is view, host, either or no, not $how" ;;
    esac
    say "Installing ($how) ..."
    if [ "$how" = view ]; then
        in_new_namespaces sh "$0" --use "$how" "$debs"
    else
        as_root sh "$0" --use "$how" "$debs"
    fi || die "the packages did not pass"
}

# ---- Install, use and purge, as root ----

# listing FILE: what is in the folders that packages for apache2 write to, but
# for the folders in which a2enmod notes who enabled what.
listing() {
    # They are words, and not all of them exist before and after.
    # shellcheck disable=SC2086
    find $listed ! \( -type d -path '/var/lib/apache2/*' \) 2>/dev/null |
        LC_ALL=C sort >"$1"
}

# begin view|host
begin() {
    work=$(mktemp -d)
    had_dbd=yes
    [ -e /etc/apache2/mods-enabled/dbd.load ] || had_dbd=no
    if [ "$1" = host ] && [ -e /etc/apache2/mods-available/locks.load ]; then
        die "mod_locks is installed on this machine"
    fi
    trap end EXIT
    trap 'exit 130' HUP INT TERM
    if [ "$1" = view ]; then
        make_view "$work" || die "$no_view"
    fi
    chmod 755 "$work"
    mkdir "$work/log" "$work/run"
    listing "$work/before"
}

end() {
    trap '' HUP INT TERM
    for server in apache2 memcached; do
        pid=$(cat "$work/run/$server.pid" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null || continue
        tries=50
        while kill -0 "$pid" 2>/dev/null && [ "$tries" -gt 0 ]; do
            sleep 0.1
            tries=$((tries - 1))
        done
    done
    unset APACHE_CONFDIR APACHE_STATE_DIRECTORY
    purge >/dev/null 2>&1 || :
    umount -l "$work" 2>/dev/null || :
    rm -rf "$work"
}

# quietly COMMAND...: what it prints is shown if it fails.
quietly() {
    "$@" >"$work/said" 2>&1 || {
        cat "$work/said" >&2
        fail "failed: $*"
    }
}

install_packages() {
    say "Installing"
    # The run level keeps the machine's apache2 as it is.
    RUNLEVEL=1 quietly dpkg -i "$debs/$package"_*.deb "$debs/$package"-dev_*.deb
    for file in locks.load locks.conf dbd.load; do
        [ -e "/etc/apache2/mods-enabled/$file" ] ||
            fail "$file is not enabled by the installation"
    done
    dpkg -L "$package" "$package-dev" >"$work/installed"
    quietly apache2ctl configtest
    [ "$(man -w 8 mod_locks)" = /usr/share/man/man8/mod_locks.8.gz ] ||
        fail "no manual page"
    warnings=$(MANWIDTH=80 man --warnings -l /usr/share/man/man8/mod_locks.8.gz \
        2>&1 >/dev/null)
    [ -z "$warnings" ] || fail "the manual page: $warnings"
    printf '#include <%s>\n' locks_store.h locks_session.h locks_catalog.h |
        cc -fsyntax-only -x c -I "$(apxs -q INCLUDEDIR)" \
            -I "$(apxs -q APR_INCLUDEDIR)" -D_GNU_SOURCE - ||
        fail "the headers do not compile"
}

free_port() {
    /usr/bin/python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# A copy of the machine's configuration, for an apache2 beside its own. What
# may listen or ask for other files is left out.
configure_site() {
    say "Enabling: a2enmod dbd locks"
    port=$(free_port)
    cp -R /etc/apache2 "$work/apache2"
    rm -rf "$work"/apache2/sites-enabled/* "$work"/apache2/mods-enabled/*
    printf 'Listen 127.0.0.1:%s\nServerName localhost\n' "$port" \
        >"$work/apache2/ports.conf"
    cat >>"$work/apache2/envvars" <<END
export APACHE_PID_FILE=$work/run/apache2.pid
export APACHE_RUN_DIR=$work/run
export APACHE_LOCK_DIR=$work/run
export APACHE_LOG_DIR=$work/log
END
    cat >"$work/apache2/conf-available/site.conf" <<END
DBDriver sqlite3
DBDParams "$work/courses.db"
LocksStore memcached:unix:$work/memcached/socket
<Location "/locks">
    SetHandler locks
    Require all granted
</Location>
END
    APACHE_CONFDIR=$work/apache2
    # Where systemd runs, apache2ctl would have it start the machine's own.
    APACHE_STARTED_BY_SYSTEMD=true
    # a2enmod notes there what an administrator enabled.
    APACHE_STATE_DIRECTORY=$work/state
    export APACHE_CONFDIR APACHE_STARTED_BY_SYSTEMD APACHE_STATE_DIRECTORY
    quietly a2enmod mpm_event authz_core
    quietly a2enmod dbd locks
    # The machine's other snippets may need modules that are not enabled here.
    rm -f "$work"/apache2/conf-enabled/*
    quietly a2enconf site
}

start_memcached() {
    mkdir -m 700 "$work/memcached"
    chown www-data "$work/memcached"
    memcached -u www-data -M -s "$work/memcached/socket" -a 0600 \
        >"$work/log/memcached" 2>&1 </dev/null &
    say $! >"$work/run/memcached.pid"
    wait_for "memcached" test -S "$work/memcached/socket"
}

# wait_for NAME COMMAND...
wait_for() {
    name=$1
    shift
    tries=100
    until "$@" >"$work/said" 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "$name did not start: $(cat "$work/said")"
        sleep 0.1
    done
}

start_site() {
    say "Starting apache2 on 127.0.0.1:$port"
    sqlite3 "$work/courses.db" </usr/share/mod_locks/schema.sql
    sqlite3 "$work/courses.db" <"$root/conf/sample.sql"
    # Nothing is asked before a request comes.
    quietly apache2ctl configtest
    start_memcached
    quietly apache2ctl start
    url=http://127.0.0.1:$port/locks
    wait_for "apache2" curl -q -s --noproxy '*' "$url"
    for user in 42 43; do
        record="{\"sessionType\": \"PlainUserSession\", \"userId\": \"$user\"}"
        printf 'set session:user%s 0 0 %d\r\n%s\r\nquit\r\n' \
            "$user" "${#record}" "$record" |
            curl -q -sS -m 5 --unix-socket "$work/memcached/socket" \
                telnet://localhost >"$work/said" || fail "no sign-in"
        grep -q '^STORED' "$work/said" || fail "no sign-in"
    done
}

# request STATUS PATTERN CURL-ARGUMENT...: the body is in $body.
request() {
    status=$1
    pattern=$2
    shift 2
    got=$(curl -q -sS -m 10 --noproxy '*' -o "$work/body" \
        -w '%{http_code}' "$@") || fail "curl failed: $*"
    body=$(cat "$work/body")
    say "  $got $body"
    [ "$got" = "$status" ] || fail "expected status $status of: $*"
    printf '%s\n' "$body" | grep -q "$pattern" ||
        fail "expected a body that matches: $pattern"
}

use_site() {
    quiz='{"type": "gadget", "subject": {"courseId": "algebra", "gadgetId": "quiz"}}'
    list="$url?subject.courseId=algebra"
    request 401 'Invalid credentials' "$list"
    request 200 '^\[\]$' -H 'SID: user42' "$list"
    request 201 '"ownerId": *"42"' -H 'SID: user42' -d "$quiz" "$url"
    id=$(printf '%s' "$body" | sed 's/.*"id": *"\([0-9]*\)".*/\1/')
    request 200 "\"$id\"" -H 'SID: user43' "$list"
    request 403 'Resource locked' -H 'SID: user43' -d "$quiz" "$url"
    request 200 '^{}$' -X DELETE -H 'SID: user42' "$url/$id"
    request 200 '^\[\]$' -H 'SID: user43' "$list"
    quietly apache2ctl stop
    unset APACHE_CONFDIR APACHE_STARTED_BY_SYSTEMD APACHE_STATE_DIRECTORY
}

purge() {
    RUNLEVEL=1 dpkg -P "$package" "$package-dev" || return
    # dbd was enabled along with locks. Others may use it by now, so that no
    # package disables it.
    if [ "$had_dbd" = no ] && [ -e /etc/apache2/mods-enabled/dbd.load ]; then
        a2dismod -p -q dbd
    fi
}

remove_packages() {
    say "Removing, then purging"
    RUNLEVEL=1 quietly dpkg -r "$package" "$package-dev"
    [ ! -L /etc/apache2/mods-enabled/locks.load ] ||
        fail "the module is removed and still enabled"
    [ -e /etc/apache2/mods-available/locks.conf ] ||
        fail "removing took the administrator's configuration away"
    quietly apache2ctl configtest
    quietly purge
}

look_for_rests() {
    listing "$work/after"
    diff "$work/before" "$work/after" || fail "left or missing: see above"
    while read -r path; do
        if [ -e "$path" ] && [ ! -d "$path" ]; then
            fail "left: $path"
        fi
    done <"$work/installed"
    [ ! -e "/usr/share/doc/$package" ] || fail "left: /usr/share/doc/$package"
}

case ${1:-} in
--view)
    work=$(mktemp -d)
    status=0
    make_view "$work" || status=1
    umount "$work" && rmdir "$work"
    exit "$status"
    ;;
--use)
    debs=$3
    begin "$2"
    install_packages
    configure_site
    start_site
    use_site
    remove_packages
    look_for_rests
    say "Nothing is left."
    ;;
*)
    if [ "${LOCKS_PACKAGE_TEST:-}" = no ]; then
        say "Not tested: LOCKS_PACKAGE_TEST=no"
        exit 0
    fi
    build_packages "$@"
    judge_packages
    use_packages
    ;;
esac
