# SPDX-License-Identifier: Apache-2.0
"""Users whom httpd authenticated, and what an SID beside them means."""

import base64
import json

import pytest

from harness import contract
from harness.httpd import PASSWORD
from harness.site import BASIC, LOCATION, NAMED, running_site

KINDS = ("PlainUserSession", "VFOUserSession", "PartnerKey",
         "LegacyAuthenticator", "InternalIntegrationKey", "VFOAccessKey")
# Open to who has an SID, and to who has a password.
EITHER = """
<Location "/either/locks">
    SetHandler locks
    LocksBase /either/locks
    AuthType Basic
    AuthName "The site"
    AuthBasicProvider file
    AuthUserFile users
    <RequireAny>
        Require expr "-n %{HTTP:SID}"
        Require valid-user
    </RequireAny>
</Location>
"""
PEOPLE = ("anna", "ben", "carl", "dora", "42 and a half")


@pytest.fixture(scope="module")
def site():
    with running_site(location=LOCATION + BASIC + NAMED + EITHER) as site:
        site.httpd.write_users(*PEOPLE)
        yield site


def basic(site, name, base="/basic/locks", sid=None):
    token = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
    return site.client(sid, base=base, user_id=name,
                       headers=[("Authorization", f"Basic {token}")])


def named(site, name):
    """Someone whom another module authenticated by this name."""
    if isinstance(name, str):
        name = name.encode()
    return site.client(base="/named/locks", headers=[("X-User", name)])


@pytest.fixture
def course(site):
    course = site.course()
    site.permit(course, "anna", "ben")
    return course


def test_httpd_user_locks_lists_and_releases(site, course):
    anna = basic(site, "anna")
    lock = contract.granted(anna.lock(course, "g1"), course, "g1", "anna",
                            base="/basic/locks")
    assert contract.held(anna.locks(course))["g1"] == ("anna", lock["id"])
    contract.released(anna.unlock(lock["id"]))


def test_httpd_user_needs_permission(site, course):
    carl = basic(site, "carl")
    contract.forbidden(carl.locks(course))
    contract.forbidden(carl.lock(course, "g1"))


def test_httpd_users_exclude_one_another(site, course):
    lock = contract.granted(basic(site, "anna").lock(course, "g1"),
                            base="/basic/locks")
    ben = basic(site, "ben")
    contract.taken(ben.lock(course, "g1"))
    contract.forbidden(ben.unlock(lock["id"]))


def test_httpd_user_and_session_of_the_same_user_are_one_owner(site, course):
    session = site.client(site.session({"sessionType": "PlainUserSession",
                                        "userId": "anna"}))
    lock = contract.granted(session.lock(course, "g1"), owner="anna")
    anna = basic(site, "anna")
    assert contract.granted(anna.lock(course, "g1"),
                            base="/basic/locks")["id"] == lock["id"]
    contract.released(anna.unlock(lock["id"]))


# ---- Content types ----

@pytest.mark.parametrize("content_type", [
    "application/json", "application/json; charset=utf-8",
    "application/json;charset=UTF-8", "Application/JSON",
    "application/json ; x=y", "application/json;",
])
def test_json_is_taken_from_an_httpd_user(site, course, content_type):
    body = json.dumps({"type": "gadget", "subject": {
        "courseId": course.id, "gadgetId": "g1"}}).encode()
    answer = basic(site, "anna").post(body, [("Content-Type", content_type)])
    contract.granted(answer, base="/basic/locks")


@pytest.mark.parametrize("content_type", [
    "text/plain", "application/x-www-form-urlencoded", "",
    "multipart/form-data; boundary=application/json", "text/json",
    "application/jsonx", "application/json-patch+json", "application/jso",
    "application/vnd.api+json", "text/plain; application/json",
    "text/plain, application/json", "xapplication/json", "application",
    "application/ json", "text/plain;charset=application/json",
])
def test_anything_else_from_an_httpd_user_is_415(site, course, content_type):
    body = json.dumps({"type": "gadget", "subject": {
        "courseId": course.id, "gadgetId": "g1"}}).encode()
    anna = basic(site, "anna")
    answer = anna.post(body, [("Content-Type", content_type)])
    contract.error(answer, 415)
    assert contract.listed(anna.locks(course)) == []


def test_no_content_type_from_an_httpd_user_is_415(site, course):
    answer = basic(site, "anna").raw("POST", "/basic/locks", body=b"{}")
    contract.error(answer, 415)


def test_release_and_list_need_no_content_type(site, course):
    anna = basic(site, "anna")
    lock = contract.granted(anna.lock(course, "g1"), base="/basic/locks")
    headers = [("Content-Type", "text/plain")]
    path = f"/basic/locks?subject.courseId={course.id}"
    assert len(contract.listed(anna.raw("GET", path, headers))) == 1
    contract.released(anna.raw("DELETE", f"/basic/locks/{lock['id']}",
                               headers))


# ---- An SID beside a user ----

def test_sid_wins_over_the_httpd_user(site, course):
    user = site.user(course)
    both = basic(site, "anna", sid=user.sid)
    contract.granted(both.lock(course, "g1"), owner=user.user_id,
                     base="/basic/locks")
    carl = basic(site, "carl", sid=user.sid)
    assert len(contract.listed(carl.locks(course))) == 1
    nothing = basic(site, "anna", sid=site.user().sid)
    contract.forbidden(nothing.locks(course))


@pytest.mark.parametrize("sid", ["nobodysid", "", "a b", "x" * 129, "a,b"])
@pytest.mark.parametrize("base", ["/basic/locks", "/either/locks"])
def test_httpd_user_is_never_a_fallback_for_a_bad_sid(site, course, sid,
                                                      base):
    anna = basic(site, "anna", base, sid=sid)
    for answer in (anna.locks(course), anna.lock(course, "g1"),
                   anna.unlock("1")):
        contract.unauthorized(answer)


def test_httpd_user_is_no_fallback_for_two_sids(site, course):
    user = site.user(course)
    anna = basic(site, "anna")
    anna.headers += [("SID", user.sid), ("SID", user.sid)]
    contract.unauthorized(anna.lock(course, "g1"))


def test_httpd_user_is_no_fallback_for_a_session_of_the_wrong_kind(site,
                                                                   course):
    anna = basic(site, "anna", sid=site.partner().sid)
    contract.unauthorized(anna.lock(course, "g1"))
    contract.unauthorized(anna.unlock("1"))
    assert contract.listed(anna.locks(course)) == []


def test_sid_beside_a_user_takes_any_content_type(site, course):
    user = site.user(course)
    body = json.dumps({"type": "gadget", "subject": {
        "courseId": course.id, "gadgetId": "g1"}}).encode()
    answer = basic(site, "anna", sid=user.sid).post(
        body, [("Content-Type", "text/plain")])
    contract.granted(answer, owner=user.user_id, base="/basic/locks")


def test_place_may_take_either(site, course):
    user = site.user(course)
    contract.granted(user.at(base="/either/locks").lock(course, "g1"),
                     owner=user.user_id, base="/either/locks")
    contract.granted(basic(site, "anna", "/either/locks").lock(course, "g2"),
                     owner="anna", base="/either/locks")
    answer = site.client(base="/either/locks").locks(course)
    contract.error(answer, 401, "Invalid credentials")


def test_password_where_none_is_asked_for_is_nobody(site, course):
    contract.unauthorized(basic(site, "anna", "/locks").locks(course))


# ---- Names ----

@pytest.mark.parametrize("name", [
    "anna@example.org", "O'Neill", 'a"b\\c', "DOMAIN\\anna", "Größe 日本", "<b>",
    "CN=Anna,O=Site", "a b", "x" * 500, "PlainUserSession",
    "plainusersession:1", "x:VFOAccessKey:5", "PartnerKeyring:5", "%s%n",
], ids=lambda name: name[:20])
def test_any_name_may_own_a_lock(site, name):
    course = site.course()
    user, other = named(site, name), site.user(course)
    site.permit(course, name)
    lock = contract.granted(user.lock(course, "g1"), owner=name,
                            base="/named/locks")
    contract.taken(other.lock(course, "g1"))
    contract.forbidden(other.unlock(lock["id"]))
    assert contract.held(user.locks(course))["g1"][0] == name
    contract.released(user.unlock(lock["id"]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rest", [":1", ":", "::", ":1:2"])
def test_name_that_could_pass_for_a_principal_is_401(site, kind, rest):
    course = site.course()
    site.permit(course, kind + rest)
    user = named(site, kind + rest)
    for answer in (user.locks(course), user.lock(course, "g1"),
                   user.unlock("1")):
        contract.error(answer, 401, "Invalid credentials")


def test_empty_name_is_401(site, course):
    site.permit(course, "")
    contract.error(named(site, "").lock(course, "g1"), 401,
                   "Invalid credentials")


def test_name_that_is_no_utf8_never_breaks_the_json(site, course):
    answer = named(site, b"caf\xe9").lock(course, "g1")
    assert answer.status in (401, 403), answer
    contract.check("POST", answer)
