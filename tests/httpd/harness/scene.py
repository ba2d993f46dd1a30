# SPDX-License-Identifier: Apache-2.0
"""Two people and a course, whose server something befalls; what each request
is answered when all is well, and what must be true afterwards."""

from . import contract
from .system import SLACK, eventually

# Every endpoint, asked by who holds g1 and by somebody else.
EXPECTED = {"list": 200, "renew": 201, "move": 201, "acquire": 201,
            "refused": 403, "release": 200, "stranger": 403, "no lock": 404,
            "look": 200, "own": 200, "keep": 200, "leave": 200}
ENDPOINTS = list(EXPECTED)
WRITING = ["renew", "move", "acquire", "release", "keep", "leave"]


def in_time(answer, seconds):
    assert answer.elapsed < seconds + SLACK, answer.elapsed
    return answer


class Scene:
    """A course, its holder, somebody else, and the same two people at the
    virtual host "direct", where a site has one that is not broken."""

    def __init__(self, site, course=None, users=None):
        self.site = site
        self.course = course or site.course("g1", "g2", "g3")
        self.user, self.other = users or site.users(2, self.course)
        direct = site.httpd.addresses.get("direct", site.httpd.address)
        self.user_direct = self.user.at(direct)
        self.other_direct = self.other.at(direct)
        self.lock_id = contract.granted(
            self.user_direct.lock(self.course, "g1"))["id"]
        # Connections of the workers are made before anything breaks.
        self.heal()

    def requests(self):
        """Every endpoint, as functions, for who holds g1."""
        return {
            "list": lambda: self.user.locks(self.course),
            "renew": lambda: self.user.lock(self.course, "g1"),
            "move": lambda: self.user.lock(self.course, "g2"),
            "acquire": lambda: self.other.lock(self.course, "g3"),
            "refused": lambda: self.other.lock(self.course, "g1"),
            "release": lambda: self.user.unlock(self.lock_id),
            "stranger": lambda: self.other.unlock(self.lock_id),
            "no lock": lambda: self.other.unlock("12345"),
            "look": lambda: self.other.look(self.lock_id),
            "own": lambda: self.user.own(),
            "keep": lambda: self.user.renew(self.lock_id),
            "leave": lambda: self.user.own("DELETE"),
        }

    def held(self):
        return contract.held(self.other_direct.locks(self.course))

    def heal(self):
        """Waits until the people are served again."""
        eventually(lambda: self.user.locks(self.course).status == 200
                   and self.other.locks(self.course).status == 200, 10)

    def check_truth(self, answer):
        """Nobody was lied to."""
        held = self.held()
        if answer.status == 201:
            lock = contract.granted(answer, self.course)
            assert held[lock["subject"]["gadgetId"]] == (
                lock["ownerId"], lock["id"]), (answer, held)
        elif answer.status == 200 and answer.json == {}:
            assert "g1" not in held, (answer, held)
        elif answer.status == 200 and isinstance(answer.json, dict):
            assert held["g1"] == (answer.json["ownerId"], answer.json["id"])
        elif answer.status == 200:
            assert contract.held(answer) == held, (answer, held)

    def check_serves(self):
        """Whoever asks again is served; nobody was locked out by the rest."""
        user, other = self.user.user_id, self.other.user_id
        contract.granted(self.user.lock(self.course, "g2"), gadget="g2",
                         owner=user)
        contract.granted(self.other.lock(self.course, "g1"), gadget="g1",
                         owner=other)
        contract.taken(self.user.lock(self.course, "g1"))
        held = self.held()
        assert {gadget: owner for gadget, (owner, _) in held.items()} == {
            "g2": user, "g1": other}
