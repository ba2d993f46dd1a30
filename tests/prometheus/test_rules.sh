#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The alert rules hold in promtool's eyes and pass their unit tests; each
# alert says how bad it is, what happened and what to do, and has a section in
# the running guide. Rules and dashboard name no metric, and no value of a
# label, that the module does not send.
set -eu

cd "${LOCKS_SOURCE:-$(dirname "$0")/../..}"
failures=0
rules=conf/prometheus/mod_locks.rules.yml
dashboard=conf/grafana/mod_locks.json
guide=conf/docs/running.md

fail() {
    printf 'FAIL: %s\n' "$*"
    failures=$((failures + 1))
}

command -v promtool >/dev/null || {
    fail "promtool is not there: apt-get install prometheus"
    exit 1
}
promtool check rules "$rules" || fail "$rules is not well-formed"
promtool test rules tests/prometheus/mod_locks.test.yml ||
    fail "the rules do not raise what they should"

/usr/bin/python3 -m json.tool "$dashboard" >/dev/null ||
    fail "$dashboard is no JSON"

# ---- Each alert ----

alerts=$(sed -n 's/^ *- alert: //p' "$rules")
[ "$(printf '%s\n' "$alerts" | wc -l)" -ge 13 ] || fail "hardly any alert"

# section ALERT: its lines in the rules.
section() {
    awk -v head="- alert: $1" '/- alert:/ { inside = index($0, head) &&
        substr($0, index($0, head)) == head } inside' "$rules"
}

for alert in $alerts; do
    for word in 'severity: [a-z]' 'summary: ".' 'description: >-'; do
        section "$alert" | grep -q "$word" || fail "$alert has no $word"
    done
    anchor=$(printf '%s' "$alert" | tr '[:upper:]' '[:lower:]')
    section "$alert" | grep -qF "runbook: \"running.md#$anchor\"" ||
        fail "$alert does not lead to its section"
    grep -qx "### $alert" "$guide" || fail "$guide has no section on $alert"
    grep -qF "alertname=\"$alert\"" tests/prometheus/mod_locks.test.yml ||
        fail "$alert is not tested"
done
# Names of alerts are words without blanks.
# shellcheck disable=SC2013
for heading in $(sed -n 's/^### \(ModLocks.*\)/\1/p' "$guide"); do
    printf '%s\n' "$alerts" | grep -qx "$heading" ||
        fail "$guide tells of $heading, which is no alert"
done

# ---- Names ----

metrics=mod_locks/mod_locks_metrics.c
code=$(tr -s ' \n' '  ' <$metrics)
# families TYPE: the names that the code sends as this type.
families() {
    {
        printf '%s\n' "$code" |
            grep -oE "begin\(to, \"[a-z_]+\", \"$1\"" | cut -d '"' -f 2
        printf '%s\n' "$code" |
            grep -oE "\{\"[a-z_]+\", \"$1\"," | cut -d '"' -f 2
        case $1 in
        gauge)
            printf '%s\n' "$code" |
                grep -oE '[^a-z]gauge\(to, "[a-z_]+"' | cut -d '"' -f 2
            ;;
        counter)
            printf '%s\n' "$code" |
                grep -oE 'counters\(to, "[a-z_]+"' | cut -d '"' -f 2
            names locks_event_names
            ;;
        esac
    } | sed 's/^/mod_locks_/'
}

# names ARRAY: the names in one of the arrays of the counters.
names() {
    sed -n "/^const char \*const $1\[/,/^}/p" mod_locks/locks_counters.c |
        sed -n 's/.*= "\([a-z_]*\)",/\1/p'
}

sent=$(
    families gauge
    families counter | sed 's/$/_total/'
    families histogram | sed 's/\(.*\)/\1_bucket\n\1_sum\n\1_count/'
)
[ "$(printf '%s\n' "$sent" | wc -l)" -ge 35 ] ||
    fail "too few metrics found in the sources"
values=$(
    for array in endpoint outcome timed decision store_failure; do
        names "locks_${array}_names"
    done
    printf 'locks\nsessions\n'
)
for file in "$rules" "$dashboard" tests/prometheus/mod_locks.test.yml; do
    used=$(grep -oE '\<mod_locks_[a-z_]+' "$file" | sort -u) || :
    [ -n "$used" ] || fail "$file names no metric"
    for name in $used; do
        printf '%s\n' "$sent" | grep -qx "$name" ||
            fail "$file names $name, which is not sent"
    done
    # In JSON a backslash stands before each quote.
    # shellcheck disable=SC1003
    for value in $(tr -d '\\' <"$file" | grep -oE \
        '(endpoint|outcome|operation|decision|kind|holds)=~?"[a-z_|]+"' |
        cut -d '"' -f 2 | tr '|' '\n' | sort -u); do
        printf '%s\n' "$values" | grep -qx "$value" ||
            fail "$file names the value $value, which is not sent"
    done
done

# What a running site sent, if it is given.
if [ $# -gt 0 ]; then
    sed -n 's/^\(mod_locks_[a-z_]*\).*/\1/p' "$1" | sort -u >"$1.names"
    printf '%s\n' "$sent" | sort -u | diff "$1.names" - ||
        fail "a site sends other names than the sources have"
    rm -f "$1.names"
fi

[ "$failures" -eq 0 ]
