# SPDX-License-Identifier: Apache-2.0
"""Prefer: wait=N on POST, and what befalls requests that wait"""

import signal
import threading
import time

import pytest

from harness import contract
from harness.hosts import two_hosts
from harness.keys import slots_key
from harness.proxy import key_begins, reads
from harness.site import broken_site, running_site
from harness.system import eventually
from harness.waits import (INTERVAL, ON, SOON, applied, ask, etag, later, wait,
                           waiting)

VHOSTS = {"short": "LocksTTL 1s", "explains": "LocksExplain on",
          "skewed": "LocksTTL 1s\nLocksClockSkew 1s"}


@pytest.fixture(scope="module")
def site():
    with running_site(mpm="one child", config=ON, vhosts=VHOSTS) as site:
        yield site


# ---- POST ----

ENDS = {
    "release": lambda user, course: user.own("DELETE"),
    "move": lambda user, course: user.lock(course, "g2"),
}


@pytest.mark.parametrize("end", ENDS)
def test_gadget_is_granted_when_it_is_free(site, course, end):
    user, other = site.users(2, course)
    lock = contract.granted(user.lock(course, "g1"))
    with waiting(lambda: ask(other, course, 9)) as [future]:
        time.sleep(INTERVAL)
        assert not future.done()
        began = time.monotonic()
        ENDS[end](user, course)
        answer = future.result()
    assert time.monotonic() - began < 0.5
    new = contract.granted(answer, owner=other.user_id)
    assert int(new["id"]) > int(lock["id"])
    applied(answer, 9)


@pytest.mark.parametrize("vhost, least", [("short", 0.7), ("skewed", 1.7)])
def test_gadget_is_granted_when_the_lock_ends(site, course, vhost, least):
    user, other = site.users(2, course, vhost=vhost)
    contract.granted(user.lock(course, "g1"), lease=1000)
    answer = ask(other, course, 9)
    contract.granted(answer, lease=1000)
    later(answer, least, least + 0.3 + SOON)


def test_refusal_after_all(site, course):
    user, other = site.users(2, course)
    contract.granted(user.lock(course, "g1"))
    answer = ask(other, course, 1)
    contract.taken(answer)
    later(answer, 1, 1.6)
    applied(answer, 1)


def test_exactly_one_of_several_is_granted_each_time(site, course):
    user, *others = site.users(4, course)
    contract.granted(user.lock(course, "g1"))
    with waiting(*[lambda other=other: (other, ask(other, course, 9))
                   for other in others]) as futures:
        left, holder = set(futures), user
        while left:
            contract.released(holder.own("DELETE"))
            eventually(lambda: any(future.done() for future in left), 2)
            time.sleep(INTERVAL * 1.5)
            [done] = [future for future in left if future.done()]
            holder, answer = done.result()
            contract.granted(answer, owner=holder.user_id)
            left.remove(done)


def test_gadget_that_is_held_only_for_a_moment_is_not_missed():
    """Who waits finds it free, comes too late, and it is free again before
    the next look, which finds all as it was."""
    with two_hosts("LocksWaitMax 10s\nLocksWaitInterval 500ms",
                   mpm="one child", with_proxies=True) as hosts:
        course = hosts.site.course()
        people = hosts.site.users(3, course)
        user, third = (each.at(hosts.addresses[1]) for each in people[:2])
        contract.granted(user.lock(course, "g1"))

        def come_first(exchange):
            contract.granted(third.lock(course, "g1"))
            exchange.pass_on()
            leaving.start()

        leaving = threading.Timer(0.15, lambda: third.own("DELETE"))

        with waiting(lambda: ask(people[2], course, 6)) as [future]:
            contract.released(user.own("DELETE"))
            # The look comes first, then the request.
            with hosts.proxies[0].fault(
                    come_first, key_begins(slots_key(course)), 1, 1) as fault:
                contract.granted(future.result())
                assert fault.hits == 1
            leaving.join()


def test_refusals_of_earlier_tries_leave_no_trace(site, course):
    user, other = site.users(2, course, vhost="explains")
    lock = contract.granted(user.lock(course, "g1"))
    with waiting(lambda: ask(other, course, 9)) as [future]:
        contract.released(user.unlock(lock["id"]))
        answer = future.result()
    contract.granted(answer)
    assert answer.header("Retry-After") is None
    contract.explained(ask(user, course, 1), answer.json["id"])


# ---- Ends ----

@pytest.mark.parametrize("interval", ["200ms", "10s"])
def test_graceful_restart_ends_waits(interval):
    with running_site(mpm="one child", config="LocksWaitMax 60s\n"
                      f"LocksWaitInterval {interval}") as site:
        course = site.course()
        user, other = site.users(2, course)
        contract.granted(other.lock(course, "g1"))
        value = etag(user, course)
        with waiting(lambda: wait(user, course, 60, value),
                     lambda: ask(user, course, 60)) as futures:
            began = time.monotonic()
            site.httpd.restart_gracefully()
            contract.unchanged(futures[0].result(), value)
            contract.taken(futures[1].result())
            assert time.monotonic() - began < 6
        with waiting(lambda: wait(user, course, 60, value)) as [future]:
            began = time.monotonic()
            site.httpd._process.send(signal.SIGWINCH)
            contract.unchanged(future.result(), value)
            assert time.monotonic() - began < 2
        eventually(lambda: not site.httpd.running(), 10)
        site.httpd.running = lambda: True


# ---- What a wait holds, and what befalls it ----

def test_store_that_fails_meanwhile_is_503():
    with broken_site(mpm="one child", config=ON + "LocksExplain on") as site:
        course = site.course()
        user, other = site.users(2, course)
        contract.granted(other.lock(course, "g1"))
        value = etag(user, course)
        with waiting(lambda: wait(user, course, 9, value),
                     lambda: ask(user, course, 9)) as futures:
            site.proxy.refuse()
            try:
                for future in futures:
                    answer = future.result()
                    contract.unavailable(answer)
                    assert answer.header("ETag") is None
            finally:
                site.proxy.accept()


def test_store_that_fails_for_a_moment_is_survived():
    with broken_site(mpm="one child", config=ON) as site:
        course = site.course()
        user, other = site.users(2, course)
        value = etag(user, course)
        with waiting(lambda: wait(user, course, 9, value)) as [future]:
            with site.proxy.fault(lambda exchange: exchange.reply(
                    b"SERVER_ERROR busy\r\n"), match=reads, times=1):
                time.sleep(2 * INTERVAL)
            assert not future.done()
            contract.granted(other.lock(course, "g1"))
            assert future.result().status == 200


def test_others_are_served_while_several_wait():
    """Not one of them keeps a connection to the store or the database."""
    with running_site(mpm="one child", config=ON + """
DBDMin 1
DBDKeep 1
DBDMax 1
""") as site:
        course = site.course()
        user, other, third = site.users(3, course)
        contract.granted(other.lock(course, "g1"))
        value = etag(user, course)
        with waiting(lambda: wait(user, course, 3, value),
                     lambda: ask(user, course, 3),
                     lambda: wait(third, course, 3, value)) as futures:
            for _ in range(10):
                for answer in (third.lock(course, "g1"),
                               third.lock(course, "nosuch"),
                               user.locks(course),
                               other.lock(course, "g1")):
                    assert answer.elapsed < 0.5
            assert not any(future.done() for future in futures)
        contract.unchanged(futures[0].result(), value)
        contract.taken(futures[1].result())
