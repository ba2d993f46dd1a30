# SPDX-License-Identifier: Apache-2.0
"""The figures beside a trivial handler: lists, cycles, renewals."""

from . import wrk
from .figure import Figure
from .side import Side
from .trivial import ANSWER
from .wrk import CONNECTIONS, Load

LISTING = "/locks?subject.courseId="
# Lists are the same for all: two threads are enough, and cheaper.
FEW = 2


def same(address, path, people, length, begins="", ends="", threads=FEW,
         connections=CONNECTIONS, **options):
    """A load of the same request by all users in turn."""
    options = {"method": "GET", "status": 200, "users": CONNECTIONS, **people,
               "path": path, "length": length, "begins": begins,
               "ends": ends, **options}
    return Load("same", address, options, threads, connections)


def trivial_answer(address, path, people, threads=CONNECTIONS, **options):
    """A load that the trivial handler answers."""
    return same(address, path, people, len(ANSWER), ANSWER[:8], ANSWER[-8:],
                threads, **options)


def trivial(world, people, path="/locks", threads=CONNECTIONS, **headers):
    return Side("trivial handler",
                trivial_answer(world.trivial, "/trivial" + path, people,
                               threads, **headers))


# ---- Lists ----

def listing(world, name, count, people, vhost="", **values):
    """Lists of a course with so many locks, by users who may see it."""
    length = len(world.people.list_of(name, count).body)
    return Side(f"GET, {count:,} locks",
                same(world.address(vhost), LISTING + name, people, length,
                     '[{"id": "', "}]"), **values)


def _get(world, vhost=""):
    name = world.people.course_with_locks("tenlocks", 10)
    people = world.people.users(f"reader{vhost}", name)
    return (listing(world, name, 10, people, vhost),
            trivial(world, people, LISTING + name, FEW))


def _get_uncached(world):
    return _get(world, "uncached")


def _get_unchanged(world):
    name = world.people.course_with_locks("tenlocks", 10)
    people = world.people.users("poller", name)
    etag = world.people.list_of(name, 10).header("ETag")
    known = {"header:If-None-Match": etag}
    ours = same(world.address(), LISTING + name, people, 0, status=304,
                **known)
    return (Side("GET, 304", ours),
            trivial(world, people, LISTING + name, FEW, **known))


# ---- Cycles and renewals ----

def cycle(world, role, course, gadget, vhost="", base="/locks",
          title="acquire + release", value=wrk.cycles_per_second, **load):
    """Each connection's user takes and releases a gadget."""
    people = world.people.users(role, course)
    options = {**people, "path": base, "course": course, "gadget": gadget,
               "owner": people["header:SID"]}
    return Side(title, Load("cycle", world.address(vhost), options, **load),
                value, wrk.processor_per_cycle)


def own_courses(world, role, vhost="", **load):
    """Cycles of users who are not in each other's way at all."""
    courses = world.people.courses(f"{role}course" + "{n}")
    return cycle(world, role, courses, "g1", vhost, **load)


def _cycle(world):
    return (own_courses(world, "cycler"),
            trivial(world, {"header:SID": "cycler{n}"}))


def _cycle_kept(world):
    return (own_courses(world, "keptcycler", "kept"),
            trivial(world, {"header:SID": "keptcycler{n}"}))


def _cycle_one_course(world):
    course = world.people.course("together")
    return (cycle(world, "together", course, "g{n}"),
            trivial(world, {"header:SID": "together{n}"}))


def _renewal(world, method, vhost=""):
    role = f"{vhost}renewer{method.lower()}"
    courses = world.people.courses(f"{role}course" + "{n}")
    people = world.people.users(role, courses)
    load = Load("renew", world.address(vhost),
                {**people, "path": "/locks", "method": method,
                 "course": courses, "gadget": "g1"})
    return Side(f"renewal by {method}", load), trivial(world, people)


def _renew(world):
    return _renewal(world, "POST")


def _renew_kept(world):
    return _renewal(world, "POST", "kept")


def _put(world):
    return _renewal(world, "PUT")


FIGURES = (
    Figure("get", "list of 10 locks / trivial request", "event",
           "requests/s", _get, target=0.35, limit=0.40),
    Figure("get-uncached", "the same, the database asked in each / trivial",
           "event", "requests/s", _get_uncached),
    Figure("get-304", "the same list, unchanged: 304 / trivial", "event",
           "requests/s", _get_unchanged),
    Figure("cycle", "acquire + release, each user in a course of the own"
           " / trivial", "event", "per second", _cycle, target=0.14),
    Figure("cycle-one-course", "acquire + release, all users in one course"
           " / trivial", "event", "per second", _cycle_one_course,
           target=0.14),
    Figure("cycle-kept", "the first, with sessions kept in httpd's children",
           "event", "per second", _cycle_kept),
    Figure("renew", "renewal by POST / trivial request", "event",
           "requests/s", _renew, target=0.30),
    Figure("renew-kept", "the same, with sessions kept in httpd's children",
           "event", "requests/s", _renew_kept),
    Figure("put", "renewal by PUT / trivial request", "event", "requests/s",
           _put),
)
