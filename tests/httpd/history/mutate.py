# SPDX-License-Identifier: Apache-2.0
"""Falsifies recorded histories: what a lock service that is wrong could have
answered."""

import copy

from .operation import LIST, LOCK, UNLOCK, Entry


def _choose(chance, operations, fits):
    """One of those that fit; None if there is none."""
    return chance.choice([each for each in operations if fits(each)] or
                         [None])


def _grants(operation):
    return operation.kind == LOCK and operation.status == 201


def grant_for_refusal(chance, operations):
    """A gadget that somebody else holds is given away."""
    one = _choose(chance, operations,
                  lambda each: each.kind == LOCK and each.status == 403)
    if one:
        one.status, one.expires = 201, 300_000
        one.id = 1 + max(each.id or 0 for each in operations
                         if each.start < one.end)
    return one


def refusal_for_grant(chance, operations):
    """A gadget is refused while the user holds it."""
    one = _choose(chance, operations, _grants)
    if one:
        one.status, one.id = 403, None
    return one


def lock_left_out(chance, operations):
    one = _choose(chance, operations, lambda each: each.entries)
    if one:
        one.entries.remove(chance.choice(one.entries))
    return one


def lock_still_listed(chance, operations):
    """A list repeats what an earlier one said."""
    one = _choose(chance, operations, lambda each: each.kind == LIST
                  and each.status == 200)
    if one:
        earlier = [each for each in operations if each.kind == LIST
                   and each.course == one.course and each.end < one.start
                   and each.entries != one.entries]
        if not earlier:
            return None
        one.entries = list(chance.choice(earlier).entries)
    return one


def ids_swapped(chance, operations):
    """Two grants of one gadget carry each other's id."""
    one = _choose(chance, operations, _grants)
    other = one and _choose(
        chance, operations, lambda each: _grants(each) and each.id != one.id
        and (each.course, each.gadget) == (one.course, one.gadget))
    if other:
        one.id, other.id = other.id, one.id
    return other


def renewed_with_another_id(chance, operations):
    one = _choose(chance, operations, _grants)
    if one:
        one.id -= 1
    return one


def owners_swapped(chance, operations):
    """A list names the wrong owner of a lock."""
    one = _choose(chance, operations, lambda each: len(each.entries) > 1)
    if one:
        first, second, *rest = one.entries
        one.entries = [Entry(second.user, first.gadget, first.id),
                       Entry(first.user, second.gadget, second.id), *rest]
    return one


def released_twice(chance, operations):
    one = _choose(chance, operations, lambda each: each.kind == UNLOCK
                  and each.status == 404)
    if one:
        one.status = 200
    return one


def release_not_done(chance, operations):
    """The owner's lock is said not to be there."""
    one = _choose(chance, operations, lambda each: each.kind == UNLOCK
                  and each.status == 200)
    if one:
        one.status = 404
    return one


def foreign_not_found(chance, operations):
    one = _choose(chance, operations, lambda each: each.kind == UNLOCK
                  and each.status == 403)
    if one:
        one.status = 404
    return one


FAULTS = (grant_for_refusal, refusal_for_grant, lock_left_out,
          lock_still_listed, ids_swapped, renewed_with_another_id,
          owners_swapped, released_twice, release_not_done,
          foreign_not_found)


def falsified(chance, operations, fault):
    """A copy with this fault; None if the history offers no place for it."""
    copied = copy.deepcopy(operations)
    return copied if fault(chance, copied) else None
