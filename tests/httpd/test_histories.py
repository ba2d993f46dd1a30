# SPDX-License-Identifier: Apache-2.0
"""Real requests of many clients on two httpd hosts with one memcached, and
everything that goes wrong meanwhile: each history has to be one that a service
could have had that does one thing after the other (harness/service.py).

LOCKS_HISTORY_SECONDS says how long each kind runs; LOCKS_HISTORY_SEED which
history comes first.
"""

import os
import random
import time
from contextlib import ExitStack

import pytest
from harness import proxy
from harness.memcached import memcached
from harness.proxy import FaultProxy
from harness.recorder import record
from harness.service import FOREVER, Call
from harness.site import running_site

SECONDS = float(os.environ.get("LOCKS_HISTORY_SECONDS", "5"))
SEED = int(os.environ.get("LOCKS_HISTORY_SEED") or time.time())
TIMEOUT = 0.25

FAULTS = [proxy.swallow, proxy.lose_reply, proxy.cut_before, proxy.cut_after,
          proxy.cut_within_reply, proxy.answer(b"SERVER_ERROR busy"),
          proxy.late_effect(2 * TIMEOUT), proxy.late_reply(2 * TIMEOUT),
          proxy.late_reply(TIMEOUT / 2)]


class World:
    """Two hosts, each with a proxy of its own before the one memcached."""

    def __init__(self, stack, ttl="5m"):
        self.store = stack.enter_context(memcached())
        # Sessions are elsewhere, so that what befalls locks is seen.
        sessions = stack.enter_context(memcached())
        self.proxies = []
        self.sites = []
        for _ in range(2):
            self.proxies.append(FaultProxy(self.store.address))
            stack.callback(self.proxies[-1].close)
            self.sites.append(stack.enter_context(running_site(
                store=sessions, address=self.proxies[-1].name,
                timeout=f"{int(TIMEOUT * 1000)}ms",
                config=f"LocksSessionStore memcached:{sessions.name}\n"
                       f"LocksTTL {ttl}",
                database=self.sites[0].database if self.sites else None)))
        self.hosts = [site.httpd.address for site in self.sites]

    def run(self, kind, meanwhile=None, seconds=SECONDS, **settings):
        """Records and checks one history after the other."""
        histories = requests = unknown = 0
        end = time.monotonic() + seconds
        while histories == 0 or time.monotonic() < end:
            seed = SEED + histories
            recorder = record(self.sites[0], self.hosts, seed,
                              meanwhile=meanwhile, **settings)
            recorder.check(f"{kind}: LOCKS_HISTORY_SEED={seed}")
            requests += recorder.requests
            unknown += sum(call.end == FOREVER for call in recorder.calls)
            histories += 1
        print(f"\n{kind}: {histories} histories, {requests} requests,"
              f" {unknown} changes with unknown end")
        return requests, unknown


@pytest.fixture(scope="module")
def world():
    with ExitStack() as stack:
        yield World(stack)


def test_nothing_goes_wrong(world):
    requests, unknown = world.run("nothing goes wrong", actions=25)
    assert requests > 100 and unknown == 0


def test_connections_misbehave(world):
    def meanwhile(_recorder, chance):
        for _ in range(6):
            way = chance.choice(world.proxies)
            match = chance.choice([proxy.writes, proxy.reads])
            with way.fault(chance.choice(FAULTS), match,
                           skip=chance.randrange(6), times=1):
                time.sleep(0.03)
        for way in world.proxies:
            way.cut_all()

    _, unknown = world.run("connections misbehave", meanwhile)
    assert unknown > 0


def test_memcached_hangs_and_goes_on(world):
    def meanwhile(_recorder, chance):
        time.sleep(chance.random() * 0.1)
        world.store.pause()
        time.sleep(chance.choice([0.1, 0.3, 0.6]))
        world.store.resume()

    world.run("memcached hangs", meanwhile, pause=0.05)


def test_memcached_is_killed_and_comes_back_empty(world):
    def meanwhile(recorder, chance):
        time.sleep(chance.random() * 0.15)
        start = time.monotonic()
        world.store.restart()
        recorder.add(Call("wipe", start=start, end=time.monotonic()))

    world.run("memcached is emptied", meanwhile, pause=0.05)


def test_children_are_killed(world):
    def meanwhile(_recorder, chance):
        time.sleep(chance.random() * 0.1)
        for site in world.sites:
            site.httpd.kill_child(chance.choice)

    world.run("children are killed", meanwhile, pause=0.03)


def test_hosts_restart_gracefully(world):
    def meanwhile(_recorder, chance):
        time.sleep(chance.random() * 0.05)
        chance.choice(world.sites).httpd.restart_gracefully()

    world.run("graceful restarts", meanwhile, actions=20, pause=0.05)


def test_locks_expire():
    with ExitStack() as stack:
        world = World(stack, ttl="1s")
        world.run("short leases", lease=1.0, actions=20, pause=0.25)


def test_histories_that_are_falsified_are_found(world):
    """The checker on real histories, with one answer changed."""
    found = tried = 0
    for seed in range(SEED, SEED + 4):
        recorder = record(world.sites[0], world.hosts, seed, actions=25)
        recorder.check()
        chance = random.Random(seed)
        done = [number for number, call in enumerate(recorder.calls)
                if call.answer == "held"
                or (call.kind == "acquire" and call.answer == "done")]
        for number in chance.sample(done, 8):
            original = recorder.calls[number]
            if original.answer == "held":
                changed = original._replace(answer="done", id=10**18,
                                            earliest=original.start + 300,
                                            latest=original.end + 300)
            else:
                changed = original._replace(answer="held")
            recorder.calls[number] = changed
            tried += 1
            try:
                recorder.check()
            except AssertionError:
                found += 1
            recorder.calls[number] = original
    assert found * 4 >= tried * 3, (found, tried)
