# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What conf/try.sh and tests/run.sh share: the packages that they need, and a
# build of the module outside of the source tree. To be sourced, with $root
# set to the source tree.

: "${root:?}"
missing_deb=
missing_rpm=

# An ordinary user's PATH on Debian lacks the directory of apache2.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() {
    printf '%s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# need DEBIAN RPM PROBE...: notes both packages as missing if the probe fails.
need() {
    need_deb=$1
    need_rpm=$2
    shift 2
    if ! "$@" >/dev/null 2>&1; then
        missing_deb="$missing_deb $need_deb"
        missing_rpm="$missing_rpm $need_rpm"
    fi
}

find_apxs() {
    command -v "${APXS:-apxs}" || command -v apxs2
}

# The server that belongs to apxs: apache2 on Debian, httpd elsewhere.
find_httpd() {
    apxs=$(find_apxs) || return 1
    httpd="$("$apxs" -q SBINDIR)/$("$apxs" -q PROGNAME)"
    [ -x "$httpd" ] && say "$httpd"
}

# have_driver NAME: apr-util loads its database drivers from a directory that
# it was built with.
have_driver() {
    apu=$("$(find_apxs)" -q APU_CONFIG) || return 1
    libraries=$("$apu" --bindir)/../lib
    for file in "$libraries"/apr-util-1/apr_dbd_"$1"*.so \
        "$libraries"64/apr-util-1/apr_dbd_"$1"*.so \
        "$libraries"/*/apr-util-1/apr_dbd_"$1"*.so; do
        [ -e "$file" ] && return 0
    done
    return 1
}

# Debian has it outside of PATH, in a directory for each version.
find_postgres() {
    command -v postgres && return
    for file in /usr/lib/postgresql/*/bin/postgres; do
        [ -x "$file" ] && say "$file" && return
    done
    return 1
}

need_build_tools() {
    need gcc gcc command -v "${CC:-cc}"
    need libc6-dev glibc-devel test -e /usr/include/stdio.h
    need make make command -v make
    need autoconf autoconf command -v autoreconf
    need automake automake command -v automake
    need libtool libtool command -v libtoolize
    need pkg-config pkgconf-pkg-config command -v pkg-config
    need apache2-dev httpd-devel find_apxs
    need libjson-c-dev json-c-devel pkg-config --exists json-c
    # Debian's libmemcached.pc asks for these two, its package does not.
    need libsasl2-dev cyrus-sasl-devel pkg-config --exists libsasl2
    need libssl-dev openssl-devel pkg-config --exists libcrypto
    need libmemcached-dev libmemcached-devel \
        pkg-config --exists 'libmemcached >= 1.0.18'
}

need_servers() {
    need apache2 httpd find_httpd
    need libaprutil1-dbd-sqlite3 apr-util-sqlite have_driver sqlite3
    need memcached memcached command -v memcached
    need sqlite3 sqlite command -v sqlite3
    need curl curl command -v curl
}

need_databases() {
    need libaprutil1-dbd-pgsql apr-util-pgsql have_driver pgsql
    need libaprutil1-dbd-mysql apr-util-mysql have_driver mysql
    need postgresql "postgresql-server postgresql" find_postgres
    need mariadb-server "mariadb-server mariadb" command -v mariadbd
}

# Runs a command as root, or fails; asks for a password only at a terminal.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        return 1
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

# Calls apt-get while a policy keeps fresh packages from starting servers of
# their own: Debian's scripts ask it before they start one.
# shellcheck disable=SC2016
quiet_apt='
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap "rm -f $policy" EXIT
    trap "exit 1" HUP INT TERM
    printf "#!/bin/sh\nexit 101\n" >"$policy" && chmod 755 "$policy"
fi
DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get "$@"
'

# Installs what need() found missing; nothing at all if that is nothing.
install_missing() {
    [ -n "$missing_deb" ] || return 0
    if ! command -v apt-get >/dev/null; then
        die "missing packages, which only apt-get could be asked for here." \
            "Install them and start again. RPM names:$missing_rpm;" \
            "Debian names:$missing_deb"
    fi
    say "Installing:$missing_deb"
    # The names are words.
    # shellcheck disable=SC2086
    if ! as_root apt-get -q update || ! as_root sh -c "$quiet_apt" sh \
        -q -y install --no-install-recommends $missing_deb; then
        die "could not install what is missing. Run as root:" \
            "apt-get update && apt-get install$missing_deb"
    fi
}

# build_module FOLDER CONFIGURE-OPTION...: builds a copy of the sources, as
# configure refuses to build beside a tree that was configured in place. Files
# keep their times, so that a second build compiles only what changed.
build_module() {
    build=$1
    shift
    mkdir -p "$build/source" "$build/objects" || return
    for part in mod_locks include tests conf configure.ac Makefile.am \
        README.md LICENSE .clang-format .clang-tidy; do
        rm -rf "$build/source/$part" &&
            cp -Rp "$root/$part" "$build/source/$part" || return
    done
    remove_products "$build/source" || return
    (
        cd "$build/objects" && generate_configure && run_configure "$@" &&
            make -j "$(getconf _NPROCESSORS_ONLN)"
    )
}

# remove_products FOLDER: what a build in place left among the sources, which
# make would take for its own.
remove_products() {
    find "$1/mod_locks" "$1/tests" \( -name .libs -o -name .deps \
        -o -name .dirstamp -o -name '*.l[ao]' -o -name '*.[ao]' \
        -o -name '*.log' -o -name '*.trs' \
        -o -name mod_locks_assets.h \
        -o -type f -path '*/bench/*' ! -name '*.*' \
        -o -type f -name 'test_*' ! -name '*.*' \) -prune -exec rm -rf {} +
}

# The two below run in the folder "objects" beside the copied sources.
generate_configure() {
    [ -e generated ] && return
    (cd ../source && autoreconf -fi) && : >generated
}

# Other options than the last time need a new start.
run_configure() {
    [ -e configured ] && [ "$(cat configured)" = "$*" ] && return
    rm -f configured
    ../source/configure "$@" && printf '%s\n' "$*" >configured
}
