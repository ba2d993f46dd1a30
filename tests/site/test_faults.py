# SPDX-License-Identifier: Apache-2.0
"""Stores and databases that are down, hung, slow, cut off or lying: the
answer is 503 in time, or the truth."""
import os
import time

import pytest

from harness import proxy as faults
from harness.memcached import Memcached
from harness.processes import wait_until
from harness.proxy import Proxy
from harness.site import Client

TIMEOUT = 0.25
BUDGET = 4 * TIMEOUT


@pytest.fixture(scope="module")
def memcached():
    server = Memcached().start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def proxy(memcached):
    proxy = Proxy(("127.0.0.1", memcached.port))
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def site(make_site, memcached, proxy):
    return make_site(memcached=memcached, store=proxy.store)


@pytest.fixture(autouse=True)
def healthy(proxy):
    yield
    proxy.rule = lambda line: None
    proxy.delay = 0


def timed(request):
    before = time.monotonic()
    answer = request()
    return answer, time.monotonic() - before


def unavailable(request, seconds):
    answer, took = timed(request)
    assert answer.is_error(503, "Lock store unavailable")
    assert took < seconds, took


FAULTS = {
    "drop": faults.drop, "swallow": faults.swallow,
    "answer late": faults.answer_late, "cut": faults.cut_answer,
    "trickle": faults.trickle, "lose answer": faults.lose_answer,
    "out of memory": faults.say("SERVER_ERROR out of memory"),
    "server error": faults.say("SERVER_ERROR x"),
    "error": faults.say("ERROR"), "client error": faults.say("CLIENT_ERROR x"),
    "garbage": faults.say("\x00garbage"),
    "another key": faults.say("VALUE other 0 1 5\r\nx\r\nEND"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_befalls_reads_is_503_in_time(site, proxy, fault):
    ann = site.new_user()
    course = site.new_course(ann)
    lock = ann.lock(course).json["id"]
    proxy.rule = lambda line: FAULTS[fault] if line.startswith("get") else None
    for request in (lambda: ann.locks(course), lambda: ann.lock(course),
                    lambda: ann.lock(course, "g2"),
                    lambda: ann.unlock(lock)):
        unavailable(request, TIMEOUT + 0.2)
    proxy.rule = lambda line: None
    assert [one["id"] for one in ann.locks(course).json] == [lock]
    assert ann.unlock(lock).status == 200


@pytest.mark.parametrize("record", ["slots", "lease", "index"])
@pytest.mark.parametrize("fault", [
    name for name in FAULTS if name not in ("trickle", "another key")])
def test_whatever_befalls_a_write_the_answer_is_true(site, proxy, fault,
                                                     record):
    ann, ben = site.new_user(), site.new_user()
    course = site.new_course(ann, ben)
    hits = []

    def once(line):
        if (not hits and line.startswith(("add", "cas")) and
                f"{record}:" in line):
            hits.append(line)
            return FAULTS[fault]
        return None

    proxy.rule = once
    answer, took = timed(lambda: ann.lock(course))
    assert hits
    assert took < BUDGET + 0.2
    assert answer.status in (201, 503)
    if fault == "lose answer" and record == "lease":
        assert answer.status == 201
    proxy.rule = lambda line: None
    time.sleep(1.1 if fault in ("answer late",) else 0)
    if answer.status == 201:
        assert [one["id"] for one in ann.locks(course).json] == [
            answer.json["id"]]
        assert ben.lock(course).is_error(403, "Resource locked")
    else:
        assert answer.is_error(503, "Lock store unavailable")
        assert ann.lock(course).status == 201


def test_a_write_that_lands_late_takes_nobodys_lock(site, proxy):
    ann, ben = site.new_user(), site.new_user()
    course = site.new_course(ann, ben)
    ben.lock(course, "g2")
    hits = []

    def once(line):
        if not hits and line.startswith("add") and "lease:" in line:
            hits.append(line)
            return faults.do_late
        return None

    proxy.rule = once
    answer = ann.lock(course)
    assert hits
    later = ben.lock(course)
    time.sleep(1.2)
    holders = {lock["subject"]["gadgetId"]: lock["ownerId"]
               for lock in ben.locks(course).json}
    assert len(set(holders.values())) == len(holders)
    if later.status == 201:
        assert holders["g1"] == ben.user
        assert answer.status == 503
    elif answer.status == 201:
        assert holders["g1"] == ann.user


def test_a_release_whose_answer_is_lost_is_settled(site, proxy):
    ann = site.new_user()
    course = site.new_course(ann)
    lock = ann.lock(course).json["id"]
    hits = []

    def once(line):
        if not hits and line.startswith("cas") and "lease:" in line:
            hits.append(line)
            return faults.lose_answer
        return None

    proxy.rule = once
    assert ann.unlock(lock).status == 200
    assert hits
    assert ann.unlock(lock).status == 404


def test_a_late_answer_reaches_no_other_request(site, proxy):
    ann, ben = site.new_user(), site.new_user()
    course, other = site.new_course(ann, ben), site.new_course(ann, ben)
    ann.lock(course)
    proxy.rule = lambda line: (faults.answer_late
                               if course in line else None)
    assert ann.locks(course).status == 503
    proxy.rule = lambda line: None
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        assert ben.locks(other).json == []
        assert len(ben.locks(course).json) == 1


def test_round_trips_are_within_the_protocols_cost(site, proxy):
    """Requests of one request that reach the proxy in the same trip are one;
    here each is one trip, since there is one server."""
    ann, ben = site.new_user(), site.new_user()
    course = site.new_course(ann, ben)
    ben.lock(course, "g3")

    def trips(request, status):
        before = len(proxy.requests)
        answer = request()
        assert answer.status == status
        return len(proxy.requests) - before, answer

    count, first = trips(lambda: ann.lock(course), 201)
    assert count <= 4
    assert trips(lambda: ann.lock(course), 201)[0] <= 3
    assert trips(lambda: ann.lock(course, "g2"), 201)[0] <= 4
    lock = ann.locks(course).json[1]["id"]
    assert trips(lambda: ann.locks(course), 200)[0] <= 2
    assert trips(lambda: ben.lock(course, "g2"), 403)[0] <= 2
    assert trips(lambda: ben.unlock(lock), 403)[0] <= 4
    assert trips(lambda: ann.unlock(lock), 200)[0] <= 3
    assert trips(lambda: ann.unlock("12345"), 404)[0] <= 4
    assert trips(lambda: site.anonymous().locks(course), 401)[0] == 0


def test_a_slow_store_is_waited_for_within_the_budget(site, proxy):
    ann = site.new_user()
    course = site.new_course(ann)
    ann.lock(course)
    proxy.delay = 0.1
    assert ann.locks(course).status == 200
    assert ann.lock(course, "g2").status == 201
    proxy.delay = 0.4
    unavailable(lambda: ann.lock(course), TIMEOUT + 0.2)


# ---- Servers that stop ----

def heals(client, course):
    wait_until(lambda: client.locks(course).status == 200, 5, "healing")
    assert client.lock(course).status == 201


def test_a_hung_server_costs_one_timeout_and_heals(make_site):
    site = make_site()
    ann = site.new_user()
    course = site.new_course(ann)
    ann.lock(course)
    site.memcached.freeze()
    for request in (lambda: ann.locks(course), lambda: ann.lock(course),
                    lambda: ann.unlock("1")):
        unavailable(request, TIMEOUT + 0.2)
    assert "no answer within 250 ms" in site.httpd.log()
    site.memcached.thaw()
    heals(ann, course)


def test_a_killed_server_is_503_and_heals(make_site):
    site = make_site()
    ann = site.new_user()
    course = site.new_course(ann)
    ann.lock(course)
    site.memcached.kill()
    for request in (lambda: ann.locks(course), lambda: ann.lock(course)):
        unavailable(request, TIMEOUT + 0.2)
    log = site.httpd.log()
    assert "is it running" in log
    assert ann.sid not in log
    site.memcached.start()
    assert ann.locks(course).status == 401
    site.memcached.set("session:" + ann.sid, {
        "sessionType": "PlainUserSession", "userId": ann.user})
    assert ann.locks(course).json == []
    assert ann.lock(course).status == 201


def test_httpd_starts_without_its_store(make_site, tmp_path):
    memcached = Memcached()
    site = make_site(memcached=memcached)
    ann = Client(site, "x")
    assert ann.locks("course").is_error(503, "Lock store unavailable")
    memcached.start()
    assert ann.locks("course").status == 401


def test_a_store_without_cas_grants_nothing_twice(make_site):
    site = make_site(memcached=Memcached("-C").start())
    ann, ben = site.new_user(), site.new_user()
    course = site.new_course(ann, ben)
    first = ann.lock(course)
    assert first.status in (201, 503)
    assert ben.lock(course).status in (403, 503)
    assert ann.lock(course).is_error(503)
    assert "-C" in site.httpd.log()


def test_a_full_store_is_503(make_site):
    site = make_site(memcached=Memcached("-M", "-m", "2", "-I", "1m").start())
    ann = site.new_user()
    course = site.new_course(ann)
    try:
        for i in range(10000):
            site.memcached.set(f"fill{i}", "x" * 700)
    except AssertionError:
        pass
    answers = {ann.lock(course, f"g{i % 3 + 1}").status for i in range(20)}
    assert answers <= {201, 503}


def test_one_of_two_servers_down_is_503_never_absent(make_site):
    servers = [Memcached().start(), Memcached().start()]
    store = "memcached:" + ",".join(server.name for server in servers)
    site = make_site(memcached=servers[0], store=store)
    for server in servers:
        # Sessions on both: tests do not know the ring.
        server.set("session:partner", {"sessionType": "PartnerKey"})
        for i in range(80):
            server.set(f"session:u{i}", {"sessionType": "PlainUserSession",
                                         "userId": f"pool{i}"})
    users = [Client(site, f"u{i}") for i in range(80)]
    courses = []
    for i, user in enumerate(users):
        user.user = f"pool{i}"
        courses.append(site.new_course(user))
        assert user.lock(courses[-1]).status == 201
    servers[1].kill()
    listed = [user.locks(course) for user, course in zip(users, courses)]
    assert {answer.status for answer in listed} == {200, 503}
    for answer in listed:
        assert answer.status == 503 or len(answer.json) == 1
    servers[1].stop()


# ---- The database ----

def test_a_missing_database_is_503_and_heals(make_site):
    site = make_site(database=False)
    ann = site.new_user()
    for request in (lambda: ann.locks("course"), lambda: ann.lock("course")):
        assert request().is_error(503, "Course catalog unavailable")
    assert "check DBDriver, DBDParams" in site.httpd.log()
    assert ann.unlock("1").status == 404
    assert Client(site, "unknown").locks("course").status == 401
    if os.path.exists(site.database.path):
        os.chmod(site.database.path, 0o666)
    site.database.create()
    course = site.new_course(ann)
    assert ann.lock(course).status == 201


def test_a_lost_table_is_503_and_heals(make_site):
    site = make_site()
    ann = site.new_user()
    course = site.new_course(ann)
    assert ann.lock(course).status == 201
    site.database.run("ALTER TABLE gadget RENAME TO away")
    assert ann.locks(course).status == 200
    assert ann.lock(course).is_error(503, "Course catalog unavailable")
    site.database.run("ALTER TABLE away RENAME TO gadget")
    assert ann.lock(course).status == 201
