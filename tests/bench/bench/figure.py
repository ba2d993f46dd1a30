# SPDX-License-Identifier: Apache-2.0
"""What is measured: a ratio of two sides, or how much is refused."""

from dataclasses import dataclass
from typing import Callable, Optional


@dataclass(frozen=True)
class Figure:
    """`sides` makes both from a world of the kind `world`. The ratio is that
    of ours to the other; it is to be at least `target`, or at most where
    `less` is better. `limit` is a second mark beside the target."""

    name: str
    title: str
    world: str
    unit: str
    sides: Callable
    target: Optional[float] = None
    limit: Optional[float] = None
    less: bool = False

    def met(self, ratio):
        """None if there is no target."""
        if self.target is None:
            return None
        return ratio <= self.target if self.less else ratio >= self.target


@dataclass(frozen=True)
class Refusals:
    """How many of many requests are refused for another reason than a lock.
    `side` makes the side; the target is the most that may be."""

    name: str
    title: str
    world: str
    side: Callable
    target: Optional[int] = None
