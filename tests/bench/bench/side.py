# SPDX-License-Identifier: Apache-2.0
"""One side of a comparison: a load, and what a run of it comes to."""

import itertools
from dataclasses import dataclass, replace
from typing import Callable

from . import wrk
from .etcd import running_etcd
from .wrk import CONNECTIONS, Load


@dataclass(frozen=True)
class Side:
    title: str
    load: Load
    value: Callable = wrk.requests_per_second

    def run(self, seconds):
        """What was counted, by name."""
        return wrk.measure(self.load, seconds)


@dataclass(frozen=True)
class EtcdSide(Side):
    """Each run has an etcd of its own: leases are not revoked, and those of
    one run must not burden the next."""

    def run(self, seconds):
        with running_etcd() as address:
            return wrk.measure(replace(self.load, address=address), seconds)


_runs = itertools.count(1)
# As many for each thread; a failure makes it go on to the next.
FILES = 50


@dataclass(frozen=True)
class DavSide(Side):
    """Each run has files of its own: a run ends with some still locked.
    `folder` is the one that httpd serves as /dav."""

    folder: object = None

    def run(self, seconds):
        name = f"run{next(_runs)}"
        (self.folder / name).mkdir()
        for number in range(1, FILES * CONNECTIONS + 1):
            (self.folder / name / f"f{number}").touch()
        options = {**self.load.options, "path": f"/dav/{name}/f{{n}}",
                   "files": FILES}
        return wrk.measure(replace(self.load, options=options), seconds)
