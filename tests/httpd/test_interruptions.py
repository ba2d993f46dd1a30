# SPDX-License-Identifier: Apache-2.0
"""Requests that are cut short: children killed at each write, looks that take
long, and graceful restarts under connections that are kept."""

import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import contract, proxy
from harness.hosts import two_hosts
from harness.site import running_site
from harness.system import eventually

# How much later than it could something may happen on a busy machine.
SLACK = 5.0


# ---- Children that are killed ----

@pytest.fixture(scope="module")
def pair():
    """Two hosts, each with a proxy of its own before their memcached."""
    with two_hosts(with_proxies=True) as hosts:
        yield hosts


def serves(person, course):
    try:
        return person.locks(course).status == 200
    except (http.client.HTTPException, OSError):
        return False


class Scene:
    """Ann, whose host is to lose its children, at g3; Ben, at the other host;
    and Cid, who holds g2 and is not to notice."""

    def __init__(self, hosts, holds=None):
        self.hosts = hosts
        self.course = hosts.site.course("g1", "g2", "g3")
        self.ann, ben, cid = hosts.site.users(3, self.course)
        self.ben, self.cid = (one.at(hosts.addresses[1])
                              for one in (ben, cid))
        self.others = contract.granted(self.cid.lock(self.course, "g2"))
        self.own = holds and contract.granted(
            self.ann.lock(self.course, holds))

    def held(self):
        """What the other host says of g1 and g3: owner and id."""
        held = contract.held(self.ben.locks(self.course))
        assert held.pop("g2") == (self.cid.user_id, self.others["id"])
        return held


def killed_in(hosts, request, match, lands):
    """Sends a request to the first host, whose children are killed when its
    command that matches has left them, which takes effect or not."""
    left, killed = threading.Event(), threading.Event()

    def act(exchange):
        left.set()
        assert killed.wait(10)
        if lands:
            exchange.forward()
        exchange.cut()

    with ThreadPoolExecutor(1) as pool:
        with hosts.proxies[0].fault(act, match, times=1):
            answer = pool.submit(request)
            assert left.wait(10)
            for child in hosts.site.httpd.children():
                hosts.site.httpd.kill_child(lambda _, child=child: child)
            killed.set()
            with pytest.raises((http.client.HTTPException, OSError)):
                answer.result()


def writes_to(record):
    key = proxy.key_begins(f"locks:{record}:")
    return lambda exchange: proxy.writes(exchange) and key(exchange)


@pytest.mark.parametrize("request_, had, record, lands, has", [
    ("acquire", None, "slots", False, None),
    ("acquire", None, "slots", True, None),
    ("acquire", None, "lease", False, None),
    ("acquire", None, "lease", True, "g1"),
    ("move", "g3", "slots", True, "g3"),
    ("move", "g3", "lease", False, "g3"),
    ("move", "g3", "lease", True, "g1"),
    ("renew", "g1", "lease", True, "g1"),
    ("release", "g1", "lease", False, "g1"),
    ("release", "g1", "lease", True, None),
])
def test_child_killed_at_a_write_leaves_the_old_or_the_new(
        pair, request_, had, record, lands, has):
    scene = Scene(pair, had)
    if request_ == "release":
        def send():
            return scene.ann.unlock(scene.own["id"])
    else:
        def send():
            return scene.ann.lock(scene.course, "g1")
    killed_in(pair, send, writes_to(record), lands)
    held = scene.held()
    assert set(held) == ({has} if has else set()), held
    if has == had and had is not None:
        assert held[has] == (scene.ann.user_id, scene.own["id"])
    # Who comes next is told the truth at once.
    answer = scene.ben.lock(scene.course, "g1")
    if has == "g1":
        contract.taken(answer)
    else:
        contract.granted(answer, scene.course, "g1", scene.ben.user_id)
    eventually(lambda: serves(scene.ann, scene.course))
    if has is not None:
        again = contract.granted(scene.ann.lock(scene.course, has))
        assert again["id"] == held[has][1]
        contract.released(scene.ann.unlock(again["id"]))
    contract.granted(scene.ann.lock(scene.course, "g3"))


def test_child_killed_at_its_reads_changes_nothing(pair):
    scene = Scene(pair, "g3")
    killed_in(pair, lambda: scene.ann.lock(scene.course, "g1"), proxy.reads,
              True)
    assert scene.held() == {"g3": (scene.ann.user_id, scene.own["id"])}
    contract.granted(scene.ben.lock(scene.course, "g1"))
    eventually(lambda: serves(scene.ann, scene.course))


@pytest.fixture(scope="module")
def hasty():
    """The same with short leases."""
    with two_hosts("LocksTTL 2s", with_proxies=True) as hosts:
        yield hosts


def test_grant_that_nobody_heard_of_blocks_no_longer_than_its_lease(hasty):
    course = hasty.site.course()
    ann, ben = hasty.site.users(2, course)
    ben = ben.at(hasty.addresses[1])
    sent = time.monotonic()
    killed_in(hasty, lambda: ann.lock(course, "g1"), writes_to("lease"), True)
    contract.taken(ben.lock(course, "g1"))
    eventually(lambda: ben.lock(course, "g1").status == 201, 2 + SLACK)
    assert time.monotonic() - sent >= 2
    eventually(lambda: hasty.site.httpd.children())


# ---- Slow looks ----

@pytest.mark.parametrize("look", ["list", "release", "foreign"])
def test_lock_renewed_while_it_is_looked_at_has_not_ended(hasty, look):
    """The deadline that was read has passed by the time that it is judged,
    but the lock has a later one by then."""
    course = hasty.site.course()
    ann, ben = hasty.site.users(2, course)
    eventually(lambda: serves(ann, course))
    granted = time.monotonic()
    lock = contract.granted(ann.lock(course, "g1"), lease=2000)
    looks = {"list": lambda: ben.locks(course),
             "release": lambda: ann.unlock(lock["id"]),
             "foreign": lambda: ben.unlock(lock["id"])}
    read = threading.Event()

    def hold(exchange):
        data = exchange.forward()
        read.set()
        time.sleep(max(0, granted + 2.2 - time.monotonic()))
        exchange.reply(data)

    time.sleep(max(0, granted + 1.5 - time.monotonic()))
    lease = proxy.key_begins("locks:lease:")
    with ThreadPoolExecutor(1) as pool:
        with hasty.proxies[0].fault(hold, lease, times=1):
            answer = pool.submit(looks[look])
            assert read.wait(10)
            renewed = ann.at(hasty.addresses[1]).lock(course, "g1")
            assert contract.granted(renewed, lease=2000)["id"] == lock["id"]
            answer = answer.result()
    if look == "list":
        assert [each["id"] for each in contract.listed(answer, 2000)] == [
            lock["id"]]
    elif look == "release":
        contract.released(answer)
    else:
        contract.forbidden(answer)


# ---- Graceful restarts ----

class Editor:
    """Takes, renews, lists and releases one gadget over and over again, on a
    connection that is kept. httpd may close it between two requests, as it
    does at any time; an answer that began has to end, and a request on a
    fresh connection is answered."""

    def __init__(self, person, course, gadget):
        self._client = person.keeping_connection()
        self._fresh = True
        self._place = (course, gadget)
        self.rounds = self.closed = 0

    def work(self, stop):
        user = self._client.user_id
        course, gadget = self._place
        while not stop.is_set():
            # Whether a request that was cut off took effect is unknown, but
            # this one tells its id.
            lock = contract.granted(
                self._send(self._client.lock, course, gadget), *self._place,
                owner=user)
            again = self._send(self._client.lock, course, gadget)
            assert contract.granted(again)["id"] == lock["id"]
            held = contract.held(self._send(self._client.locks, course))
            assert held[gadget] == (user, lock["id"])
            closed = self.closed
            answer = self._send(self._client.unlock, lock["id"])
            if answer.status == 404:
                assert self.closed > closed, "a lock was lost"
                contract.no_lock(answer, lock["id"])
            else:
                contract.released(answer)
            self.rounds += 1
        self._client.close()

    def _send(self, send, *arguments):
        try:
            answer = send(*arguments)
        except (http.client.RemoteDisconnected, ConnectionError):
            assert not self._fresh, "a fresh connection was not answered"
            self._client.close()
            self.closed += 1
            answer = send(*arguments)
        self._fresh = answer.header("Connection") == "close"
        return answer


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_graceful_restarts_under_load_disturb_nobody(mpm):
    with running_site(mpm=mpm) as site:
        course = site.course(*[f"g{number}" for number in range(8)])
        editors = [Editor(person, course, gadget) for person, gadget
                   in zip(site.users(8, course), course.gadgets)]
        stop = threading.Event()
        with ThreadPoolExecutor(len(editors)) as pool:
            working = [pool.submit(editor.work, stop) for editor in editors]
            try:
                for _ in range(4):
                    time.sleep(0.5)
                    site.httpd.restart_gracefully()
                time.sleep(0.5)
            finally:
                stop.set()
            for each in working:
                each.result()
        assert all(editor.rounds >= 5 for editor in editors)
