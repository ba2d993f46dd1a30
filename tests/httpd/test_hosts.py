# SPDX-License-Identifier: Apache-2.0
"""Two httpd hosts with one memcached, and clocks that differ; children that
die and hosts that restart are in test_histories.py, too."""

import threading
import time
from contextlib import ExitStack, contextmanager
from email.utils import parsedate_to_datetime

import pytest
from harness import contract
from harness.memcached import memcached
from harness.proxy import late_reply, reads, writes
from harness.site import broken_site, running_site
from harness.system import SLACK, eventually

TTL = 4.0
OFF = 3.0
SKEW = 5.0


@contextmanager
def two_hosts(clock, skew=""):
    """A site whose second host's clock is off."""
    config = f"LocksTTL {TTL:.0f}s\n{skew}"
    with ExitStack() as stack:
        store = stack.enter_context(memcached())
        site = stack.enter_context(running_site(store=store, config=config))
        other = stack.enter_context(running_site(
            store=store, config=config, clock=clock, database=site.database))
        site.second = other.httpd.address
        yield site


def offset_of(client):
    """How far its host's clock is ahead, in whole seconds."""
    answer = client.raw("GET", "/index.html", checked=False)
    return round(parsedate_to_datetime(answer.header("Date")).timestamp()
                 - time.time())


def lease(site):
    """A lock that the first host granted, its owner and a rival, both at the
    second; and when it was granted."""
    course = site.course()
    owner, rival = site.users(2, course)
    granted = time.monotonic()
    lock = contract.granted(owner.lock(course, "g1"), lease=int(TTL * 1000))
    return (course, owner, owner.at(site.second), rival.at(site.second), lock,
            granted)


def seconds_since(moment):
    return time.monotonic() - moment


def taken_at(rival, course, began):
    """Asks until the gadget is granted; returns the lock, when it was last
    refused, and when it was granted."""
    refused = 0.0
    while True:
        asked = seconds_since(began)
        answer = rival.lock(course, "g1")
        if answer.status == 201:
            return answer.json, refused, seconds_since(began)
        contract.taken(answer)
        refused = asked
        assert refused < 30
        time.sleep(0.05)


def one_holder(site, course, *clients):
    """Both hosts show the same lock, or none."""
    shown = {lock["id"] for client in clients
             for lock in contract.listed(client.locks(course),
                                         lease=int((TTL + OFF) * 1000))}
    assert len(shown) <= 1, shown


@pytest.mark.parametrize("clock", ["+3s", "-3s"])
def test_second_hosts_clock_is_off(clock):
    with two_hosts(clock) as site:
        user = site.user()
        assert offset_of(user) in (-1, 0, 1)
        assert offset_of(user.at(site.second)) in (
            int(clock[:-1]) - 1, int(clock[:-1]), int(clock[:-1]) + 1)


def test_within_the_skew_nobody_but_the_owner_takes_it():
    with two_hosts("+3s", f"LocksClockSkew {SKEW:.0f}s") as site:
        course, owner, _, rival, lock, began = lease(site)
        # Until the first host's deadline it is the owner's, everywhere.
        after, refused, granted = taken_at(rival, course, began)
        assert granted >= TTL + SKEW - OFF - SLACK
        assert refused <= TTL + SKEW - OFF + SLACK
        assert int(after["id"]) > int(lock["id"])
        contract.no_lock(owner.unlock(lock["id"]), lock["id"])


def test_between_deadline_and_skew_only_the_owner_gets_it():
    with two_hosts("+3s", f"LocksClockSkew {SKEW:.0f}s") as site:
        course, owner, away, rival, lock, began = lease(site)
        time.sleep(TTL - OFF + SLACK)
        # Over by the second host's clock, not by the first's.
        assert seconds_since(began) < TTL
        assert contract.listed(away.locks(course)) == []
        contract.no_lock(away.unlock(lock["id"]), lock["id"])
        contract.taken(rival.lock(course, "g1"))
        again = contract.granted(away.lock(course, "g1"),
                                 lease=int(TTL * 1000))
        assert int(again["id"]) > int(lock["id"])
        one_holder(site, course, owner, away)


def test_without_skew_a_lease_ends_early_and_nothing_worse():
    with two_hosts("+3s") as site:
        course, owner, away, rival, lock, began = lease(site)
        after, _, granted = taken_at(rival, course, began)
        assert TTL - OFF - SLACK <= granted <= TTL - OFF + 2 * SLACK
        assert int(after["id"]) > int(lock["id"])
        # The first host, whose clock says that the old one lives, knows.
        contract.no_lock(owner.unlock(lock["id"]), lock["id"])
        contract.taken(owner.lock(course, "g1"))
        one_holder(site, course, owner, away)


def test_host_that_is_behind_gives_growing_ids_too():
    with two_hosts("-3s") as site:
        course, owner, away, rival, lock, began = lease(site)
        contract.taken(rival.lock(course, "g1"))
        contract.released(owner.unlock(lock["id"]))
        ids = [int(lock["id"])]
        for number in range(6):
            client = (rival, owner)[number % 2]
            granted = contract.granted(client.lock(course, "g1"),
                                       lease=int((TTL + OFF) * 1000))
            ids.append(int(granted["id"]))
            contract.released(client.unlock(granted["id"]))
        assert ids == sorted(set(ids))


# ---- Children that die, hosts that restart ----

@pytest.mark.parametrize("when", [reads, writes], ids=["reading", "writing"])
def test_child_that_dies_in_mid_request_loses_nothing(when):
    with broken_site(timeout="2s") as site:
        course = site.course()
        owner, dying, rival = site.users(3, course)
        lock = contract.granted(owner.lock(course, "g1"))
        with site.proxy.fault(late_reply(1.0), when, skip=1):
            thread = threading.Thread(
                target=lambda: pytest.raises(Exception, dying.lock, course,
                                             "g2"))
            thread.start()
            time.sleep(0.3)
            for child in site.httpd.children():
                site.httpd.kill_child(lambda _, child=child: child)
            thread.join()
        contract.taken(eventually(lambda: answered(
            lambda: rival.lock(course, "g1"))))
        assert contract.held(owner.locks(course))["g1"] == (owner.user_id,
                                                            lock["id"])
        # What it left behind stands in nobody's way.
        answer = rival.lock(course, "g2")
        assert answer.status in (201, 403)
        contract.granted(dying.lock(course, "g3"))
        contract.granted(rival.lock(course, "g2"))


def answered(request):
    """The answer, once there is a child again."""
    try:
        return request()
    except OSError:
        return None


def test_graceful_restarts_under_load_answer_everybody():
    """Every request gets its answer, and the right one: whoever holds a
    gadget goes on holding it."""
    with running_site() as site:
        course = site.course(*[f"g{number}" for number in range(6)])
        people = site.users(6, course)
        locks = [contract.granted(person.lock(course, f"g{number}"))
                 for number, person in enumerate(people)]
        stop = threading.Event()
        failures = []
        asked = [0]

        def work(number, person):
            try:
                while not stop.is_set():
                    renewed = contract.granted(
                        person.lock(course, f"g{number}"))
                    assert renewed["id"] == locks[number]["id"]
                    assert len(contract.listed(person.locks(course))) == 6
                    asked[0] += 2
            except Exception as error:  # shown by the thread that waits
                failures.append(error)

        threads = [threading.Thread(target=work, args=each)
                   for each in enumerate(people)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            site.httpd.restart_gracefully()
            time.sleep(0.2)
        stop.set()
        for thread in threads:
            thread.join()
        assert not failures, failures
        assert asked[0] > 50
