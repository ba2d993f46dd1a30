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
    """`value` makes the figure of what was counted, `cost` the servers'
    processor time for each thing that was done."""

    title: str
    load: Load
    value: Callable = wrk.requests_per_second
    cost: Callable = wrk.processor_per_request

    def run(self, seconds, processes=None):
        """What was counted, by name. `processes` are the servers', by kind.
        """
        return wrk.measure(self.load, seconds, processes)


@dataclass(frozen=True)
class EtcdSide(Side):
    """Each run has an etcd of its own: leases are not revoked, and those of
    one run must not burden the next."""

    def run(self, seconds, processes=None):
        with running_etcd() as (address, pid):
            return wrk.measure(replace(self.load, address=address), seconds,
                               {**(processes or {}), "etcd": [pid]})


_runs = itertools.count(1)
# As many for each thread; a failure makes it go on to the next.
FILES = 50


@dataclass(frozen=True)
class DavSide(Side):
    """Each run has files of its own: a run ends with some still locked.
    `folder` is the one that httpd serves as /dav."""

    folder: object = None

    def run(self, seconds, processes=None):
        name = f"run{next(_runs)}"
        (self.folder / name).mkdir()
        for number in range(1, FILES * CONNECTIONS + 1):
            (self.folder / name / f"f{number}").touch()
        options = {**self.load.options, "path": f"/dav/{name}/f{{n}}",
                   "files": FILES}
        return wrk.measure(replace(self.load, options=options), seconds,
                           processes)
