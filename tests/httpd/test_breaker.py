# SPDX-License-Identifier: Apache-2.0
"""A server that hangs is left alone until it answers again."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from harness import contract
from harness.keys import lease_key, slots_key
from harness.memcached import Pool, memcached
from harness.site import LOCATION, NAMED, running_site
from harness.system import SLACK, eventually

# So long that whoever waits for it is told from whoever does not.
TIMEOUT = 1.0
# As locks_breaker.h has them.
TIMEOUTS = 3
LONGEST_PAUSE = 0.5


def opened(site):
    return re.findall(r"warn.*did not answer \d+ times in a row",
                      site.httpd.log())


def closed(site):
    return re.findall(r"notice.*answers again", site.httpd.log())


@pytest.fixture
def site():
    # One child, so that there is one breaker.
    with running_site(config="LogLevel notice", mpm="one child") as running:
        yield running


def hang(site, user, course):
    """Lets memcached hang until the child asks it no more."""
    site.store.pause()
    for _ in range(TIMEOUTS):
        contract.unavailable(user.locks(course))
    assert len(opened(site)) == 1, site.httpd.log()


def endpoints(user, course):
    return {
        "GET": lambda: user.locks(course),
        "POST": lambda: user.lock(course, "g2"),
        "DELETE": lambda: user.unlock("4711"),
    }


def test_hung_server_is_asked_no_more(site):
    course = site.course()
    user = site.user(course)
    lock = contract.granted(user.lock(course, "g1"))
    hang(site, user, course)
    quick = 0
    for call in list(endpoints(user, course).values()) * 4:
        answer = call()
        contract.unavailable(answer)
        quick += answer.elapsed < TIMEOUT / 2
    # All but those that find out whether it is back.
    assert quick >= 8, quick
    site.store.resume()
    eventually(lambda: user.locks(course).status == 200,
               seconds=LONGEST_PAUSE + 5 * TIMEOUT)
    assert contract.listed(user.locks(course))[0]["id"] == lock["id"]
    for call in endpoints(user, course).values():
        assert call().status in (200, 201, 404)
    assert len(opened(site)) == 1
    assert len(closed(site)) == 1


def test_the_log_does_not_repeat_it_for_every_request(site):
    course = site.course()
    user = site.user(course)
    hang(site, user, course)
    before = site.httpd.log().count("\n")
    asked = 0
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        contract.unavailable(user.locks(course))
        asked += 1
    lines = site.httpd.log().count("\n") - before
    assert lines * 4 < asked, (lines, asked)
    site.store.resume()


def test_unknown_sid_is_503_never_401_meanwhile(site):
    course = site.course()
    hang(site, site.user(course), course)
    for _ in range(3):
        contract.unavailable(site.client("nobody").locks(course))
    site.store.resume()


def test_one_at_a_time_waits_for_it(site):
    """However many ask, and however long the timeout is."""
    course = site.course()
    users = site.users(12, course)
    hang(site, users[0], course)
    end = time.monotonic() + 3 * TIMEOUT

    def ask(user):
        waits = []
        while time.monotonic() < end:
            began = time.monotonic()
            answer = user.locks(course)
            contract.unavailable(answer)
            if answer.elapsed > TIMEOUT / 2:
                waits.append((began, began + answer.elapsed))
            time.sleep(0.05)
        return waits

    with ThreadPoolExecutor(len(users)) as pool:
        waits = sorted(sum(pool.map(ask, users), []))
    assert waits
    for (_, until), (since, _) in zip(waits, waits[1:]):
        assert since > until - TIMEOUT / 2, waits
    site.store.resume()


def test_server_that_refuses_is_used_as_soon_as_it_is_back(site):
    course = site.course()
    user = site.user(course)
    site.store.stop()
    for _ in range(3 * TIMEOUTS):
        contract.unavailable(user.locks(course))
    site.store.start()
    site.sign_in_again(user)
    contract.listed(user.locks(course))
    assert opened(site) == []


def test_each_child_tells_once():
    with running_site(config="LogLevel notice") as site:
        course = site.course()
        users = site.users(12, course)

        def ask_often(_=None):
            with ThreadPoolExecutor(len(users)) as pool:
                return list(pool.map(lambda user: user.locks(course), users))

        ask_often()
        site.store.pause()
        children = len(site.httpd.children())
        eventually(lambda: (ask_often(), len(opened(site)) == children)[1],
                   seconds=30)
        for answer in ask_often() * 3:
            contract.unavailable(answer)
        site.store.resume()
        eventually(lambda: (ask_often(), len(closed(site)) == children)[1],
                   seconds=30)
        for answer in ask_often() * 3:
            contract.listed(answer)
        for news in ("did not answer", "answers again"):
            pids = re.findall(rf"\[pid (\d+).*{news}", site.httpd.log())
            assert len(pids) == len(set(pids)) == children, pids


# ---- Several servers ----

class Pair:
    """A site with two servers, of which the first can hang; who and what is
    on which of them."""

    def __init__(self, stack):
        self.servers = Pool([stack.enter_context(memcached())
                             for _ in range(2)])
        self.hung, self.well = self.servers.servers
        self.site = stack.enter_context(running_site(
            store=self.servers, address=self.servers.name,
            config="LogLevel notice", mpm="one child"))
        users = self.site.users(60)
        courses = [self.site.course() for _ in range(20)]
        self.well_users = [user for user in users if self._owners(
            f"session:{user.sid}", lease_key(user)) == {self.well}]
        self.lost_user = next(user for user in users if self._owners(
            f"session:{user.sid}") == {self.hung})
        self.well_course = self._course(courses, self.well)
        self.lost_course = self._course(courses, self.hung)
        for course in (self.well_course, self.lost_course):
            self.site.permit(course, *(user.user_id for user in users))

    def _owners(self, *keys):
        return {self.servers.owner(key) for key in keys}

    def _course(self, courses, server):
        return next(course for course in courses
                    if self._owners(slots_key(course)) == {server})

    def hang(self):
        self.hung.pause()
        for _ in range(TIMEOUTS):
            contract.unavailable(self.lost_user.locks(self.well_course))
        assert len(opened(self.site)) == 1


@pytest.fixture
def pair():
    with ExitStack() as stack:
        yield Pair(stack)


def test_other_server_of_a_pool_serves_on(pair):
    """Whoever has nothing to do with the hung one does not notice."""
    course = pair.well_course
    first, *others = pair.well_users
    # The index, which the first lock of a course needs, may be anywhere.
    contract.granted(first.lock(course, "g1"))
    pair.hang()
    for user in others[:5]:
        lock = contract.granted(user.lock(course, "g2"))
        contract.taken(user.lock(course, "g1"))
        listed = user.locks(course)
        assert set(contract.held(listed)) == {"g1", "g2"}
        released = user.unlock(lock["id"])
        contract.released(released)
        assert max(listed.elapsed, released.elapsed) < TIMEOUT / 2 + SLACK
    contract.unavailable(pair.lost_user.locks(course))
    pair.hung.resume()


def test_the_log_of_a_pool_does_not_repeat_it_either(pair):
    user = pair.well_users[0]
    pair.hang()
    before = len(pair.site.httpd.log())
    for key in (pair.lost_course.id, pair.lost_course.internal) * 10:
        contract.unavailable(user.lock(key, "g1"))
        contract.unavailable(user.locks(key))
    assert "unavailable" not in pair.site.httpd.log()[before:]
    pair.hung.resume()


def test_another_failure_is_told_while_it_lasts(pair):
    """The server that refuses is no news of the one that hangs."""
    user = pair.well_users[0]
    pair.hang()
    pair.well.stop()
    log = pair.site.httpd.log_after(
        lambda: contract.unavailable(user.locks(pair.lost_course)))
    assert re.search(rf"error.*{re.escape(pair.well.name)}", log), log
    pair.hung.resume()


def test_both_servers_of_a_pool_are_told_of(pair):
    site, user = pair.site, pair.well_users[0]
    contract.listed(user.locks(pair.lost_course))
    for server in pair.servers.servers:
        server.pause()
    # The session is on one server, the course on the other.
    for _ in range(TIMEOUTS):
        contract.unavailable(user.locks(pair.lost_course))
    assert len(opened(site)) == 2, site.httpd.log()
    for server in pair.servers.servers:
        server.resume()
    eventually(lambda: user.locks(pair.lost_course).status == 200)
    assert len(closed(site)) == 2, site.httpd.log()


def test_session_store_that_hangs_is_left_alone_by_itself():
    """Whoever needs no session is served by the other server."""
    with memcached() as sessions, memcached() as locks, running_site(
            store=sessions, address=locks.name, mpm="one child",
            location=LOCATION + NAMED,
            config="LogLevel notice\n"
                   f"LocksSessionStore memcached:{sessions.name}") as site:
        course = site.course()
        user = site.user(course)
        named = site.client(base="/named/locks", user_id="ann",
                            headers=[("X-User", "ann")])
        site.permit(course, "ann")
        hang(site, user, course)
        quick = 0
        for _ in range(8):
            for answer in (user.lock(course, "g1"),
                           site.client("nobody").unlock("1")):
                contract.unavailable(answer)
                quick += answer.elapsed < TIMEOUT / 2
            answer = named.lock(course, "g2")
            contract.granted(answer, base="/named/locks", owner="ann")
            assert answer.elapsed < TIMEOUT / 2 + SLACK
        assert quick > 8, quick
        assert len(opened(site)) == 1
        sessions.resume()
        eventually(lambda: user.locks(course).status == 200)
        contract.unauthorized(site.client("nobody").unlock("1"))
        assert len(closed(site)) == 1
