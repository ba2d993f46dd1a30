#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: sh tests/bench/run.sh [OPTION...]
#
# Compares mod_locks with a trivial handler, a page in PHP, mod_dav and etcd:
# installs what is missing (Debian; as root or with sudo), builds, measures in
# alternated rounds, and writes table, chart and numbers to tests/bench/results.
# --help lists the options.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
# shellcheck source=tests/bench/prepare.sh
. "$root/tests/bench/prepare.sh"

need_bench
need_peers
install_missing
mkdir -p "$root/.build"
bench_main compare "$@"
