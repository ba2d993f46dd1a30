#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every directive is in conf/locks.conf, README.md, the manual page and on the
# page conf/docs/mod_locks.md, and none of them names a directive that there
# is not. The page has each directive's syntax, default and context; the
# context is the code's, the default that of conf/locks.conf.
set -eu

cd "${LOCKS_SOURCE:-$(dirname "$0")/../..}"
failures=0
page=conf/docs/mod_locks.md

fail() {
    printf 'FAIL: %s\n' "$*"
    failures=$((failures + 1))
}

# Lines of "NAME WHERE", where WHERE is the code's expression without blanks.
commands=$(cat mod_locks/mod_locks*.c | tr -s ' \n' '  ' |
    grep -oE 'AP_INIT_[A-Z0-9_]+\( ?"[A-Za-z]+", ?[^,]+, ?[^,]+, ?[^,]+,' |
    sed 's/^[^"]*"\([A-Za-z]*\)",[^,]*,[^,]*,\([^,]*\),$/\1 \2/' |
    tr -d ' ' | sed -E 's/(RSRC_CONF|ACCESS_CONF|OR_)/ \1/' | sort -u)
directives=$(printf '%s\n' "$commands" | cut -d ' ' -f 1)
known=$(cat mod_locks/mod_locks*.c | tr -s ' \n' '  ' |
    grep -oE 'AP_INIT_[A-Z0-9_]+\( ?"[A-Za-z]+"' | sort -u | wc -l)
[ "$known" -ge 13 ] || fail "too few directives found in the sources"
[ "$(printf '%s\n' "$directives" | wc -l)" -eq "$known" ] ||
    fail "not every directive could be read from the sources"

# named FILE: what looks like a directive there.
named() {
    grep -oE '\<Locks[A-Z][A-Za-z]*' "$1" | sort -u
}

for document in conf/locks.conf README.md conf/docs/*; do
    for name in $(named "$document"); do
        printf '%s\n' "$directives" | grep -qx "$name" ||
            fail "$document names $name, which is no directive"
    done
done
for document in conf/locks.conf README.md conf/docs/mod_locks.8 "$page"; do
    for directive in $directives; do
        named "$document" | grep -qx "$directive" ||
            fail "$document does not explain $directive"
    done
done

# Commented out with one "#" and nothing between, so that an administrator
# finds the line to change.
for directive in $directives; do
    grep -qE "^#$directive " conf/locks.conf ||
        fail "conf/locks.conf does not show $directive with its default"
done

# ---- The page, in the form of httpd's own ----

# row LABEL: the cell beside it, in the section on the input.
row() {
    sed -n "s/^| $1: | \(.*\) |\$/\1/p"
}

# expect DIRECTIVE LABEL CELL WANTED
expect() {
    [ "$3" = "$4" ] || fail "$page: $1 has as its $2 \"$3\", not \"$4\""
}

# context WHERE: httpd's words for where a directive may stand.
context() {
    case $1 in
    RSRC_CONF) printf 'server config, virtual host' ;;
    'RSRC_CONF|ACCESS_CONF') printf 'server config, virtual host, directory' ;;
    ACCESS_CONF) printf 'directory' ;;
    'RSRC_CONF|OR_'*)
        printf 'server config, virtual host, directory, .htaccess'
        ;;
    OR_*) printf 'directory, .htaccess' ;;
    *) printf 'unknown to this test: %s' "$1" ;;
    esac
}

# override WHERE: what AllowOverride has to grant, or nothing.
override() {
    case $1 in
    *OR_AUTHCFG) printf 'AuthConfig' ;;
    *OR_FILEINFO) printf 'FileInfo' ;;
    *OR_LIMIT) printf 'Limit' ;;
    *OR_OPTIONS) printf 'Options' ;;
    *OR_INDEXES) printf 'Indexes' ;;
    esac
}

# check_section DIRECTIVE WHERE
check_section() {
    section=$(awk -v head="## $1 Directive" \
        '/^## / { inside = ($0 == head) } inside' "$page")
    [ -n "$section" ] || {
        fail "$page has no section \"## $1 Directive\""
        return
    }
    cell() {
        printf '%s\n' "$section" | row "$1"
    }
    [ -n "$(cell Description)" ] || fail "$page: $1 has no description"
    case $(cell Syntax) in
    "\`$1 "*\`) ;;
    *) fail "$page: $1 has no syntax" ;;
    esac
    # A default that is no literal is told in words.
    default=$(cell Default)
    case $default in
    '') fail "$page: $1 has no default" ;;
    \`*)
        line=$(sed -n "s/^#\($1 .*\)\$/\`\1\`/p" conf/locks.conf)
        expect "$1" Default "$default" "$line"
        ;;
    esac
    expect "$1" Context "$(cell Context)" "$(context "$2")"
    expect "$1" Override "$(cell Override)" "$(override "$2")"
    expect "$1" Status "$(cell Status)" Extension
    expect "$1" Module "$(cell Module)" mod_locks
    printf '%s\n' "$section" | grep -q '^```apache$' ||
        fail "$page: $1 has no example"
    anchor=$(printf '%s' "$1" | tr '[:upper:]' '[:lower:]')-directive
    grep -qF -- "- [$1](#$anchor)" "$page" ||
        fail "$page does not list $1 under Directives"
}

while read -r directive where; do
    check_section "$directive" "$where"
done <<END
$commands
END

[ "$failures" -eq 0 ]
