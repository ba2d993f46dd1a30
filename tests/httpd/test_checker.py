# SPDX-License-Identifier: Apache-2.0
"""The checker of histories: what it must allow, and what it must not."""

import itertools
import random

import pytest
from harness.linearizability import linearize
from harness.service import FOREVER, Call, State, outcomes


def acquire(user, gadget, start, end, lock_id, course="c", **more):
    more = {"earliest": 1000.0, "latest": 1000.0, **more}
    return Call("acquire", user, course, gadget, start, end, "done", lock_id,
                **more)


def held(user, gadget, start, end):
    return Call("acquire", user, "c", gadget, start, end, "held")


def unknown(user, gadget, start):
    return Call("acquire", user, "c", gadget, start, FOREVER, "unknown",
                earliest=1000.0)


def release(user, lock_id, start, end, answer="done"):
    return Call("release", user, None, None, start, end, answer, lock_id)


def shown(user, gadget, start, end, lock_id, course="c"):
    return Call("read", user, course, gadget, start, end, "done", lock_id,
                earliest=1000.0, latest=1000.0)


def not_shown(user, start, end, course="c"):
    return Call("read", user, course, None, start, end)


def wipe(start, end):
    return Call("wipe", start=start, end=end)


GOOD = {
    "a life": [acquire("ann", "g", 1, 2, 100), shown("ann", "g", 3, 4, 100),
               held("ben", "g", 5, 6), release("ben", 100, 7, 8, "foreign"),
               acquire("ann", "g", 9, 10, 100), release("ann", 100, 11, 12),
               release("ann", 100, 13, 14, "absent"),
               not_shown("ann", 15, 16), acquire("ben", "g", 17, 18, 200)],
    "at once": [acquire("ann", "g", 1, 4, 100), held("ben", "g", 2, 3)],
    "a move": [acquire("ann", "g", 1, 2, 100), acquire("ann", "h", 3, 8, 200),
               shown("ann", "g", 4, 5, 100), shown("ann", "h", 6, 7, 200)],
    "a move between courses": [
        acquire("ann", "g", 1, 2, 100),
        acquire("ann", "g", 3, 4, 200, course="d"),
        not_shown("ann", 5, 6), acquire("ben", "g", 7, 8, 300)],
    "unanswered and done": [unknown("ann", "g", 1),
                            shown("ann", "g", 2, 3, 100),
                            held("ben", "g", 4, 5)],
    "unanswered and late": [unknown("ann", "g", 1), not_shown("ann", 2, 3),
                            acquire("ben", "g", 4, 5, 100),
                            release("ben", 100, 6, 7),
                            held("ben", "g", 8, 9)],
    "a deadline": [acquire("ann", "g", 1, 2, 100, earliest=5.0, latest=5.1),
                   not_shown("ann", 6, 7), acquire("ben", "g", 8, 9, 200)],
    "a store that was emptied": [acquire("ann", "g", 1, 2, 100),
                                 wipe(3, 4), not_shown("ann", 5, 6),
                                 acquire("ben", "g", 7, 8, 200)],
    "a grant that was emptied": [acquire("ann", "g", 1, 5, 100), wipe(2, 4),
                                 not_shown("ann", 6, 7),
                                 acquire("ben", "g", 8, 9, 200)],
}
BAD = {
    "two holders": [acquire("ann", "g", 1, 2, 100),
                    acquire("ben", "g", 3, 4, 200)],
    "two holders at once": [acquire("ann", "g", 1, 4, 100),
                            acquire("ben", "g", 2, 3, 200)],
    "two locks of a user": [acquire("ann", "g", 1, 2, 100),
                            acquire("ann", "h", 3, 4, 200),
                            shown("ann", "g", 5, 6, 100)],
    "a lost lock": [acquire("ann", "g", 1, 2, 100), not_shown("ann", 3, 4)],
    "a stale list": [acquire("ann", "g", 1, 2, 100),
                     release("ann", 100, 3, 4), shown("ann", "g", 5, 6, 100)],
    "neither old nor new": [acquire("ann", "g", 1, 2, 100),
                            acquire("ann", "h", 3, 6, 200),
                            not_shown("ann", 4, 5)],
    "refused for nothing": [held("ann", "g", 1, 2)],
    "refused after a release": [acquire("ann", "g", 1, 2, 100),
                                release("ann", 100, 3, 4),
                                held("ben", "g", 5, 6)],
    "released twice": [acquire("ann", "g", 1, 2, 100),
                       release("ann", 100, 3, 6), release("ann", 100, 4, 5)],
    "an ID that shrank": [acquire("ann", "g", 1, 2, 200),
                          release("ann", 200, 3, 4),
                          acquire("ben", "g", 5, 6, 100)],
    "a renewal with another ID": [acquire("ann", "g", 1, 2, 100),
                                  acquire("ann", "g", 3, 4, 200)],
    "not found while held": [acquire("ann", "g", 1, 2, 100),
                             release("ann", 100, 3, 4, "absent")],
    "a stranger's after its end": [acquire("ann", "g", 1, 2, 100),
                                   release("ann", 100, 3, 4),
                                   release("ben", 100, 5, 6, "foreign")],
    "before the deadline": [
        acquire("ann", "g", 1, 2, 100, earliest=5.0, latest=5.1),
        acquire("ben", "g", 3, 4, 200)],
    "listed after the deadline": [
        acquire("ann", "g", 1, 2, 100, earliest=5.0, latest=5.1),
        shown("ann", "g", 6, 7, 100)],
    "unanswered and done twice": [unknown("ann", "g", 1),
                                  shown("ann", "g", 2, 3, 100),
                                  release("ann", 100, 4, 5),
                                  held("ben", "g", 6, 7)],
    "lost after the store was emptied": [wipe(1, 2),
                                         acquire("ann", "g", 3, 4, 100),
                                         not_shown("ann", 5, 6)],
}


@pytest.mark.parametrize("name", GOOD)
def test_history_is_allowed(name):
    assert linearize(GOOD[name])[0]


@pytest.mark.parametrize("name", BAD)
def test_history_is_not_allowed(name):
    assert not linearize(BAD[name])[0]


def by_force(calls):
    """The same question, answered by trying every order."""
    answered = [call for call in calls if call.end != FOREVER]
    rest = [call for call in calls if call.end == FOREVER]
    for count in range(len(rest) + 1):
        for some in itertools.combinations(rest, count):
            for order in itertools.permutations([*answered, *some]):
                if any(later.end <= earlier.start
                       for i, earlier in enumerate(order)
                       for later in order[i + 1:]):
                    continue
                states = [State()]
                for call in order:
                    states = [after for state in states
                              for after in outcomes(state, call)]
                if states:
                    return True
    return False


def random_history(chance):
    calls = []
    for number in range(chance.randint(2, 5)):
        start = chance.random() * 10
        end = start + chance.random() * 5
        user = chance.choice(["ann", "ben"])
        gadget = chance.choice(["g", "h"])
        lock_id = chance.choice([100, 200, 300])
        calls.append(chance.choice([
            acquire(user, gadget, start, end, lock_id),
            held(user, gadget, start, end),
            release(user, lock_id, start, end,
                    chance.choice(["done", "absent"])),
            shown(user, gadget, start, end, lock_id),
            not_shown(user, start, end),
            unknown(user, gadget, start)]))
    return calls


def test_every_order_tried_comes_to_the_same():
    chance = random.Random(4711)
    verdicts = {True: 0, False: 0}
    for _ in range(1500):
        calls = random_history(chance)
        verdict = by_force(calls)
        assert linearize(calls)[0] == verdict, calls
        verdicts[verdict] += 1
    assert min(verdicts.values()) > 100, verdicts
