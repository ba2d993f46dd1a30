#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: sh tests/bench/soak.sh [--minutes NUMBER]
#
# Thirty minutes of mixed load at half of the most that the server can do, and
# whether memory stayed, nothing was a 5xx, and it stayed as fast. Installs what
# is missing (Debian; as root or with sudo), builds, and writes
# tests/bench/results/soak.md and soak.json.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
# shellcheck source=tests/bench/prepare.sh
. "$root/tests/bench/prepare.sh"

need_bench
install_missing
mkdir -p "$root/.build"
bench_main soak "$@"
