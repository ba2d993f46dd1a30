# SPDX-License-Identifier: Apache-2.0
"""Histories of many clients on two hosts are those of one lock service that
does one thing at a time, whatever befalls hosts and store meanwhile.

LOCKS_HISTORY_SECONDS says how long each kind of trouble is tried, 3 by
default; LOCKS_HISTORY_SEED begins with a seed that failed.
"""

import os
import random
import secrets
import time

from harness.hosts import two_hosts
from history import mutate, tally, trouble
from history.checker import check, told
from history.operation import LIST, LOCK, UNLOCK
from history.players import play

SECONDS = float(os.environ.get("LOCKS_HISTORY_SECONDS", 3))
# The longest that one history takes.
ROUND = 3.0


def histories(hosts, name, happening=None, lease=None, **settings):
    """Plays, checks and counts until the time is over."""
    end = time.monotonic() + SECONDS
    seed = int(os.environ.get("LOCKS_HISTORY_SEED", secrets.randbits(32)))
    while True:
        operations = play(hosts, seed, min(ROUND, SECONDS), happening,
                          **settings)
        violation = check(operations, lease)
        assert violation is None, (
            f"LOCKS_HISTORY_SEED={seed}: {told(violation, operations)}")
        counts = tally.count(name, operations)
        if time.monotonic() > end:
            return counts, operations
        seed += 1


def test_without_trouble():
    with two_hosts() as hosts:
        counts, operations = histories(hosts, "no trouble")
    assert counts["unknown"] == 0
    for answer in ((LOCK, 201), (LOCK, 403), (UNLOCK, 200), (UNLOCK, 403),
                   (UNLOCK, 404), (LIST, 200)):
        assert counts[answer] >= 10, (answer, counts)
    finds_falsified_answers(operations)


def finds_falsified_answers(operations):
    """The history just accepted, with one answer changed, is rejected."""
    start = sorted(operations, key=lambda each: each.start)[:400]
    end = max(each.start for each in start)
    start = [each for each in start if each.end < end]
    falsified = found = 0
    for seed in range(40):
        chance = random.Random(seed)
        wrong = mutate.falsified(chance, start,
                                 mutate.FAULTS[seed % len(mutate.FAULTS)])
        if wrong is not None:
            falsified += 1
            found += check(wrong) is not None
    assert falsified >= 20 and found >= 0.7 * falsified, (found, falsified)


def test_while_the_network_breaks():
    with two_hosts(timeout="150ms", with_proxies=True) as hosts:
        counts, _ = histories(hosts, "network", trouble.network)
    assert counts["unknown"] > 0 and counts[LOCK, 201] > 20, counts


def test_while_memcached_freezes():
    with two_hosts(timeout="100ms") as hosts:
        counts, _ = histories(hosts, "memcached frozen", trouble.frozen)
    assert counts["unknown"] > 0 and counts[LOCK, 201] > 20, counts


def test_while_memcached_restarts_empty():
    with two_hosts(timeout="100ms") as hosts:
        counts, _ = histories(hosts, "memcached emptied", trouble.emptied)
    assert counts["restart"] > 0 and counts[LOCK, 201] > 20, counts


def test_while_children_are_killed():
    with two_hosts() as hosts:
        counts, _ = histories(hosts, "children killed", trouble.killed)
    assert counts["unknown"] > 0 and counts[LOCK, 201] > 20, counts


def test_while_hosts_restart_gracefully():
    with two_hosts() as hosts:
        counts, _ = histories(hosts, "graceful restarts", trouble.restarted)
    assert counts[LOCK, 503] == 0 and counts[LOCK, 201] > 20, counts


def test_while_clocks_differ():
    """Where no lease ends meanwhile, clocks do not matter at all."""
    with two_hosts(clocks=("+2s", "-2s")) as hosts:
        counts, _ = histories(hosts, "clocks 4 s apart")
    assert counts["unknown"] == 0 and counts[LOCK, 201] > 20, counts


def test_while_leases_end():
    with two_hosts("LocksTTL 1s", with_proxies=True) as hosts:
        counts, _ = histories(hosts, "leases of 1 s", trouble.late_looks,
                              lease=1_000_000_000, idle=0.05)
    assert counts[LOCK, 201] > 20, counts
