# SPDX-License-Identifier: Apache-2.0
"""LocksSessionCache: what is saved, and for how long a session lives on that
the store has no more."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from harness import contract
from harness.client import Wire
from harness.memcached import memcached
from harness.proxy import FaultProxy, sequential_trips
from harness.site import LOCATION, broken_site, running_site
from harness.status import Status
from harness.system import ROOT, temporary_folder

# As much as a child keeps.
ENTRIES = 4096
VALUE_MAX = 512

PROTECTED = """
<Location "/any">
    AuthType SID
    Require valid-user
    Header always set X-Remote-User "expr=%{REMOTE_USER}"
</Location>
<Location "/kinds">
    AuthType SID
    Require locks-session PlainUserSession
</Location>
<Location "/protected/locks">
    SetHandler locks
    LocksBase /protected/locks
    AuthType SID
    Require valid-user
</Location>
<LocationMatch "^/guarded/(?<course>[^/]+)/(?<gadget>[^/]+)$">
    LocksGuard respect
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
</LocationMatch>
<Location "/status">
    SetHandler locks-status
</Location>
"""
KINDS = [
    ({"sessionType": "PlainUserSession", "userId": "4711"}, "4711"),
    ({"sessionType": "VFOUserSession", "userId": 4712}, "4712"),
    ({"sessionType": "PartnerKey"}, "PartnerKey:"),
    ({"sessionType": "LegacyAuthenticator", "authenticatorId": "7"},
     "LegacyAuthenticator:7"),
    ({"sessionType": "InternalIntegrationKey", "id": 8},
     "InternalIntegrationKey:8"),
    ({"sessionType": "VFOAccessKey", "vfoRootOrgId": "9"}, "VFOAccessKey:9"),
]


def prepare(site):
    for name in ("any", "kinds"):
        folder = site.httpd.folder / "htdocs" / name
        folder.mkdir()
        (folder / "index.html").write_text("It works.\n")


@pytest.fixture(scope="module")
def site():
    """One child, so that every request meets what the ones before kept.
    site.elsewhere is another session store, behind a proxy of its own."""
    with ExitStack() as stack:
        elsewhere = stack.enter_context(memcached())
        proxy = FaultProxy(elsewhere.address)
        stack.callback(proxy.close)
        site = stack.enter_context(broken_site(
            timeout="1s", mpm="one child", location=LOCATION + PROTECTED,
            config="LocksSessionCache 60s", vhosts={
                "brief": "LocksSessionCache 1s",
                "off": "LocksSessionCache off",
                "other key": 'LocksSessionKey "other/%s"',
                "elsewhere": f"LocksSessionStore memcached:{proxy.name}",
                "brief elsewhere": "LocksSessionCache 1s\n"
                f"LocksSessionStore memcached:{proxy.name}",
            }))
        site.elsewhere, site.sessions = elsewhere, proxy
        prepare(site)
        yield site


@pytest.fixture(scope="module")
def status(site):
    return Status(site.httpd.address)


@pytest.fixture
def course(site):
    """A course that had a lock before."""
    course = site.course()
    user = site.user(course, vhost="off")
    lock = contract.granted(user.lock(course, "g3"))
    contract.released(user.unlock(lock["id"]))
    return course


def key_of(client, form="session:%s"):
    return form % client.sid


def sign_out(site, client, store=None, form="session:%s"):
    with (store or site.store).client() as store:
        assert store.delete(key_of(client, form)) == "DELETED"


def name_of(client):
    """Who httpd takes the client for, or with what it refuses."""
    answer = client.raw("GET", "/any/index.html", checked=False)
    return (answer.header("X-Remote-User") if answer.status == 200
            else answer.status)


def asked(proxy, client, request, form="session:%s"):
    """How often the session was read for a request, and the answer."""
    with proxy.recording() as exchanges:
        answer = request()
    return sum(key_of(client, form) in exchange.keys
               for exchange in exchanges), answer


def keep(client):
    """Has the child keep the client's session."""
    assert name_of(client) == client.user_id


# ---- Without it ----

def test_off_by_default(new_database):
    with running_site(mpm="one child", location=LOCATION + PROTECTED,
                      database=new_database()) as site:
        prepare(site)
        user = site.user()
        keep(user)
        sign_out(site, user)
        assert name_of(user) == 401
        metrics = Status(site.httpd.address).metrics()
        assert metrics["session_cache_hits_total"] == 0
        assert metrics["session_cache_misses_total"] == 0


def test_virtual_host_may_switch_it_off(site, course):
    user = site.user(course)
    without = user.at(site.httpd.addresses["off"])
    keep(user)
    for _ in range(2):
        times, _ = asked(site.proxy, user, lambda: keep(without))
        assert times == 1
    sign_out(site, user)
    keep(user)
    assert name_of(without) == 401
    contract.unauthorized(without.locks(course))


# ---- What it saves ----

def cost(site, request):
    """The sequential round trips of a request, and its answer."""
    answer, trips = site.proxy.trips(request)
    return trips, answer


def sign_in(site, user):
    """The same user with another session, which httpd has not seen yet."""
    record = {"sessionType": "PlainUserSession", "userId": user.user_id}
    return site.client(site.session(record), user_id=user.user_id).at(
        user.address)


@pytest.fixture
def pair(site, course):
    """A user whose session is kept, and one whose is not."""
    known, other = site.users(2, course)
    keep(known)
    return known, other.at(site.httpd.addresses["off"])


def assert_costs(site, pair, request, kept, seen, new):
    """What a request costs a user whose session is kept, another one who has
    asked before, and that one with a session that httpd has not seen."""
    known, other = pair
    clients = (known, other, sign_in(site, other))
    trips = [cost(site, lambda: request(client))[0] for client in clients]
    assert trips == [kept, seen, new]


def test_acquire_takes_three(site, pair):
    known, other = pair
    course = site.course("g1", "g2", "g3", "g4", "g5")
    site.permit(course, known.user_id, other.user_id)
    contract.granted(other.lock(course, "g4"))
    contract.granted(other.lock(course, "g5"))
    gadgets = iter(["g1", "g2", "g3"])
    assert_costs(site, pair,
                 lambda user: contract.granted(
                     user.lock(course, next(gadgets))), 3, 3, 4)


def test_move_takes_three(site, pair):
    course = site.course("g1", "g2", "g3", "g4", "g5")
    site.permit(course, *(user.user_id for user in pair))
    for user, gadget in zip(pair, ("g1", "g2")):
        contract.granted(user.lock(course, gadget))
    gadgets = iter(["g3", "g4", "g5"])
    assert_costs(site, pair,
                 lambda user: contract.granted(
                     user.lock(course, next(gadgets))), 3, 3, 4)


def test_a_short_internal_id_is_not_dearer(site):
    """Its slots cannot be read before the catalog was asked."""
    course = site.course("g1", "g2", "g3", "g4", internal="77")
    known, other = site.users(2, course)
    other = other.at(site.httpd.addresses["off"])
    keep(known)
    for user in (known, other):
        warm = contract.granted(user.lock(course, "g4"))
        contract.released(user.unlock(warm["id"]))
    gadgets = iter(["g1", "g2", "g3"])
    assert_costs(site, (known, other),
                 lambda user: contract.granted(
                     user.lock("77", next(gadgets))), 3, 4, 4)


def held(pair, course):
    """Has both take a lock; the gadget of each by its name."""
    gadgets = {}
    for user, gadget in zip(pair, ("g1", "g2")):
        contract.granted(user.lock(course, gadget))
        gadgets[user.user_id] = gadget
    return gadgets


def own_lock(user):
    (lock,) = contract.listed(user.own())
    return lock["id"]


def test_renewal_takes_two(site, course, pair):
    gadgets = held(pair, course)
    assert_costs(site, pair, lambda user: contract.granted(
        user.lock(course, gadgets[user.user_id])), 2, 2, 3)


def test_renewal_by_id_takes_two(site, course, pair):
    held(pair, course)
    locks = {user.user_id: own_lock(user) for user in pair}
    assert_costs(site, pair, lambda user: contract.renewed(
        user.renew(locks[user.user_id]), locks[user.user_id]), 2, 2, 3)


def assert_release_costs(site, course, pair, release, known, new):
    """What it costs those whose user httpd knows, and those of whom not."""
    held(pair, course)
    for user in pair:
        lock = own_lock(user)
        assert cost(site, lambda: release(user, lock))[0] == known
    held(pair, course)
    lock = own_lock(pair[1])
    stranger = sign_in(site, pair[1])
    assert cost(site, lambda: release(stranger, lock))[0] == new
    assert contract.listed(stranger.own()) == []


def test_release_takes_two(site, course, pair):
    assert_release_costs(site, course, pair, lambda user, lock:
                         contract.released(user.unlock(lock)), 2, 3)


def test_release_of_the_own_lock_takes_three(site, course, pair):
    assert_release_costs(site, course, pair, lambda user, lock:
                         contract.released(user.own("DELETE")), 3, 4)


def test_looking_at_the_own_lock(site, course, pair):
    """By its ID it is known which slots to read."""
    held(pair, course)
    locks = {user.user_id: own_lock(user) for user in pair}
    assert_costs(site, pair, lambda user: contract.listed(user.own()), 2, 2, 3)
    assert_costs(site, pair, lambda user: user.look(locks[user.user_id]),
                 1, 1, 2)


def test_list_takes_two_and_leaves_the_session_alone(site, course, pair):
    known, _ = pair
    contract.granted(known.lock(course, "g1"))
    times, (trips, answer) = asked(
        site.proxy, known, lambda: cost(site, lambda: known.locks(course)))
    assert (times, trips) == (0, 2)
    assert list(contract.held(answer)) == ["g1"]


def test_another_users_lock_takes_no_more(site, course, pair):
    known, other = pair
    lock = contract.granted(other.lock(course, "g1"))
    trips, answer = cost(site, lambda: known.lock(course, "g1"))
    contract.taken(answer)
    assert trips == 2
    trips, answer = cost(site, lambda: known.unlock(lock["id"]))
    contract.forbidden(answer)
    # The lease and the index, the slots, the other's lease.
    assert trips == 3
    contract.no_lock(known.unlock("1"), "1")


def test_guard_and_protected_locations_do_not_look_it_up(site, course, pair):
    known, other = pair
    contract.granted(other.lock(course, "g1"))
    contract.granted(known.lock(course, "g3"))

    def write(gadget):
        return known.raw("PUT", f"/guarded/{course.id}/{gadget}",
                         checked=False)

    # Not delayed: what the guard read ahead is soon too old for it.
    for gadget, trips, outcomes in (("g1", 2, [403]), ("g2", 1, [404, 405]),
                                    ("g3", 1, [404, 405])):
        with site.proxy.recording() as exchanges:
            assert write(gadget).status in outcomes
        assert sequential_trips(exchanges) == trips
        assert not any(key_of(known) in exchange.keys
                       for exchange in exchanges)
    assert cost(site, lambda: name_of(known)) == (0, known.user_id)
    trips, answer = cost(site, lambda: known.raw(
        "GET", "/kinds/index.html", checked=False))
    assert (trips, answer.status) == (0, 200)


def test_session_of_another_store_saves_a_whole_round_trip(site, course):
    record = {"sessionType": "PlainUserSession", "userId": "71"}
    site.permit(course, "71")
    sid = site.session(record, store=site.elsewhere)
    user = site.client(sid, "elsewhere", user_id="71")
    keep(user)
    with site.sessions.recording() as exchanges:
        trips, answer = cost(site, lambda: user.lock(course, "g1"))
    contract.granted(answer, owner="71")
    assert (trips, len(exchanges)) == (3, 0)


def test_session_that_httpd_looked_up_counts_as_known(site, course):
    """Without a cache too: AuthType SID has asked for it before."""
    user = site.user(course, vhost="off").at(base="/protected/locks")
    for trips in (4, 3):
        found = cost(site, lambda: user.lock(course, "g1"))
        contract.granted(found[1], base="/protected/locks")
        assert found[0] == trips


def test_hits_and_misses_are_counted(site, status, course):
    user = site.user(course)
    with status.counting() as grown:
        contract.listed(user.locks(course))
        contract.listed(user.locks(course))
        contract.granted(user.lock(course, "g1"))
        name_of(user)
        contract.unauthorized(site.client("nobody").locks(course))
    assert grown["session_cache_hits_total"] == 3
    assert grown["session_cache_misses_total"] == 2


@pytest.mark.parametrize("record, name", KINDS)
def test_every_kind_is_kept(site, record, name):
    visitor = site.visitor(record)
    assert name_of(visitor) == name
    times, found = asked(site.proxy, visitor, lambda: name_of(visitor))
    assert (times, found) == (0, name)


# ---- How long a session lives on ----

def everything(client, course):
    return [client.locks(course), client.lock(course, "g1"),
            client.unlock("1"), client.own(), client.renew("1")]


def test_revoked_session_ends_with_its_time(site, course):
    user = site.user(course, vhost="brief")
    before = time.monotonic()
    keep(user)
    kept = time.monotonic()
    sign_out(site, user)
    seen = 0
    while time.monotonic() < kept + 1:
        # What is refused within the time began after it was over.
        seen += name_of(user) == user.user_id
        time.sleep(0.02)
    assert seen > 10
    assert name_of(user) == 401
    for answer in everything(user, course):
        contract.unauthorized(answer)
    assert time.monotonic() - before < 10


def test_use_does_not_prolong_it(site, course):
    """Asked all the time, a session is read once a second."""
    user = site.user(course, vhost="brief")

    def use():
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            contract.listed(user.locks(course))
            time.sleep(0.05)

    times, _ = asked(site.proxy, user, use)
    assert times == 3


def test_changed_record_counts_after_the_time(site, course):
    first, second = site.users(2, course, vhost="brief")
    keep(first)
    site.write_session(first.sid, {"sessionType": "PlainUserSession",
                                   "userId": second.user_id})
    assert name_of(first) == first.user_id
    time.sleep(1.01)
    assert name_of(first) == second.user_id
    contract.granted(first.lock(course, "g1"), owner=second.user_id)


def test_lifetime_in_the_store_ends_it_within_the_time(site):
    record = {"sessionType": "PlainUserSession", "userId": "72"}
    user = site.client(site.session(record, lifetime=1), "brief",
                       user_id="72")
    keep(user)
    time.sleep(2.1)
    assert name_of(user) == 401


def test_who_signs_in_is_known_at_once(site, course):
    user = site.user(course)
    sign_out(site, user)
    for _ in range(2):
        times, found = asked(site.proxy, user, lambda: name_of(user))
        assert (times, found) == (1, 401)
    site.sign_in_again(user)
    assert name_of(user) == user.user_id
    assert contract.listed(user.locks(course)) == []


@pytest.mark.parametrize("record", [b"", b"{}", b"x", b'{"userId": "42"}'])
def test_what_is_no_session_is_not_kept(site, record):
    visitor = site.visitor(record)
    for _ in range(2):
        times, found = asked(site.proxy, visitor, lambda: name_of(visitor))
        assert (times, found) == (1, 401)
    site.write_session(visitor.sid, {"sessionType": "PlainUserSession",
                                     "userId": "73"})
    assert name_of(visitor) == "73"


def test_one_host_that_learns_of_an_end_tells_the_child(site):
    """A virtual host with a shorter time shares what it finds out."""
    user = site.user()
    brief = user.at(site.httpd.addresses["brief"])
    keep(user)
    sign_out(site, user)
    time.sleep(1.01)
    keep(user)
    assert name_of(brief) == 401
    assert name_of(user) == 401


def test_slow_body_does_not_prolong_it(site, course):
    """A session that was kept when the headers came may be over when the
    body is there."""
    user = site.user(course, vhost="brief")
    keep(user)
    body = json.dumps({"type": "gadget", "subject": {
        "courseId": course.id, "gadgetId": "g1"}}).encode()
    for after, status in ((lambda: None, 201),
                          (lambda: sign_out(site, user), 401)):
        keep(user)
        with Wire(user.address) as wire:
            wire.request("POST", "/locks", [
                ("SID", user.sid), ("Content-Length", str(len(body)))])
            time.sleep(0.1)
            after()
            time.sleep(1)
            wire.send(body)
            assert wire.answer("POST").status == status


def test_graceful_restart_forgets(site):
    user = site.user()
    keep(user)
    sign_out(site, user)
    keep(user)
    site.httpd.restart_gracefully()
    assert name_of(user) == 401


# ---- What must not be mixed ----

def test_same_sid_at_other_keys_and_stores(site):
    """It is another session at each, or none."""
    user = site.user()
    at_key = user.at(site.httpd.addresses["other key"])
    elsewhere = user.at(site.httpd.addresses["elsewhere"])
    keep(user)
    assert name_of(at_key) == 401
    assert name_of(elsewhere) == 401
    site.write_session(user.sid, {"sessionType": "PlainUserSession",
                                  "userId": "74"}, key="other/%s")
    site.write_session(user.sid, {"sessionType": "PartnerKey"},
                       store=site.elsewhere)
    for _ in range(2):
        assert name_of(at_key) == "74"
        assert name_of(elsewhere) == "PartnerKey:"
        assert name_of(user) == user.user_id


def test_many_users_at_once_are_never_mixed(site):
    users = site.users(40, vhost="brief")

    def ask(number):
        user = users[number % len(users)]
        return name_of(user) == user.user_id

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(3000)))


def test_more_sessions_than_are_kept(site):
    """Those that had to make room are asked for again."""
    client = site.client().keeping_connection()
    sids = [f"crowd{number}" for number in range(ENTRIES + 600)]
    with site.store.client() as store:
        for number, sid in enumerate(sids):
            assert store.set(f"session:{sid}", json.dumps({
                "sessionType": "PlainUserSession",
                "userId": str(number)}).encode()) == "STORED"
    for _ in range(2):
        for number, sid in enumerate(sids):
            client.sid = sid
            assert name_of(client) == str(number)
    client.close()


def test_long_record_is_read_each_time(site):
    def record(length):
        text = ('{"sessionType": "PlainUserSession", "userId": "75", "x": "'
                .encode())
        return text + b"y" * (length - len(text) - 2) + b'"}'

    for length, again in ((VALUE_MAX, 0), (VALUE_MAX + 1, 1), (5000, 1)):
        visitor = site.visitor(record(length))
        assert name_of(visitor) == "75"
        times, found = asked(site.proxy, visitor, lambda: name_of(visitor))
        assert (times, found) == (again, "75")


def test_record_that_has_grown_long_replaces_what_was_kept(site):
    user = site.user(vhost="brief")
    keep(user)
    site.write_session(user.sid, {"sessionType": "PlainUserSession",
                                  "userId": "76", "x": "y" * VALUE_MAX})
    time.sleep(1.01)
    assert name_of(user) == "76"
    # Where it would be kept for longer it is not found either.
    assert name_of(user.at(site.httpd.address)) == "76"


# ---- A session store that is down ----

def test_kept_session_outlasts_its_store_for_its_time(site, course):
    record = {"sessionType": "PlainUserSession", "userId": "77"}
    site.permit(course, "77")
    user = site.client(site.session(record, store=site.elsewhere),
                       "brief elsewhere", user_id="77")
    stranger = site.client(site.session(record, store=site.elsewhere),
                           "brief elsewhere")
    keep(user)
    site.sessions.refuse()
    try:
        lock = contract.granted(user.lock(course, "g1"), owner="77")
        assert name_of(stranger) == 503
        contract.unavailable(stranger.locks(course))
        time.sleep(1.01)
        assert name_of(user) == 503
        contract.unavailable(user.unlock(lock["id"]))
    finally:
        site.sessions.accept()
    contract.released(user.unlock(lock["id"]))


def test_locks_need_their_store_all_the_same(site, course):
    user = site.user(course)
    keep(user)
    site.proxy.refuse()
    try:
        contract.unavailable(user.lock(course, "g1"))
        keep(user)
    finally:
        site.proxy.accept()
    contract.granted(user.lock(course, "g1"))


# ---- Other sources ----

SOURCE = """
#include <httpd.h>
#include <http_config.h>
#include <ap_provider.h>
#include <apr_strings.h>
#include "locks_session.h"

static const char *key(const char *sid, const char *format, apr_pool_t *pool)
{
    return *sid == 'n' ? NULL : apr_pstrcat(pool, "session:", sid, NULL);
}

static apr_status_t judge(locks_session_t **session, struct request_rec *r,
                          const char *sid, const char *value,
                          apr_size_t length)
{
    if (*sid != 'n' && value == NULL) {
        return APR_NOTFOUND;
    }
    if (apr_table_get(r->headers_in, "X-Refuse") != NULL) {
        return APR_NOTFOUND;
    }
    *session = apr_pcalloc(r->pool, sizeof(**session));
    (*session)->user_id = (*session)->principal =
        *sid == 'n' ? apr_table_get(r->headers_in, "X-Name") : "sourced";
    return APR_SUCCESS;
}

static const locks_session_provider_t source = {key, judge};

static void register_hooks(apr_pool_t *pool)
{
    ap_register_provider(pool, LOCKS_SESSION_PROVIDER_GROUP, "mine",
                         LOCKS_SESSION_PROVIDER_VERSION, &source);
}

AP_DECLARE_MODULE(mine) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
"""


@pytest.fixture(scope="module")
def sourced():
    """A site that has a virtual host with a session source of another
    module."""
    with temporary_folder() as folder:
        (folder / "mod_mine.c").write_text(SOURCE)
        subprocess.run(["apxs", "-c", f"-I{ROOT}/include", "mod_mine.c"],
                       cwd=folder, check=True, capture_output=True)
        with broken_site(
                timeout="1s", mpm="one child", location=LOCATION + PROTECTED,
                config=f"LoadModule mine_module {folder}/.libs/mod_mine.so\n"
                "LocksSessionCache 60s",
                vhosts={"mine": "LocksSessionSource mine"}) as site:
            prepare(site)
            yield site


def test_sources_do_not_share_sessions(sourced):
    user = sourced.user()
    mine = user.at(sourced.httpd.addresses["mine"])
    keep(user)
    for times in (1, 0):
        assert asked(sourced.proxy, user,
                     lambda: name_of(mine)) == (times, "sourced")
    keep(user)


def test_source_judges_what_is_kept_each_time(sourced):
    """Where it refuses, the store has the last word."""
    sid = sourced.session({})
    user = sourced.client(sid, "mine")
    refused = sourced.client(sid, "mine", headers=[("X-Refuse", "1")])
    assert name_of(user) == "sourced"
    assert asked(sourced.proxy, user, lambda: name_of(user)) == (0, "sourced")
    assert asked(sourced.proxy, user, lambda: name_of(refused)) == (1, 401)
    assert asked(sourced.proxy, user, lambda: name_of(user)) == (1, "sourced")


def test_source_without_a_key_is_asked_each_time(sourced):
    for name in ("anna", "ben"):
        client = sourced.client("nokey", "mine", headers=[("X-Name", name)])
        with sourced.proxy.recording() as exchanges:
            assert name_of(client) == name
        assert exchanges == []
