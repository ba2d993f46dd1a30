# SPDX-License-Identifier: Apache-2.0
"""Is a history one that the service could have had?

The search of Wing and Gong ("Testing and verifying concurrent objects", 1993)
with the configurations that were tried remembered, as Lowe does ("Testing for
linearizability", 2017): an order of all calls that were answered, and of any
that were not, that keeps the order of those that did not overlap.
"""

from .service import FOREVER, State, outcomes

# A search that takes longer than this decides nothing.
STEPS_MAX = 400_000


class Undecided(Exception):
    """The history is too large for this search."""


def _candidates(calls, done, first):
    """Calls that may come next: those that began before any other ended. Of
    those, the ones that ended first, and unanswered ones last."""
    end = FOREVER
    found = []
    for number in range(first, len(calls)):
        if number in done:
            continue
        call = calls[number]
        if call.start >= end:
            break
        found.append(number)
        end = min(end, call.end)
    return sorted((number for number in found if calls[number].start < end),
                  key=lambda number: calls[number].end)


def linearize(calls):
    """Returns (True, order) or (False, the longest order that was found), as
    lists of calls."""
    calls = sorted(calls, key=lambda call: (call.start, call.end))
    wipes = [call for call in calls if call.kind == "wipe"]
    wanted = sum(call.end != FOREVER for call in calls)
    tried = set()
    longest = []
    # Each level: the calls that are done, an iterator over what may follow.
    order = []
    done = set()
    levels = [_steps(calls, done, 0, State(), wipes)]
    answered = 0
    steps = 0
    while answered < wanted:
        step = next(levels[-1], None)
        if step is None:
            levels.pop()
            if not levels:
                return False, [calls[number] for number in longest]
            number = order.pop()
            done.discard(number)
            answered -= calls[number].end != FOREVER
            continue
        steps += 1
        if steps > STEPS_MAX:
            raise Undecided(f"{len(calls)} calls")
        number, state = step
        done.add(number)
        first = 0
        while first in done:
            first += 1
        key = (first, frozenset(n for n in done if n > first), state.key())
        if key in tried:
            done.discard(number)
            continue
        tried.add(key)
        order.append(number)
        answered += calls[number].end != FOREVER
        if len(order) > len(longest):
            longest = list(order)
        levels.append(_steps(calls, done, first, state, wipes))
    return True, [calls[number] for number in order]


def _steps(calls, done, first, state, wipes):
    """What may follow. A call that can come now and changes nothing need not
    come later: then there is no other way to try."""
    steps = []
    for number in _candidates(calls, done, first):
        for after in outcomes(state, calls[number], wipes):
            if calls[number].end != FOREVER and after.key() == state.key():
                return iter([(number, state)])
            steps.append((number, after))
    return iter(steps)


def explain(calls, longest):
    """Where an order could not go on, for people."""
    placed = set(map(id, longest))
    missing = [call for call in sorted(calls, key=lambda call: call.end)
               if id(call) not in placed and call.end != FOREVER]
    start = calls[0].start if calls else 0.0
    lines = [f"{len(longest)} of {len(calls)} calls have an order; the last:"]
    lines += [describe(call, start) for call in longest[-12:]]
    lines += ["What cannot follow:"]
    lines += [describe(call, start) for call in missing[:8]]
    return "\n".join(lines)


def describe(call, start=0.0):
    end = "..." if call.end == FOREVER else f"{call.end - start:.4f}"
    return (f"  {call.start - start:.4f} to {end}: user {call.user}"
            f" {call.kind}s {call.course}/{call.gadget}"
            f" id {call.id}: {call.answer}")
