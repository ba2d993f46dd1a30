# SPDX-License-Identifier: Apache-2.0
"""Is a tiny history linearizable? Tries every order, and knows no shortcut:
what the checker is compared with."""

from .specification import Restarted, at, ended
from .steps import Impossible, Steps


def _comes_too_late(step, done):
    """Was this unknown step settled by one that has happened?"""
    return step.unknown and any(
        earlier.settles and step.end < earlier.start
        and (earlier.user == step.user or isinstance(earlier, Restarted))
        for earlier in done)


def _moments(state, step, now):
    """The states in which the step may find itself: leases may be over."""
    states = [at(state, step.start)]
    for one in states:
        states += ended(one, now)
    return states


def _explained(state, left, done, passed=()):
    """`passed` are the states since the last step that had to happen."""
    due = [step for step in left if not step.unknown]
    if not due:
        return True
    now = min(step.end for step in due)
    for step in left:
        # Nothing happens after what was called when it had returned.
        if step.start > now or _comes_too_late(step, done):
            continue
        rest = [other for other in left if other is not step]
        for before in _moments(state, step, now):
            for after in step.apply(before, now):
                if not step.unknown:
                    if _explained(after, rest, [*done, step]):
                        return True
                elif after not in passed and _explained(
                        after, left, done, (*passed, state, after)):
                    return True
    return False


def is_linearizable(operations, lease=None):
    try:
        steps = Steps(operations, lease)
    except Impossible:
        return False
    return _explained(steps.initial, steps.steps, [])
