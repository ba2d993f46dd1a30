# SPDX-License-Identifier: Apache-2.0
"""What befalls hosts and their store while clients play: each function lets
one thing happen and ends when it is over."""

import time
from contextlib import ExitStack

from harness import proxy

from .operation import RESTART, Operation


def slow(seconds):
    """It arrives late, and is answered."""
    def act(exchange):
        time.sleep(seconds)
        exchange.pass_on()
    return act


def _fault(chance):
    """Something that befalls commands on their way to memcached, and how
    many of them. One that costs a timeout comes seldom and alone: it keeps
    others from being asked at all for a while."""
    if chance.random() < 0.2:
        return chance.choice((
            proxy.swallow, proxy.lose_reply, proxy.trickle(0.005),
            proxy.late_effect(chance.uniform(0.02, 0.4)),
            proxy.late_reply(chance.uniform(0.02, 0.4)))), 1
    return chance.choice((
        proxy.cut_before, proxy.cut_after, proxy.cut_within_reply,
        proxy.answer(b"SERVER_ERROR out of memory storing object"),
        slow(chance.uniform(0.05, 0.13)))), chance.randint(1, 8)


def network(hosts, chance, board):
    """The ways to the store break, differently for each host."""
    with ExitStack() as stack:
        for way in hosts.proxies:
            way.latency = chance.choice((0, 0, 0.002, 0.01))
            if chance.random() < 0.05:
                way.refuse()
                stack.callback(way.accept)
            elif chance.random() < 0.9:
                act, times = _fault(chance)
                stack.enter_context(way.fault(
                    act,
                    chance.choice((proxy.writes, proxy.reads,
                                   proxy.key_begins("locks:lease:"))),
                    skip=chance.randint(0, 5), times=times))
        board.stop.wait(chance.uniform(0.02, 0.15))
    board.stop.wait(chance.uniform(0, 0.05))


def late_looks(hosts, chance, board):
    """The store's answers to reads take their time on one of the ways."""
    way = chance.choice(hosts.proxies)
    with way.fault(proxy.late_reply(chance.uniform(0.05, 0.2)), proxy.reads,
                   times=chance.randint(1, 4)):
        board.stop.wait(chance.uniform(0.05, 0.3))


def frozen(hosts, chance, board):
    """memcached stands still; what it was sent takes effect afterwards."""
    hosts.store.pause()
    try:
        board.stop.wait(chance.uniform(0.02, 0.35))
    finally:
        hosts.store.resume()
    board.stop.wait(chance.uniform(0.05, 0.4))


def emptied(hosts, chance, board):
    """memcached is killed and comes back without its data."""
    board.stop.wait(chance.uniform(0.2, 0.6))
    start = time.monotonic_ns()
    hosts.store.stop()
    end = time.monotonic_ns()
    board.stop.wait(chance.choice((0, 0, 0.1)))
    back = time.monotonic_ns()
    hosts.store.start()
    board.operations.append(Operation(RESTART, start, end, back=back))


def killed(hosts, chance, board):
    """A child of one of the httpd is killed in the midst of its requests."""
    chance.choice(hosts.sites).httpd.kill_child(chance.choice)
    board.stop.wait(chance.uniform(0.1, 0.6))


def restarted(hosts, chance, board):
    """One of the httpd reads its configuration anew."""
    chance.choice(hosts.sites).httpd.restart_gracefully()
    board.stop.wait(chance.uniform(0.1, 0.5))
