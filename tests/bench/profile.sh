#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: sh tests/bench/profile.sh [--seconds NUMBER]
#
# Says where the time goes under three loads: store, JSON, httpd, locks,
# database. Installs what is missing (Debian; as root or with sudo), builds, and
# writes tests/bench/results/profile.md. perf looks at the whole machine, which
# root may, or whom kernel.perf_event_paranoid lets.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
# shellcheck source=tests/bench/prepare.sh
. "$root/tests/bench/prepare.sh"

need_bench
need linux-perf perf command -v perf
need binutils binutils command -v nm
install_missing
mkdir -p "$root/.build"
bench_main profiling "$@"
