# SPDX-License-Identifier: Apache-2.0
"""A server that hangs is left alone until it answers again."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from harness import contract
from harness.memcached import Pool, memcached
from harness.site import running_site
from harness.system import eventually

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


def test_many_clients_wait_for_it_once(site):
    course = site.course()
    users = site.users(12, course)
    hang(site, users[0], course)
    began = time.monotonic()
    with ThreadPoolExecutor(len(users)) as pool:
        answers = list(pool.map(
            lambda user: [user.locks(course) for _ in range(5)], users))
    for answer in sum(answers, []):
        contract.unavailable(answer)
    # 60 requests, of which one at a time waits.
    assert time.monotonic() - began < 10 * TIMEOUT
    waited = sum(answer.elapsed > TIMEOUT / 2 for answer in sum(answers, []))
    assert waited <= 10, waited
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


def test_other_server_of_a_pool_serves_on():
    """Whoever has nothing to do with the hung one does not notice."""
    with ExitStack() as stack:
        servers = Pool([stack.enter_context(memcached()) for _ in range(2)])
        site = stack.enter_context(
            running_site(store=servers, address=servers.name,
                         mpm="one child"))
        hung = servers.servers[0]

        def is_elsewhere(key):
            return servers.owner(key) is not hung

        users = [user for user in site.users(40)
                 if is_elsewhere(f"session:{user.sid}")]
        courses = [course for course in (site.course() for _ in range(40))
                   if is_elsewhere(f"locks:slots:gadget:{course.id}")]
        site.permit(courses[0], *(user.user_id for user in users))
        stranger = next(user for user in site.users(40)
                        if not is_elsewhere(f"session:{user.sid}"))
        hung.pause()
        for _ in range(TIMEOUTS):
            contract.unavailable(stranger.locks(courses[0]))
        assert len(opened(site)) == 1
        for user in users:
            answer = user.locks(courses[0])
            contract.listed(answer)
            assert answer.elapsed < TIMEOUT / 2
        hung.resume()
