# SPDX-License-Identifier: Apache-2.0
"""How fast mod_locks could be at the most: the same number of round trips to
memcached, and nothing else, before the trivial handler answers."""

from . import wrk
from .against_itself import unguarded
from .against_peers import dav_alone
from .against_trivial import FEW, trivial, trivial_answer
from .figure import Figure
from .side import Side

# What mod_locks makes for each request when nobody is in the way.
LIST, RENEWAL, ACQUIRE, RELEASE = 1, 2, 3, 2
# On the server of mod_locks: the application behind one trip.
GUARD = """
ProxyPass "/once" "{backend}/trivial"
<Location "/once">
    BenchTrips 1
</Location>
"""
# On the server of the trivial handler.
TRIPS = "".join(f"""
<Location "/trivial/{name}">
    BenchTrips {count}
</Location>
""" for name, count in (("list", LIST), ("renewal", RENEWAL),
                        ("half1", ACQUIRE), ("half2", RELEASE)))
NOBODY = {"header:SID": "nobody{n}"}


def _beside_trivial(title, name, threads=wrk.CONNECTIONS):
    def sides(world):
        return (Side(title, trivial_answer(world.trivial, f"/trivial/{name}",
                                           NOBODY, threads)),
                trivial(world, NOBODY, threads=threads))
    return sides


def _cycles_per_second(counted):
    return wrk.requests_per_second(counted) / 2


def _processor_per_cycle(counted):
    return wrk.processor_per_request(counted) * 2


def _halves(world, **load):
    """The two requests of a cycle in turn."""
    return Side(f"{ACQUIRE} + {RELEASE} trips",
                trivial_answer(world.trivial, "/trivial/half{n}", NOBODY,
                               users=2, **load),
                _cycles_per_second, _processor_per_cycle)


def _cycle(world):
    return _halves(world), trivial(world, NOBODY)


def _guard(world):
    return unguarded(world, "once", "1 trip"), unguarded(world, "plain")


def _dav(world):
    return _halves(world, threads=1, connections=1), dav_alone(world)


FIGURES = (
    Figure("limit-get", "1 bare round trip to memcached / none", "event",
           "requests/s", _beside_trivial("1 trip", "list", FEW)),
    Figure("limit-renew", "2 bare round trips / none", "event", "requests/s",
           _beside_trivial("2 trips", "renewal")),
    Figure("limit-cycle", "two requests with 3 and 2 bare round trips"
           " / trivial", "event", "per second", _cycle),
    Figure("limit-guard", "write with 1 bare round trip / without, proxied",
           "event", "requests/s", _guard),
    Figure("limit-dav", "two requests with 3 and 2 bare round trips / LOCK +"
           " UNLOCK of mod_dav, one connection", "event", "cycles/s", _dav),
)
