# SPDX-License-Identifier: Apache-2.0
"""A pool of memcached servers, and sessions on servers of their own."""

from contextlib import ExitStack

import pytest

from harness import contract
from harness.memcached import Pool, memcached
from harness.proxy import FaultProxy, swallow
from harness.site import running_site
from harness.system import eventually


@pytest.fixture(scope="module")
def site():
    """Locks and sessions on a pool of three."""
    with ExitStack() as stack:
        pool = Pool([stack.enter_context(memcached()) for _ in range(3)])
        yield stack.enter_context(running_site(store=pool, timeout="250ms"))


def test_sessions_are_found_where_other_clients_put_them(site):
    """Each session is on the one server that weighted ketama says."""
    course = site.course()
    owners = set()
    for user in site.users(40, course):
        assert contract.listed(user.locks(course)) == []
        owners.add(site.store.owner(f"session:{user.sid}").name)
    assert len(owners) == 3


def test_lock_is_one_lock_wherever_its_records_are(site):
    courses = [site.course() for _ in range(30)]
    for course in courses:
        user, other = site.users(2, course)
        lock = contract.granted(user.lock(course, "g1"))
        contract.taken(other.lock(course, "g1"))
        contract.forbidden(other.unlock(lock["id"]))
        assert set(contract.held(other.locks(course))) == {"g1"}
        contract.granted(user.lock(course, "g2"))
        contract.granted(other.lock(course, "g1"))


def test_locks_are_spread_over_the_pool(site):
    for server in site.store.servers:
        with server.client() as client:
            line = client.command("stats")
            count = 0
            while line != "END":
                if line.startswith("STAT curr_items "):
                    count = int(line.split()[2])
                line = client.line()
        assert count > 10


@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_pool_with_one_server_down_is_503_or_the_truth(site, how):
    """Nothing moves to another server: a key whose server is down is
    unknown, never absent."""
    courses = [site.course() for _ in range(32)]
    people = site.users(32, *courses)
    others = site.users(32, *courses)
    locks = [contract.granted(person.lock(course, "g1"))
             for person, course in zip(people, courses)]
    lost = site.store.servers[1]
    stop = lost.stop if how == "stopped" else lost.pause
    stop()
    seen = {200: 0, 503: 0}
    try:
        for course, person, other, lock in zip(courses, people, others,
                                               locks):
            for answer, truth in (
                    (person.locks(course), 200),
                    (other.lock(course, "g1"), 403),
                    (other.unlock(lock["id"]), 403),
                    (person.lock(course, "g1"), 201),
                    (person.unlock("12345"), 404)):
                assert answer.status in (truth, 503), answer
                # Each request has a server's timeout to wait at most, and a
                # write to a hung one another.
                assert answer.elapsed < 2 * 0.25 + 0.4, answer.elapsed
                if answer.status in seen:
                    seen[answer.status] += 1
                if answer.status == 200:
                    assert contract.held(answer)["g1"] == (
                        person.user_id, lock["id"])
            contract.unauthorized(site.client().locks(course))
    finally:
        lost.start() if how == "stopped" else lost.resume()
    assert seen[200] > 0 and seen[503] > 0, seen
    site.sign_in_again(*people, *others)
    for course, person, lock in zip(courses, people, locks):
        answer = eventually(lambda: (answer := person.locks(course))
                            and answer.status != 503 and answer)
        held = contract.held(answer)
        assert held in ({}, {"g1": (person.user_id, lock["id"])})
        if how == "paused":
            assert held
        # Each of httpd's children finds out for itself.
        contract.granted(eventually(
            lambda: (answer := person.lock(course, "g2"))
            and answer.status != 503 and answer))


def test_other_order_of_servers_finds_the_same_keys(site):
    """Placement hangs on the servers' names, as with other clients."""
    servers = site.store.servers
    reordered = ",".join(server.name for server in servers[::-1])
    course = site.course()
    user = site.user(course)
    lock = contract.granted(user.lock(course, "g1"))
    with running_site(store=site.store, address=reordered,
                      database=site.database) as second:
        at_second = user.at(second.httpd.address)
        assert contract.held(at_second.locks(course))["g1"][1] == lock["id"]


# ---- Sessions elsewhere ----

@pytest.fixture(scope="module")
def parted():
    """Locks on one server; sessions on another, behind a FaultProxy."""
    with memcached() as sessions, memcached() as locks:
        proxy = FaultProxy(sessions.address)
        try:
            with running_site(
                    store=sessions, address=locks.name, timeout="250ms",
                    config=f"LocksSessionStore memcached:{proxy.name}\n"
                           "LocksSessionKey sid/%s/v1") as site:
                site.proxy = proxy
                site.locks = locks
                yield site
        finally:
            proxy.close()


def parted_user(site, course):
    name = f"user of {course.id}"
    site.permit(course, name)
    record = {"sessionType": "PlainUserSession", "userId": name}
    return site.client(site.session(record, key="sid/%s/v1"), user_id=name)


def test_sessions_are_read_from_their_own_store_and_key(parted):
    course = parted.course()
    user = parted_user(parted, course)
    lock = contract.granted(user.lock(course, "g1"), owner=user.user_id)
    contract.released(user.unlock(lock["id"]))
    by_default_key = parted.user(course)
    contract.unauthorized(by_default_key.locks(course))
    elsewhere = parted.client("elsewhere1")
    parted.write_session("elsewhere1", {"sessionType": "PartnerKey"},
                         key="sid/%s/v1", store=parted.locks)
    contract.unauthorized(elsewhere.locks(course))


@pytest.mark.parametrize("hang", [False, True])
def test_session_store_that_is_gone_is_503(parted, hang):
    course = parted.course()
    user = parted_user(parted, course)
    contract.granted(user.lock(course, "g1"))
    if hang:
        with parted.proxy.fault(swallow):
            answers = [user.locks(course), parted.client("x").locks(course)]
        parted.proxy.cut_all()
    else:
        parted.proxy.refuse()
        answers = [user.locks(course), parted.client("x").locks(course)]
        parted.proxy.accept()
    for answer in answers:
        contract.unavailable(answer)
        assert answer.elapsed < 0.65
    eventually(lambda: user.locks(course).status == 200)


def test_lock_store_that_is_gone_is_503_but_401_stays_401(parted):
    course = parted.course()
    user = parted_user(parted, course)
    contract.granted(user.lock(course, "g1"))
    parted.locks.stop()
    try:
        contract.unavailable(user.locks(course))
        contract.unavailable(user.lock(course, "g1"))
        contract.unavailable(user.unlock("1"))
        contract.unauthorized(parted.client("nobodysid").unlock("1"))
    finally:
        parted.locks.start()
    eventually(lambda: user.locks(course).status == 200)
    contract.granted(user.lock(course, "g1"))
