# SPDX-License-Identifier: Apache-2.0
"""Histories of an imaginary lock service that is right, to try the checker
with: each request happens at one moment within its time."""

from dataclasses import replace

from .operation import LIST, LOCK, UNLOCK, Entry, Operation
from .specification import MS


class Service:
    def __init__(self, chance):
        self._chance = chance
        self.locks = {}
        self._last = 0

    def _holder(self, place):
        return next((user for user, (held, _) in self.locks.items()
                     if held == place), None)

    def lock(self, user, place):
        """(status, id)"""
        holder = self._holder(place)
        if holder == user:
            return 201, self.locks[user][1]
        if holder is not None:
            return 403, None
        self._last += self._chance.randint(1, 9)
        self.locks[user] = (place, self._last)
        return 201, self._last

    def unlock(self, user, number):
        for owner, (_, held) in self.locks.items():
            if held == number:
                if owner != user:
                    return 403
                del self.locks[user]
                return 200
        return 404

    def list(self, course):
        return sorted((Entry(user, place[1], number)
                       for user, (place, number) in self.locks.items()
                       if place[0] == course), key=lambda entry: entry.id)

    # ---- Requests ----

    def happens(self, operation):
        """Notes what this request is answered if it happens now."""
        if operation.kind == LOCK:
            operation.status, operation.id = self.lock(
                operation.user, (operation.course, operation.gadget))
            if operation.status == 201:
                operation.expires = 300_000
        elif operation.kind == UNLOCK:
            operation.status = self.unlock(operation.user, operation.id)
        else:
            operation.status = 200
            operation.entries = self.list(operation.course)


class _Crowd:
    """Users with so many tabs each, whose requests happen one after the
    other, each some time after it began and some time before its end."""

    def __init__(self, chance, users, places, tabs, unknown, spread):
        names = [str(number + 1) for number in range(users)]
        self._chance = chance
        self._places = places
        self._unknown = unknown
        self._spread = spread * MS
        self._service = Service(chance)
        self._free = {(name, tab): 0 for name in names
                      for tab in range(tabs)}
        self._told = [(0, 1)]
        # By user: a request that was answered with 503 and goes on.
        self._late = {}
        self.operations = []

    def act(self, moment):
        chance = self._chance
        idle = [each for each, since in self._free.items() if since < moment]
        if self._late and chance.random() < 0.3:
            user = chance.choice(sorted(self._late))
            self._service.happens(self._late.pop(user))
        if not idle:
            return
        who = chance.choice(idle)
        start = chance.randint(max(self._free[who], moment - self._spread),
                               moment - 1)
        end = moment + chance.randint(1, self._spread)
        self._free[who] = end + 1
        self._request(self._wish(who[0], start, end))

    def _wish(self, user, start, end):
        chance = self._chance
        kind = chance.choices((LOCK, UNLOCK, LIST), (5, 3, 2))[0]
        operation = Operation(kind, start, end, user=user)
        if kind == UNLOCK:
            known = [number for since, number in self._told if since < start]
            operation.id = chance.choice(known[-6:])
        else:
            operation.course, operation.gadget = chance.choice(self._places)
            if kind == LIST:
                operation.gadget = None
        return operation

    def _request(self, operation):
        chance = self._chance
        self.operations.append(operation)
        if chance.random() < self._unknown:
            operation.status = 503
            fate = chance.random()
            if fate < 0.4:
                self._service.happens(replace(operation))
            elif fate < 0.7:
                self._late[operation.user] = replace(operation)
            return
        self._late.pop(operation.user, None)
        self._service.happens(operation)
        self._told += [(operation.end, number) for number in
                       [operation.id, *[entry.id for entry in
                                        operation.entries]] if number]


def history(chance, count, users=4, courses=2, gadgets=2, tabs=1,
            unknown=0.0, spread=12):
    """Up to `count` operations, one each 5 ms or so. `unknown` is the part
    whose answers are lost: they happen at once, late, or never. A request
    takes up to twice `spread` ms."""
    places = [(f"course{number + 1}", f"g{gadget + 1}")
              for number in range(courses) for gadget in range(gadgets)]
    crowd = _Crowd(chance, users, places, tabs, unknown, spread)
    moment = 0
    for _ in range(count):
        moment += chance.randint(1, 10 * MS)
        crowd.act(moment)
    return crowd.operations
