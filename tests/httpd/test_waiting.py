# SPDX-License-Identifier: Apache-2.0
"""Prefer: wait=N on lists, who may wait, and what that costs"""

import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import contract
from harness.client import Wire
from harness.hosts import two_hosts
from harness.httpd import MPM_SETTINGS
from harness.site import broken_site, running_site
from harness.waits import (INTERVAL, MOST, ON, SOON, applied, ask, at_once,
                           etag, later, wait, waiting)

VHOSTS = {"off": "LocksWaitMax 0", "short": "LocksTTL 1s",
          "brief": "LocksWaitMax 1s"}


@pytest.fixture(scope="module")
def site():
    with running_site(mpm="one child", config=ON + "Protocols h2c http/1.1",
                      vhosts=VHOSTS) as site:
        yield site


# ---- Lists ----

def test_list_waits_as_long_as_it_is_told(user, course, site):
    value = etag(user, course)
    answer = wait(user, course, 1, value)
    contract.unchanged(answer, value)
    later(answer, 1, 1.6)
    applied(answer, 1)


def test_change_is_answered_at_once_in_the_same_child(site, course):
    user, other = site.users(2, course)
    lock = contract.granted(user.lock(course, "g1"))
    for change in (lambda: other.lock(course, "g2"),
                   lambda: other.lock(course, "g3"),
                   lambda: user.unlock(lock["id"]),
                   lambda: other.own("DELETE")):
        with waiting(lambda: wait(user, course, 9)) as [future]:
            began = time.monotonic()
            change()
            answer = future.result()
        assert time.monotonic() - began < 0.4
        assert answer.status == 200
        applied(answer, 9)


def test_takeover_is_a_change_and_renewal_is_none(site, course):
    user, partner = site.user(course), site.partner()
    contract.granted(user.take(course, "g1", clientId="w1"))
    value = etag(partner, course)
    with waiting(lambda: wait(partner, course, 9, value)) as [future]:
        contract.granted(user.take(course, "g1", clientId="w1"))
        time.sleep(2 * INTERVAL)
        assert not future.done()
        contract.granted(user.take(course, "g1", clientId="w2", takeOver=True))
        assert future.result().status == 200


def test_expiry_is_a_change(site, course):
    user = site.user(course, vhost="short")
    contract.granted(user.lock(course, "g1"), lease=1000)
    answer = wait(user, course, 9)
    later(answer, 0.5, 1 + SOON)
    assert answer.json == []


def test_list_that_differs_is_answered_at_once(site, user, course):
    answer = wait(user, course, 9, '"x"')
    assert answer.status == 200 and answer.elapsed < 0.5
    at_once(user.locks(course, ("Prefer", "wait=9")))


@pytest.mark.parametrize("request_", [
    lambda user, course: user.locks("nosuchcourse", ("Prefer", "wait=9"),
                                    ("If-None-Match", "*")),
    lambda user, course: ask(user, course, 9, "nosuch"),
    lambda user, course: ask(user, course, 9),
    lambda user, course: user.own(headers=[("Prefer", "wait=9"),
                                           ("If-None-Match", "*")]),
])
def test_what_cannot_change_is_answered_at_once(user, course, request_):
    assert request_(user, course).elapsed < 0.5


def test_off_by_default():
    with running_site() as site:
        course = site.course()
        user, other = site.users(2, course)
        at_once(wait(user, course, 5))
        contract.granted(user.lock(course, "g1"))
        answer = ask(other, course, 5)
        contract.taken(answer)
        at_once(answer)


def test_off_for_a_host(site, course):
    user = site.user(course, vhost="off")
    at_once(wait(user, course, 5))


def test_longest_wait(site, course):
    user = site.user(course, vhost="brief")
    answer = wait(user, course, 999)
    later(answer, 1, 1.6)
    applied(answer, 1)


@pytest.mark.parametrize("headers", [
    ["WAIT=1"], ['wait="1"'], ["respond-async, wait = 1"],
    ["respond-async", "wait=1"], ["wait=1;x=y, wait=5"], ['x="a,wait=5", wait=1'],
    ["wait=0001"], ["wait=99999999999999999999"],
])
def test_spellings(site, course, headers):
    user = site.user(course, vhost="brief")
    answer = user.locks(course, ("If-None-Match", etag(user, course)),
                        *[("Prefer", header) for header in headers])
    assert answer.status == 304
    applied(answer, 1)


@pytest.mark.parametrize("header", [
    "wait=0", "wait=-1", "wait", "wait=", "wait=x", "wait=1x", "await=1", "",
    "respond-async", 'x="wait=1"', 'x="a, wait=1"', "wait=1.5"])
def test_what_is_no_wait(user, course, header):
    at_once(user.locks(course, ("If-None-Match", etag(user, course)),
                       ("Prefer", header)))


def test_no_change_between_list_and_wait_is_missed(site, course):
    """Somebody locks and releases all the time; who waits for each list to
    change ends up with the last one."""
    user, other = site.users(2, course)
    partner = site.partner()
    done = threading.Event()

    def follow():
        value, answers = etag(partner, course), 0
        while not done.is_set():
            answer = wait(partner, course, 3, value)
            value, answers = answer.header("ETag"), answers + 1
        return value, answers

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow)
        for round_ in range(60):
            lock = contract.granted(user.lock(course, "g1"))
            time.sleep(0.003 * (round_ % 9))
            contract.released(user.unlock(lock["id"]))
            time.sleep(0.002 * (round_ % 7))
        done.set()
        contract.granted(other.lock(course, "g2"))
        value, answers = following.result(timeout=2)
    assert value == etag(partner, course)
    assert answers >= 10


def test_changes_on_another_host_are_seen_within_the_interval():
    with two_hosts(ON, mpm="one child") as hosts:
        course = hosts.site.course()
        user, other = hosts.site.users(2, course)
        there = user.at(hosts.addresses[1])
        contract.granted(there.lock(course, "g2"))
        for gadget in ("g1", "g3", "g2"):
            with waiting(lambda: wait(other, course, 9)) as [future]:
                began = time.monotonic()
                contract.granted(there.lock(course, gadget))
                assert future.result().status == 200
                assert time.monotonic() - began < SOON
        contract.taken(other.lock(course, "g2"))
        with waiting(lambda: ask(other, course, 9, "g2")) as [future]:
            contract.released(there.own("DELETE"))
            contract.granted(future.result())


# ---- Room ----

def test_quarter_of_the_threads_may_wait(site, course):
    user = site.user(course)
    value = etag(user, course)
    with waiting(*[lambda: wait(user, course, 3, value)] * MOST) as futures:
        for _ in range(3):
            at_once(wait(user, course, 3, value))
        assert not any(future.done() for future in futures)
        other = site.user(course)
        contract.granted(other.lock(course, "g1"))
        for future in futures:
            assert future.result().status == 200
    assert wait(user, course, 1).elapsed >= 1


def test_one_waits_for_all_at_the_store():
    settings = ON.replace("200ms", "250ms")
    with broken_site(config=settings + MPM_SETTINGS["one child"].replace(
            "16", "32"), timeout="1s", mpm="event") as site:
        course = site.course()
        users = site.users(6, course)
        contract.granted(users[0].lock(course, "g1"))
        value = etag(users[0], course)
        with waiting(*[lambda user=user: wait(user, course, 3, value)
                       for user in users]) as futures:
            time.sleep(0.3)
            with site.proxy.recording() as exchanges:
                time.sleep(1)
            assert not any(future.done() for future in futures)
        looks = [each for each in exchanges
                 if f"locks:slots:gadget:{course.id}" in each.keys]
        assert 2 <= len(looks) <= 1000 / 250 + 2, len(looks)
        for future in futures:
            contract.unchanged(future.result(), value)


@pytest.mark.parametrize("hang_up", ["close", "reset"])
def test_clients_that_leave_free_their_threads(site, course, hang_up):
    user = site.user(course)
    value = etag(user, course)
    wires = [Wire(site.httpd.address) for _ in range(MOST)]
    for wire in wires:
        wire.request("GET", f"/locks?subject.courseId={course.id}", [
            ("SID", user.sid), ("Prefer", "wait=10"),
            ("If-None-Match", value)])
    time.sleep(0.6)
    at_once(wait(user, course, 1, value))
    for wire in wires:
        if hang_up == "reset":
            wire._socket.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")
        wire.close()
    time.sleep(INTERVAL + 0.3)
    answer = wait(user, course, 1, value)
    later(answer, 1, 1.6)


def curl(user, course, value, seconds):
    return subprocess.Popen(
        ["curl", "-s", "--http2-prior-knowledge", "-w", "%{http_code}",
         "-H", f"SID: {user.sid}", "-H", f"Prefer: wait={seconds}",
         "-H", f"If-None-Match: {value}",
         "http://%s:%d/locks?subject.courseId=%s" % (*user.address,
                                                     course.id)],
        stdout=subprocess.PIPE, text=True)


def test_http2(site, course):
    user, other = site.users(2, course)
    value = etag(user, course)
    began = time.monotonic()
    assert curl(user, course, value, 1).communicate()[0] == "304"
    assert time.monotonic() - began >= 1
    process = curl(user, course, value, 9)
    time.sleep(0.4)
    contract.granted(other.lock(course, "g1"))
    assert process.communicate(timeout=1)[0].endswith("]200")


def test_http2_clients_that_leave_free_their_threads(site, course):
    user = site.user(course)
    value = etag(user, course)
    processes = [curl(user, course, value, 10) for _ in range(MOST)]
    time.sleep(0.6)
    at_once(wait(user, course, 1, value))
    for process in processes:
        process.kill()
        process.communicate()
    time.sleep(INTERVAL + 0.5)
    later(wait(user, course, 1, value), 1, 1.6)


def test_prefork_has_no_thread_to_spare():
    with running_site(mpm="prefork", config=ON) as site:
        course = site.course()
        user, other = site.users(2, course)
        at_once(wait(user, course, 5))
        contract.granted(user.lock(course, "g1"))
        answer = ask(other, course, 5)
        contract.taken(answer)
        at_once(answer)
