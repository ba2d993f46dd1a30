# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, on one httpd host and on two."""
import http.client
import random
import threading
import time

import pytest

from harness.site import Client


@pytest.fixture(scope="module")
def site(make_site):
    return make_site()


@pytest.fixture(scope="module")
def hosts(make_site, site):
    """Two hosts on one memcached, with the same courses."""
    other = make_site(memcached=site.memcached, database=False)
    other.httpd.stop()
    other.database.path = site.database.path
    other.httpd.write(other.body())
    other.httpd.start()
    return [site.httpd.port, other.httpd.port]


def together(jobs):
    """Runs jobs at the same time and returns what they return."""
    barrier = threading.Barrier(len(jobs))
    results = [None] * len(jobs)

    def run(i):
        barrier.wait()
        results[i] = jobs[i]()

    threads = [threading.Thread(target=run, args=(i,))
               for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_one_of_many_gets_the_gadget(site, hosts):
    users = [site.new_user() for _ in range(12)]
    for i in range(15):
        course = site.new_course(*users)
        jobs = [lambda user=user, port=hosts[n % 2]:
                Client(site, user.sid, port).lock(course)
                for n, user in enumerate(users)]
        answers = together(jobs)
        statuses = sorted(answer.status for answer in answers)
        assert statuses == [201] + [403] * 11
        winner = next(a for a in answers if a.status == 201).json
        listed = users[0].locks(course).json
        assert [lock["id"] for lock in listed] == [winner["id"]]


def test_two_tabs_of_a_user_leave_one_lock(site, hosts):
    ann = site.new_user()
    course, other = site.new_course(ann), site.new_course(ann)
    for _ in range(20):
        wishes = [(course, "g1"), (course, "g2"), (other, "g1")] * 2
        answers = together([
            lambda wish=wish, port=hosts[n % 2]:
            Client(site, ann.sid, port).lock(*wish)
            for n, wish in enumerate(wishes)])
        assert {answer.status for answer in answers} == {201}
        locks = ann.locks(course).json + ann.locks(other).json
        assert len(locks) == 1
        newest = max(int(answer.json["id"]) for answer in answers)
        assert int(locks[0]["id"]) == newest


def test_many_users_in_one_course_are_refused_by_locks_alone(site, hosts):
    users = [site.new_user() for _ in range(16)]
    gadgets = [f"g{i}" for i in range(16)]
    course = site.new_course(*users, gadgets=gadgets)

    def cycle(n):
        client = Client(site, users[n].sid, hosts[n % 2])
        statuses = []
        for _ in range(15):
            answer = client.lock(course, gadgets[n])
            statuses.append(answer.status)
            if answer.status == 201:
                statuses.append(client.unlock(answer.json["id"]).status)
        return statuses

    for statuses in together([lambda n=n: cycle(n) for n in range(16)]):
        assert statuses == [201, 200] * 15


def check_list(locks):
    gadgets = [lock["subject"]["gadgetId"] for lock in locks]
    owners = [lock["ownerId"] for lock in locks]
    assert len(set(gadgets)) == len(gadgets), locks
    assert len(set(owners)) == len(owners), locks
    ids = [int(lock["id"]) for lock in locks]
    assert ids == sorted(ids)


def test_a_mover_is_always_in_the_list_once(site, hosts):
    ann = site.new_user()
    course = site.new_course(ann)
    ann.lock(course)
    stop = time.monotonic() + 3

    def move():
        client = Client(site, ann.sid, hosts[0])
        while time.monotonic() < stop:
            assert client.lock(course, random.choice(
                ["g1", "g2", "g3"])).status == 201

    def watch(port):
        client = Client(site, ann.sid, port)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        polls = 0
        while time.monotonic() < stop:
            answer = client.on(connection, "GET",
                               f"/locks?subject.courseId={course}")
            if answer.headers["Connection"] == "close":
                connection.close()
            assert answer.status == 200
            assert [lock["ownerId"] for lock in answer.json] == [ann.user]
            polls += 1
        return polls

    results = together([move, lambda: watch(hosts[0]),
                        lambda: watch(hosts[1])])
    assert results[1] and results[2]


def test_hammering_never_shows_two_holders(site, hosts):
    users = [site.new_user() for _ in range(8)]
    courses = [site.new_course(*users) for _ in range(2)]
    stop = time.monotonic() + 4
    last = {}
    guard = threading.Lock()

    def work(n):
        client = Client(site, users[n].sid, hosts[n % 2])
        held = None
        while time.monotonic() < stop:
            if held and random.random() < 0.3:
                assert client.unlock(held).status == 200
                held = None
                continue
            course = random.choice(courses)
            gadget = random.choice(["g1", "g2", "g3"])
            answer = client.lock(course, gadget)
            assert answer.status in (201, 403), answer.body
            if answer.status == 201:
                lock_id = answer.json["id"]
                with guard:
                    newest = last.get((course, gadget), 0)
                    last[course, gadget] = max(newest, int(lock_id))
                held = lock_id
        return True

    def watch(course, port):
        client = Client(site, users[0].sid, port)
        while time.monotonic() < stop:
            check_list(client.locks(course).json)
        return True

    assert all(together(
        [lambda n=n: work(n) for n in range(8)] +
        [lambda c=c, p=p: watch(c, p) for c in courses for p in hosts]))
