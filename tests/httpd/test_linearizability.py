# SPDX-License-Identifier: Apache-2.0
"""The checker of histories: what it must accept, and what it must reject."""

import random

import pytest

from history import brute_force, model, mutate
from history.checker import check, told
from history.operation import (LIST, LOCK, RESTART, UNLOCK, Entry, Operation)
from history.specification import MS

A, B, ELSEWHERE = ("course1", "a"), ("course1", "b"), ("course2", "a")
SECOND = 1000


def request(kind, user, start, end, status, place=(None, None), **more):
    """Times in milliseconds."""
    return Operation(kind, start * MS, end * MS, status, user=user,
                     course=place[0], gadget=place[1], **more)


def post(user, place, start, end, number, expires=300_000):
    """Granted with this id, or refused if there is none."""
    if number is None:
        return request(LOCK, user, start, end, 403, place)
    return request(LOCK, user, start, end, 201, place, id=number,
                   expires=expires)


def lost_post(user, place, start, end):
    return request(LOCK, user, start, end, 503, place)


def delete(user, number, start, end, status):
    return request(UNLOCK, user, start, end, status, id=number)


def get(user, start, end, *entries, course="course1"):
    return request(LIST, user, start, end, 200, (course, None),
                   entries=[Entry(*entry) for entry in entries])


def restart(start, end, back=None):
    return request(RESTART, None, start, end, None,
                   back=None if back is None else back * MS)


GOOD = {
    "nothing": [],
    "lock, list, release": [
        post("1", A, 0, 1, 10), get("2", 2, 3, ("1", "a", 10)),
        delete("1", 10, 4, 5, 200), get("2", 6, 7)],
    "the same id when renewed": [
        post("1", A, 0, 1, 10), post("1", A, 2, 3, 10)],
    "refused while another holds it": [
        post("1", A, 0, 1, 10), post("2", A, 2, 3, None)],
    "refused by one who was granted it meanwhile": [
        post("1", A, 0, 9, 10), post("2", A, 1, 2, None)],
    "granted after the holder moved to another course": [
        post("1", A, 0, 1, 10), post("1", ELSEWHERE, 2, 3, 11),
        post("2", A, 4, 5, 12)],
    "released twice": [
        post("1", A, 0, 1, 10), delete("1", 10, 2, 5, 200),
        delete("1", 10, 3, 4, 404)],
    "a stranger's release": [
        post("1", A, 0, 1, 10), delete("2", 10, 2, 3, 403),
        delete("2", 11, 4, 5, 404)],
    "a list that began before a grant": [
        get("2", 0, 5), post("1", A, 1, 2, 10)],
    "a list that saw one lock late and another early": [
        get("3", 0, 9, ("2", "b", 11)), post("1", A, 1, 2, 10),
        post("2", B, 3, 4, 11)],
    "lost, and done": [
        lost_post("1", A, 0, 1), get("2", 2, 3, ("1", "a", 10)),
        post("1", A, 4, 5, 10)],
    "lost, and never done": [
        lost_post("1", A, 0, 1), post("2", A, 2, 3, 10)],
    "lost, and done late": [
        lost_post("1", A, 0, 1), get("2", 2, 3), post("2", A, 4, 5, None)],
    "a lost release that was done late": [
        post("1", A, 0, 1, 10), delete("1", 10, 2, 3, 503),
        get("2", 4, 5, ("1", "a", 10)), post("2", A, 6, 7, 11)],
    "a broken connection": [
        request(LOCK, "1", 0, 1, None, A), post("2", A, 2, 3, None)],
    "a restart loses locks": [
        post("1", A, 0, 1, 10), restart(2, 5), get("1", 3, 4),
        post("2", A, 6, 7, 11)],
    "a request to the next store": [
        restart(0, 1, back=3), lost_post("1", A, 2, 4),
        post("2", A, 6, 7, None)],
    "a restart at its end": [
        restart(0, 9), post("1", A, 1, 2, 10), get("1", 10, 11)],
    "a void grant across a restart": [
        restart(0, 2), post("1", A, 1, 3, 10), post("2", A, 4, 5, 11),
        delete("1", 10, 6, 7, 200), get("1", 8, 9, ("2", "a", 11))],
    "an index lost in a restart": [
        restart(0, 2), post("1", A, 1, 3, 10), get("2", 4, 5,
                                                   ("1", "a", 10)),
        delete("2", 10, 6, 7, 404)],
}

BAD = {
    "two holders": [
        post("1", A, 0, 1, 10), post("2", A, 2, 3, 11)],
    "two holders in one list": [
        post("1", A, 0, 9, 10), post("2", A, 0, 9, 11),
        get("3", 0, 9, ("1", "a", 10), ("2", "a", 11))],
    "a user with two locks in one list": [
        post("1", A, 0, 1, 10), post("1", B, 2, 9, 11),
        get("3", 3, 4, ("1", "a", 10), ("1", "b", 11))],
    "a user with locks in two courses": [
        post("1", A, 0, 1, 10), post("1", ELSEWHERE, 2, 3, 11),
        get("3", 4, 5, ("1", "a", 10))],
    "a user who moves is nowhere": [
        post("1", A, 0, 1, 10), post("1", B, 2, 9, 11), get("3", 3, 4)],
    "a lost lock": [
        post("1", A, 0, 1, 10), get("3", 2, 3)],
    "a lost lock, as its owner sees it": [
        post("1", A, 0, 1, 10), delete("1", 10, 2, 3, 404)],
    "a lock comes back": [
        post("1", A, 0, 1, 10), delete("1", 10, 2, 3, 200),
        get("2", 4, 5, ("1", "a", 10))],
    "a stale list": [
        post("1", A, 0, 1, 10), post("1", B, 2, 3, 11),
        get("2", 4, 5, ("1", "a", 10))],
    "a list of the future": [
        get("2", 0, 1, ("1", "a", 10)), post("1", A, 2, 3, 10)],
    "lists that go back": [
        post("1", A, 0, 9, 10), get("2", 1, 2, ("1", "a", 10)),
        get("2", 3, 4)],
    "a list with the wrong owner": [
        post("1", A, 0, 1, 10), get("2", 2, 3, ("2", "a", 10))],
    "released twice": [
        post("1", A, 0, 1, 10), delete("1", 10, 2, 3, 200),
        delete("1", 10, 4, 5, 200)],
    "released twice at once": [
        post("1", A, 0, 1, 10), delete("1", 10, 2, 9, 200),
        delete("1", 10, 2, 9, 200)],
    "released by a stranger": [
        post("1", A, 0, 1, 10), delete("2", 10, 2, 3, 200)],
    "a stranger's release of nothing": [
        post("1", A, 0, 1, 10), delete("1", 10, 2, 3, 200),
        delete("2", 10, 4, 5, 403)],
    "another's lock is said not to be": [
        post("1", A, 0, 1, 10), delete("2", 10, 2, 3, 404)],
    "an id goes back": [
        post("1", A, 0, 1, 10), delete("1", 10, 2, 3, 200),
        post("2", A, 4, 5, 9)],
    "an id goes back after a restart": [
        post("1", A, 0, 1, 10), restart(2, 3), post("2", A, 4, 5, 9)],
    "an id is given twice": [
        post("1", A, 0, 1, 10), post("2", ELSEWHERE, 2, 3, 10)],
    "an id stays after a release": [
        post("1", A, 0, 1, 10), delete("1", 10, 2, 3, 200),
        post("1", A, 4, 5, 10)],
    "a renewal changes the id": [
        post("1", A, 0, 1, 10), post("1", A, 2, 3, 11)],
    "refused while nobody held it": [
        post("1", A, 0, 1, None)],
    "refused while the user held it": [
        post("1", A, 0, 1, 10), post("1", A, 2, 3, None)],
    "refused after the holder moved": [
        post("1", A, 0, 1, 10), post("1", B, 2, 3, 11),
        post("2", A, 4, 5, None)],
    "a refused request released the old lock": [
        post("1", A, 0, 1, 10), post("2", B, 0, 1, 11),
        post("1", B, 2, 3, None), get("3", 4, 5, ("2", "b", 11))],
    "a lost request comes after a later one": [
        lost_post("1", A, 0, 1), post("1", B, 2, 3, 10),
        post("2", A, 4, 5, None)],
    "a lost request cannot do another's": [
        lost_post("1", A, 0, 1), post("2", B, 2, 3, None)],
    "a lost release cannot release another's": [
        post("1", A, 0, 1, 10), delete("2", 10, 2, 3, 503),
        get("3", 4, 5)],
    "a lost request outlives the store": [
        lost_post("1", A, 0, 1), restart(2, 3), post("2", A, 4, 5, None)],
    "a request without a store does something": [
        restart(0, 1, back=5), lost_post("1", A, 2, 4),
        post("2", A, 6, 7, None)],
    "a lock outlives the store": [
        post("1", A, 0, 1, 10), restart(2, 3),
        get("1", 4, 5, ("1", "a", 10))],
    "lost without a restart, long before one": [
        post("1", A, 0, 1, 10), get("1", 2, 3), restart(4, 5)],
    "void without a restart meanwhile": [
        restart(0, 1), post("1", A, 2, 3, 10), post("2", A, 4, 5, 11)],
}

# With leases of a second.
GOOD_TIMED = {
    "ended at its deadline": [
        post("1", A, 0, 10, 10, SECOND), get("2", 1010, 1020),
        post("2", A, 1030, 1040, 11, SECOND)],
    "still there just before": [
        post("1", A, 0, 10, 10, SECOND),
        get("2", 980, 995, ("1", "a", 10))],
    "nobody knows just when": [
        post("1", A, 0, 50, 10, SECOND), post("2", A, 1010, 1020, None),
        get("3", 1030, 1040)],
    "renewed": [
        post("1", A, 0, 10, 10, SECOND), post("1", A, 500, 510, 10, SECOND),
        post("2", A, 1490, 1495, None)],
    "renewed by a lost request": [
        post("1", A, 0, 10, 10, SECOND), lost_post("1", A, 500, 510),
        post("2", A, 1490, 1495, None)],
    "renewed by a request that was under way at the end": [
        post("1", A, 0, 10, 10, SECOND), post("1", A, 990, 1100, 10, SECOND),
        get("2", 1030, 1040), get("2", 1200, 1210, ("1", "a", 10))],
    "not released by one who comes late": [
        post("1", A, 0, 10, 10, SECOND), delete("1", 10, 1020, 1030, 404)],
}
BAD_TIMED = {
    "ended early": [
        post("1", A, 0, 10, 10, SECOND), get("2", 980, 990)],
    "taken early": [
        post("1", A, 0, 10, 10, SECOND),
        post("2", A, 980, 990, 11, SECOND)],
    "ended early after a renewal": [
        post("1", A, 0, 10, 10, SECOND), post("1", A, 500, 510, 10, SECOND),
        get("2", 1030, 1040)],
    "listed after its end": [
        post("1", A, 0, 10, 10, SECOND),
        get("2", 1020, 1030, ("1", "a", 10))],
    "refused after its end": [
        post("1", A, 0, 10, 10, SECOND), post("2", A, 1020, 1030, None)],
    "released after its end": [
        post("1", A, 0, 10, 10, SECOND), delete("1", 10, 1020, 1030, 200)],
    "renewed after its end": [
        post("1", A, 0, 10, 10, SECOND),
        post("1", A, 1020, 1030, 10, SECOND)],
    "renewed after another had it": [
        post("1", A, 0, 10, 10, SECOND), post("1", A, 990, 1100, 10, SECOND),
        post("2", A, 1030, 1040, 11, SECOND)],
    "comes back after its end": [
        post("1", A, 0, 50, 10, SECOND), get("2", 1010, 1011),
        get("2", 1012, 1013, ("1", "a", 10))],
}


def verdicts(operations, lease=None):
    """The checker's, which brute force has to share."""
    violation = check(operations, lease)
    assert (violation is None) == brute_force.is_linearizable(operations,
                                                              lease)
    if violation is not None:
        assert violation.why in told(violation, operations)
    return violation


@pytest.mark.parametrize("name", GOOD)
def test_accepts(name):
    assert verdicts(GOOD[name]) is None


@pytest.mark.parametrize("name", BAD)
def test_rejects(name):
    assert verdicts(BAD[name]) is not None


@pytest.mark.parametrize("name", GOOD_TIMED)
def test_accepts_with_short_leases(name):
    assert verdicts(GOOD_TIMED[name], SECOND * MS) is None


@pytest.mark.parametrize("name", BAD_TIMED)
def test_rejects_with_short_leases(name):
    assert verdicts(BAD_TIMED[name], SECOND * MS) is not None


@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_rejects_answers_of_no_state(status):
    wrong = post("1", A, 0, 1, 10)
    wrong.status = status
    assert verdicts([wrong]) is not None


# ---- Against brute force ----

def test_agrees_with_brute_force_on_small_histories():
    """Right ones and falsified ones, with answers lost and without."""
    accepted = rejected = 0
    for seed in range(2000):
        chance = random.Random(seed)
        operations = model.history(
            chance, chance.randint(3, 6), users=chance.choice([1, 2, 2, 3]),
            courses=chance.choice([1, 1, 2]), gadgets=chance.randint(1, 2),
            tabs=chance.randint(1, 2), unknown=chance.choice([0, 0, 0.3]),
            spread=chance.choice([3, 12]))
        if chance.random() < 0.8:
            operations = mutate.falsified(
                chance, operations, chance.choice(mutate.FAULTS)
            ) or operations
        if chance.random() < 0.2 and operations:
            start = chance.choice(operations).start + MS // 2
            operations.append(restart(0, 0))
            operations[-1].start, operations[-1].end = start, start + 10 * MS
        violation = check(operations)
        assert (violation is None) == (
            brute_force.is_linearizable(operations)), (seed, operations)
        accepted += violation is None
        rejected += violation is not None
    assert accepted > 700 and rejected > 300, (accepted, rejected)


def test_agrees_with_brute_force_on_leases_that_end():
    accepted = rejected = 0
    for seed in range(1500):
        chance = random.Random(seed)
        operations = model.history(
            chance, chance.randint(2, 6), users=2, courses=1, gadgets=1,
            unknown=chance.choice([0, 0.3]), spread=3)
        for each in operations:
            if each.expires:
                each.expires = chance.choice([2, 5, 10, 40])
        violation = check(operations, 40 * MS)
        assert (violation is None) == (
            brute_force.is_linearizable(operations, 40 * MS)), (
                seed, operations)
        accepted += violation is None
        rejected += violation is not None
    assert accepted > 500 and rejected > 200, (accepted, rejected)


# ---- Long histories ----

@pytest.mark.parametrize("tabs", [1, 2])
@pytest.mark.parametrize("unknown", [0, 0.1])
def test_accepts_what_a_right_service_answers(unknown, tabs):
    for seed in range(10):
        operations = model.history(random.Random(seed), 500, users=6,
                                   tabs=tabs, unknown=unknown)
        violation = check(operations)
        assert violation is None, (seed, told(violation, operations))


@pytest.mark.parametrize("fault", mutate.FAULTS,
                         ids=lambda fault: fault.__name__)
def test_finds_one_wrong_answer_in_a_long_history(fault):
    """Now and then the wrong answer is as good as the right one, since
    requests overlap."""
    falsified = found = 0
    for seed in range(40):
        chance = random.Random(seed)
        operations = mutate.falsified(
            chance, model.history(chance, 200, users=6), fault)
        if operations is not None:
            falsified += 1
            found += check(operations) is not None
    assert falsified >= 25 and found >= 0.8 * falsified, (found, falsified)
