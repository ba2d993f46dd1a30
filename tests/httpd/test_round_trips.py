# SPDX-License-Identifier: Apache-2.0
"""What a request costs in sequential round trips to memcached."""

import time

import pytest

from harness import contract
from harness.proxy import LATENCY
from harness.site import broken_site


@pytest.fixture(scope="module")
def site():
    with broken_site(timeout="2s", vhosts={"short": "LocksTTL 1s"}) as site:
        # Workers have their connections before anything is counted.
        course = site.course()
        for user in site.users(8, course):
            contract.granted(user.lock(course, "g1"))
            contract.released(user.unlock(contract.held(
                user.locks(course))["g1"][1]))
        yield site


def cost(site, request):
    """The request's answer and its sequential round trips."""
    answer, trips = site.proxy.trips(request)
    # Nothing else that waits: the trips explain the time.
    assert trips * LATENCY <= answer.elapsed < (trips + 1.9) * LATENCY + 0.1
    return answer, trips


@pytest.fixture
def course(site):
    return site.used_course("g1", "g2", "g3", "g4")


@pytest.mark.parametrize("by_internal_id", [False, True])
def test_acquire_takes_at_most_four(site, course, by_internal_id):
    key = course.internal if by_internal_id else course.id
    answer, trips = cost(site, lambda: site.user(course).lock(key, "g1"))
    contract.granted(answer)
    assert trips <= 4


def test_acquire_of_a_released_gadget_takes_at_most_four(site, course):
    answer, trips = cost(site, lambda: site.user(course).lock(course, "g4"))
    contract.granted(answer)
    assert trips <= 4


def test_move_takes_at_most_four(site, course):
    user = site.user(course)
    contract.granted(user.lock(course, "g1"))
    answer, trips = cost(site, lambda: user.lock(course, "g2"))
    contract.granted(answer)
    assert trips <= 4


def test_move_to_another_course_takes_at_most_four(site, course):
    elsewhere = site.course()
    user = site.user(course, elsewhere)
    contract.granted(user.lock(elsewhere, "g1"))
    answer, trips = cost(site, lambda: user.lock(course, "g2"))
    contract.granted(answer)
    assert trips <= 4


def test_renewal_takes_at_most_three(site, course):
    user = site.user(course)
    contract.granted(user.lock(course, "g1"))
    answer, trips = cost(site, lambda: user.lock(course, "g1"))
    contract.granted(answer)
    assert trips <= 3


def test_release_takes_at_most_three(site, course):
    user = site.user(course)
    lock = contract.granted(user.lock(course, "g1"))
    answer, trips = cost(site, lambda: user.unlock(lock["id"]))
    contract.released(answer)
    assert trips <= 3


@pytest.mark.parametrize("count", [0, 1, 60])
def test_list_takes_at_most_two_however_long(site, count):
    gadgets = [f"g{index}" for index in range(count)]
    course = site.course(*gadgets, "spare")
    for person, gadget in zip(site.users(count, course), gadgets):
        contract.granted(person.lock(course, gadget))
    partner = site.partner()
    answer, trips = cost(site, lambda: partner.locks(course))
    assert len(contract.listed(answer)) == count
    assert trips <= 2


def test_refusal_takes_at_most_two(site, course):
    """It is an acquire that ends before its writes."""
    user, other = site.users(2, course)
    contract.granted(user.lock(course, "g1"))
    answer, trips = cost(site, lambda: other.lock(course, "g1"))
    contract.taken(answer)
    assert trips <= 2


def test_fence_adds_one(site, course):
    user, other = site.users(2, course, vhost="short")
    contract.granted(user.lock(course, "g1"), lease=1000)
    time.sleep(1.05)
    answer, trips = cost(site, lambda: other.lock(course, "g1"))
    contract.granted(answer, lease=1000)
    assert trips <= 5


def test_invalid_session_takes_one(site, course):
    stranger = site.client("nobodysid")
    for request in (lambda: stranger.locks(course),
                    lambda: stranger.lock(course, "g1"),
                    lambda: stranger.unlock("1")):
        answer, trips = cost(site, request)
        contract.unauthorized(answer)
        assert trips == 1


def test_session_is_read_once_and_first(site, course):
    user = site.user(course)
    with site.proxy.recording() as exchanges:
        contract.granted(user.lock(course, "g1"))
    reading = [exchange for exchange in exchanges
               if f"session:{user.sid}" in exchange.keys]
    assert len(reading) == 1 and exchanges.index(reading[0]) <= 1
