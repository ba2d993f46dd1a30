#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
set -eu

usage() {
    cat <<'END'
Usage: sh conf/try.sh [--port N] [--once]

Builds mod_locks and tries it: starts httpd and memcached in a temporary
folder, on this machine alone, with sample courses and sessions; locks, lists,
renews, moves and releases with curl; and leaves the server running for you
until Ctrl-C. Installs what is missing (Debian; as root or with sudo).

  --port N  the port on 127.0.0.1 (8480)
  --once    stop after the story
END
}

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=conf/prepare.sh
. "$root/conf/prepare.sh"
umask 022

# One place for each user, so that a second copy finds the first. It is short,
# because a socket's path may have 107 bytes only.
run=/tmp/mod_locks-try-$(id -u)
socket=$run/memcached/socket
port=8480
once=no

parse_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        --once) once=yes ;;
        --port=*) port=${1#--port=} ;;
        --port)
            [ $# -ge 2 ] || die "--port needs a number"
            port=$2
            shift
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 2
            ;;
        esac
        shift
    done
    case $port in
    '' | *[!0-9]* | 0* | ??????*) valid=no ;;
    *) [ "$port" -le 65535 ] && valid=yes || valid=no ;;
    esac
    [ "$valid" = yes ] || die "--port $port: give a number from 1 to 65535"
}

# ---- Start and end ----

# runs PID TEXT: is this process there, with the text in its command line?
runs() {
    [ -n "$1" ] && kill -0 "$1" 2>/dev/null || return 1
    [ ! -r "/proc/$1/cmdline" ] ||
        tr '\000' ' ' <"/proc/$1/cmdline" | grep -qF -- "$2"
}

# stop_servers FOLDER: ends the servers whose process ids are in it. They
# were started in $run, which their command lines tell.
stop_servers() {
    for server in httpd memcached; do
        pid=$(cat "$1/$server.pid" 2>/dev/null) || continue
        runs "$pid" "$run" || continue
        kill "$pid" 2>/dev/null || continue
        tries=50
        while runs "$pid" "$run" && [ "$tries" -gt 0 ]; do
            sleep 0.1
            tries=$((tries - 1))
        done
    done
}

take_over() {
    old=$(cat "$run/pid" 2>/dev/null) || {
        # It was made a moment ago, or its maker died in that moment.
        sleep 1
        old=$(cat "$run/pid" 2>/dev/null) || old=
    }
    if runs "$old" try.sh; then
        die "another copy is running (process $old)." \
            "End it with Ctrl-C there, or: kill $old"
    fi
    # Two copies may come to this at once. Renaming is atomic, and whoever
    # got something else than what was looked at puts it back.
    mv "$run" "$run.$$" 2>/dev/null || die "another copy was faster"
    if [ "$(cat "$run.$$/pid" 2>/dev/null)" != "$old" ]; then
        mv "$run.$$" "$run"
        die "another copy was faster"
    fi
    say "Cleaning up after process $old, which ended without doing so."
    stop_servers "$run.$$"
    rm -rf "$run.$$"
    mkdir -m 711 "$run" 2>/dev/null || die "another copy was faster"
}

take_place() {
    if ! mkdir -m 711 "$run" 2>/dev/null; then
        [ -n "$(find "$run" -prune -type d -user "$(id -u)" 2>/dev/null)" ] ||
            die "$run cannot be made, or is not yours: remove it"
        take_over
    fi
    say $$ >"$run/pid"
    trap clean_up EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

clean_up() {
    trap '' HUP INT TERM
    stop_servers "$run"
    rm -rf "$run"
}

# fail MESSAGE...: as die, with what httpd has logged.
fail() {
    if [ -s "$run/error.log" ]; then
        say "httpd's error log ends:"
        tail -n 20 "$run/error.log"
    fi >&2
    die "$@"
}

# ---- Build and servers ----

build() {
    # One folder for each user: root's would not be writable for others.
    folder=$root/.build/try-$(id -u)
    mkdir -p "$folder" 2>/dev/null && [ -w "$folder" ] || folder=$run/build
    say "Building in $folder ..."
    if ! build_module "$folder" >"$run/build.log" 2>&1; then
        tail -n 30 "$run/build.log" >&2
        die "the build failed; its last lines are above"
    fi
    module=$folder/objects/mod_locks/.libs/mod_locks.so
}

# Whom root's servers shall run as; empty for anyone else.
find_user() {
    user=
    [ "$(id -u)" -eq 0 ] || return 0
    for user in www-data apache nobody; do
        id "$user" >/dev/null 2>&1 && return
    done
    die "there is none of the users www-data, apache and nobody to run httpd as"
}

start_memcached() {
    mkdir -m 700 "$run/memcached"
    [ -z "$user" ] || chown "$user" "$run/memcached"
    # -M: an item is an error rather than a reason to evict another.
    memcached ${user:+-u "$user"} -M -s "$socket" -a 0600 \
        >"$run/memcached.log" 2>&1 </dev/null &
    say $! >"$run/memcached.pid"
    tries=50
    until [ -S "$socket" ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] ||
            die "memcached did not start: $(cat "$run/memcached.log")"
        sleep 0.1
    done
}

# load NAME: a LoadModule line, unless the module is compiled in.
load() {
    if [ -e "$modules/mod_$1.so" ]; then
        say "LoadModule ${1}_module \"$modules/mod_$1.so\""
    fi
}

write_configuration() {
    modules=$("$(find_apxs)" -q LIBEXECDIR)
    # One MPM: the first that there is.
    for mpm in event worker prefork; do
        mpm_line=$(load "mpm_$mpm")
        [ -z "$mpm_line" ] || break
    done
    # A copy: root's tree may be one that the server's user cannot enter.
    cp -R "$root/conf/www" "$run/htdocs"
    cp "$root/conf/openapi.yaml" "$run/htdocs"
    cat >"$run/httpd.conf" <<END
ServerRoot "$run"
DefaultRuntimeDir "$run"
DocumentRoot "$run/htdocs"
PidFile "$run/httpd.pid"
ErrorLog "$run/error.log"
ServerName localhost
Listen 127.0.0.1:$port
$mpm_line
$(load unixd)
$(load authz_core)
$(load authz_host)
$(load dir)
$(load headers)
${user:+User $user}
${user:+Group $(id -gn "$user")}

$(load dbd)
LoadModule locks_module "$module"

DBDriver sqlite3
DBDParams "$run/courses.db"

LocksStore memcached:unix:$socket
LocksWaitMax 30s
LocksExplain on

Include "$run/htdocs/demo.conf"
<Location "/locks">
    SetHandler locks
</Location>

<Location "/locks-status">
    SetHandler locks-status
    Require local
</Location>
END
}

start_httpd() {
    write_configuration
    # It goes to the background by itself: at a terminal, httpd would take a
    # window that changes its size for the request to stop.
    if ! "$httpd" -d "$run" -f "$run/httpd.conf" -k start \
        >"$run/start.log" 2>&1 </dev/null; then
        cat "$run/start.log" >&2
        if grep -q 'Address already in use' "$run/start.log"; then
            die "port $port is taken: give another one with --port N"
        elif grep -q 'ermission denied.*could not bind' "$run/start.log"; then
            die "port $port is root's: give one from 1024 on with --port N"
        fi
        fail "httpd did not start"
    fi
    tries=50
    until curl -q -s -o "$run/body" --noproxy '*' "$url"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "httpd does not answer at $url"
        sleep 0.1
    done
}

# ---- Courses and sessions ----

make_courses() {
    sqlite3 "$run/courses.db" <"$root/conf/schema.sql"
    sqlite3 "$run/courses.db" <"$root/conf/sample.sql"
}

# sign_in SID RECORD: what a site's sign-in does. curl serves to talk to
# memcached.
sign_in() {
    answer=$(printf 'set session:%s 0 0 %d\r\n%s\r\nquit\r\n' \
        "$1" "${#2}" "$2" |
        curl -q -sS -m 5 --unix-socket "$socket" telnet://localhost) || answer=
    case $answer in
    STORED*) say "  SID $1: $2" ;;
    *) die "could not store a session in memcached: ${answer:-no answer}" ;;
    esac
}

sign_everyone_in() {
    say "Sessions:"
    sign_in anna '{"sessionType": "PlainUserSession", "userId": "42"}'
    sign_in ben '{"sessionType": "PlainUserSession", "userId": "43"}'
    sign_in carl '{"sessionType": "PlainUserSession", "userId": "44"}'
    sign_in partner '{"sessionType": "PartnerKey"}'
}

# ---- The story ----

show_command() {
    line="\$ curl -i"
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:=-]*) line="$line '$word'" ;;
        *) line="$line $word" ;;
        esac
    done
    say "$line"
}

# step TITLE STATUS PATTERN CURL-ARGUMENT...: makes a request, shows it and
# its answer, and checks the status and that the pattern matches the body.
step() {
    printf '\n# %s\n' "$1"
    status=$2
    pattern=$3
    shift 3
    show_command "$@"
    curl -q -sS -m 10 --noproxy '*' -D "$run/headers" -o "$run/body" "$@" ||
        fail "curl failed"
    head -n 1 "$run/headers" | tr -d '\r'
    body=$(cat "$run/body")
    say "$body"
    got=$(head -n 1 "$run/headers" | cut -d ' ' -f 2 | tr -d '\r')
    [ "$got" = "$status" ] || fail "expected status $status, got $got"
    printf '%s\n' "$body" | grep -q "$pattern" ||
        fail "expected a body that matches: $pattern"
}

gadget() {
    printf '{"type": "gadget", "subject": {"courseId": "%s", ' "$1"
    printf '"gadgetId": "%s"}}' "$2"
}

lock_id() {
    say "$body" | sed 's/.*"id": *"\([0-9]*\)".*/\1/'
}

tell_story() {
    list="$url?subject.courseId=algebra"
    step "A partner lists the locks of a course: none yet." \
        200 '^\[\]$' -H 'SID: partner' "$list"
    step "Anna locks the quiz." \
        201 '"ownerId": *"42"' -H 'SID: anna' -d "$(gadget algebra quiz)" "$url"
    first=$(lock_id)
    step "Ben sees it. 1001 is the internal ID of the same course." \
        200 "\"$first\"" -H 'SID: ben' "$url?subject.courseId=1001"
    step "Ben cannot have it." \
        403 'Resource locked' \
        -H 'SID: ben' -d "$(gadget algebra quiz)" "$url"
    step "Anna renews: the same lock, the full time again." \
        201 "\"$first\"" -H 'SID: anna' -d "$(gadget algebra quiz)" "$url"
    step "Anna moves on to the essay, which releases the quiz." \
        201 '"gadgetId": *"essay"' \
        -H 'SID: anna' -d "$(gadget algebra essay)" "$url"
    second=$(lock_id)
    [ "$second" -gt "$first" ] || fail "expected an id greater than $first"
    step "The list shows the essay alone." \
        200 "^\[{[^{]*\"$second\"[^{]*{[^{]*\"essay\"[^{]*}\]\$" \
        -H 'SID: partner' "$list"
    step "Ben cannot release it for her." \
        403 'Insufficient permissions' -X DELETE -H 'SID: ben' "$url/$second"
    step "Anna releases it." \
        200 '^{}$' -X DELETE -H 'SID: anna' "$url/$second"
    step "Once is enough." \
        404 "Lock '$second' not found" -X DELETE -H 'SID: anna' "$url/$second"
    step "A load balancer asks whether locks can be taken here." \
        200 '^ok$' "$operators?health"
}

say_what_next() {
    cat <<END

The server is running at $url
Two editors side by side, to look at with a browser: ${url%locks}
Courses: algebra (internal ID 1001: quiz, essay, survey) and
geometry2 (1002: quiz). Anna may update algebra, Ben both, Carl neither.
All of it is in $run: httpd.conf, error.log, courses.db.

Type next, in another terminal:

  curl -i -H 'SID: ben' -d '$(gadget geometry2 quiz)' $url
  curl -i -H 'SID: partner' '$url?subject.courseId=geometry2'
  curl -i -H 'SID: carl' '$url?subject.courseId=algebra'
  curl -i '$url?subject.courseId=algebra'

Look at $operators: who holds what, how memcached is, and what
happened; locks can be broken there.

Ctrl-C ends everything and removes it.
END
}

wait_for_end() {
    trap 'say; exit 0' INT
    while runs "$(cat "$run/httpd.pid" 2>/dev/null)" "$run"; do
        # A signal interrupts wait at once, but no command in the foreground.
        sleep 1 &
        wait $! || :
    done
    fail "httpd ended"
}

parse_options "$@"
url=http://127.0.0.1:$port/locks
operators=$url-status
take_place
need_build_tools
need_servers
install_missing
httpd=$(find_httpd) || die "apxs names a server that is not there"
build
find_user
make_courses
start_memcached
start_httpd
sign_everyone_in
tell_story
if [ "$once" = yes ]; then
    printf '\nEvery answer was as expected.\n'
else
    say_what_next
    wait_for_end
fi
