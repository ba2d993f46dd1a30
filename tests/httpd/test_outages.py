# SPDX-License-Identifier: Apache-2.0
"""memcached itself stops, dies, forgets or has no room, or one of two does:
the truth or 503 in time, and full recovery without a restart of httpd."""

from collections import namedtuple
from contextlib import ExitStack, contextmanager

import pytest

from harness import contract, proxy
from harness.keys import lease_key, slots_key
from harness.memcached import ketama_owner, memcached
from harness.proxy import FaultProxy
from harness.scene import ENDPOINTS, EXPECTED, WRITING, Scene, in_time
from harness.site import running_site

TIMEOUT = 0.25
BUDGET = 4 * TIMEOUT
# How it is limited when it is to be full.
SMALL = ("-m", "2", "-I", "512k")
# Of values, so that every class of items has no room for a record.
SIZES = (300000, 100000, 30000, 10000, 5000,
         *(int(40 * 1.2 ** step) for step in range(25, -1, -1)))
# What is true for one who held g1, once the store has forgotten everything.
FORGOTTEN = {**EXPECTED, "refused": 201, "release": 404, "stranger": 404,
             "look": 404, "keep": 404}


@contextmanager
def site_with(*addresses):
    """Locks at these addresses; sessions on a server that nothing befalls."""
    with memcached() as sessions, running_site(
            store=sessions, address=",".join(addresses), timeout="250ms",
            mpm="one child",
            config=f"LocksSessionStore memcached:{sessions.name}") as site:
        yield site


def fill(server):
    with server.client() as client:
        return {size: client.fill(size) for size in SIZES}


def crowd(server):
    """Has it evict what was there before."""
    with server.client() as client:
        for size in SIZES:
            client.fill(size, most=5000 if size < 1000 else 500)


def make_room(server, filled):
    with server.client() as client:
        for size, count in filled.items():
            client.empty(size, count)


# What befalls the server before each request, and how it ends: called with
# the server and what the first returned last. `truths` are what may be true
# then; 503 is always an answer.
Outage = namedtuple("Outage", "begin end truths arguments seconds",
                    defaults=((), BUDGET))
OUTAGES = {
    "stopped": Outage(lambda server: server.pause(),
                      lambda server, _: server.resume(),
                      [], seconds=TIMEOUT),
    "killed": Outage(lambda server: server.stop(),
                     lambda server, _: server.start(),
                     [], seconds=TIMEOUT),
    "restarted empty": Outage(lambda server: server.restart(),
                              lambda server, _: None,
                              [FORGOTTEN]),
    "restarted with -C": Outage(lambda server: server.restart("-C"),
                                lambda server, _: server.restart("-m", "64"),
                                [FORGOTTEN]),
    "full with -M": Outage(fill, make_room, [EXPECTED], ("-M", *SMALL)),
    "full without -M": Outage(crowd, lambda server, _: None,
                              [EXPECTED, FORGOTTEN], SMALL),
}


def check_outage(scene, outage, endpoint, answer):
    in_time(answer, outage.seconds)
    if answer.status == 503:
        contract.unavailable(answer)
        return
    assert answer.status in [truth[endpoint] for truth in outage.truths], (
        endpoint, answer)
    if outage.truths:
        scene.check_truth(answer)


@pytest.mark.parametrize("name", OUTAGES)
def test_outage_of_the_server(name):
    outage = OUTAGES[name]
    with memcached(*outage.arguments) as server, site_with(
            server.name) as site:
        scenes = {endpoint: Scene(site) for endpoint in ENDPOINTS}
        children = site.httpd.children()
        answers = {}
        try:
            for endpoint, scene in scenes.items():
                state = outage.begin(server)
                answers[endpoint] = scene.requests()[endpoint]()
                check_outage(scene, outage, endpoint, answers[endpoint])
        finally:
            outage.end(server, state)
        for endpoint, scene in scenes.items():
            scene.heal()
            if name == "stopped" or name == "full with -M":
                scene.check_truth(answers[endpoint])
            scene.check_serves()
        assert site.httpd.children() == children
        check_happened(name, answers)


def check_happened(name, answers):
    """What was to befall the requests did."""
    statuses = {endpoint: answer.status
                for endpoint, answer in answers.items()}
    if name == "full with -M":
        assert all(statuses[endpoint] == 503 for endpoint in WRITING), statuses
        assert statuses["list"] == 200, statuses
    else:
        assert statuses != EXPECTED, statuses


# ---- One of two ----

class Half:
    """A pool of two, one of them behind a FaultProxy."""

    def __init__(self, stack):
        self.well = stack.enter_context(memcached())
        self.broken = stack.enter_context(memcached())
        self.proxy = FaultProxy(self.broken.address)
        stack.callback(self.proxy.close)
        self.site = stack.enter_context(
            site_with(self.well.name, self.proxy.name))

    def is_broken(self, key):
        return ketama_owner(key, [self.well.address, self.proxy.address]) == 1

    def scene(self, broken):
        """The course's slots are on the broken server, or the leases of both
        people, and the others on the other."""
        course = next(course for course in self._courses()
                      if self.is_broken(slots_key(course))
                      == (broken == "slots"))
        return Scene(self.site, course, self._users(course, broken))

    def _courses(self):
        while True:
            yield self.site.course()

    def _users(self, course, broken):
        users = []
        while len(users) < 2:
            [user] = self.site.users(1, course)
            if self.is_broken(lease_key(user)) == (broken == "leases"):
                users.append(user)
        return users


@pytest.fixture(scope="module")
def half():
    with ExitStack() as stack:
        yield Half(stack)


@contextmanager
def refusing(proxy_):
    proxy_.refuse()
    try:
        yield
    finally:
        proxy_.accept()


HALF_FAULTS = {
    "hangs": lambda way: way.fault(proxy.swallow),
    "refuses": refusing,
    "cuts within replies": lambda way: way.fault(proxy.cut_within_reply),
    "SERVER_ERROR": lambda way: way.fault(proxy.answer(b"SERVER_ERROR busy")),
    "too late": lambda way: way.fault(proxy.late_reply(1.5 * TIMEOUT)),
    "trickles": lambda way: way.fault(proxy.trickle(0.1)),
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("broken", ["slots", "leases"])
@pytest.mark.parametrize("fault", HALF_FAULTS)
def test_outage_of_one_of_two(half, fault, broken, endpoint):
    scene = half.scene(broken)
    with HALF_FAULTS[fault](half.proxy):
        answer = in_time(scene.requests()[endpoint](), TIMEOUT)
    if broken == "slots" and endpoint in ("release", "leave"):
        # They need the lease alone.
        contract.released(answer)
    elif (broken, endpoint, answer.status) != ("slots", "no lock", 404):
        # The index where that lock would be is on either server.
        contract.unavailable(answer)
    half.proxy.cut_all()
    scene.heal()
    scene.check_truth(answer)
    scene.check_serves()
