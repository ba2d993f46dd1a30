# SPDX-License-Identifier: Apache-2.0
"""Is a history linearizable?

The search is Wing and Gong's, in the order of events that Lowe calls just in
time, and with his memory of what was tried: it goes through calls and returns
by time and keeps every configuration that is still possible: a state, and the
steps that were called and have not happened yet. When a step returns, it must
have happened: steps under way happen before it in every order that leads
there. If none does, no order explains the history.

Steps that change nothing happen as soon as they can, which forecloses
nothing. Unknown steps are never used up, so it does not matter which have
happened, but only what can be the case. Where few requests overlap there are
few configurations, so a long history costs no more than its length.
"""

from dataclasses import dataclass

from .specification import HELD, Restarted, State, at, ended
from .steps import Impossible, Steps

# A search that grows beyond this many configurations is given up, loudly.
MOST_CONFIGURATIONS = 200_000


class TooLarge(Exception):
    """The search was given up."""


@dataclass
class Violation:
    """Why a history is none of one lock service, and where that shows."""

    why: str
    operations: list
    # The states before the last operation, in none of which it is possible.
    states: list = ()


class _Configurations:
    """What is possible: states, each with the steps that are due: called, and
    not happened. Of two that differ in time alone, the earlier can do all that
    the later one can."""

    def __init__(self):
        self._found = {}

    def __iter__(self):
        for (locks, lasts, due), time in self._found.items():
            yield State(locks, lasts, time), due

    def __bool__(self):
        return bool(self._found)

    def add(self, state, due):
        """Returns whether this is news."""
        key = (state.locks, state.lasts, due)
        known = self._found.get(key)
        if known is not None and known <= state.time:
            return False
        self._found[key] = state.time
        if len(self._found) > MOST_CONFIGURATIONS:
            raise TooLarge
        return True


class _Search:
    def __init__(self, steps):
        self._all = steps.steps
        self._timed = steps.lease is not None
        # Unknown steps that were called and not settled by one that returned.
        self._unknown = set()
        # By step that was called and has not returned: what it settles.
        self._settled = {}
        self._found = _Configurations()
        self._found.add(steps.initial, frozenset())

    def states(self):
        return [state for state, _ in self._found]

    # ---- What may happen ----

    def _is_unhurried(self, state, now):
        """Does it make no difference how late it is?"""
        return not self._timed or not any(
            lock and lock.kind == HELD and lock.ends_from <= now
            for lock in state.locks)

    def _settle(self, state, due, now):
        """Lets all steps happen that change nothing."""
        if self._is_unhurried(state, now):
            due = due - {number for number in due if any(
                after is state
                for after in self._all[number].apply(state, now))}
        return state, due

    def _open(self, due):
        """The unknown steps that nothing has settled that happened; of those
        that do the same, the one that is settled last."""
        settled = set().union(*(
            others for number, others in self._settled.items()
            if number not in due))
        last = {}
        for number in self._unknown - settled:
            step = self._all[number]
            effect = number if self._timed else step.effect
            if effect not in last or last[effect].end < step.end:
                last[effect] = step
        return last.values()

    def _next(self, state, due, unknown, now):
        """The configurations one step further."""
        for step in (*(self._all[number] for number in due), *unknown):
            before = at(state, step.start) if self._timed else state
            for after in step.apply(before, now):
                if after is not state or self._timed:
                    yield self._settle(after, due - {step.number}, now)
        for after in ended(state, now) if self._timed else ():
            yield self._settle(after, due, now)

    # ---- Events ----

    def call(self, numbers, now):
        """Steps that were called in one moment."""
        for number in numbers:
            step = self._all[number]
            if step.unknown:
                self._unknown.add(number)
            elif step.settles:
                self._settled[number] = {
                    other for other in self._unknown
                    if self._all[other].end < step.start
                    and (self._all[other].user == step.user
                         or isinstance(step, Restarted))}
        called = {number for number in numbers
                  if not self._all[number].unknown}
        if called:
            found = _Configurations()
            for state, due in self._found:
                found.add(*self._settle(state, due | called, now))
            self._found = found

    def returned(self, number):
        """Keeps the configurations in which the step has happened; returns
        whether there are any."""
        if all(number not in due for _, due in self._found):
            self._unknown -= self._settled.pop(number, set())
            return True
        now = self._all[number].end
        done, seen, unknown = _Configurations(), _Configurations(), {}
        stack = list(self._found)
        while stack:
            state, due = stack.pop()
            if number not in due:
                done.add(state, due)
            elif seen.add(state, due):
                if due not in unknown:
                    unknown[due] = self._open(due)
                stack.extend(self._next(state, due, unknown[due], now))
        if not done:
            return False
        self._found = done
        self._unknown -= self._settled.pop(number, set())
        return True


def _events(steps):
    """Moments by time, with the steps that are called and return then. What
    returns in the moment in which another is called overlaps it; what is
    unknown never returns."""
    moments = {}
    for number, step in enumerate(steps):
        moments.setdefault(step.start, ([], []))[0].append(number)
        if not step.unknown:
            moments.setdefault(step.end, ([], []))[1].append(number)
    return sorted(moments.items())


def check(operations, lease=None):
    """Returns None, or a Violation. `lease` in nanoseconds, if locks may end
    by themselves within the history."""
    try:
        steps = Steps(operations, lease)
    except Impossible as error:
        return Violation(str(error), list(error.operations))
    search = _Search(steps)
    for now, (called, returning) in _events(steps.steps):
        search.call(called, now)
        for number in returning:
            if not search.returned(number):
                return Violation(
                    "no order of the requests explains this answer",
                    _related(steps, steps.steps[number].operation),
                    [_readable(steps, state) for state in search.states()])
    return None


# ---- What to show ----

SHOWN = 30


def _related(steps, last):
    """What touched the same users or gadgets before, ending with it."""
    users = {last.user} | {entry.user for entry in last.entries}
    numbers = {last.id} | {entry.id for entry in last.entries}
    before = [each for each in steps.operations
              if each is not last and each.start < last.end and (
                  each.user in users or each.kind == "restart"
                  or each.course == last.course and each.course is not None
                  or each.id in numbers and each.id is not None)]
    return [*before[-SHOWN:], last]


def _readable(steps, state):
    users = {number: name for name, number in steps.users.items()}
    places = {number: name for name, number in steps.places.items()}
    return {users[user]: ("/".join(places[lock.place]), lock.id,
                          lock.kind)
            for user, lock in enumerate(state.locks) if lock is not None}


def told(violation, operations):
    """A Violation for people."""
    zero = min(each.start for each in operations)
    lines = [violation.why,
             *[each.told(zero) for each in violation.operations]]
    if violation.states:
        lines.append("before it, one of these was held:")
        lines += [f"  {state}" for state in violation.states[:5]]
    return "\n".join(lines)
