# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, and what each was told when."""

import http.client
import random
import threading
import time

from .linearizability import explain, linearize
from .service import FOREVER, Call


class Recorder:
    """The calls of one history. Any thread may add to it."""

    def __init__(self):
        self.calls = []
        self.requests = 0
        self._lock = threading.Lock()

    def add(self, *calls):
        with self._lock:
            self.calls.extend(calls)

    def count(self):
        with self._lock:
            self.requests += 1

    def check(self, hint=""):
        """Fails unless the service could have answered so."""
        fine, order = linearize(self.calls)
        assert fine, f"{hint}\n{explain(self.calls, order)}"


class Actor:
    """One user's client: keeps connections to all hosts, and notes every
    call and its answer."""

    def __init__(self, recorder, client, hosts, lease):
        self.recorder = recorder
        self.user = client.user_id
        self.lease = lease
        self._clients = [client.at(address).keeping_connection()
                         for address in hosts]
        self._host = 0
        # What others were told of, to try to release it.
        self.seen = []

    def choose(self, chance):
        self._host = chance.randrange(len(self._clients))

    def _call(self, request):
        """Start, end and answer; no answer where none came."""
        client = self._clients[self._host]
        self.recorder.count()
        start = time.monotonic()
        try:
            answer = request(client)
        except (OSError, http.client.HTTPException):
            client.close()
            return start, FOREVER, None
        end = time.monotonic()
        if answer.header("Connection") == "close":
            client.close()
        if answer.status == 503:
            return start, FOREVER, None
        return start, end, answer

    def acquire(self, course, gadget):
        start, end, answer = self._call(
            lambda client: client.lock(course, gadget))
        call = Call("acquire", self.user, course.id, gadget, start, end,
                    "unknown", earliest=start + self.lease, latest=FOREVER)
        if answer is not None and answer.status == 201:
            lock = answer.json
            call = call._replace(answer="done", id=int(lock["id"]),
                                 **_deadline(lock, start, end))
            self.seen.append(int(lock["id"]))
        elif answer is not None:
            assert answer.status == 403, answer
            call = call._replace(answer="held")
        self.recorder.add(call)

    def release(self, lock_id):
        start, end, answer = self._call(
            lambda client: client.unlock(str(lock_id)))
        words = {200: "done", 404: "absent", 403: "foreign"}
        self.recorder.add(Call(
            "release", self.user, None, None, start, end,
            words[answer.status] if answer is not None else "unknown",
            lock_id))

    def read(self, course, users):
        start, end, answer = self._call(lambda client: client.locks(course))
        if answer is None:
            return
        locks = answer.json
        assert ([int(lock["id"]) for lock in locks]
                == sorted(int(lock["id"]) for lock in locks)), locks
        owners = {lock["ownerId"]: lock for lock in locks}
        gadgets = {lock["subject"]["gadgetId"] for lock in locks}
        assert len(owners) == len(gadgets) == len(locks), locks
        for user in users:
            lock = owners.get(user)
            call = Call("read", user, course.id, None, start, end)
            if lock is not None:
                call = call._replace(gadget=lock["subject"]["gadgetId"],
                                     id=int(lock["id"]),
                                     **_deadline(lock, start, end))
                self.seen.append(int(lock["id"]))
            self.recorder.add(call)

    def close(self):
        for client in self._clients:
            client.close()


def _deadline(lock, start, end):
    """When the lock ends: as exactly as its answer was quick. httpd's clock
    counts whole milliseconds."""
    left = lock["expiresIn"] / 1000
    return {"earliest": start + left, "latest": end + left + 0.002}


def act(actor, courses, users, chance, pause):
    """One thing that an editor's browser may do."""
    actor.choose(chance)
    course = chance.choice(courses)
    what = chance.random()
    if what < 0.45:
        actor.acquire(course, chance.choice(course.gadgets))
    elif what < 0.70:
        actor.read(course, users)
    elif actor.seen and what < 0.95:
        actor.release(chance.choice(actor.seen[-2:]))
    time.sleep(chance.random() * pause)


def record(site, hosts, seed, clients=6, courses=2, actions=12, lease=300.0,
           pause=0.01, meanwhile=None):
    """One history of new users in new courses. `meanwhile` is called with it
    beside the clients, and may let things go wrong until it returns."""
    chance = random.Random(seed)
    recorder = Recorder()
    places = [site.course("g1", "g2") for _ in range(courses)]
    people = site.users(clients, *places)
    users = [person.user_id for person in people]
    actors = [Actor(recorder, person, hosts, lease) for person in people]
    for actor in actors:
        # Everybody knows everybody's locks.
        actor.seen = actors[0].seen
    failures = []

    def run(actor, own):
        try:
            for _ in range(actions):
                act(actor, places, users, own, pause)
        except Exception as error:  # shown by the thread that waits
            failures.append(error)
        finally:
            actor.close()

    threads = [threading.Thread(target=run,
                                args=(actor, random.Random(chance.random())))
               for actor in actors]
    for thread in threads:
        thread.start()
    if meanwhile is not None:
        meanwhile(recorder, chance)
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return recorder
