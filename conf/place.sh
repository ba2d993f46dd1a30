#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: sh place.sh install|uninstall debian|rpm|none CONFDIR MODULEDIR
#
# Puts the configuration where httpd looks for it, or takes it away; for make
# install and make uninstall. CONFDIR is httpd's folder of configuration. A
# file that the administrator changed is kept: install puts the new one
# beside it as NAME.new, uninstall renames it to NAME.saved, for httpd does
# not start with directives of a module that is gone. $DESTDIR goes before
# CONFDIR.
set -eu

[ $# -eq 4 ] || {
    sed -n 's/^# Usage: /Usage: /p' "$0" >&2
    exit 2
}
action=$1
layout=$2
confdir=${DESTDIR:-}$3
moduledir=$4
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# What goes where: a2enmod reads "Depends:", others take it for a comment.
load_file() {
    printf '# Depends: dbd\nLoadModule locks_module %s/mod_locks.so\n' \
        "$moduledir"
}

conf_file() {
    cat "$here/locks.conf"
}

# install_file CONTENT FILE: CONTENT is one of the functions above.
install_file() {
    mkdir -p "${2%/*}"
    new=$2.new
    "$1" >"$new"
    chmod 644 "$new"
    if [ ! -e "$2" ]; then
        mv "$new" "$2"
    elif cmp -s "$new" "$2"; then
        rm -f "$new"
    else
        printf '%s differs and stays as it is; the new one is %s\n' \
            "$2" "$new"
    fi
}

uninstall_file() {
    rm -f "$2.new"
    [ -e "$2" ] || return 0
    if "$1" | cmp -s - "$2"; then
        rm -f "$2"
    else
        mv "$2" "$2.saved"
        printf '%s was changed here and is kept as %s\n' "$2" "$2.saved"
    fi
}

# httpd does not start with a link that leads nowhere.
disable() {
    for link in "$confdir/mods-enabled/locks.load" \
        "$confdir/mods-enabled/locks.conf"; do
        [ ! -L "$link" ] || rm -f "$link"
    done
}

case $action in
install | uninstall) ;;
*)
    printf '%s: neither install nor uninstall: %s\n' "$0" "$action" >&2
    exit 2
    ;;
esac

case $layout in
debian)
    "${action}_file" load_file "$confdir/mods-available/locks.load"
    "${action}_file" conf_file "$confdir/mods-available/locks.conf"
    [ "$action" = install ] || disable
    ;;
rpm)
    # httpd's own modules have 00 to 10: mod_dbd is loaded before.
    "${action}_file" load_file "$confdir/conf.modules.d/20-locks.conf"
    "${action}_file" conf_file "$confdir/conf.d/locks.conf"
    ;;
none) ;;
*)
    printf '%s: no layout that is known: %s\n' "$0" "$layout" >&2
    exit 2
    ;;
esac
