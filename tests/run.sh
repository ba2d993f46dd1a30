#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: sh tests/run.sh [PYTEST-ARGUMENT...]
#
# Runs every test: installs what is missing (Debian; as root or with sudo),
# builds with warnings as errors, runs make check, then the tests that start
# an httpd of their own. Arguments go to pytest, for example: -k fence -x
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=conf/prepare.sh
. "$root/conf/prepare.sh"

# Debian's Python, which has Debian's packages, whatever else is in PATH.
python=/usr/bin/python3
build=$root/.build/test-$(id -u)

# Does clang come with libFuzzer and the sanitizers?
has_libfuzzer() {
    printf '%s\n' 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long s)' \
        '{ return s > 1 && !d; }' |
        clang -fsanitize=fuzzer,address,undefined -x c - -o /dev/null
}

# Is mod_auth_openidc there? apxs may be missing yet; then it is asked for too.
has_openidc() {
    [ -e "$(apxs -q LIBEXECDIR)/mod_auth_openidc.so" ]
}

# Are the counts of tests/bench/instructions.txt for this system?
has_counts() {
    # shellcheck source=/dev/null
    [ "$(. /etc/os-release && say "$ID $VERSION_ID $(uname -m)")" = \
        "debian 12 x86_64" ]
}

has_chromium() {
    command -v chromium || command -v chromium-browser
}

# What comes from npm's registry, since Debian has no such package, or an older
# one: what judges pages by how accessible they are, conf/openapi.yaml by the
# schemas of OpenAPI 3.1, what checks the types of the client for browsers, and
# what makes it small, which has to be the version that made it.
npm=$root/.build/npm-$(id -u)
axe='axe-core@4.14.1'
openapi='@seriousme/openapi-schema-validator@2.11.0'
typescript='typescript@5.6.3'
terser='terser@5.16.5'

# install_from_npm NAME@VERSION: unless it is there.
install_from_npm() {
    grep -qF "\"version\": \"${1##*@}\"" \
        "$npm/node_modules/${1%@*}/package.json" 2>/dev/null && return
    mkdir -p "$npm" &&
        npm install --no-save --ignore-scripts --no-audit --no-fund \
            --cache "$npm/cache" --prefix "$npm" "$axe" "$openapi" \
            "$typescript" "$terser"
}

need_build_tools
need_servers
need_databases
need python3-psycopg2 python3-psycopg2 "$python" -c 'import psycopg2'
need python3-pymysql python3-PyMySQL "$python" -c 'import pymysql'
need check check-devel pkg-config --exists 'check >= 0.10'
need binutils binutils command -v nm
need python3-pytest python3-pytest "$python" -c 'import pytest'
need openssl openssl command -v openssl
need prometheus golang-github-prometheus command -v promtool
need libapache2-mod-auth-openidc mod_auth_openidc has_openidc
need faketime libfaketime command -v faketime
need chromium chromium has_chromium
need chromium-driver chromedriver command -v chromedriver
need python3-selenium python3-selenium "$python" -c 'import selenium'
need python3-yaml python3-pyyaml "$python" -c 'import yaml'
need python3-jsonschema python3-jsonschema "$python" -c 'import jsonschema'
need npm npm command -v npm
need "clang libclang-rt-14-dev" "clang compiler-rt" has_libfuzzer
need nodejs nodejs command -v node
need valgrind valgrind-devel test -e /usr/include/valgrind/callgrind.h
need wrk wrk command -v wrk
install_missing

for module in "$axe" "$openapi" "$typescript" "$terser"; do
    install_from_npm "$module" || die "could not install $module from npm's" \
        "registry. tests/run.sh needs a way to registry.npmjs.org."
done

failed=

say "== Build =="
build_module "$build" --enable-werror || die "the build failed"

say "== Alert rules =="
sh "$root/tests/prometheus/test_rules.sh" || failed="$failed rules"

say "== make check =="
make -C "$build/objects" -j "$(getconf _NPROCESSORS_ONLN)" check VERBOSE=1 ||
    failed="$failed make-check"

say "== Instructions =="
if has_counts; then
    make -C "$build/objects" bench-instructions \
        INSTRUCTIONS="$root/tests/bench/instructions.txt" ||
        failed="$failed instructions"
else
    say "Not compared: the counts are those of Debian 12 on x86-64."
fi

say "== Fuzzing, a little =="
make -C "$build/objects" fuzz FUZZ_SECONDS=5 || failed="$failed fuzz"

say "== The client for browsers =="
# As it is shipped, and what that is made of.
for file in locks.js locks.src.js; do
    (
        cd "$root"
        LOCKS_JS=$file TSC=$npm/node_modules/.bin/tsc
        TERSER=$npm/node_modules/.bin/terser
        export LOCKS_JS TSC TERSER
        exec node --test tests/client/*.test.mjs
    ) || failed="$failed client"
done

say "== Debian package =="
if [ -e /etc/debian_version ]; then
    sh "$root/tests/package/test_deb.sh" "$build" || failed="$failed package"
else
    say "Not tested: this is no Debian."
fi

say "== Tests against httpd =="
# No cache and no byte code: nothing is left in the source tree.
(
    cd "$root"
    LOCKS_MODULE=$build/objects/mod_locks/.libs/mod_locks.so
    LOCKS_AXE=$npm/node_modules/${axe%@*}/axe.min.js
    LOCKS_OPENAPI=$npm/node_modules/${openapi%@*}
    PYTHONDONTWRITEBYTECODE=1
    export LOCKS_MODULE LOCKS_AXE LOCKS_OPENAPI PYTHONDONTWRITEBYTECODE
    exec "$python" -m pytest -p no:cacheprovider tests/httpd "$@"
) || failed="$failed httpd"

say "== Summary =="
if [ -n "$failed" ]; then
    say "FAILED:$failed"
    exit 1
fi
say "Everything passed."
