# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, on one host and on two that share a store."""

import random
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import contract
from harness.memcached import memcached
from harness.site import running_site

SECONDS = 4


@pytest.fixture(scope="module", params=["one host", "two hosts"])
def hosts(request):
    """A site, and the addresses of all hosts that serve it."""
    with memcached() as store, running_site(store=store) as site:
        if request.param == "one host":
            yield site, [site.httpd.address]
        else:
            with running_site(store=store, database=site.database) as second:
                yield site, [site.httpd.address, second.httpd.address]


def spread(people, addresses):
    """The same people, each at another host than the neighbour."""
    return [person.at(addresses[index % len(addresses)])
            for index, person in enumerate(people)]


def at_once(actions):
    """Calls all at the same time; returns their results in order."""
    barrier = threading.Barrier(len(actions))

    def act(action):
        barrier.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


# ---- One gadget ----

@pytest.mark.parametrize("count", [2, 16])
def test_of_many_who_ask_at_once_exactly_one_is_granted(hosts, count):
    site, addresses = hosts
    for _ in range(12):
        course = site.course()
        people = spread(site.users(count, course), addresses)
        answers = at_once([
            lambda person=person: person.lock(course, "g1")
            for person in people])
        winners = [answer for answer in answers if answer.status == 201]
        assert len(winners) == 1, answers
        for answer in answers:
            if answer.status != 201:
                contract.taken(answer)
        held = contract.held(people[0].locks(course))
        assert held == {"g1": (winners[0].json["ownerId"],
                               winners[0].json["id"])}


def test_released_gadget_goes_to_exactly_one_of_many(hosts):
    site, addresses = hosts
    course = site.course()
    owner, *people = spread(site.users(9, course), addresses)
    for _ in range(6):
        lock = contract.granted(owner.lock(course, "g1"))
        answers = at_once([
            lambda: owner.unlock(lock["id"]),
            *[lambda person=person: person.lock(course, "g1")
              for person in people]])
        contract.released(answers[0])
        winners = [answer for answer in answers[1:] if answer.status == 201]
        assert len(winners) <= 1, answers
        assert {answer.status for answer in answers[1:]} <= {201, 403}
        held = contract.held(owner.locks(course))
        assert len(held) == len(winners)
        for answer in winners:
            assert int(answer.json["id"]) > int(lock["id"])
            for person in people:
                if person.user_id == answer.json["ownerId"]:
                    contract.released(person.unlock(answer.json["id"]))


def test_expired_gadget_goes_to_exactly_one_of_many():
    with running_site(config="LocksTTL 1s") as site:
        course = site.course()
        owner, *people = site.users(9, course)
        contract.granted(owner.lock(course, "g1"), lease=1000)
        time.sleep(1.05)
        answers = at_once([lambda person=person: person.lock(course, "g1")
                           for person in (owner, *people)])
        assert sorted(answer.status for answer in answers) == (
            [201] + [403] * 8), answers


# ---- One user ----

def test_two_tabs_of_a_user_end_with_one_lock(hosts):
    site, addresses = hosts
    for _ in range(12):
        here, there = site.course(), site.course()
        [user] = site.users(1, here, there)
        tabs = spread([user] * 4, addresses)
        wishes = [(here, "g1"), (here, "g2"), (there, "g1"), (there, "g2")]
        answers = at_once([
            lambda tab=tab, wish=wish: tab.lock(*wish)
            for tab, wish in zip(tabs, wishes)])
        ids = [contract.granted(answer)["id"] for answer in answers]
        assert len(set(ids)) == len(ids)
        held = [lock for course in (here, there)
                for lock in contract.listed(user.locks(course))]
        assert len(held) == 1, held
        assert held[0]["id"] == max(ids, key=int)


def test_two_tabs_on_one_gadget_have_one_lock(hosts):
    site, addresses = hosts
    for _ in range(12):
        course = site.course()
        [user] = site.users(1, course)
        answers = at_once([lambda tab=tab: tab.lock(course, "g1")
                           for tab in spread([user] * 4, addresses)])
        for answer in answers:
            contract.granted(answer, course, "g1", user.user_id)
        held = contract.held(user.locks(course))
        assert set(held) == {"g1"}
        assert held["g1"][1] == max((answer.json["id"] for answer in answers),
                                    key=int)


def test_lock_is_released_exactly_once(hosts):
    site, addresses = hosts
    course = site.course()
    [user] = site.users(1, course)
    for _ in range(10):
        lock = contract.granted(user.lock(course, "g1"))
        answers = at_once([lambda tab=tab: tab.unlock(lock["id"])
                           for tab in spread([user] * 4, addresses)])
        assert sorted(answer.status for answer in answers) == (
            [200, 404, 404, 404]), answers


# ---- Moves ----

class Stage:
    """Movers that take, change and leave gadgets while pollers list.

    Each mover notes from when to when it certainly held a gadget: from the
    answer that granted it to the sending of the request that gave it up.
    """

    def __init__(self, site, addresses, movers):
        self.courses = [site.course(*[f"g{index}" for index in range(4)])
                        for _ in range(2)]
        self.movers = spread(site.users(movers, *self.courses), addresses)
        self.pollers = spread([site.partner(), site.partner()], addresses)
        [self.walker] = spread(site.users(1, *self.courses), addresses[-1:])
        self.walks = [f"walk{index}" for index in range(5)]
        site.database.add_gadgets(self.courses[0].id, *self.walks)
        self.end = time.monotonic() + SECONDS
        self.spans = defaultdict(list)
        self.grants = []
        self.refusals = 0
        self.polls = 0
        self.final = {}
        self.walking = False

    def run(self):
        tasks = [*[lambda mover=mover: self._move(mover)
                   for mover in self.movers],
                 *[lambda poller=poller: self._poll(poller)
                   for poller in self.pollers],
                 self._walk]
        at_once(tasks)

    def _move(self, mover):
        chance = random.Random(mover.user_id)
        mover = mover.keeping_connection()
        mine = None
        while time.monotonic() < self.end:
            course = chance.choice(self.courses)
            gadget = chance.choice(course.gadgets)
            sent = time.monotonic()
            if mine is not None and chance.random() < 0.2:
                contract.released(mover.unlock(mine[2]))
                self._held(mine, sent)
                mine = None
                continue
            answer = mover.lock(course, gadget)
            if answer.status == 201:
                lock = contract.granted(answer, course, gadget,
                                        mover.user_id)
                self.grants.append((sent, time.monotonic(), int(lock["id"]),
                                    (course.id, gadget)))
                if mine is None or mine[2] != lock["id"]:
                    self._held(mine, sent)
                    mine = (time.monotonic(), (course.id, gadget),
                            lock["id"], mover.user_id)
            else:
                contract.taken(answer)
                self.refusals += 1
        self._held(mine, time.monotonic())
        self.final[mover.user_id] = mine and (mine[1], mine[2])
        mover.close()

    def _held(self, mine, until):
        if mine is not None:
            since, place, lock_id, user_id = mine
            self.spans[place].append((since, until, user_id, lock_id))

    def _walk(self):
        """One who never lets go, and always has exactly one gadget."""
        walker = self.walker.keeping_connection()
        contract.granted(walker.lock(self.courses[0], self.walks[0]))
        self.walking = True
        position = 0
        while time.monotonic() < self.end:
            position = (position + 1) % len(self.walks)
            contract.granted(walker.lock(self.courses[0],
                                         self.walks[position]))
        walker.close()

    def _poll(self, poller):
        poller = poller.keeping_connection()
        while time.monotonic() < self.end:
            for course in self.courses:
                walking = self.walking
                # No gadget twice and no owner twice is checked within.
                locks = contract.listed(poller.locks(course))
                if course is self.courses[0] and walking:
                    walked = [lock for lock in locks
                              if lock["ownerId"] == self.walker.user_id]
                    assert len(walked) == 1, locks
                self.polls += 1
        poller.close()


def test_movers_never_share_a_gadget_nor_hold_two(hosts):
    site, addresses = hosts
    stage = Stage(site, addresses, movers=7)
    stage.run()
    assert len(stage.grants) > 50 and stage.refusals > 20
    assert stage.polls > 50
    for place, spans in stage.spans.items():
        spans.sort()
        for (_, until, user, _), (since, _, next_user, _) in zip(spans,
                                                                 spans[1:]):
            assert user == next_user or until <= since, (place, spans)
    by_place = defaultdict(list)
    for sent, answered, number, place in stage.grants:
        by_place[place].append((sent, answered, number))
    for grants in by_place.values():
        for sent, _, number in grants:
            earlier = [other for _, answered, other in grants
                       if answered < sent]
            assert number >= max(earlier, default=0), "an id went back"
    for course in stage.courses:
        held = contract.held(site.partner().locks(course))
        expected = {place[1]: (user, lock_id)
                    for user, state in stage.final.items() if state
                    for place, lock_id in [state] if place[0] == course.id}
        walked = [gadget for gadget in held if gadget in stage.walks]
        assert len(walked) == (course is stage.courses[0])
        assert {gadget: value for gadget, value in held.items()
                if gadget not in stage.walks} == expected


def test_lists_meet_no_half_done_move_across_courses(hosts):
    """A move to another course is one instant: a user is never in both
    lists if the second was read after the first."""
    site, addresses = hosts
    here, there = site.course(), site.course()
    [user] = site.users(1, here, there)
    watcher = spread([user, site.partner()], addresses)[1]
    stop = threading.Event()
    contract.granted(user.lock(here, "g1"))

    def move():
        mover = user.keeping_connection()
        for step in range(150):
            contract.granted(mover.lock((there, here)[step % 2], "g1"))
        stop.set()
        mover.close()

    def watch():
        while not stop.is_set():
            first = contract.listed(watcher.locks(here))
            second = contract.listed(watcher.locks(there))
            if first and second:
                # It moved in between; then it has the newer lock there.
                assert int(first[0]["id"]) < int(second[0]["id"])

    at_once([move, watch])


def test_readers_and_strangers_do_not_disturb(hosts):
    site, addresses = hosts
    course = site.course()
    user, stranger = spread(site.users(2, course), addresses)
    stop = threading.Event()

    def renew():
        ids = set()
        for _ in range(100):
            ids.add(contract.granted(user.lock(course, "g1"))["id"])
        stop.set()
        return ids

    def meddle():
        lock_id = None
        while not stop.is_set():
            if lock_id is not None:
                contract.taken(stranger.lock(course, "g1"))
            for lock in contract.listed(stranger.locks(course)):
                lock_id = lock["id"]
                contract.forbidden(stranger.unlock(lock_id))

    ids, _ = at_once([renew, meddle])
    assert len(ids) == 1
