# SPDX-License-Identifier: Apache-2.0
"""GET /locks/{id}, and one's own locks by ?ownerId=me"""

import json
import subprocess
import time

import pytest

from harness import contract
from harness.memcached import memcached
from harness.proxy import LATENCY
from harness.site import LOCATION, NAMED, broken_site, running_site

LOCK_METHODS = "GET, HEAD, PUT, DELETE, OPTIONS"
OWN_METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
USERLESS = ["PartnerKey", "InternalIntegrationKey", "VFOAccessKey",
            "LegacyAuthenticator"]


@pytest.fixture(scope="module")
def site():
    with running_site(location=LOCATION + NAMED,
                      config="Protocols h2c http/1.1",
                      vhosts={"short": "LocksTTL 1s"}) as site:
        yield site


@pytest.fixture
def lock(user, course):
    return contract.granted(user.lock(course, "g1"))


def session(site, kind, **members):
    return site.visitor({"sessionType": kind, **members})


def same(shown, lock):
    """The same lock, some time later."""
    left, before = shown.pop("expiresIn"), {**lock}.pop("expiresIn")
    assert left <= before
    return shown == {name: value for name, value in lock.items()
                     if name != "expiresIn"}


# ---- GET /locks/{id} ----

def test_own_lock_is_shown(user, lock):
    assert same(contract.shown(user.look(lock["id"])), lock)


def test_time_left_shrinks(user, lock):
    first = contract.shown(user.look(lock["id"]))["expiresIn"]
    time.sleep(0.2)
    second = contract.shown(user.look(lock["id"]))["expiresIn"]
    assert 150 <= first - second <= 5000


def test_lock_is_shown_to_whoever_may_update_the_course(other, lock):
    assert same(contract.shown(other.look(lock["id"])), lock)


def test_lock_is_shown_to_a_partner(partner, lock):
    assert same(contract.shown(partner.look(lock["id"])), lock)


def test_own_lock_is_shown_without_permission(site, user, course, lock):
    site.withdraw(course, user.user_id)
    assert same(contract.shown(user.look(lock["id"])), lock)


def test_stranger_is_forbidden(site, lock):
    contract.forbidden(site.user().look(lock["id"]))
    contract.forbidden(site.user(site.course()).look(lock["id"]))


def test_sessions_of_other_kinds_need_permission(site, course, lock):
    key = session(site, "VFOAccessKey", vfoRootOrgId="5")
    contract.forbidden(key.look(lock["id"]))
    site.permit(course, "VFOAccessKey:5")
    assert same(contract.shown(key.look(lock["id"])), lock)
    contract.forbidden(session(site, "VFOAccessKey").look(lock["id"]))


def test_nobody_is_unauthorized(site, lock):
    contract.unauthorized(site.client().look(lock["id"]))
    contract.unauthorized(site.client("nosuchsid").look(lock["id"]))


@pytest.mark.parametrize("lock_id", ["1", "0", "abc", "-1", "9" * 30])
def test_id_of_no_lock_is_404(user, partner, lock_id):
    for client in (user, partner):
        contract.no_lock(client.look(lock_id), lock_id)


def test_lock_that_ended_is_404_for_all(site, user, other, partner, course,
                                        lock):
    moved = contract.granted(user.lock(course, "g2"))
    for client in (user, other, partner):
        contract.no_lock(client.look(lock["id"]), lock["id"])
    contract.released(user.unlock(moved["id"]))
    for client in (user, other, partner):
        contract.no_lock(client.look(moved["id"]), moved["id"])


def test_expired_lock_is_404_for_all(site, course):
    user, other = site.users(2, course, vhost="short")
    lock = contract.granted(user.lock(course, "g1"), lease=1000)
    contract.shown(other.look(lock["id"]), lease=1000)
    time.sleep(1.05)
    for client in (user, other, site.partner()):
        contract.no_lock(client.look(lock["id"]), lock["id"])
    assert contract.listed(user.own()) == []


def test_deleting_a_lock_that_was_looked_at(user, other, lock):
    contract.shown(other.look(lock["id"]))
    contract.released(user.unlock(lock["id"]))


# ---- GET /locks?ownerId=me ----

def test_own_lock_is_listed_whatever_the_course(site, user, other, course,
                                                lock):
    [own] = contract.listed(user.own())
    assert same(own, lock)
    assert contract.listed(other.own()) == []
    elsewhere = site.course()
    site.permit(elsewhere, user.user_id)
    moved = contract.granted(user.lock(elsewhere, "g3"))
    [own] = contract.listed(user.own())
    assert own["id"] == moved["id"]
    contract.released(user.unlock(moved["id"]))
    assert contract.listed(user.own()) == []


def test_own_lock_is_listed_without_permission(site, user, course, lock):
    site.withdraw(course, user.user_id)
    assert [own["id"] for own in contract.listed(user.own())] == [lock["id"]]


@pytest.mark.parametrize("kind", USERLESS)
def test_own_locks_are_users_alone(site, kind):
    client = session(site, kind, id="1", vfoRootOrgId="1", authenticatorId="1")
    contract.unauthorized(client.own())
    contract.unauthorized(client.own("DELETE"))


@pytest.mark.parametrize("query", [
    "x&ownerId=me", "ownerId=me&x=%zz", "owner%49d=%6de", "ownerId=me&",
    "ownerId=me&ownerId=you"])
def test_spellings_of_one_self(user, lock, query):
    [own] = contract.listed(user.raw("GET", f"/locks?{query}"))
    assert own["id"] == lock["id"]


@pytest.mark.parametrize("query", [
    "ownerId=you", "ownerId=", "ownerId", "ownerId=ME", "ownerid=me",
    "ownerId=me%00", "ownerId=me+", "ownerId=%zz", "ownerId=you&ownerId=me"])
def test_nobody_elses_locks_can_be_asked_for(user, lock, query):
    contract.error(user.raw("GET", f"/locks?{query}"), 400)
    contract.error(user.raw("DELETE", f"/locks?{query}"), 405)
    contract.shown(user.look(lock["id"]))


def test_course_comes_before_oneself(user, other, course, lock):
    other_lock = contract.granted(other.lock(course, "g2"))
    listed = contract.held(user.raw(
        "GET", f"/locks?ownerId=me&subject.courseId={course.id}"))
    assert {number for _, number in listed.values()} == {
        lock["id"], other_lock["id"]}


# ---- DELETE /locks?ownerId=me ----

def test_own_lock_is_released_without_its_id(user, other, course, lock):
    contract.released(user.own("DELETE"))
    assert contract.listed(user.locks(course)) == []
    contract.no_lock(user.unlock(lock["id"]), lock["id"])
    contract.granted(other.lock(course, "g1"))


def test_releasing_nothing_is_fine(site, user, other, lock):
    contract.released(other.own("DELETE"))
    contract.released(other.own("DELETE"))
    contract.released(site.user().own("DELETE"))
    contract.shown(user.look(lock["id"]))


def test_own_lock_is_released_without_permission(site, user, course, lock):
    site.withdraw(course, user.user_id)
    contract.released(user.own("DELETE"))
    contract.no_lock(user.look(lock["id"]), lock["id"])


def test_delete_of_all_locks_is_405(user, course, lock):
    for path in ("/locks", f"/locks?subject.courseId={course.id}", "/locks/"):
        contract.error(user.raw("DELETE", path), 405)
    contract.shown(user.look(lock["id"]))


def test_store_that_is_down_releases_nothing():
    with memcached() as sessions, running_site(
            store=sessions, timeout="250ms", address="127.0.0.1:1",
            config=f"LocksSessionStore memcached:{sessions.name}") as site:
        user = site.user()
        for answer in (user.own(), user.own("DELETE"), user.look("12345"),
                       user.renew("12345")):
            contract.unavailable(answer)


# ---- Methods and protocols ----

@pytest.mark.parametrize("method", ["PUT", "PATCH", "FOO"])
def test_other_methods_on_own_locks_are_405(user, method):
    answer = user.own(method)
    contract.error(answer, 405)
    assert answer.header("Allow") == OWN_METHODS


def test_options(site, lock):
    for path, methods in ((f"/locks/{lock['id']}", LOCK_METHODS),
                          ("/locks?ownerId=me", OWN_METHODS)):
        answer = site.client().raw("OPTIONS", path)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.header("Allow") == methods


@pytest.mark.parametrize("path", ["/locks/ID", "/locks?ownerId=me",
                                  "/locks/1"])
def test_head_is_as_get_without_the_body(user, lock, path):
    path = path.replace("ID", lock["id"])
    head, get = user.raw("HEAD", path), user.raw("GET", path)
    assert head.body == b""
    for name in ("Content-Type", "Cache-Control", "ETag"):
        assert head.header(name) == get.header(name)
    assert head.status == get.status


def test_looks_may_not_be_kept_by_others(user, course, lock):
    for answer in (user.look(lock["id"]), user.own(), user.locks(course)):
        assert answer.header("Cache-Control") == "private, no-cache"


def test_httpd_users_have_the_same(site, course):
    site.permit(course, "anna")
    anna, ben = (site.client(base="/named/locks", headers=[("X-User", name)])
                 for name in ("anna", "ben"))
    lock = contract.granted(anna.lock(course, "g1"), base="/named/locks")
    assert same(contract.shown(anna.look(lock["id"])), lock)
    contract.forbidden(ben.look(lock["id"]))
    assert [own["id"] for own in contract.listed(anna.own())] == [lock["id"]]
    assert contract.listed(ben.own()) == []
    page = site.client(base="/named/locks", headers=[
        ("X-User", "anna"), ("Origin", "https://evil.example")])
    contract.error(page.own("DELETE"), 403,
                   "Requests of other sites are refused")
    contract.shown(anna.look(lock["id"]))
    contract.released(anna.own("DELETE"))
    contract.no_lock(anna.look(lock["id"]), lock["id"])


def test_http2_answers_the_same(site, user, course, lock):
    url = "http://%s:%d/locks" % user.address

    def curl(*arguments):
        sent = subprocess.run(
            ["curl", "-s", "--http2-prior-knowledge", "-w", "\n%{http_code}",
             "-H", f"SID: {user.sid}", *arguments], check=True,
            capture_output=True, text=True)
        text, _, status = sent.stdout.rpartition("\n")
        return int(status), text

    status, text = curl(f"{url}/{lock['id']}")
    assert status == 200 and same(json.loads(text), lock)
    status, text = curl(f"{url}?ownerId=me")
    assert status == 200 and same(*json.loads(text), lock)
    status, text = curl("-X", "PUT", f"{url}/{lock['id']}")
    assert status == 200 and json.loads(text)["id"] == lock["id"]
    assert curl("-X", "POST", f"{url}/{lock['id']}")[0] == 405
    assert curl("-X", "DELETE", f"{url}?ownerId=me") == (200, "{}")
    assert curl(f"{url}/{lock['id']}")[0] == 404


# ---- Cost ----

@pytest.mark.parametrize("ask, most", [
    (lambda user, other, lock: user.look(lock), 3),
    (lambda user, other, lock: other.look(lock), 4),
    (lambda user, other, lock: user.own(), 3),
    (lambda user, other, lock: user.renew(lock), 4),
    (lambda user, other, lock: user.own("DELETE"), 4),
], ids=["own", "foreign", "list", "renew", "release"])
def test_round_trips(ask, most):
    with broken_site(timeout="2s") as site:
        course = site.course()
        user, other = site.users(2, course)
        for _ in range(4):
            lock = contract.granted(user.lock(course, "g1"))
            site.proxy.trips(lambda: other.locks(course))
        answer, trips = site.proxy.trips(lambda: ask(user, other, lock["id"]))
        assert answer.status == 200
        assert trips <= most
        assert answer.elapsed < (trips + 1.9) * LATENCY + 0.1
