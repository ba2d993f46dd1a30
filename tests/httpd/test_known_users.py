# SPDX-License-Identifier: Apache-2.0
"""Whose a SID was last, and who held something in a course: what httpd reads on
these guesses, and what it must never believe of them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import contract
from harness.proxy import sequential_trips
from harness.site import LOCATION, broken_site

GUARDED = """
<LocationMatch "^/whole/(?<course>[^/]+)$">
    LocksGuard respect
    LocksSubject "%{env:MATCH_COURSE}"
</LocationMatch>
<LocationMatch "^/guarded/(?<course>[^/]+)/(?<gadget>[^/]+)$">
    LocksGuard require
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
</LocationMatch>
"""


@pytest.fixture(scope="module")
def site():
    """One child, so that every request meets what the ones before left."""
    with broken_site(timeout="1s", mpm="one child",
                     location=LOCATION + GUARDED,
                     vhosts={"waiting": "LocksWaitMax 9s\nLocksWaitInterval 50ms"}
                     ) as site:
        yield site


@pytest.fixture
def course(site):
    return site.used_course("g1", "g2", "g3", "g4")


def cost(site, request):
    answer, trips = site.proxy.trips(request)
    return trips, answer


def hand_over(site, client, user_id):
    """The client's SID stands for somebody else from now on."""
    site.write_session(client.sid, {"sessionType": "PlainUserSession",
                                    "userId": user_id})


def write(client, course, gadget):
    return client.raw("PUT", f"/guarded/{course.id}/{gadget}", checked=False)


PASSED = (404, 405)


# ---- What it saves ----

def test_what_a_user_pays_who_has_asked_before(site, course):
    user = site.user(course)
    contract.listed(user.locks(course))
    trips, answer = cost(site, lambda: user.lock(course, "g1"))
    lock = contract.granted(answer)
    assert trips == 3
    trips, answer = cost(site, lambda: user.lock(course, "g1"))
    assert contract.granted(answer)["id"] == lock["id"]
    assert trips == 2
    trips, answer = cost(site, lambda: user.renew(lock["id"]))
    contract.renewed(answer, lock["id"])
    assert trips == 2
    trips, answer = cost(site, lambda: user.look(lock["id"]))
    assert (trips, answer.json["id"]) == (1, lock["id"])
    # Not delayed: what the guard read ahead is soon too old for it.
    with site.proxy.recording() as exchanges:
        assert write(user, course, "g1").status in PASSED
    assert sequential_trips(exchanges) == 1
    trips, answer = cost(site, lambda: user.unlock(lock["id"]))
    contract.released(answer)
    assert trips == 2


def test_the_session_is_read_each_time_all_the_same(site, course):
    user = site.user(course)
    for request in (lambda: user.lock(course, "g1"),
                    lambda: user.lock(course, "g1"),
                    lambda: user.locks(course), user.own,
                    lambda: write(user, course, "g1"),
                    lambda: user.unlock("1")):
        with site.proxy.recording() as exchanges:
            request()
        assert [f"session:{user.sid}" in exchange.keys
                for exchange in exchanges if exchange.keys].count(True) == 1


def list_cost(site, user, course):
    """Round trips, and the gadgets that are held."""
    trips, answer = cost(site, lambda: user.locks(course))
    return trips, sorted(contract.held(answer))


def test_a_list_takes_one_where_the_owners_are_known(site, course):
    user, other = site.users(2, course)
    partner = site.partner()
    contract.granted(user.lock(course, "g1"))
    assert list_cost(site, user, course) == (2, ["g1"])
    for client in (user, other, partner):
        assert list_cost(site, client, course) == (1, ["g1"])
    lock = contract.granted(other.lock(course, "g2"))
    assert list_cost(site, partner, course) == (2, ["g1", "g2"])
    assert list_cost(site, partner, course) == (1, ["g1", "g2"])
    contract.granted(user.lock(course, "g3"))
    assert list_cost(site, partner, course) == (1, ["g2", "g3"])
    contract.released(other.unlock(lock["id"]))
    assert list_cost(site, partner, course) == (1, ["g3"])


def test_a_list_by_the_internal_id_takes_one_too(site, course):
    user = site.user(course)
    contract.granted(user.lock(course, "g1"))
    contract.listed(user.locks(course))
    assert list_cost(site, user, course.internal)[0] <= 2


def test_an_empty_course_takes_one(site):
    course = site.course()
    for _ in range(2):
        assert list_cost(site, site.partner(), course) == (1, [])


def test_a_write_to_the_whole_course_takes_one(site, course):
    user, other = site.users(2, course)
    contract.granted(user.lock(course, "g1"))
    for trips in (2, 1):
        for client, outcomes in ((user, (404, 405)), (other, (403,))):
            with site.proxy.recording() as exchanges:
                answer = client.raw("PUT", f"/whole/{course.id}",
                                    checked=False)
            assert answer.status in outcomes
        assert sequential_trips(exchanges) <= trips


def test_looking_for_changes_takes_one_each_time(site, course):
    user = site.user(course)
    contract.granted(user.lock(course, "g1"))
    partner = site.partner("waiting")
    etag = partner.locks(course).header("ETag")
    with site.proxy.recording() as exchanges:
        answer = partner.locks(course, ("If-None-Match", etag),
                               ("Prefer", "wait=1"))
    assert answer.status == 304
    looks = [exchange for exchange in exchanges
             if f"locks:slots:gadget:{course.id}" in exchange.keys]
    assert len(looks) > 10
    assert all(any(key.startswith("locks:lease:") for key in look.keys)
               for look in looks)
    assert len(exchanges) <= len(looks) + 1


def test_owners_move_while_they_are_listed(site):
    """Some walk through the course, others look on, each child with what it
    knew: a walker is on one gadget, whenever one looks."""
    gadgets = [f"g{number}" for number in range(6)]
    course = site.course(*gadgets)
    walkers = site.users(3, course)
    partner = site.partner()
    ways = [gadgets[:2], gadgets[2:4], gadgets[4:]]
    for walker, way in zip(walkers, ways):
        contract.granted(walker.lock(course, way[0]))

    def walk(index):
        for turn in range(60):
            contract.granted(walkers[index].lock(course,
                                                 ways[index][turn % 2]))

    def look():
        for _ in range(120):
            owners = [owner for owner, _ in
                      contract.held(partner.locks(course)).values()]
            assert sorted(owners) == sorted(user.user_id for user in walkers)

    with ThreadPoolExecutor(6) as pool:
        everyone = [*(pool.submit(walk, index) for index in range(3)),
                    *(pool.submit(look) for _ in range(3))]
        for one in everyone:
            one.result()


# ---- A guess that is wrong ----

def everything(user, course, lock_id):
    return [user.locks(course), user.lock(course, "g2"), user.own(),
            user.look(lock_id), user.renew(lock_id), user.unlock(lock_id)]


def test_who_signs_out_is_refused_at_once(site, course):
    user, other = site.users(2, course)
    lock = contract.granted(user.lock(course, "g1"))
    with site.store.client() as store:
        assert store.delete(f"session:{user.sid}") == "DELETED"
    for answer in everything(user, course, lock["id"]):
        contract.unauthorized(answer)
    assert write(user, course, "g1").status == 403
    assert contract.held(other.locks(course))["g1"][1] == lock["id"]


def test_a_sid_of_somebody_else_is_theirs_at_once(site, course):
    """Whatever it did for the one before."""
    before, after = site.users(2, course)
    lock = contract.granted(before.lock(course, "g1"))
    own = contract.granted(after.lock(course, "g2"))
    hand_over(site, before, after.user_id)
    (mine,) = contract.listed(before.own())
    assert mine["id"] == own["id"]
    hand_over(site, before, before.user_id)
    hand_over(site, after, before.user_id)
    contract.forbidden(after.unlock(own["id"]))
    assert set(contract.held(before.locks(course))) == {"g1", "g2"}
    hand_over(site, after, after.user_id)
    contract.listed(after.own())
    hand_over(site, after, before.user_id)
    contract.released(after.unlock(lock["id"]))
    assert set(contract.held(before.locks(course))) == {"g2"}


@pytest.mark.parametrize("gadget, status", [("g1", PASSED), ("g2", (403,)),
                                            ("g3", (428,))])
def test_a_guess_lets_no_write_pass(site, course, gadget, status):
    """The SID was the holder's of g2, and now is the holder's of g1."""
    before, after = site.users(2, course)
    contract.granted(before.lock(course, "g2"))
    contract.granted(after.lock(course, "g1"))
    assert write(before, course, "g2").status in PASSED
    hand_over(site, before, after.user_id)
    assert write(before, course, gadget).status in status


def test_an_acquire_on_a_wrong_guess_is_the_new_users(site, course):
    before, after = site.users(2, course)
    kept = contract.granted(before.lock(course, "g1"))
    moved = contract.granted(after.lock(course, "g2"))
    hand_over(site, before, after.user_id)
    lock = contract.granted(before.lock(course, "g3"), owner=after.user_id)
    found = contract.held(after.locks(course))
    assert found["g1"] == (before.user_id, kept["id"])
    assert found["g3"] == (after.user_id, lock["id"])
    assert set(found) == {"g1", "g3"}
    contract.no_lock(after.unlock(moved["id"]), moved["id"])


def test_what_is_no_users_session_any_more(site, course):
    user = site.user(course)
    lock = contract.granted(user.lock(course, "g1"))
    site.write_session(user.sid, {"sessionType": "PartnerKey"})
    contract.unauthorized(user.lock(course, "g2"))
    contract.unauthorized(user.unlock(lock["id"]))
    assert set(contract.held(user.locks(course))) == {"g1"}


def test_a_guess_outlasts_an_outage(site, course):
    """Nothing is decided on it meanwhile, nor forgotten."""
    user = site.user(course)
    lock = contract.granted(user.lock(course, "g1"))
    site.proxy.refuse()
    try:
        contract.unavailable(user.lock(course, "g1"))
        contract.unavailable(user.unlock(lock["id"]))
    finally:
        site.proxy.accept()
    trips, answer = cost(site, lambda: user.lock(course, "g1"))
    assert contract.granted(answer)["id"] == lock["id"]
    assert trips == 2


def test_a_lock_that_was_lost_with_its_slots(site, course):
    """Where the slots of the course that it was in are read at once too."""
    user = site.user(course)
    lock = contract.granted(user.lock(course, "g1"))
    contract.renewed(user.renew(lock["id"]), lock["id"])
    with site.store.client() as store:
        assert store.delete(
            f"locks:slots:gadget:{course.id}") == "DELETED"
    contract.no_lock(user.renew(lock["id"]), lock["id"])
    contract.no_lock(user.look(lock["id"]), lock["id"])
    contract.released(user.unlock(lock["id"]))


def test_a_renewal_by_who_may_no_more(site, course):
    """It is asked anew whatever httpd remembers of the lock."""
    user = site.user(course)
    lock = contract.granted(user.lock(course, "g1"))
    contract.renewed(user.renew(lock["id"]), lock["id"])
    site.withdraw(course, user.user_id)
    contract.forbidden(user.renew(lock["id"]))


def test_a_lease_that_changes_under_the_request(site, course):
    """Two sessions of one user, each known: the lease that one read ahead is
    the other's to change, and one lock remains."""
    user = site.user(course)
    twin = site.client(site.session(
        {"sessionType": "PlainUserSession", "userId": user.user_id}),
        user_id=user.user_id)
    contract.listed(twin.locks(course))
    contract.listed(user.locks(course))

    def take(turn):
        who = (user, twin)[turn % 2]
        return who.lock(course, f"g{1 + turn % 3}")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(take, range(200)))
    assert {answer.status for answer in answers} <= {201, 503}
    assert [answer.status for answer in answers].count(201) > 150
    assert len(contract.held(user.locks(course))) == 1
    (lock,) = contract.listed(twin.own())
    contract.released(user.unlock(lock["id"]))


def test_many_users_are_never_mixed(site, course):
    def take_and_give(user):
        for _ in range(40):
            answer = user.lock(course, "g1")
            if answer.status == 201:
                lock = contract.granted(answer, owner=user.user_id)
                contract.released(user.unlock(lock["id"]))
            else:
                contract.taken(answer)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(take_and_give, site.users(24, course)))
    assert contract.held(site.user(course).locks(course)) == {}


@pytest.mark.parametrize("user_id, trips", [("9" * 128, 2), ("9" * 129, 3)])
def test_a_long_user_id_is_not_remembered(site, course, user_id, trips):
    """It costs the round trip more, and nothing else."""
    user = site.user(course, user_id=user_id)
    contract.granted(user.lock(course, "g1"))
    found, answer = cost(site, lambda: user.lock(course, "g1"))
    contract.granted(answer, owner=user_id)
    assert found == trips
    contract.released(user.own("DELETE"))
