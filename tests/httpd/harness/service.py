# SPDX-License-Identifier: Apache-2.0
"""The lock service as one that does one thing after the other.

It is what histories of real requests are held against (linearizability.py).
A user has one lock at most; a grant ends the lock that the user had, in the
same instant and over all courses; a gadget is granted to nobody while another
user's lock on it has not ended. A list is not one look at the whole course but
one at each user, at moments that may differ.

Times are seconds of a monotonic clock. What a failing world excuses:

- A call without an answer, or with 503, had its effect at any moment after it
  began, or never.
- A store that was emptied has lost every lock; a lock that was being granted
  at that moment may be lost with it although it was answered 201.
- A lock ends at its deadline, which answers tell no more exactly than they
  take. A renewal that began in time holds.
"""

from collections import namedtuple

# A lock that nobody was told the ID of yet.
UNSEEN = -1
FOREVER = float("inf")

# kind: acquire, release, read, or wipe (the store was emptied).
# answer: done, held, absent, foreign, or unknown.
# A read is of one user in one course; its gadget is None where it shows none.
Call = namedtuple("Call", "kind user course gadget start end answer id"
                          " earliest latest client",
                  defaults=(None, None, None, 0.0, FOREVER, "done", None,
                            FOREVER, FOREVER, None))
Held = namedtuple("Held", "id course gadget earliest latest lost")


class State:
    """Immutable."""

    __slots__ = ("held", "gadgets", "users")

    def __init__(self, held=(), gadgets=(), users=()):
        # Who holds what, and the largest ID of each gadget and user.
        self.held = frozenset(held)
        self.gadgets = frozenset(gadgets)
        self.users = frozenset(users)

    def key(self):
        return self.held, self.gadgets, self.users

    def of(self, user):
        return dict(self.held).get(user)

    def holder(self, call):
        """Whose other lock stands on the gadget."""
        for user, held in self.held:
            if (user != call.user and not held.lost
                    and (held.course, held.gadget)
                    == (call.course, call.gadget)):
                return user, held
        return None, None

    def with_lock(self, user, held):
        others = {item for item in self.held if item[0] != user}
        if held is not None:
            others.add((user, held))
        return State(others, self.gadgets, self.users)

    def with_id(self, user, held, lock_id):
        """The same with the ID that the user's lock turns out to have; None
        if it cannot have it."""
        if held.id != UNSEEN:
            return self if held.id == lock_id else None
        place = (held.course, held.gadget)
        gadgets, users = dict(self.gadgets), dict(self.users)
        if lock_id <= max(gadgets.get(place, 0), users.get(user, 0)):
            return None
        gadgets[place] = users[user] = lock_id
        return State(self.with_lock(user, held._replace(id=lock_id)).held,
                     gadgets.items(), users.items())


def _deadline(call, held=None):
    if call.answer == "done":
        return call.earliest, call.latest
    return (min(call.earliest, held.earliest) if held else call.earliest,
            FOREVER)


def _renewals(state, call):
    held = state.of(call.user)
    if (held is None or held.lost or call.start >= held.latest
            or (held.course, held.gadget) != (call.course, call.gadget)):
        return
    if call.answer == "done":
        state = state.with_id(call.user, held, call.id)
        if state is None:
            return
        held = state.of(call.user)
    earliest, latest = _deadline(call, held)
    yield state.with_lock(call.user, held._replace(earliest=earliest,
                                                   latest=latest))


def _grants(state, call):
    own = state.of(call.user)
    if (own is not None and not own.lost and call.end < own.earliest
            and (own.course, own.gadget) == (call.course, call.gadget)):
        return
    user, other = state.holder(call)
    if other is not None:
        if call.end < other.earliest:
            return
        state = state.with_lock(user, None)
    earliest, latest = _deadline(call)
    held = Held(UNSEEN, call.course, call.gadget, earliest, latest, False)
    state = state.with_lock(call.user, held)
    if call.answer == "done":
        state = state.with_id(call.user, held, call.id)
    if state is not None:
        yield state


def _acquire(state, call, wipes):
    if call.answer == "held":
        _, other = state.holder(call)
        if other is not None and call.start < other.latest:
            yield state
        return
    yield from _renewals(state, call)
    yield from _grants(state, call)
    if any(wipe.start < call.end and call.start < wipe.end for wipe in wipes):
        held = Held(call.id if call.answer == "done" else UNSEEN, call.course,
                    call.gadget, *_deadline(call), True)
        yield state.with_lock(call.user, held)


def _release(state, call):
    own = state.of(call.user)
    foreign = next((held for user, held in state.held
                    if user != call.user and held.id == call.id
                    and not held.lost), None)
    if call.answer in ("done", "unknown"):
        if own is not None and call.start < own.latest:
            known = state.with_id(call.user, own, call.id)
            if known is not None:
                yield known.with_lock(call.user, None)
    elif call.answer == "foreign":
        if foreign is not None and call.start < foreign.latest:
            yield state
    elif ((own is None or own.id != call.id or call.end >= own.earliest)
          and (foreign is None or call.end >= foreign.earliest)):
        yield state


def _read(state, call):
    held = state.of(call.user)
    here = (held is not None and not held.lost
            and held.course == call.course)
    if call.gadget is None:
        if not here or call.end >= held.earliest:
            yield state
        return
    if (not here or held.gadget != call.gadget or call.start >= held.latest
            or call.latest < held.earliest or call.earliest > held.latest):
        return
    state = state.with_id(call.user, held, call.id)
    if state is not None:
        yield state


def _wipe(state, _call):
    yield State((), state.gadgets, state.users)


def outcomes(state, call, wipes=()):
    """The states that the service may be in after it gave this answer; none
    if it cannot have given it."""
    if call.kind == "acquire":
        return _acquire(state, call, wipes)
    if call.kind == "release":
        return _release(state, call)
    if call.kind == "read":
        return _read(state, call)
    return _wipe(state, call)
