# SPDX-License-Identifier: Apache-2.0
"""locks-status with very many locks, with parts that cannot be read, under
every MPM, and with stores of virtual hosts."""

import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from harness import contract
from harness.client import Wire
from harness.keys import lease_key, slots_key
from harness.memcached import Pool, memcached
from harness.proxy import key_begins, swallow
from harness.site import LOCATION, NAMED, broken_site, running_site
from harness.status import STATUS, Status
from harness.system import eventually

COURSES, GADGETS = 100, 100
MANY = COURSES * GADGETS
# How long a report of so many locks may take on a busy machine.
PATIENCE = 4.0
POST = ("POST /named/locks HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/json\r\nX-User: {user}\r\n"
        "Content-Length: {length}\r\n\r\n{body}")


# ---- Ten thousand ----

def take(address, requests):
    """Sends them on one connection, one behind the other; returns how often
    each status came."""
    with Wire(address) as wire:
        wire.send("".join(requests).encode())
        wire.end_sending()
        return Counter(re.findall(rb"HTTP/1\.1 (\d+) ", wire.rest()))


def requests_for(course, users):
    for user, gadget in zip(users, course.gadgets):
        body = ('{"type": "gadget", "subject": {"courseId": "%s",'
                ' "gadgetId": "%s"}}' % (course.id, gadget))
        yield POST.format(user=user, length=len(body), body=body)


@pytest.fixture(scope="module")
def crowded():
    with running_site(location=LOCATION + NAMED + STATUS,
                      config="MaxKeepAliveRequests 0") as site:
        gadgets = [f"g{number:02d}" for number in range(GADGETS)]
        courses = [site.course(*gadgets) for _ in range(COURSES)]
        users = {course.id: [f"u{course.id}-{gadget}" for gadget in gadgets]
                 for course in courses}
        for course in courses:
            site.permit(course, *users[course.id])
        with ThreadPoolExecutor(6) as pool:
            taken = sum(pool.map(lambda course: take(
                site.httpd.address,
                requests_for(course, users[course.id])), courses), Counter())
        assert taken == {b"201": MANY}
        site.courses = courses
        yield site


def quickly(call, *arguments):
    began = time.monotonic()
    value = call(*arguments)
    assert time.monotonic() - began < PATIENCE
    return value


def test_ten_thousand_locks_in_every_form(crowded):
    status = Status(crowded.httpd.address)
    report = quickly(status.json)
    assert (report["lockCount"], report["courseCount"]) == (MANY, COURSES)
    assert report["complete"] and report["pages"] == MANY // 100
    assert len(report["locks"]) == 100
    page = quickly(status.page)
    assert f"{MANY} locks in {COURSES} courses" in page.text
    assert sum(map(len, page.courses().values())) == 100
    assert quickly(status.auto)["LocksActive"] == MANY
    metrics = quickly(status.metrics)
    assert metrics["active_locks"] == MANY
    assert metrics["active_courses"] == COURSES
    assert quickly(status.health) is None


def test_pages_have_every_lock_once_in_order(crowded):
    status = Status(crowded.httpd.address)
    found = []
    for number in (1, 2, 50, 99, 100):
        locks = status.json([("page", number)])["locks"]
        found += [(lock["subject"]["courseId"], lock["subject"]["gadgetId"])
                  for lock in locks]
        assert len(locks) == 100
    assert found == sorted(set(found)) and len(found) == 500
    last = status.page("page=100")
    assert "Page 100 of 100" in last.text and "Next" not in dict(last.links())


def test_search_among_ten_thousand(crowded):
    status = Status(crowded.httpd.address)
    course = crowded.courses[42]
    assert quickly(status.json, [("gadget", "g07")])["lockCount"] == COURSES
    [lock] = quickly(status.locks, [("user", f"u{course.id}-g07")])
    assert lock["subject"] == {"courseId": course.id, "gadgetId": "g07"}
    assert len(quickly(status.locks, [("course", course.id)])) == GADGETS


def test_requests_hardly_wait_for_reports(crowded):
    status = Status(crowded.httpd.address)
    course = crowded.course()
    user = crowded.user(course)
    with ThreadPoolExecutor(2) as pool:
        reports = [pool.submit(status.json) for _ in range(6)]
        while not all(report.done() for report in reports):
            assert user.lock(course, "g1").elapsed < 1
    for report in reports:
        assert report.result()["complete"]


# ---- What cannot be read ----

@pytest.fixture
def fragile():
    with broken_site(location=LOCATION + STATUS, timeout="300ms",
                     mpm="one child",
                     vhosts={"direct": STATUS}) as site:
        yield site


def three_locks(site):
    locks = []
    for _ in range(3):
        course = site.course()
        user = site.user(course)
        contract.granted(user.lock(course, "g1"))
        locks.append((course, user))
    return locks


def listed_courses(report):
    return {lock["subject"]["courseId"] for lock in report["locks"]}


def check_gap(status, lost, rest, gap):
    report = status.json()
    assert report["complete"] is False and len(report["gaps"]) == 1
    assert gap in report["gaps"][0]
    assert listed_courses(report) == {course.id for course, _ in rest}
    assert lost[0].id not in listed_courses(report)
    page = status.page()
    assert any("may be incomplete" in text and gap in text
               for text in page.notices())
    assert status.metrics()["listing_complete"] == 0
    assert status.auto()["LocksComplete"] == 0


@pytest.mark.parametrize("value", [b"", b"garbage", b"\0\xff<script>"])
@pytest.mark.parametrize("key", [lambda course, user: slots_key(course),
                                 lambda course, user: lease_key(user)])
def test_damaged_record_leaves_the_rest(fragile, key, value):
    status = Status(fragile.httpd.address)
    lost, *rest = three_locks(fragile)
    with fragile.store.client() as client:
        client.set(key(*lost), value)
    check_gap(status, lost, rest, "(1 of 3)")


def test_damaged_index_leaves_the_rest(fragile):
    status = Status(fragile.httpd.address)
    lost, *rest = three_locks(fragile)
    with fragile.store.client() as client:
        before = set(client.keys())
        lost = fragile.course()
        user = fragile.user(lost)
        contract.granted(user.lock(lost, "g1"))
        rest = [item for item in rest]
        [shard] = [name for name in set(client.keys()) - before
                   if "index" in name]
        client.set(shard, b"garbage")
    report = status.json()
    assert report["complete"] is False
    assert "(1 of 256)" in report["gaps"][0]
    assert lost.id not in listed_courses(report)
    assert report["lockCount"] == 3


def test_page_says_that_the_store_is_down(fragile):
    status = Status(fragile.httpd.address)
    three_locks(fragile)
    fragile.proxy.refuse()
    page = status.page()
    texts = page.notices()
    assert any("No lock can be taken: memcached" in text for text in texts)
    assert any("The locks could not be read" in text for text in texts)
    [server] = page.servers()
    assert server[0] == fragile.proxy.name and server[2] == "down"
    report = status.json()
    assert report["locks"] is None and report["complete"] is False
    assert report["healthy"] is False and fragile.proxy.name in (
        report["trouble"])
    [store] = report["stores"]
    assert store["servers"][0]["state"] == "down"
    metrics = status.metrics()
    assert metrics["healthy"] == metrics["listing_complete"] == 0
    assert metrics[f"store_up locks {fragile.proxy.name}"] == 0
    assert "active_locks" not in metrics
    auto = status.auto()
    assert auto["LocksHealthy"] == 0 == auto["LocksServer0Up"]
    assert "LocksActive" not in auto
    fragile.proxy.accept()
    status.eventually_healthy()
    assert status.json()["lockCount"] == 3
    assert status.page().notices() == []


def test_page_comes_in_time_while_the_store_hangs(fragile):
    status = Status(fragile.httpd.address)
    three_locks(fragile)
    fragile.store.pause()
    for _ in range(4):
        began = time.monotonic()
        page = status.page()
        # Epochs, statistics and the index: each waits once at most.
        assert time.monotonic() - began < 3 * 0.3 + 0.6
        assert any("could not be read" in text for text in page.notices())
    assert page.servers()[0][2] == "breaker open"
    assert status.json()["stores"][0]["servers"][0]["state"] == (
        "breaker open")
    fragile.store.resume()
    status.eventually_healthy()


def test_leases_that_hang_leave_a_gap(fragile):
    status = Status(fragile.httpd.address)
    three_locks(fragile)
    with fragile.proxy.fault(swallow, key_begins("locks:lease:")):
        report = status.json()
    assert report["complete"] is False and report["lockCount"] == 0
    assert "(3 of 3)" in report["gaps"][0]
    assert Status(fragile.httpd.addresses["direct"]).json()["complete"]


def test_pool_with_one_server_down_lists_the_rest():
    with ExitStack() as stack:
        pool = Pool([stack.enter_context(memcached()) for _ in range(3)])
        sessions = stack.enter_context(memcached())
        site = stack.enter_context(running_site(
            store=sessions, address=pool.name, timeout="300ms",
            location=LOCATION + STATUS,
            config=f"LocksSessionStore memcached:{sessions.name}"))
        status = Status(site.httpd.address)
        course = site.course()
        courses = [site.course() for _ in range(30)]
        for course in courses:
            contract.granted(site.user(course).lock(course, "g1"))
        whole = status.json()
        assert whole["complete"] and whole["lockCount"] == 30
        pool.servers[1].stop()
        report = status.json()
        assert report["complete"] is False and report["gaps"]
        assert 0 < report["lockCount"] < 30
        assert listed_courses(report) < listed_courses(whole)
        states = {server["name"]: server["state"]
                  for store in report["stores"]
                  for server in store["servers"]}
        assert states == {sessions.name: "up", **{
            server.name: "up" if server is not pool.servers[1] else "down"
            for server in pool.servers}}
        assert pool.servers[1].name in status.health()
        pool.servers[1].start()
        status.eventually_healthy()
        # Of courses on the others it may have had the index.
        report = status.json()
        assert report["lockCount"] < 30 and report["complete"] is False
        [gap] = report["gaps"]
        assert pool.servers[1].name in gap and "lost its data" in gap


# ---- MPMs, and virtual hosts ----

@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_all_mpms_count_over_all_children(mpm):
    with running_site(location=LOCATION + STATUS, mpm=mpm) as site:
        status = Status(site.httpd.address)
        course = site.course(*(f"g{number}" for number in range(40)))
        users = site.users(40, course)
        with ThreadPoolExecutor(10) as pool:
            list(pool.map(lambda pair: contract.granted(
                pair[0].lock(course, pair[1])), zip(users, course.gadgets)))
        assert status.json()["lockCount"] == 40
        assert status.metrics()["grants_total"] == 40
        assert len(site.httpd.children()) > 1
        eventually(lambda: "may drop locks" in site.httpd.log())
        page = status.break_by("?break=course&course=" + course.id, "test")
        assert page.notices() == ["40 locks were broken."]
        site.httpd.restart_gracefully()
        assert status.metrics()["breaks_total"] == 40


def test_each_virtual_host_shows_its_own_locks_and_stores():
    with memcached() as other, running_site(
            location=LOCATION + STATUS,
            vhosts={"second": f"LocksStore memcached:{other.name}\n"
                              "LocksKeyPrefix second:",
                    "third": "LocksKeyPrefix third:"}) as site:
        seen = {}
        for name in ("", "second", "third"):
            course = site.course()
            user = site.user(course, vhost=name)
            if name == "second":
                site.write_session(user.sid, {
                    "sessionType": "PlainUserSession",
                    "userId": user.user_id}, store=other)
            contract.granted(user.lock(course, "g1"))
            seen[name] = course.id
        for name, course_id in seen.items():
            status = Status(site.httpd.addresses[name])
            report = status.json()
            assert listed_courses(report) == {course_id}, name
            [store] = report["stores"]
            expected = other if name == "second" else site.store
            assert [server["name"] for server in store["servers"]] == [
                expected.name]
            assert "1 lock in 1 course" in status.page().text
            page = status.break_by(f"?break=course&course={seen['']}", "x")
            assert ("1 lock was broken." in page.notices()) == (name == "")
        # Counters are all of one httpd.
        assert status.metrics()["grants_total"] == 3
