# SPDX-License-Identifier: Apache-2.0
"""The figures of mod_locks beside itself: guarded writes, large courses."""

from . import wrk
from .against_trivial import cycle, listing, trivial_answer
from .figure import Figure
from .side import Side

# The application behind both is the trivial handler on another server.
GUARD = """
ProxyPass "/plain" "{backend}/trivial"
ProxyPass "/required" "{backend}/trivial"
ProxyPass "/respected" "{backend}/trivial"
<LocationMatch "^/required/(?<course>[^/]+)/(?<gadget>[^/]+)$">
    LocksGuard   require
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
</LocationMatch>
<LocationMatch "^/respected/(?<course>[^/]+)/(?<gadget>[^/]+)$">
    LocksGuard   respect
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
</LocationMatch>
"""
# In "wide" and "sweep" 1,001 locks fit into a course. Beyond half of the
# most, acquires may read all leases and drop what is dead.
VHOSTS = {
    "uncached": "LocksCatalogCache 0",
    "wide": "LocksMaxPerCourse 4000",
    "sweep": "LocksMaxPerCourse 1100",
    "kept": "LocksSessionCache 1h",
}
MANY = 1000
FEW = 10


# ---- The guard ----

def _write(address, path, people):
    return trivial_answer(address, path, people, method="PUT",
                          body='{"content": "of the gadget, some bytes"}')


def unguarded(world, below, title="unguarded write"):
    """Writes to a location that no guard looks at."""
    return Side(title, _write(world.address(), f"/{below}/course/g{{n}}",
                              {"header:SID": "nobody{n}"}))


def _guarded(world, kind, vhost=""):
    role = f"{kind}{vhost}"
    course = world.people.course(f"{role}course")
    people = world.people.hold(f"{role}writer", course, wrk.CONNECTIONS)

    path = f"{course}/g{{n}}"
    return (Side("guarded write",
                 _write(world.address(vhost), f"/{kind}/{path}", people)),
            Side("unguarded write",
                 _write(world.address(vhost), f"/plain/{path}", people)))


def _guard_require(world):
    return _guarded(world, "required")


def _guard_respect(world):
    return _guarded(world, "respected")


def _guard_kept(world):
    return _guarded(world, "required", "kept")


# ---- Large courses ----

def _per_lock(count):
    """At the most that the server can do."""
    return lambda counted: 1e6 / wrk.requests_per_second(counted) / count


def _processor_per_lock(count):
    return lambda counted: wrk.processor_per_request(counted) / count


def _two_courses(world):
    """One with many locks, one with few."""
    return (world.people.course_with_locks("manylocks", MANY, "wide"),
            world.people.course_with_locks("fewlocks", FEW, "wide"))


def _get_many(world):
    def lists(name, count):
        people = world.people.users(f"reader-{name}", name)
        return listing(world, name, count, people, value=_per_lock(count),
                       cost=_processor_per_lock(count))

    many, few = _two_courses(world)
    return lists(many, MANY), lists(few, FEW)


def _acquire(world, vhost):
    def acquires(name, count):
        return cycle(world, f"beside-{name}-", name, f"g{count + 1}", vhost,
                     title=f"acquire beside {count:,} locks",
                     value=wrk.microseconds_per_acquire, threads=1,
                     connections=1)

    many, few = _two_courses(world)
    return acquires(many, MANY), acquires(few, FEW)


def _acquire_wide(world):
    return _acquire(world, "wide")


def _acquire_sweep(world):
    return _acquire(world, "sweep")


FIGURES = (
    Figure("guard-require", "write guarded by require / unguarded, proxied",
           "event", "requests/s", _guard_require, target=0.80),
    Figure("guard-respect", "write guarded by respect / unguarded, proxied",
           "event", "requests/s", _guard_respect, target=0.80),
    Figure("guard-kept", "the first, with sessions kept in httpd's children",
           "event", "requests/s", _guard_kept),
    Figure("get-1000", "list of 1,000 locks / of 10, time for each lock",
           "event", "us/lock", _get_many, target=0.2, less=True),
    Figure("acquire-1000", "acquire beside 1,000 locks / beside 10, of 4,000"
           " at the most", "event", "us", _acquire_wide, target=1.5,
           less=True),
    Figure("acquire-1000-sweep", "the same, of 1,100 at the most: some"
           " sweeps", "event", "us", _acquire_sweep, target=1.5, less=True),
)
