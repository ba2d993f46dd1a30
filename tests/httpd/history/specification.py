# SPDX-License-Identifier: Apache-2.0
"""The lock service as it would be if it did one thing at a time.

A user holds at most one lock. Each answer is a Step that is possible in some
states and leads to others; `apply` gives all of them. What the promises leave
open stands here, and nowhere else:

* A 503 or a broken connection says nothing: the request takes effect at any
  moment after it was sent, or never. It no longer can once a later request of
  the same user, sent after the answer, has changed the user's lock (the later
  one decided what became of it), or once the store was killed that it was sent
  to. While there was no store at all it did nothing. Of several such requests
  of one user the effects may alternate: who counts them has to try all their
  subsets, and finds nothing more where there is but one.
* A list is one look a user, each at a moment of its own within the request:
  what is active all the while is in it, what is active at no moment is not.
  A user who moves within the course shows at one gadget or the other.
* A store that is killed loses all locks at one moment; ids go on growing. A
  201 of a request that was under way meanwhile may be void: the lock does not
  hold, but its owner may release it. And the index of a course where one was
  may be lost: then a stranger's DELETE says 404 for 403.
* A lease ends at its deadline, which is known as exactly as the answer that
  told it took: anything between `ends_from` and `ends_by` will do. A renewal
  that began before may come after it, unless the gadget was given to another;
  meanwhile the lock is not held. With leases that outlast the history nothing
  ends by itself.
"""

from collections import namedtuple

# The id of a lock that nobody has been told.
UNTOLD = -1
# What is left of a lock that does not hold: VOID is one that its owner may
# release, ENDED one whose lease is over.
HELD, VOID, ENDED = "held", "void", "ended"
# The last lock of one user that was not released.
Lock = namedtuple("Lock", "id place ends_from ends_by kind",
                  defaults=(0, 0, HELD))
# The locks by user, the largest id by place, and the earliest moment that it
# may now be (0 if time does not matter).
State = namedtuple("State", "locks lasts time")

MS = 1_000_000
# How far two clocks of one machine may drift apart within a lease.
DRIFT = 2 * MS


def _with_lock(state, user, lock, last=None):
    locks = state.locks[:user] + (lock,) + state.locks[user + 1:]
    lasts = state.lasts
    if last is not None:
        lasts = lasts[:lock.place] + (last,) + lasts[lock.place + 1:]
    return State(locks, lasts, state.time)


def _held(state, user):
    lock = state.locks[user]
    return lock if lock is not None and lock.kind == HELD else None


def _is_free(state, place):
    return not any(lock and lock.place == place and lock.kind == HELD
                   for lock in state.locks)


def _may_come_back(state, step):
    """Could this request renew the user's lock though its lease is over?"""
    lock = state.locks[step.user]
    return (lock is not None and lock.kind == ENDED
            and lock.place == step.place and step.start <= lock.ends_by
            and _is_free(state, step.place))


def at(state, moment):
    """The state no earlier than this moment: leases that must have ended by
    then have."""
    return State(tuple(
        lock._replace(kind=ENDED)
        if lock and lock.kind == HELD and 0 < lock.ends_by <= moment else lock
        for lock in state.locks), state.lasts, max(state.time, moment))


def ended(state, now):
    """States in which one more lease is over that may be by now."""
    for user, lock in enumerate(state.locks):
        if lock and lock.kind == HELD and 0 < lock.ends_from <= now:
            after = _with_lock(state, user, lock._replace(kind=ENDED))
            yield at(after, lock.ends_from)


def _names(state, lock, number):
    """May this lock have this id?"""
    return lock.id == number or (lock.id == UNTOLD
                                 and number > state.lasts[lock.place])


class Step:
    """`unknown`: may happen at any time, or never. `settles`: no unknown step
    of the user (None: of anybody) that was answered before this one began
    happens after it."""

    unknown = settles = False

    def __init__(self, operation, user=None):
        self.operation = operation
        self.start = operation.start
        self.end = operation.end
        self.user = user

    def apply(self, state, now):
        raise NotImplementedError


class Granted(Step):
    """201: a new lock, whose id is larger than any before on the gadget, or
    the same lock anew."""

    settles = True

    def __init__(self, operation, user, place, timed, may_be_void):
        super().__init__(operation, user)
        self.place = place
        self.id = operation.id
        self.may_be_void = may_be_void
        self.ends = (0, 0)
        if timed:
            self.ends = (self.start + operation.expires * MS - DRIFT,
                         self.end + (operation.expires + 1) * MS + DRIFT)

    def apply(self, state, now):
        mine = _held(state, self.user)
        lock = Lock(self.id, self.place, *self.ends)
        if mine is not None and mine.place == self.place:
            if mine == lock:
                yield state
            elif mine.id == self.id:
                yield _with_lock(state, self.user, lock)
            elif _names(state, mine, self.id):
                yield _with_lock(state, self.user, lock, self.id)
        elif (_is_free(state, self.place)
              and self.id > state.lasts[self.place]):
            yield _with_lock(state, self.user, lock, self.id)
            if self.may_be_void:
                yield _with_lock(state, self.user, lock._replace(kind=VOID),
                                 self.id)
        elif (_may_come_back(state, self)
              and state.locks[self.user].id == self.id):
            yield _with_lock(state, self.user, lock)


class MaybeGranted(Step):
    """A POST whose answer is unknown."""

    unknown = True

    def __init__(self, operation, user, place, lease):
        super().__init__(operation, user)
        self.place = place
        self.effect = ("lock", user, place)
        self.lease = lease

    def apply(self, state, now):
        mine = _held(state, self.user)
        ends = ((self.start + self.lease - DRIFT, now + self.lease + DRIFT)
                if self.lease else (0, 0))
        if mine is not None and mine.place == self.place:
            if self.lease:
                yield _with_lock(state, self.user, mine._replace(
                    ends_from=min(mine.ends_from, ends[0]), ends_by=ends[1]))
        elif _is_free(state, self.place):
            yield _with_lock(state, self.user,
                             Lock(UNTOLD, self.place, *ends))
            if _may_come_back(state, self):
                yield _with_lock(state, self.user, Lock(
                    state.locks[self.user].id, self.place, *ends))


class Refused(Step):
    """403: somebody else holds the gadget."""

    def __init__(self, operation, user, place):
        super().__init__(operation, user)
        self.place = place

    def apply(self, state, now):
        mine = _held(state, self.user)
        if (not _is_free(state, self.place)
                and not (mine and mine.place == self.place)):
            yield state


class Released(Step):
    """200: the lock was held, and no longer is."""

    settles = True

    def __init__(self, operation, user):
        super().__init__(operation, user)
        self.id = operation.id

    def apply(self, state, now):
        mine = state.locks[self.user]
        if (mine is not None and mine.kind != ENDED
                and _names(state, mine, self.id)):
            last = max(self.id, state.lasts[mine.place])
            released = _with_lock(state, self.user, mine, last)
            yield _with_lock(released, self.user, None)


class MaybeReleased(Released):
    """A DELETE whose answer is unknown."""

    unknown, settles = True, False

    def __init__(self, operation, user):
        super().__init__(operation, user)
        self.effect = ("unlock", user, operation.id)


class NotFound(Step):
    """404: there is no such lock."""

    def __init__(self, operation, user, excused):
        super().__init__(operation, user)
        self.id = operation.id
        # The places of a course whose index may be lost.
        self.excused = excused

    def apply(self, state, now):
        for user, lock in enumerate(state.locks):
            if lock is None or lock.id != self.id:
                continue
            if lock.kind == HELD and (user == self.user
                                      or lock.place not in self.excused):
                return
            if lock.kind == VOID and user == self.user:
                return
        yield state


class Foreign(Step):
    """403: the lock is another user's."""

    def __init__(self, operation, user):
        super().__init__(operation, user)
        self.id = operation.id

    def apply(self, state, now):
        for user, lock in enumerate(state.locks):
            if (user == self.user or lock is None
                    or lock.kind != HELD):
                continue
            if lock.id == self.id:
                yield state
            elif _names(state, lock, self.id):
                yield _with_lock(state, user, lock._replace(id=self.id),
                                 self.id)


class Seen(Step):
    """A list's word on one user: this lock, or none in the course."""

    def __init__(self, operation, user, places, place, number):
        super().__init__(operation, user)
        self.places = places
        self.place = place
        self.id = number

    def apply(self, state, now):
        mine = _held(state, self.user)
        if self.place is None:
            if mine is None or mine.place not in self.places:
                yield state
        elif mine is not None and mine.place == self.place:
            if mine.id == self.id:
                yield state
            elif _names(state, mine, self.id):
                yield _with_lock(state, self.user,
                                 mine._replace(id=self.id), self.id)


class Restarted(Step):
    """All locks are lost."""

    settles = True

    def apply(self, state, now):
        yield State((None,) * len(state.locks), state.lasts, state.time)
