# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, whose connections to memcached misbehave: every answer
is about the asker's own user and course, and true."""

import random
import threading
import time

import pytest

from harness import contract, proxy
from harness.scene import in_time
from harness.site import broken_site
from harness.system import eventually

TIMEOUT = 0.25
BUDGET = 4 * TIMEOUT
CLIENTS = 10
SECONDS = 2.0
# How many of the commands fare badly.
SHARE = 0.12


def hang(site):
    """memcached stops now and then, longer than a timeout."""
    site.store.pause()
    time.sleep(1.4 * TIMEOUT)
    site.store.resume()
    time.sleep(TIMEOUT)


def cut(site):
    site.proxy.cut_all()
    time.sleep(0.1)


def restart(site):
    """The way to memcached is closed for a while."""
    site.proxy.refuse()
    time.sleep(0.1)
    site.proxy.accept()
    time.sleep(0.3)


# What befalls some of the commands.
FAULTS = {
    "late replies": proxy.late_reply(1.2 * TIMEOUT),
    "slow replies": proxy.late_reply(0.4 * TIMEOUT),
    "late effects": proxy.late_effect(1.2 * TIMEOUT),
    "lost replies": proxy.lose_reply,
    "swallowed": proxy.swallow,
    "cut before": proxy.cut_before,
    "cut after": proxy.cut_after,
    "cut within replies": proxy.cut_within_reply,
    "trickled": proxy.trickle(0.02),
    "SERVER_ERROR": proxy.answer(b"SERVER_ERROR busy"),
    "nonsense": proxy.answer(b"what"),
}
# What befalls all of them, again and again.
OUTAGES = {"memcached hangs": hang, "connections are cut": cut,
           "connections are refused": restart}


@pytest.fixture(scope="module")
def site():
    # One child, so that all share its connections.
    with broken_site(mpm="one child") as site:
        yield site


class Asker:
    """A user with a course that nobody else touches, and who therefore knows
    what is true: which lock is held, unless a change ended in 503."""

    def __init__(self, site, number):
        self.course = site.course()
        self.client = site.user(self.course)
        self.chance = random.Random(number)
        self.known = True
        self.gadget = self.lock_id = None
        self.stranger = None
        self.answers = {}

    def ask(self):
        [request] = self.chance.choices(
            [self._lock, self._list, self._unlock, self._unlock_other],
            [3, 3, 1, 1])
        answer = request()
        in_time(answer, BUDGET)
        self.answers[answer.status] = self.answers.get(answer.status, 0) + 1

    def _changed(self, gadget, lock_id):
        self.known = True
        self.gadget, self.lock_id = gadget, lock_id

    def _refused(self, answer, changes=True):
        """503, of which nobody knows whether it changed anything."""
        contract.unavailable(answer)
        self.known = self.known and not changes

    def _lock(self):
        gadget = self.chance.choice(self.course.gadgets)
        answer = self.client.lock(self.course, gadget)
        if answer.status != 201:
            self._refused(answer)
            return answer
        lock = contract.granted(answer, self.course, gadget,
                                self.client.user_id)
        if self.known and self.gadget is not None:
            if gadget == self.gadget:
                assert lock["id"] == self.lock_id, answer
            else:
                assert int(lock["id"]) > int(self.lock_id), answer
        self._changed(gadget, lock["id"])
        return answer

    def _list(self):
        answer = self.client.locks(self.course)
        if answer.status != 200:
            self._refused(answer, changes=False)
            return answer
        for lock in contract.listed(answer):
            assert lock["ownerId"] == self.client.user_id, answer
            assert lock["subject"]["courseId"] == self.course.id, answer
        if self.known:
            expected = {}
            if self.gadget is not None:
                expected[self.gadget] = (self.client.user_id, self.lock_id)
            assert contract.held(answer) == expected, (answer, expected)
        return answer

    def _unlock(self):
        lock_id = self.lock_id or "12345"
        answer = self.client.unlock(lock_id)
        if answer.status == 503:
            self._refused(answer)
        elif answer.status == 200:
            contract.released(answer)
            assert self.gadget is not None or not self.known, answer
            self._changed(None, None)
        else:
            contract.no_lock(answer, lock_id)
            # Of what was known to be held that would be a lie.
            assert self.gadget is None or not self.known, answer
        return answer

    def _unlock_other(self):
        """Somebody else's, who may have released it meanwhile."""
        lock_id = self.stranger.lock_id or "4711"
        answer = self.client.unlock(lock_id)
        if answer.status == 503:
            self._refused(answer, changes=False)
        elif answer.status == 403:
            contract.forbidden(answer)
        else:
            contract.no_lock(answer, lock_id)
        return answer

    def check_recovered(self):
        answer = eventually(lambda: (answer := self._lock())
                            and answer.status != 503 and answer)
        contract.granted(answer)
        assert self._list().status == 200


def ask_all(site, meanwhile):
    """All ask until `meanwhile` returns; then they are served again."""
    askers = [Asker(site, number) for number in range(CLIENTS)]
    for asker, neighbour in zip(askers, askers[1:] + askers[:1]):
        asker.stranger = neighbour
        asker.check_recovered()
    stop = threading.Event()
    failures = []

    def run(asker):
        try:
            while not stop.is_set():
                asker.ask()
        except BaseException as error:  # shown by the thread that waits
            failures.append(error)

    threads = [threading.Thread(target=run, args=(asker,))
               for asker in askers]
    for thread in threads:
        thread.start()
    meanwhile()
    stop.set()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    site.proxy.cut_all()
    for asker in askers:
        asker.check_recovered()
    seen = {}
    for asker in askers:
        for status, count in asker.answers.items():
            seen[status] = seen.get(status, 0) + count
    return seen


@pytest.mark.parametrize("fault", FAULTS)
def test_no_answer_is_crossed_while_connections_misbehave(site, fault):
    chance = random.Random(fault)

    def meanwhile():
        with site.proxy.fault(FAULTS[fault],
                              lambda _: chance.random() < SHARE) as running:
            time.sleep(SECONDS)
        assert running.hits > 5

    seen = ask_all(site, meanwhile)
    assert seen[200] + seen[201] > CLIENTS, seen


@pytest.mark.parametrize("outage", OUTAGES)
def test_no_answer_is_crossed_while_memcached_fails(site, outage):
    def meanwhile():
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            OUTAGES[outage](site)

    seen = ask_all(site, meanwhile)
    assert seen[200] + seen[201] > CLIENTS, seen
    # Reads are repeated on another connection, so a cut may stay unnoticed.
    assert seen.get(503) or outage == "connections are cut", seen
