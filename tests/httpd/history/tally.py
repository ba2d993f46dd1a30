# SPDX-License-Identifier: Apache-2.0
"""How much was checked, to be told at the end of the run."""

from collections import Counter

from .operation import LIST, LOCK, RESTART, UNLOCK

_runs = {}


def count(run, operations):
    """Counts a history that was checked."""
    counts = _runs.setdefault(run, Counter())
    counts["histories"] += 1
    for each in operations:
        counts[each.kind] += 1
        counts["unknown"] += each.unknown
        counts[each.kind, each.status] += 1
    return counts


def lines():
    """A line a run, and one for all."""
    total = Counter()
    for counts in _runs.values():
        total.update(counts)
    for run, counts in [*_runs.items(), ("all", total)] if _runs else ():
        requests = sum(counts[kind] for kind in (LOCK, UNLOCK, LIST))
        yield (f"{run}: {requests} requests in {counts['histories']}"
               f" histories, {counts['unknown']} of them with unknown outcome,"
               f" {counts[LOCK, 201]} granted, {counts[LOCK, 403]} refused,"
               f" {counts[UNLOCK, 200]} released, {counts[LIST, 200]} lists"
               + (f", {counts[RESTART]} restarts of the store"
                  if counts[RESTART] else ""))
