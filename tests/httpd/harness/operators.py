# SPDX-License-Identifier: Apache-2.0
"""A site with a page for operators, and people with names who lock there."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from . import contract
from .site import LOCATION, NAMED, running_site

BASE = "/named/locks"
STATUS = LOCATION + NAMED + """
<Location "/locks-status">
    SetHandler locks-status
    Require local
</Location>
"""


def quoted(name):
    """A user's name as it stands in a header."""
    return name.encode()


class Desk:
    """Locks that a test takes, and gives back at the end."""

    def __init__(self, site):
        self.site = site
        self.held = []

    @property
    def url(self):
        host, port = self.site.httpd.address
        return f"http://{host}:{port}/locks-status"

    def person(self, name):
        return self.site.client(base=BASE, headers=[("X-User", quoted(name))])

    def course(self, *gadgets, course_id=None, people=()):
        course = self.site.course(*gadgets, course_id=course_id)
        if people:
            self.site.permit(course, *people)
        return course

    def take(self, course, gadget, name):
        """Someone takes a lock, and is permitted to before if need be."""
        answer = self.person(name).lock(course, gadget)
        if answer.status == 403:
            self.site.permit(course, name)
            answer = self.person(name).lock(course, gadget)
        lock = contract.granted(answer, base=BASE)
        self.held.append((name, lock["id"]))
        return lock["id"]

    def release(self, name, lock_id):
        self.held.remove((name, lock_id))
        contract.released(self.person(name).unlock(lock_id))

    def is_held(self, course, gadget):
        answer = self.site.partner().locks(course)
        return gadget in contract.held(answer)

    def clear(self):
        """Gives back what is still held."""
        for name, lock_id in self.held:
            self.person(name).unlock(lock_id)
        self.held.clear()


def fill(desk, courses, each):
    """Takes so many locks, by several people at once."""
    gadgets = [f"gadget{number:03d}" for number in range(each)]
    jobs = []
    for number in range(courses):
        names = [f"user{number:02d}-{i:03d}" for i in range(each)]
        course = desk.course(*gadgets, course_id=f"course{number:02d}",
                             people=names)
        jobs.append((course, list(zip(gadgets, names))))

    def take(job):
        course, pairs = job
        someone = desk.site.client(base=BASE).keeping_connection()
        for gadget, name in pairs:
            someone.headers = [("X-User", name)]
            assert someone.lock(course, gadget).status == 201
        someone.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, jobs))


@contextmanager
def operated_site(arguments=("-M",), config="", **settings):
    with running_site(arguments=arguments, location=STATUS,
                      config="MaxKeepAliveRequests 0\n" + config,
                      **settings) as site:
        yield site
