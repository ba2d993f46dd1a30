# SPDX-License-Identifier: Apache-2.0
"""PUT /locks/{id}, and leases of their own length"""

import time

import pytest

from harness import contract
from harness.client import Wire
from harness.keys import lease_key, slots_key
from harness.site import LOCATION, NAMED, running_site

VHOSTS = {
    "short": "LocksTTL 1s",
    "chosen": "LocksTTL 60s\nLocksTTLMin 10s\nLocksTTLMax 10m",
    "shorter": "LocksTTL 60s\nLocksTTLMin 1s",
    "longer": "LocksTTL 60s\nLocksTTLMax 1h",
}
NO_INTEGER = "expiresIn must be an integer"


@pytest.fixture(scope="module")
def site():
    with running_site(location=LOCATION + NAMED, vhosts=VHOSTS) as site:
        yield site


@pytest.fixture
def lock(user, course):
    return contract.granted(user.lock(course, "g1"))


def left(site, lock):
    return contract.shown(site.partner().look(lock["id"]),
                          10 ** 9)["expiresIn"]


# ---- Renewing by ID ----

def test_renewal_brings_the_full_lease_back(site, user, course, lock):
    time.sleep(0.3)
    aged = left(site, lock)
    renewed = contract.renewed(user.renew(lock["id"]), lock["id"])
    assert renewed["expiresIn"] > aged + 100
    assert {**renewed, "expiresIn": 0} == {**lock, "expiresIn": 0}
    assert left(site, lock) > aged


def test_renewal_has_no_location(user, lock):
    assert user.renew(lock["id"]).header("Location") is None


def test_lock_lives_as_long_as_it_is_renewed(site, course):
    user, other = site.users(2, course, vhost="short")
    lock = contract.granted(user.lock(course, "g1"), lease=1000)
    for _ in range(4):
        time.sleep(0.5)
        contract.renewed(user.renew(lock["id"]), lock["id"], lease=1000)
        contract.taken(other.lock(course, "g1"))
    time.sleep(1.05)
    contract.no_lock(user.renew(lock["id"]), lock["id"])
    assert contract.listed(user.locks(course)) == []
    contract.granted(other.lock(course, "g1"), lease=1000)
    contract.no_lock(user.renew(lock["id"]), lock["id"])


@pytest.mark.parametrize("lock_id", ["1", "0", "abc", "-1", "9" * 30])
def test_id_of_no_lock_is_404(user, lock, lock_id):
    contract.no_lock(user.renew(lock_id), lock_id)


def test_lock_that_ended_is_never_taken_anew(user, other, course, lock):
    contract.released(user.unlock(lock["id"]))
    contract.no_lock(user.renew(lock["id"]), lock["id"])
    assert contract.listed(user.locks(course)) == []
    moved = contract.granted(user.lock(course, "g2"))
    contract.no_lock(user.renew(lock["id"]), lock["id"])
    contract.no_lock(other.renew(lock["id"]), lock["id"])
    contract.renewed(user.renew(moved["id"]), moved["id"])


@pytest.mark.parametrize("record", ["slots", "lease"])
def test_lock_whose_record_was_lost_is_404(site, user, course, lock, record):
    with site.store.client() as store:
        key = slots_key(course) if record == "slots" else lease_key(user)
        assert store.delete(key) == "DELETED"
    contract.no_lock(user.renew(lock["id"]), lock["id"])
    contract.no_lock(user.look(lock["id"]), lock["id"])
    assert contract.listed(user.own()) == []
    again = contract.granted(user.lock(course, "g1"))
    assert int(again["id"]) > int(lock["id"])
    contract.no_lock(user.renew(lock["id"]), lock["id"])


def test_foreign_lock_is_403(site, other, lock):
    before = left(site, lock)
    time.sleep(0.1)
    contract.forbidden(other.renew(lock["id"]))
    contract.forbidden(site.user().renew(lock["id"]))
    assert left(site, lock) < before


def test_withdrawn_permission_is_403(site, user, course, lock):
    site.withdraw(course, user.user_id)
    before = left(site, lock)
    time.sleep(0.1)
    contract.forbidden(user.renew(lock["id"]))
    assert left(site, lock) < before
    contract.released(user.unlock(lock["id"]))


@pytest.mark.parametrize("kind", ["PartnerKey", "VFOAccessKey"])
def test_only_users_renew(site, lock, kind):
    client = site.visitor({"sessionType": kind, "vfoRootOrgId": "1"})
    contract.unauthorized(client.renew(lock["id"]))
    contract.unauthorized(site.client().renew(lock["id"]))


def test_gadget_need_not_be_there_any_more(site, user, course, lock):
    site.database.execute("DELETE FROM gadget WHERE course_id = ?",
                          (course.id,))
    contract.renewed(user.renew(lock["id"]), lock["id"])


# ---- Bodies ----

@pytest.mark.parametrize("body", [
    b"{}", b'{"x": [1]}', b' {"type": 3, "subject": null} ',
    b'{"expiresIn": "soon"}', b'{"expiresIn": null}', b'{"expiresIn": 1.5}',
])
def test_what_is_not_asked_for_is_ignored(user, lock, body):
    answer = user.raw("PUT", f"/locks/{lock['id']}", body=body)
    contract.renewed(answer, lock["id"])


@pytest.mark.parametrize("body, message", [
    (b"[]", "The request must be a JSON object"),
    (b"null", "The request must be a JSON object"),
    (b"{", None), (b"\xff", None), (b" ", None), (b"\xef\xbb\xbf{}", None),
    (b'{"takeOver": 1}', "takeOver must be true or false"),
    (b'{"clientId": 1}', "clientId must be a string"),
], ids=repr)
def test_malformed_body_is_400(site, user, lock, body, message):
    before = left(site, lock)
    time.sleep(0.02)
    contract.error(user.raw("PUT", f"/locks/{lock['id']}", body=body), 400,
                   message)
    assert left(site, lock) < before


def test_body_that_is_too_large_is_413(user, lock):
    contract.error(user.raw("PUT", f"/locks/{lock['id']}",
                            body=b" " * 65537), 413)
    contract.renewed(user.raw("PUT", f"/locks/{lock['id']}",
                              body=b"{}" + b" " * 65534), lock["id"])


def test_chunked_body(site, user, lock):
    with Wire(site.httpd.address) as wire:
        wire.request("PUT", f"/locks/{lock['id']}", [
            ("SID", user.sid), ("Transfer-Encoding", "chunked")])
        wire.send(b"2\r\n{}\r\n0\r\n\r\n")
        contract.renewed(wire.answer("PUT"), lock["id"])
        wire.request("PUT", f"/locks/{lock['id']}", [
            ("SID", user.sid), ("Transfer-Encoding", "chunked")])
        wire.send(b"0\r\n\r\n")
        contract.renewed(wire.answer("PUT"), lock["id"])


# ---- Users of httpd ----

@pytest.fixture
def anna(site, course):
    site.permit(course, "anna")
    return site.client(base="/named/locks", headers=[("X-User", "anna")])


def test_httpd_user_renews(site, course, anna):
    lock = contract.granted(anna.lock(course, "g1"), base="/named/locks")
    contract.renewed(anna.renew(lock["id"]), lock["id"])
    contract.renewed(anna.renew(lock["id"], clientId="w1"), lock["id"])


@pytest.mark.parametrize("header", [
    ("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")])
def test_page_of_another_site_renews_nothing(site, course, anna, header):
    lock = contract.granted(anna.lock(course, "g1"), base="/named/locks")
    contract.error(anna.renew(lock["id"], [header]), 403,
                   "Requests of other sites are refused")
    contract.unauthorized(site.client().renew(lock["id"], [header]))


@pytest.mark.parametrize("type_, status", [
    ("application/json", 200), ("Application/JSON; charset=utf-8", 200),
    ("text/plain", 415), ("", 415), (None, 415), ("application/jsonx", 415)])
def test_body_of_an_httpd_user_needs_its_type(anna, course, type_, status):
    lock = contract.granted(anna.lock(course, "g1"), base="/named/locks")
    headers = [] if type_ is None else [("Content-Type", type_)]
    answer = anna.raw("PUT", f"/named/locks/{lock['id']}", headers, b"{}")
    assert answer.status == status, answer
    # Without a body there is no type.
    contract.renewed(anna.renew(lock["id"]), lock["id"])


def test_origin_comes_before_type_and_type_before_body(anna, course):
    path = f"/named/locks/1"
    assert anna.raw("PUT", path, [("Origin", "https://evil.example")],
                    b"{").status == 403
    assert anna.raw("PUT", path, [], b"{").status == 415
    assert anna.raw("PUT", path, [("Content-Type", "application/json")],
                    b"{").status == 400


# ---- Leases of their own length ----

@pytest.mark.parametrize("value", [1, 60000, -1, 10 ** 30, "soon", None, 1.5,
                                   True, [], {}])
def test_length_is_ignored_unless_configured(user, course, value):
    lock = contract.granted(user.take(course, "g1", expiresIn=value))
    contract.renewed(user.renew(lock["id"], expiresIn=value), lock["id"])


@pytest.mark.parametrize("vhost, value, expected", [
    ("chosen", 30000, 30000), ("chosen", 10000, 10000), ("chosen", 9999, 10000),
    ("chosen", 1, 10000), ("chosen", 0, 10000), ("chosen", -1, 10000),
    ("chosen", -2 ** 63, 10000), ("chosen", -10 ** 30, 10000),
    ("chosen", 600000, 600000), ("chosen", 600001, 600000),
    ("chosen", 2 ** 63 - 1, 600000), ("chosen", 2 ** 63, 600000),
    ("chosen", 2 ** 64 - 1, 600000), ("chosen", 10 ** 30, 600000),
    ("shorter", 5000, 5000), ("shorter", 90000, 60000),
    ("longer", 5000, 60000), ("longer", 3600000, 3600000),
])
def test_length_is_clamped_and_told(site, course, vhost, value, expected):
    user = site.user(course, vhost=vhost)
    lock = contract.granted(user.take(course, "g1", expiresIn=value),
                            lease=expected)
    contract.renewed(user.renew(lock["id"], expiresIn=value), lock["id"],
                     lease=expected)
    contract.renewed(user.renew(lock["id"]), lock["id"], lease=60000)
    assert contract.granted(user.take(course, "g1", expiresIn=value),
                            lease=expected)["id"] == lock["id"]


@pytest.mark.parametrize("value", ["30000", 1.5, 1.0, True, False, [], {}])
def test_length_of_another_type_is_400(site, course, value):
    user = site.user(course, vhost="chosen")
    contract.error(user.take(course, "g1", expiresIn=value), 400, NO_INTEGER)
    assert contract.listed(user.own()) == []
    lock = contract.granted(user.lock(course, "g1"), lease=60000)
    contract.error(user.renew(lock["id"], expiresIn=value), 400, NO_INTEGER)


def test_exponents_are_no_integers(site, course):
    user = site.user(course, vhost="chosen")
    body = ('{"type": "gadget", "subject": {"courseId": "%s", "gadgetId": "g1"'
            '}, "expiresIn": 3e4}' % course.id).encode()
    contract.error(user.post(body), 400, NO_INTEGER)


def test_lock_of_a_chosen_length_ends_when_told(site, course):
    user, other = site.users(2, course, vhost="shorter")
    lock = contract.granted(user.take(course, "g1", expiresIn=1500),
                            lease=1500)
    time.sleep(1.2)
    contract.taken(other.lock(course, "g1"))
    time.sleep(0.35)
    contract.no_lock(user.look(lock["id"]), lock["id"])
    contract.granted(other.lock(course, "g1"), lease=60000)
