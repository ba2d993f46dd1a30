# SPDX-License-Identifier: Apache-2.0
"""What the lock protocol promises, seen from outside."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import contract
from harness.site import running_site
from harness.system import eventually

SHORT = 1000
VHOSTS = {
    "short": "LocksTTL 1s",
    "skewed": "LocksTTL 1s\nLocksClockSkew 2s",
    "small": "LocksMaxPerCourse 3",
    "brief": "LocksTTL 1s\nLocksMaxPerCourse 2",
}


@pytest.fixture(scope="module")
def site():
    with running_site(vhosts=VHOSTS) as site:
        yield site


def number(lock):
    return int(lock["id"])


# ---- One lock a user ----

def test_new_grant_in_the_course_releases_the_old_lock(user, other, course):
    first = contract.granted(user.lock(course, "g1"))
    second = contract.granted(user.lock(course, "g2"))
    assert number(second) > number(first)
    assert contract.held(user.locks(course)) == {
        "g2": (user.user_id, second["id"])}
    contract.granted(other.lock(course, "g1"))


def test_new_grant_in_another_course_releases_the_old_lock(site):
    here, there = site.course(), site.course()
    user, other = site.users(2, here, there)
    contract.granted(user.lock(here, "g1"))
    second = contract.granted(user.lock(there, "g1"))
    assert contract.listed(user.locks(here)) == []
    assert contract.held(user.locks(there)) == {
        "g1": (user.user_id, second["id"])}
    contract.granted(other.lock(here, "g1"))
    contract.taken(other.lock(there, "g1"))


def test_moving_back_and_forth_is_a_new_grant_each_time(site):
    here, there = site.course(), site.course()
    user = site.user(here, there)
    last = 0
    for _ in range(10):
        for course, gadget in ((here, "g1"), (here, "g2"), (there, "g1")):
            lock = contract.granted(user.lock(course, gadget))
            assert number(lock) > last
            last = number(lock)
            lists = [contract.held(user.locks(each)) for each in (here, there)]
            assert sum(map(len, lists)) == 1


def test_two_users_may_hold_two_gadgets(site, course):
    people = site.users(3, course)
    for person, gadget in zip(people, course.gadgets):
        contract.granted(person.lock(course, gadget))
    held = contract.held(people[0].locks(course))
    assert {gadget: owner for gadget, (owner, _) in held.items()} == {
        gadget: person.user_id
        for person, gadget in zip(people, course.gadgets)}


def test_gadget_ids_are_per_course(site):
    here, there = site.course(), site.course()
    a, b = site.users(2, here, there)
    contract.granted(a.lock(here, "g1"))
    contract.granted(b.lock(there, "g1"))


# ---- Refusals change nothing ----

REFUSALS = {
    "locked": (lambda user, course: user.lock(course, "g2"), 403),
    "no gadget": (lambda user, course: user.lock(course, "nosuch"), 404),
    "no course": (lambda user, course: user.lock("nosuch", "g1"), 404),
    "bad request": (lambda user, course: user.post(b"{"), 400),
    "too large": (lambda user, course: user.post(b" " * 70000), 413),
    "someone else's": (lambda user, course: user.unlock(
        contract.held(user.locks(course))["g2"][1]), 403),
    "no lock": (lambda user, course: user.unlock("1"), 404),
    "method": (lambda user, course: user.raw("PUT", "/locks"), 405),
}


@pytest.mark.parametrize("request_, status", REFUSALS.values(), ids=REFUSALS)
def test_refused_request_leaves_the_own_lock_untouched(site, course, request_,
                                                       status):
    user, other = site.users(2, course)
    lock = contract.granted(user.lock(course, "g1"))
    contract.granted(other.lock(course, "g2"))
    time.sleep(0.06)
    [before, _] = contract.listed(user.locks(course))
    contract.error(request_(user, course), status)
    [after, _] = contract.listed(user.locks(course))
    assert after["id"] == lock["id"]
    assert after["expiresIn"] <= before["expiresIn"], "it was renewed"


def test_refusal_for_lack_of_permission_leaves_the_own_lock(site):
    here, there = site.course(), site.course()
    user = site.user(here)
    lock = contract.granted(user.lock(here, "g1"))
    contract.forbidden(user.lock(there, "g1"))
    site.withdraw(here, user.user_id)
    contract.forbidden(user.lock(here, "g1"))
    contract.forbidden(user.lock(here, "g2"))
    [left] = contract.listed(site.partner().locks(here))
    assert left["id"] == lock["id"]


def test_withdrawn_permission_ends_renewal_but_not_release(site, course):
    user = site.user(course)
    lock = contract.granted(user.lock(course, "g1"))
    site.withdraw(course, user.user_id)
    contract.forbidden(user.lock(course, "g1"))
    contract.released(user.unlock(lock["id"]))


# ---- Renewal and expiry ----

def test_renewal_brings_the_full_lease_back(user, course):
    first = contract.granted(user.lock(course, "g1"))
    time.sleep(0.3)
    [aged] = contract.listed(user.locks(course))
    second = contract.granted(user.lock(course, "g1"))
    assert second["id"] == first["id"]
    assert second["expiresIn"] > aged["expiresIn"] + 100
    [listed] = contract.listed(user.locks(course))
    assert listed["expiresIn"] > aged["expiresIn"]


def test_lock_lives_for_its_lease_and_no_longer(site, course):
    user, other = site.users(2, course, vhost="short")
    started = time.monotonic()
    lock = contract.granted(user.lock(course, "g1"), lease=SHORT)
    answered = time.monotonic()
    alive = 0
    while time.monotonic() < started + 0.97:
        asked = time.monotonic()
        held = contract.listed(user.locks(course), lease=SHORT)
        if time.monotonic() < started + 1.0:
            assert [each["id"] for each in held] == [lock["id"]]
            assert held[0]["expiresIn"] <= 1000 - 1000 * (asked - answered)
            alive += 1
        time.sleep(0.02)
    assert alive > 3
    time.sleep(max(0.0, answered + 1.02 - time.monotonic()))
    assert contract.listed(user.locks(course)) == []
    contract.no_lock(user.unlock(lock["id"]), lock["id"])
    contract.no_lock(other.unlock(lock["id"]), lock["id"])
    taken_over = contract.granted(other.lock(course, "g1"), lease=SHORT)
    assert number(taken_over) > number(lock)
    contract.no_lock(user.unlock(lock["id"]), lock["id"])


def test_until_it_expires_the_others_are_refused(site, course):
    user, other = site.users(2, course, vhost="short")
    contract.granted(user.lock(course, "g1"), lease=SHORT)
    granted = time.monotonic()
    answer = eventually(lambda: (answer := other.lock(course, "g1"))
                        and answer.status != 403 and answer, 5)
    contract.granted(answer, owner=other.user_id, lease=SHORT)
    assert time.monotonic() - granted > 0.9


def test_renewals_carry_a_lock_past_its_first_deadline(site, course):
    user, other = site.users(2, course, vhost="short")
    lock = contract.granted(user.lock(course, "g1"), lease=SHORT)
    for _ in range(4):
        time.sleep(0.5)
        again = contract.granted(user.lock(course, "g1"), lease=SHORT)
        assert again["id"] == lock["id"]
        contract.taken(other.lock(course, "g1"))


def test_owner_of_an_expired_lock_gets_a_new_one(site, course):
    user = site.user(course, vhost="short")
    lock = contract.granted(user.lock(course, "g1"), lease=SHORT)
    time.sleep(1.05)
    again = contract.granted(user.lock(course, "g1"), lease=SHORT)
    assert number(again) > number(lock)


def test_within_the_clock_skew_only_the_owner_may_take_it(site, course):
    user, other, third = site.users(3, course, vhost="skewed")
    lock = contract.granted(user.lock(course, "g1"), lease=SHORT)
    spare = contract.granted(third.lock(course, "g2"), lease=SHORT)
    granted = time.monotonic()
    time.sleep(1.1)
    assert contract.listed(other.locks(course)) == []
    for person in (user, other):
        contract.no_lock(person.unlock(lock["id"]), lock["id"])
    contract.taken(other.lock(course, "g1"))
    again = contract.granted(user.lock(course, "g1"), lease=SHORT)
    assert number(again) > number(lock)
    answer = eventually(lambda: (answer := other.lock(course, "g2"))
                        and answer.status != 403 and answer, 6)
    late = contract.granted(answer, lease=SHORT)
    assert number(late) > number(spare)
    assert time.monotonic() - granted > 2.8


def test_lock_of_a_longer_lease_is_seen_from_a_shorter_one(site, course):
    """Virtual hosts that name the same store share their locks."""
    user = site.user(course)
    lock = contract.granted(user.lock(course, "g1"))
    elsewhere = user.at(site.httpd.addresses["short"])
    [listed] = contract.listed(elsewhere.locks(course))
    assert listed["id"] == lock["id"]
    assert listed["expiresIn"] > SHORT
    other = site.user(course, vhost="short")
    time.sleep(1.1)
    contract.taken(other.lock(course, "g1"))


# ---- Ids ----

def test_ids_grow_over_owners_of_a_gadget(site, course):
    last = 0
    for person in site.users(10, course):
        lock = contract.granted(person.lock(course, "g1"))
        assert number(lock) > last
        last = number(lock)
        contract.released(person.unlock(lock["id"]))


def test_ids_are_unique_over_courses(site):
    courses = [site.course() for _ in range(30)]
    people = site.users(30, *courses)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda pair: pair[0].lock(pair[1], "g1"),
                                zip(people, courses)))
    ids = {contract.granted(answer)["id"] for answer in answers}
    assert len(ids) == 30


def forget_by_flushing(site):
    with site.store.client() as store:
        store.flush_all()
    # memcached flushes by the second: what is stored within it may go too.
    time.sleep(1.1)


def forget_by_restarting(site):
    site.store.restart()


@pytest.mark.parametrize("forget", [forget_by_flushing, forget_by_restarting])
def test_store_that_forgot_holds_no_locks_and_ids_still_grow(site, course,
                                                             forget):
    user, other, third = site.users(3, course)
    old = contract.granted(user.lock(course, "g1"))
    gone = contract.granted(third.lock(course, "g2"))
    forget(site)
    site.sign_in_again(user, other, third)
    assert contract.listed(user.locks(course)) == []
    contract.no_lock(third.unlock(gone["id"]), gone["id"])
    new = contract.granted(other.lock(course, "g1"))
    assert number(new) > number(old)
    contract.taken(user.lock(course, "g1"))
    contract.no_lock(user.unlock(old["id"]), old["id"])
    own = contract.granted(third.lock(course, "g2"))
    assert number(own) > number(gone)


def test_owner_gets_a_new_id_after_the_store_forgot(site, course):
    user = site.user(course)
    old = contract.granted(user.lock(course, "g1"))
    forget_by_flushing(site)
    site.sign_in_again(user)
    new = contract.granted(user.lock(course, "g1"))
    assert number(new) > number(old)


# ---- A full course ----

def full(course):
    return f"Too many locks in course '{course.id}'"


def test_full_course_is_503_and_its_holders_may_still_move(site):
    course, elsewhere = site.course("a", "b", "c", "d"), site.course()
    people = site.users(4, course, elsewhere, vhost="small")
    for person, gadget in zip(people[:3], "abc"):
        contract.granted(person.lock(course, gadget))
    late = people[3]
    mine = contract.granted(late.lock(elsewhere, "g1"))
    contract.error(late.lock(course, "d"), 503, full(course))
    contract.error(late.lock(course.internal, "d"), 503, full(course))
    assert contract.held(late.locks(elsewhere))["g1"][1] == mine["id"]
    contract.taken(late.lock(course, "a"))
    contract.no_gadget(late.lock(course, "nosuch"), "nosuch")
    contract.granted(people[0].lock(course, "a"))
    moved = contract.granted(people[0].lock(course, "d"))
    assert set(contract.held(late.locks(course))) == {"b", "c", "d"}
    contract.error(late.lock(course, "a"), 503, full(course))
    contract.released(people[0].unlock(moved["id"]))
    contract.granted(late.lock(course, "a"))


def test_leaving_for_another_course_makes_room(site):
    course, elsewhere = site.course("a", "b", "c", "d"), site.course()
    people = site.users(4, course, elsewhere, vhost="small")
    for person, gadget in zip(people[:3], "abc"):
        contract.granted(person.lock(course, gadget))
    contract.granted(people[0].lock(elsewhere, "g1"))
    contract.granted(people[3].lock(course, "d"))
    contract.error(people[0].lock(course, "a"), 503, full(course))


def test_dead_slots_do_not_fill_a_course(site):
    gadgets = [f"g{index}" for index in range(40)]
    course = site.course(*gadgets)
    people = site.users(3, course, vhost="small")
    for index, gadget in enumerate(gadgets):
        contract.granted(people[index % 3].lock(course, gadget))
    assert len(contract.listed(people[0].locks(course))) == 3


def test_locks_of_many_past_users_do_not_fill_a_course(site):
    course = site.course("a", "b", "c")
    for person in site.users(30, course, vhost="small"):
        lock = contract.granted(person.lock(course, "a"))
        contract.released(person.unlock(lock["id"]))
    assert contract.listed(site.partner().locks(course)) == []


def test_expired_locks_do_not_fill_a_course(site):
    course = site.course("a", "b", "c", "d", "e", "f")
    people = site.users(6, course, vhost="brief")
    for start in (0, 2, 4):
        for person, gadget in zip(people[start:start + 2],
                                  course.gadgets[start:start + 2]):
            contract.granted(person.lock(course, gadget), lease=SHORT)
        refused = people[(start + 2) % 6].lock(course, "a" if start else "f")
        contract.error(refused, 503, full(course))
        time.sleep(1.1)


def test_default_limit_is_a_thousand_and_lists_them_all(site):
    course = site.course(*[f"gadget{index}" for index in range(1001)])
    people = site.users(1001, course)

    def take(index):
        return people[index].lock(course, course.gadgets[index])

    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(take, range(1000)):
            contract.granted(answer)
    held = contract.held(site.partner().locks(course))
    assert {gadget: owner for gadget, (owner, _) in held.items()} == {
        gadget: person.user_id
        for gadget, person in zip(course.gadgets, people[:1000])}
    contract.error(take(1000), 503, full(course))
    contract.granted(people[0].lock(course, course.gadgets[1000]))
    contract.released(people[1].unlock(held[course.gadgets[1]][1]))
    contract.granted(people[1000].lock(course, course.gadgets[0]))
