# SPDX-License-Identifier: Apache-2.0
"""What Prometheus scrapes: the formats' grammars, and counters that grow by
what was done, over all children and restarts."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import contract, exposition
from harness.client import Wire
from harness.keys import lease_key, slots_key
from harness.proxy import (answer, cut_before, lose_reply, named, reads,
                           swallow)
from harness.site import LOCATION, broken_site, running_site
from harness.status import OPEN_METRICS, STATUS, Status
from harness.system import eventually, program

TTL = 1.0
BREAKER_TIMEOUTS = 3


@pytest.fixture(scope="module")
def site():
    """Several children; a virtual host whose locks are brief."""
    with broken_site(location=LOCATION + STATUS, timeout="300ms",
                     vhosts={"brief": f"LocksTTL {TTL:.0f}s",
                             "small": "LocksMaxPerCourse 1"}) as site:
        site.status = Status(site.httpd.addresses["direct"])
        yield site


@pytest.fixture
def status(site):
    # Watching sees what befalls the store, too, and settles first.
    eventually(lambda: site.status.health() is None)
    return site.status


@pytest.fixture
def course(site):
    return site.course("g1", "g2", "g3", "g4")


def deeds(grown):
    """What grew, without durations and round trips."""
    return {name: value for name, value in grown.items()
            if "duration" not in name}


# ---- Formats ----

@pytest.mark.parametrize("is_open", [False, True])
def test_grammar(site, status, course, is_open):
    contract.granted(site.user(course).lock(course, "g1"))
    text = status.get("metrics", [OPEN_METRICS] if is_open else []
                      ).body.decode()
    families = exposition.families(text, is_open)
    assert len(families) > 25
    for family in families:
        assert family.samples, family
    with pytest.raises(AssertionError):
        exposition.families(text, not is_open)


def test_accept_decides_and_caches_know_it(status):
    for accept, is_open in (("text/plain", False), ("*/*", False),
                            ("application/openmetrics-text", True),
                            ("application/openmetrics-text;version=1.0.0,"
                             "text/plain;version=0.0.4;q=0.5", True)):
        answered = status.get("metrics", [("Accept", accept)])
        assert "Accept" in answered.header("Vary")
        assert answered.body.endswith(b"# EOF\n") == is_open, accept


def test_promtool_has_nothing_to_complain_about(site, status, course):
    contract.granted(site.user(course).lock(course, "g1"))
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=status.get("metrics").body, capture_output=True)
    complaints = (checked.stdout + checked.stderr).decode()
    assert checked.returncode == 0 and complaints == "", complaints


def test_names_are_told_in_labels(site, status):
    metrics = status.metrics()
    assert metrics[f"store_up locks {site.store.name}"] == 1
    assert metrics[f"store_evictions_possible locks {site.store.name}"] == 1
    for name in ("items", "memory_bytes", "memory_limit_bytes",
                 "uptime_seconds", "cas_enabled"):
        assert metrics[f"store_{name} locks {site.store.name}"] > 0
    assert 0 < time.time() - metrics["start_time_seconds"] < 600


# ---- What was done ----

def test_locks_from_grant_to_release(site, status, course):
    elsewhere = site.course()
    user, other = site.users(2, course, elsewhere)
    with status.counting() as grown:
        contract.granted(user.lock(course, "g1"))
    assert deeds(grown) == {"grants_total": 1,
                            "requests_total acquire done": 1}
    with status.counting() as grown:
        for _ in range(3):
            contract.granted(user.lock(course, "g1"))
    assert deeds(grown) == {"renewals_total": 3,
                            "requests_total acquire done": 3}
    with status.counting() as grown:
        contract.granted(user.lock(course, "g2"))
        contract.granted(user.lock(elsewhere, "g1"))
        lock = contract.granted(user.lock(course, "g1"))
    assert deeds(grown) == {"grants_total": 3, "moves_total": 3,
                            "requests_total acquire done": 3}
    with status.counting() as grown:
        for _ in range(2):
            contract.taken(other.lock(course, "g1"))
        contract.forbidden(other.unlock(lock["id"]))
        contract.listed(other.locks(course))
    assert deeds(grown) == {"requests_total acquire locked": 2,
                            "requests_total release forbidden": 1,
                            "requests_total list done": 1}
    with status.counting() as grown:
        contract.released(user.unlock(lock["id"]))
        contract.no_lock(user.unlock(lock["id"]), lock["id"])
    assert deeds(grown) == {"releases_total": 1,
                            "requests_total release done": 1,
                            "requests_total release not_found": 1}


def test_takeover_of_what_ran_out(site, status, course):
    user, other = site.users(2, course, vhost="brief")
    contract.granted(user.lock(course, "g1"), lease=1000)
    time.sleep(TTL + 0.05)
    with status.counting() as grown:
        contract.granted(other.lock(course, "g1"), lease=1000)
    assert deeds(grown) == {"grants_total": 1, "takeovers_total": 1,
                            "fences_total": 1,
                            "requests_total acquire done": 1}


def test_takeover_of_what_was_released_is_none(site, status, course):
    user, other = site.users(2, course)
    lock = contract.granted(user.lock(course, "g1"))
    contract.released(user.unlock(lock["id"]))
    with status.counting() as grown:
        contract.granted(other.lock(course, "g1"))
    assert deeds(grown).get("takeovers_total", 0) == 0
    assert grown["grants_total"] == 1


def test_break_is_no_release(site, status, course):
    user = site.user(course)
    contract.granted(user.lock(course, "g1"))
    with status.counting() as grown:
        status.break_by(f"?break=user&owner={user.user_id}", "test")
    assert deeds(grown) == {"breaks_total": 1}


def test_writes_that_came_second(site, status, course):
    user = site.user(course)
    contract.granted(user.lock(course, "g1"))
    with site.proxy.fault(answer(b"EXISTS"), named("cas"), times=2):
        with status.counting() as grown:
            contract.granted(user.lock(course, "g1"))
    assert deeds(grown) == {"renewals_total": 1, "cas_conflicts_total": 2,
                            "retries_total": 2,
                            "requests_total acquire done": 1}


def test_course_that_is_full(site, status, course):
    first, late = site.users(2, course, vhost="small")
    contract.granted(first.lock(course, "g1"))
    with status.counting() as grown:
        assert late.lock(course, "g2").status == 503
    assert deeds(grown) == {"requests_total acquire course_full": 1}


def test_catalog_that_is_down(course):
    with running_site(location=LOCATION + STATUS) as site:
        status = Status(site.httpd.address)
        course = site.course()
        user = site.user(course)
        path = site.database.path
        path.rename(path.with_suffix(".away"))
        # New children have no connection to it.
        site.httpd.restart_gracefully()
        with status.counting() as grown:
            for call in (lambda: user.lock(course, "g1"),
                         lambda: user.locks(course)):
                contract.error(call(), 503, "Course catalog unavailable")
        assert deeds(grown) == {
            "requests_total acquire catalog_unavailable": 1,
            "requests_total list catalog_unavailable": 1}


@pytest.mark.parametrize("rest, outcome", [
    (b"Content-Length: 100\r\n\r\n{", "bad_request"),
    (b"Transfer-Encoding: chunked\r\n\r\nno size\r\n", "broken_off")])
def test_client_that_sends_half_a_request(site, status, course, rest, outcome):
    user = site.user(course)
    name = f"requests_total acquire {outcome}"
    before = status.counters()[name]
    with Wire(user.address) as wire:
        wire.send(b"POST /locks HTTP/1.1\r\nHost: localhost\r\nSID: "
                  + user.sid.encode() + b"\r\n" + rest)
        wire.end_sending()
        wire.rest()
    eventually(lambda: status.counters()[name] == before + 1)


def test_looking_counts_nothing(site, status):
    with status.counting() as grown:
        for form in ("", "json", "auto", "metrics", "health",
                     "break=user&owner=x", "page=0"):
            for _ in range(3):
                status.get(form)
        site.client().raw("GET", "/index.html", checked=False)
    assert grown == {}


# ---- What the store did ----

def test_server_that_refuses_connections(site, status, course):
    user = site.user(course)
    contract.granted(user.lock(course, "g1"))
    site.proxy.refuse()
    try:
        with status.counting() as grown:
            for _ in range(2):
                contract.unavailable(user.locks(course))
    finally:
        site.proxy.accept()
    # Kept connections broke: each request tries once more, or at once fails.
    assert grown.pop("store_failures_total connection") >= 2
    assert deeds(grown) == {"requests_total list store_unavailable": 2}
    eventually(lambda: user.locks(course).status == 200)


@pytest.mark.parametrize("kind, fault", [
    ("timeout", swallow), ("connection", cut_before),
    ("answer", answer(b"nonsense")), ("answer", answer(b"SERVER_ERROR x"))])
def test_kinds_of_failures(site, status, course, kind, fault):
    user = site.user(course)
    contract.granted(user.lock(course, "g1"))
    key = slots_key(course)
    with site.proxy.fault(fault, lambda each: reads(each)
                          and key in each.keys):
        with status.counting() as grown:
            contract.unavailable(user.locks(course))
    name = f"store_failures_total {kind}"
    assert grown.get(name, 0) >= 1, grown
    assert {each for each in deeds(grown)} == {
        name, "requests_total list store_unavailable"}
    eventually(lambda: user.locks(course).status == 200)


def test_write_that_is_refused(site, status, course):
    user = site.user(course)
    contract.granted(user.lock(course, "g1"))
    with site.proxy.fault(answer(b"SERVER_ERROR out of memory"),
                          named("cas")):
        with status.counting() as grown:
            contract.unavailable(user.lock(course, "g1"))
    assert grown["store_failures_total refused"] >= 1
    assert grown["requests_total acquire store_unavailable"] == 1
    assert "renewals_total" not in grown


def test_write_whose_answer_is_lost(site, status, course):
    user = site.user(course)
    lock = contract.granted(user.lock(course, "g1"))
    key = lease_key(user)
    with site.proxy.fault(lose_reply, lambda each: each.name == "cas"
                          and each.keys == [key], times=1):
        with status.counting() as grown:
            unlocked = user.unlock(lock["id"])
    assert unlocked.status in (200, 503), unlocked
    assert grown["ambiguous_writes_total"] == 1
    assert grown["store_failures_total timeout"] == 1
    eventually(lambda: user.locks(course).status == 200)


def test_breaker_opens_and_closes():
    with broken_site(location=LOCATION + STATUS, timeout="300ms",
                     mpm="one child") as site:
        status = Status(site.httpd.address)
        course = site.course()
        user = site.user(course)
        contract.granted(user.lock(course, "g1"))
        assert status.health() is None
        before = status.counters()
        site.store.pause()
        for _ in range(2 * BREAKER_TIMEOUTS):
            contract.unavailable(user.locks(course))
        site.store.resume()
        eventually(lambda: user.locks(course).status == 200)
        status.eventually_healthy()
        after = status.counters()

        def grown(name):
            return after[name] - before[name]

        assert grown("breaker_openings_total") == 1
        assert grown("breaker_closings_total") == 1
        assert 1 <= grown("store_failures_total timeout") <= 4
        assert grown("store_failures_total left_alone") >= 2
        assert grown("requests_total list store_unavailable") >= 6


# ---- Durations ----

def test_durations_are_counted_in_their_buckets(site, status, course):
    user = site.user(course)
    contract.granted(user.lock(course, "g1"))
    # Slower than 50 ms at each of one or two trips.
    site.proxy.latency = 0.06
    try:
        before = status.metrics()
        for _ in range(4):
            contract.listed(user.locks(course))
        after = status.metrics()
    finally:
        site.proxy.latency = 0.0

    def grown(name):
        return after[name] - before[name]

    name = "operation_duration_seconds"
    assert grown(f"{name}_count list") == 4
    assert 4 * 0.06 <= grown(f"{name}_sum list") < 4 * 0.3
    assert grown(f"{name}_bucket list 0.05") == 0
    assert grown(f"{name}_bucket list 0.5") == 4
    assert grown(f"{name}_bucket list +Inf") == 4
    assert grown(f"{name}_count acquire") == 0
    trips = grown("store_round_trip_duration_seconds_count")
    assert 4 <= trips <= 8
    assert grown("store_round_trip_duration_seconds_bucket 0.05") == 0
    assert grown("store_round_trip_duration_seconds_sum") >= trips * 0.06


# ---- Children and restarts ----

def test_counters_are_of_all_children_and_go_on_over_graceful_restarts():
    with running_site(location=LOCATION + STATUS) as site:
        status = Status(site.httpd.address)
        course = site.course(*(f"g{number}" for number in range(20)))
        users = site.users(20, course)
        started = status.metrics()["start_time_seconds"]

        def take(number):
            contract.granted(users[number].lock(course, f"g{number}"))

        def renew_all():
            with ThreadPoolExecutor(10) as pool:
                list(pool.map(take, list(range(20)) * 5))

        with status.counting() as grown:
            renew_all()
        assert len(site.httpd.children()) > 1
        assert (grown["grants_total"], grown["renewals_total"]) == (20, 80)
        assert grown["requests_total acquire done"] == 100
        assert grown["operation_duration_seconds_count acquire"] == 100
        before = status.counters()
        site.httpd.restart_gracefully()
        assert status.counters() == before
        assert status.metrics()["start_time_seconds"] == started
        with status.counting() as grown:
            renew_all()
        assert grown["renewals_total"] == 100
        # A child that dies takes nothing along.
        before = status.counters()
        site.httpd.kill_child()
        eventually(lambda: status.get("auto").status == 200)
        assert status.counters() == before
        time.sleep(1)
        site.httpd.stop()
        site.httpd.start()
        metrics = status.metrics()
        assert metrics["start_time_seconds"] > started
        assert {value for name, value in metrics.items()
                if "_total" in name and "evictions" not in name} == {0}
        assert metrics["active_locks"] == 20


def test_counters_grow_while_they_are_read(site, status, course):
    """No number is ever smaller than before."""
    user = site.user(course)
    contract.granted(user.lock(course, "g1"))
    going = [True]

    def write():
        count = 0
        while going:
            contract.granted(user.lock(course, "g1"))
            count += 1
        return count

    with ThreadPoolExecutor(1) as pool:
        before = last = status.counters()
        count = pool.submit(write)
        for _ in range(20):
            now = status.counters()
            assert all(now[name] >= last[name] for name in now)
            last = now
        going.clear()
        count = count.result()
    assert (status.counters()["renewals_total"]
            - before["renewals_total"]) == count
