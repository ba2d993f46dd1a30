# SPDX-License-Identifier: Apache-2.0
"""Records of the store that are lost, spoiled or mixed up."""

import pytest

from harness import contract
from harness.keys import lease_key, slots_key
from harness.proxy import writes
from harness.site import broken_site

RECORDS = 3  # of a first lock in a course: lease, slots and index


@pytest.fixture(scope="module")
def site():
    with broken_site(timeout="1s") as site:
        yield site


def number(lock):
    return int(lock["id"])


def lock_and_keys(site, person, course, gadget):
    """Has the gadget locked; returns the lock and the keys written."""
    with site.proxy.recording() as exchanges:
        lock = contract.granted(person.lock(course, gadget))
    keys = {key for exchange in exchanges if writes(exchange)
            for key in exchange.keys}
    assert all(key.startswith("locks:") for key in keys)
    return lock, sorted(keys)


def each_record_of_one_lock(site):
    """Again and again one user has the only lock of a course; gives each
    time another record's key, the course, the user, someone else and the
    lock."""
    for position in range(RECORDS):
        course = site.course()
        user, other = site.users(2, course)
        lock, keys = lock_and_keys(site, user, course, "g1")
        assert len(keys) == RECORDS
        yield keys[position], course, user, other, lock


def test_loss_of_any_one_record_never_makes_two_holders(site):
    """Whatever is evicted, the answers stay the truth."""
    partner = site.partner()
    for key, course, user, other, old in each_record_of_one_lock(site):
        with site.store.client() as store:
            assert store.delete(key) == "DELETED"
        seen = contract.held(partner.locks(course))
        answer = other.lock(course, "g1")
        if seen:
            assert seen == {"g1": (user.user_id, old["id"])}
            contract.taken(answer)
            continue
        new = contract.granted(answer)
        assert number(new) > number(old)
        contract.taken(user.lock(course, "g1"))
        moved = contract.granted(user.lock(course, "g2"))
        assert number(moved) > number(old)
        assert contract.held(partner.locks(course)) == {
            "g1": (other.user_id, new["id"]),
            "g2": (user.user_id, moved["id"])}


@pytest.mark.parametrize("spoil", [
    lambda value: b"", lambda value: b"junk", lambda value: value[:-1],
    lambda value: value[: len(value) // 2], lambda value: value + b"x",
    lambda value: b"\0" * len(value), lambda value: b"\xff" * len(value),
    lambda value: b"{}", lambda value: value[:1], lambda value: b"x" * 900000,
], ids=["empty", "junk", "shorter", "half", "longer", "zeros", "ones",
        "JSON", "byte", "huge"])
def test_spoiled_record_is_no_lock_and_no_crash(site, spoil):
    for key, course, user, other, lock in each_record_of_one_lock(site):
        with site.store.client() as store:
            assert store.set(key, spoil(store.get(key))) == "STORED"
        answers = [user.locks(course), other.lock(course, "g1"),
                   user.lock(course, "g1"), other.unlock(lock["id"]),
                   user.unlock(lock["id"])]
        for answer in answers:
            assert answer.status in (200, 201, 403, 404, 503), answer
        owners = {answer.json["ownerId"] for answer in answers
                  if answer.status == 201}
        assert len(owners) <= 1


@pytest.mark.parametrize("key_of", [
    lambda course, user: slots_key(course),
    lambda course, user: lease_key(user)], ids=["slots", "lease"])
@pytest.mark.parametrize("step", [-1, 1], ids=["older", "newer"])
def test_a_record_of_another_version_is_no_guess(site, key_of, step):
    """Its host may know of locks that this one would not see."""
    course = site.course()
    user, other = site.users(2, course)
    lock = contract.granted(user.lock(course, "g1"))
    key = key_of(course, user)
    with site.store.client() as store:
        value = store.get(key)
        version = bytes([value[2] + step])
        store.set(key, value[:2] + version + value[3:])
        for answer in (other.lock(course, "g1"), other.locks(course),
                       user.lock(course, "g1")):
            contract.error(answer, 503)
        store.set(key, value)
    assert contract.held(other.locks(course)) == {
        "g1": (user.user_id, lock["id"])}


def test_every_flipped_bit_of_a_record_is_noticed_or_harmless(site):
    for key, course, user, other, lock in each_record_of_one_lock(site):
        with site.store.client() as store:
            value = store.get(key)
            for place in range(len(value)):
                broken = bytearray(value)
                broken[place] ^= 1 << place % 8
                store.set(key, bytes(broken))
                answer = user.locks(course)
                assert answer.status in (200, 503), answer
            store.set(key, value)
        contract.taken(other.lock(course, "g1"))


def test_record_under_another_key_is_not_believed(site):
    """A store that hands out one user's record as another's."""
    course = site.course()
    user, other, third = site.users(3, course)
    contract.granted(user.lock(course, "g1"))
    _, others = lock_and_keys(site, other, course, "g2")
    _, thirds = lock_and_keys(site, third, course, "g3")
    [lease], [spare] = set(others) - set(thirds), set(thirds) - set(others)
    with site.store.client() as store:
        store.set(spare, store.get(lease))
    answer = user.locks(course)
    if answer.status == 200:
        held = contract.held(answer)
        assert held["g2"][0] == other.user_id
        assert "g3" not in held
    else:
        contract.unavailable(answer)
