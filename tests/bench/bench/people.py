# SPDX-License-Identifier: Apache-2.0
"""Who and what the loads ask about: users and courses whose names a script
can count."""

from concurrent.futures import ThreadPoolExecutor

from harness import contract

from .wrk import CONNECTIONS

# LocksTTL of world.py.
LEASE_MS = 24 * 3600 * 1000

class People:
    """Users `role1`, `role2` ... of a site, with SIDs of the same names."""

    def __init__(self, site):
        self._site = site
        self._roles = set()
        self._full = set()

    def course(self, course_id, gadgets=CONNECTIONS):
        """A course with gadgets g1, g2, ..."""
        self._site.course(*(f"g{number}" for number in range(1, gadgets + 1)),
                          course_id=course_id)
        return course_id

    def courses(self, pattern):
        """One with one gadget for each connection; "{n}" in the pattern is
        its number."""
        for number in range(1, CONNECTIONS + 1):
            self.course(pattern.replace("{n}", str(number)), 1)
        return pattern

    def users(self, role, courses, count=CONNECTIONS):
        """Users who may update the course, or each a course of the own if
        there is "{n}" in its name. Returns the options that name them."""
        if role not in self._roles:
            self._roles.add(role)
            for number in range(1, count + 1):
                name = f"{role}{number}"
                self._site.write_session(
                    name, {"sessionType": "PlainUserSession", "userId": name})
            self._permit(role, courses, count)
        return {"header:SID": role + "{n}"}

    def _permit(self, role, courses, count):
        if "{n}" not in courses:
            names = [f"{role}{number}" for number in range(1, count + 1)]
            return self._site.database.permit(courses, *names)
        for number in range(1, count + 1):
            course = courses.replace("{n}", str(number))
            self._site.database.permit(course, f"{role}{number}")

    def hold(self, role, course, count, vhost=""):
        """Users who hold a gadget each, from the first on. Returns the
        options that name them."""
        people = self.users(role, course, count)

        def take(number):
            client = self._site.client(f"{role}{number}", vhost)
            contract.granted(client.lock(course, f"g{number}"),
                             lease=LEASE_MS)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(take, range(1, count + 1)))
        return people

    def course_with_locks(self, course_id, count, vhost=""):
        """A course with so many locks, and one gadget that is free, unless
        there is one already."""
        if course_id not in self._full:
            self.course(course_id, count + 1)
            self.hold(f"{course_id}-", course_id, count, vhost)
            self._full.add(course_id)
        return course_id

    def list_of(self, course_id, count):
        """The answer that lists a course, if it has so many locks."""
        answer = self._site.partner().locks(course_id)
        assert len(answer.json) == count, answer
        return answer
