# SPDX-License-Identifier: Apache-2.0
"""A recorded history as steps of the specification."""

from .operation import LIST, LOCK, RESTART, UNLOCK
from .specification import (Foreign, Granted, MaybeGranted, MaybeReleased,
                            NotFound, Refused, Released, Restarted, Seen,
                            State)


class Impossible(Exception):
    """An answer that no state allows, whatever happened before."""

    def __init__(self, why, *operations):
        super().__init__(why)
        self.operations = operations


def _overlap(one, other):
    return one.start < other.end and other.start < one.end


class Steps:
    """`lease` in nanoseconds if locks may end by themselves within the
    history, otherwise None."""

    def __init__(self, operations, lease=None):
        self.operations = sorted(operations, key=lambda each: each.start)
        self.lease = lease
        self.users = self._numbered(
            [each.user for each in operations if each.user is not None]
            + [entry.user for each in operations for entry in each.entries])
        self.places = self._numbered(
            [(each.course, each.gadget) for each in operations
             if each.gadget is not None]
            + [(each.course, entry.gadget) for each in operations
               for entry in each.entries])
        self._restarts = [each for each in operations
                          if each.kind == RESTART]
        self._doubtful = self._places_of(
            {each.course for each in operations
             if each.kind == LOCK and self._during_restart(each)})
        self._check_names()
        self.steps = [step for each in self.operations
                      for step in self._steps_of(each)]
        for number, step in enumerate(self.steps):
            step.number = number

    @staticmethod
    def _numbered(names):
        return {name: number
                for number, name in enumerate(dict.fromkeys(names))}

    @property
    def initial(self):
        """No locks, and no ids yet."""
        return State((None,) * len(self.users), (0,) * len(self.places), 0)

    def _places_of(self, courses):
        return frozenset(number
                         for (course, _), number in self.places.items()
                         if course in courses)

    def _during_restart(self, operation):
        return any(_overlap(operation, each) for each in self._restarts)

    def _without_store(self, operation):
        """Was there no store from its beginning to its end?"""
        return any(each.end < operation.start and each.back is not None
                   and operation.end < each.back for each in self._restarts)

    # ---- What is wrong at any time ----

    def _check_names(self):
        """An id is one lock's alone, over all courses."""
        told = {}

        def tell(number, lock, operation):
            known, earlier = told.setdefault(number, (lock, operation))
            if known != lock:
                raise Impossible("two locks have one id", earlier, operation)

        for each in self.operations:
            if each.kind == LOCK and each.status == 201:
                tell(each.id, (each.user, each.course, each.gadget), each)
            self._check_list(each)
            for entry in each.entries:
                tell(entry.id, (entry.user, each.course, entry.gadget), each)

    @staticmethod
    def _check_list(operation):
        for name, values in (
                ("gadget has two holders",
                 [entry.gadget for entry in operation.entries]),
                ("user has two locks",
                 [entry.user for entry in operation.entries])):
            if len(set(values)) < len(values):
                raise Impossible(f"a {name} in one list", operation)

    # ---- Steps ----

    def _steps_of(self, operation):
        user = self.users.get(operation.user)
        if operation.kind == RESTART:
            yield Restarted(operation)
        elif operation.unknown and self._without_store(operation):
            return
        elif operation.kind == LIST:
            if not operation.unknown:
                yield from self._looks(operation)
        elif operation.kind == LOCK:
            yield self._lock_step(operation, user)
        elif operation.kind == UNLOCK:
            yield self._unlock_step(operation, user)

    def _looks(self, operation):
        if operation.status != 200:
            raise Impossible("never answered to GET", operation)
        places = self._places_of({operation.course})
        seen = {entry.user: entry for entry in operation.entries}
        for name, user in self.users.items():
            entry = seen.get(name)
            if entry is None:
                yield Seen(operation, user, places, None, None)
            else:
                place = self.places[operation.course, entry.gadget]
                yield Seen(operation, user, places, place, entry.id)

    def _lock_step(self, operation, user):
        place = self.places[operation.course, operation.gadget]
        if operation.unknown:
            return MaybeGranted(operation, user, place, self.lease)
        if operation.status == 201:
            return Granted(operation, user, place, self.lease is not None,
                           self._during_restart(operation))
        if operation.status == 403:
            return Refused(operation, user, place)
        raise Impossible("never answered to POST", operation)

    def _unlock_step(self, operation, user):
        if operation.unknown:
            return MaybeReleased(operation, user)
        if operation.status == 200:
            return Released(operation, user)
        if operation.status == 404:
            return NotFound(operation, user, self._doubtful)
        if operation.status == 403:
            return Foreign(operation, user)
        raise Impossible("never answered to DELETE", operation)
