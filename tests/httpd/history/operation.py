# SPDX-License-Identifier: Apache-2.0
"""One recorded request and its answer."""

from collections import namedtuple
from dataclasses import dataclass, field

LOCK, UNLOCK, LIST, RESTART = "POST", "DELETE", "GET", "restart"

# What a list says of one lock.
Entry = namedtuple("Entry", "user gadget id")


@dataclass
class Operation:
    """Times are of the monotonic clock, in nanoseconds; `end` is when the
    client knew the answer, or that there will be none. `status` is None if
    the connection broke. A RESTART is no request: between `start` and `end`
    the store was killed, and none was there before `back`."""

    kind: str
    start: int
    end: int
    status: int = None
    user: str = None
    host: str = ""
    course: str = None
    gadget: str = None
    # The lock that is to be released, or that was granted.
    id: int = None
    # Milliseconds, with a 201.
    expires: int = None
    entries: list = field(default_factory=list)
    back: int = None

    @property
    def unknown(self):
        """May it have taken effect, or not, or still do so?"""
        return self.kind != RESTART and self.status in (None, 503)

    def told(self, zero=0):
        """The operation as a line for people."""
        span = (f"{(self.start - zero) / 1e6:10.3f}"
                f" ..{(self.end - zero) / 1e6:10.3f} ms")
        if self.kind == RESTART:
            return f"{span}  the store is killed"
        where = {LOCK: f"{self.course}/{self.gadget}", LIST: self.course,
                 UNLOCK: str(self.id)}[self.kind]
        result = "broken connection" if self.status is None else self.status
        if self.kind == LOCK and self.status == 201:
            result = f"201 id {self.id} for {self.expires} ms"
        elif self.kind == LIST and self.status == 200:
            result = "200 " + (", ".join(
                f"{entry.gadget}: user {entry.user} id {entry.id}"
                for entry in self.entries) or "nothing")
        return (f"{span}  {self.host:6} user {self.user:4} {self.kind:6}"
                f" {where} -> {result}")
