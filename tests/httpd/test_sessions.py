# SPDX-License-Identifier: Apache-2.0
"""The SID header: whom it stands for, and when it stands for nobody."""

import json
import time

import pytest

from harness import contract
from harness.site import broken_site

# Session type -> the field that names who has permissions, an id of it, and
# the principal that it becomes.
USERS = ("PlainUserSession", "VFOUserSession")
OTHERS = {
    "LegacyAuthenticator": "authenticatorId",
    "VFOAccessKey": "vfoRootOrgId",
    "InternalIntegrationKey": "id",
}
SID_CHARACTERS = ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                  "0123456789._~-")


def everything(client, course, lock_id="1"):
    return [client.locks(course), client.lock(course, "g1"),
            client.unlock(lock_id)]


def nobody(client, course, lock_id="1"):
    for answer in everything(client, course, lock_id):
        contract.unauthorized(answer)


# ---- The six kinds ----

@pytest.mark.parametrize("kind", USERS)
def test_user_session_may_list_lock_and_release(site, course, kind):
    user = site.user(course, kind=kind)
    lock = contract.granted(user.lock(course, "g1"), owner=user.user_id)
    assert len(contract.listed(user.locks(course))) == 1
    contract.released(user.unlock(lock["id"]))


@pytest.mark.parametrize("kind", USERS)
def test_user_session_without_permission_may_not(site, course, kind):
    user = site.user(kind=kind)
    contract.forbidden(user.locks(course))
    contract.forbidden(user.lock(course, "g1"))


def test_both_user_sessions_of_a_user_are_one_owner(site, course):
    plain = site.user(course)
    vfo = site.visitor({"sessionType": "VFOUserSession",
                        "userId": plain.user_id})
    lock = contract.granted(plain.lock(course, "g1"))
    assert contract.granted(vfo.lock(course, "g1"))["id"] == lock["id"]
    contract.granted(vfo.lock(course, "g2"))
    assert set(contract.held(plain.locks(course))) == {"g2"}


def test_partner_key_may_list_every_course_and_no_more(site, course):
    partner = site.partner()
    lock = contract.granted(site.user(course).lock(course, "g1"))
    assert len(contract.listed(partner.locks(course))) == 1
    assert contract.listed(partner.locks(site.course())) == []
    contract.no_course(partner.locks("nosuchcourse"), "nosuchcourse")
    contract.unauthorized(partner.lock(course, "g2"))
    contract.unauthorized(partner.unlock(lock["id"]))


@pytest.mark.parametrize("kind, field", OTHERS.items())
@pytest.mark.parametrize("as_integer", [False, True])
def test_other_session_may_list_what_it_may_update(site, course, kind, field,
                                                   as_integer):
    number = int(course.internal)
    visitor = site.visitor({"sessionType": kind,
                            field: number if as_integer else str(number)})
    contract.forbidden(visitor.locks(course))
    # The bare id, or another kind's, is someone else.
    site.permit(course, str(number),
                *[f"{other}:{number}" for other in (*OTHERS, *USERS)
                  if other != kind])
    contract.forbidden(visitor.locks(course))
    site.permit(course, f"{kind}:{number}")
    assert contract.listed(visitor.locks(course)) == []
    contract.unauthorized(visitor.lock(course, "g1"))
    contract.unauthorized(visitor.unlock("1"))


@pytest.mark.parametrize("kind, field", OTHERS.items())
def test_other_session_with_another_kinds_field_has_no_id(site, course, kind,
                                                          field):
    for other in {*OTHERS.values(), "userId"} - {field}:
        visitor = site.visitor({"sessionType": kind, other: "7"})
        contract.forbidden(visitor.locks(course))


@pytest.mark.parametrize("kind", OTHERS)
def test_other_session_without_an_id_is_valid_but_may_nothing(site, course,
                                                              kind):
    visitor = site.visitor({"sessionType": kind})
    site.permit(course, f"{kind}:")
    contract.forbidden(visitor.locks(course))
    contract.no_course(visitor.locks("nosuchcourse"), "nosuchcourse")
    contract.unauthorized(visitor.lock(course, "g1"))


def test_partner_key_needs_no_field_and_ignores_any(site, course):
    visitor = site.visitor({"sessionType": "PartnerKey", "userId": "",
                            "id": [None], "more": {"sessionType": "x"}})
    assert contract.listed(visitor.locks(course)) == []


# ---- User ids ----

@pytest.mark.parametrize("number", [
    0, 7, -7, 4200000000000, 2 ** 63 - 1, -2 ** 63,
])
def test_integer_user_id_is_its_decimal_form(site, course, number):
    site.permit(course, str(number))
    lock = contract.granted(
        site.visitor({"sessionType": "PlainUserSession",
                      "userId": number}).lock(course, "g1"))
    assert lock["ownerId"] == str(number)
    text = site.visitor({"sessionType": "PlainUserSession",
                         "userId": str(number)})
    contract.released(text.unlock(lock["id"]))


@pytest.mark.parametrize("digits", [
    "9223372036854775808", "-9223372036854775809", "18446744073709551617",
    "1" + "0" * 60,
])
def test_huge_integer_is_never_taken_for_another_user(site, course, digits):
    clamped = {str(2 ** 63 - 1), str(-2 ** 63), str(2 ** 64 - 1), "0", "1"}
    site.permit(course, digits, *clamped)
    record = b'{"sessionType":"PlainUserSession","userId":%s}'
    answer = site.visitor(record % digits.encode()).lock(course, "g1")
    if answer.status == 201:
        assert answer.json["ownerId"] == digits
    else:
        contract.unauthorized(answer)


@pytest.mark.parametrize("user_id", [
    "anna", "anna@example.org", "Größe 日本 𝄞", "it's", 'a"b\\c', "<b>", " ",
    "a b", "%s", "..", "x" * 250, "PlainUserSession", "plainusersession:1",
    "x:PlainUserSession:1", "Partner:1", ":1", "PartnerKeys:1", "é" * 100,
], ids=lambda value: repr(value)[:30])
def test_any_text_may_be_a_user_id(site, course, user_id):
    user_id = f"{user_id}{course.id}" if user_id != " " else user_id
    user = site.user(course, user_id=user_id)
    lock = contract.granted(user.lock(course, "g1"), owner=user_id)
    assert contract.held(user.locks(course)) == {"g1": (user_id, lock["id"])}
    contract.forbidden(site.user().unlock(lock["id"]))
    contract.released(user.unlock(lock["id"]))


@pytest.mark.parametrize("kind", [*USERS, *OTHERS, "PartnerKey"])
def test_user_id_that_could_pass_for_another_principal_is_401(site, course,
                                                              kind):
    for user_id in (f"{kind}:7", f"{kind}:", f"{kind}::7"):
        site.permit(course, user_id)
        nobody(site.visitor({"sessionType": "PlainUserSession",
                             "userId": user_id}), course)


def test_user_ids_that_differ_in_one_byte_are_two_owners(site):
    course = site.course()
    names = ["Zoe", "zoe", "Zoé", "Zoe\u0301", "Zoe ", " Zoe"]
    site.permit(course, *names)
    people = [site.user(user_id=name) for name in names]
    contract.granted(people[0].lock(course, "g1"))
    for person in people[1:]:
        contract.taken(person.lock(course, "g1"))


def test_user_id_is_never_cut_at_a_nul(site, course):
    site.permit(course, "42")
    visitor = site.visitor({"sessionType": "PlainUserSession",
                            "userId": "42\0x"})
    answer = visitor.lock(course, "g1")
    assert answer.status in (401, 403), answer


# ---- Records ----

RECORDS = {
    "empty": b"",
    "not JSON": b"PlainUserSession",
    "php": b'a:1:{s:6:"userId";s:2:"42";}',
    "cut off": b'{"sessionType":"PlainUserSession","userId":"4',
    "text": b'"PlainUserSession"',
    "array": b'[{"sessionType":"PlainUserSession","userId":"42"}]',
    "null": b"null",
    "empty object": b"{}",
    "trailing": b'{"sessionType":"PlainUserSession","userId":"42"} x',
    "no type": b'{"userId":"42"}',
    "null type": b'{"sessionType":null,"userId":"42"}',
    "number type": b'{"sessionType":1,"userId":"42"}',
    "array type": b'{"sessionType":["PlainUserSession"],"userId":"42"}',
    "unknown type": b'{"sessionType":"AdminSession","userId":"42"}',
    "empty type": b'{"sessionType":"","userId":"42"}',
    "lower case": b'{"sessionType":"plainusersession","userId":"42"}',
    "blank after": b'{"sessionType":"PlainUserSession ","userId":"42"}',
    "NUL after": b'{"sessionType":"PlainUserSession\\u0000","userId":"42"}',
    "other name": b'{"sessiontype":"PlainUserSession","userId":"42"}',
    "no user": b'{"sessionType":"PlainUserSession"}',
    "no VFO user": b'{"sessionType":"VFOUserSession","id":"42"}',
    "empty user": b'{"sessionType":"PlainUserSession","userId":""}',
    "null user": b'{"sessionType":"PlainUserSession","userId":null}',
    "true user": b'{"sessionType":"PlainUserSession","userId":true}',
    "float user": b'{"sessionType":"PlainUserSession","userId":4.5}',
    "array user": b'{"sessionType":"PlainUserSession","userId":["42"]}',
    "object user": b'{"sessionType":"PlainUserSession","userId":{"id":"4"}}',
    "bad UTF-8": b'{"sessionType":"PlainUserSession","userId":"\xff"}',
    "BOM": b'\xef\xbb\xbf{"sessionType":"PlainUserSession","userId":"42"}',
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_record_that_is_no_session_is_401(site, course, record):
    site.permit(course, "42")
    nobody(site.visitor(record), course)


@pytest.mark.parametrize("record", [
    RECORDS["not JSON"], RECORDS["empty object"], RECORDS["unknown type"],
    RECORDS["empty user"],
])
def test_record_that_is_no_session_is_logged_once_without_the_sid(
        site, course, record):
    visitor = site.visitor(record)
    log = site.httpd.log_after(lambda: visitor.locks(course))
    lines = [line for line in log.splitlines() if "[locks:" in line]
    assert len(lines) == 1, log
    assert visitor.sid not in log


def test_unknown_fields_of_a_record_are_ignored(site, course):
    user = site.user(course)
    visitor = site.visitor({"sessionType": "PlainUserSession", "version": 3,
                            "userId": user.user_id, "id": "1", "x": [[{}]],
                            "sessionTypes": None})
    contract.granted(visitor.lock(course, "g1"), owner=user.user_id)


def test_session_ends_with_its_records_lifetime(site, course):
    user = site.user(course)
    record = {"sessionType": "PlainUserSession", "userId": user.user_id}
    brief = site.client(site.session(record, lifetime=1))
    time.sleep(2.1)
    nobody(brief, course)


def test_session_ends_when_it_is_deleted(site, user, course):
    assert contract.listed(user.locks(course)) == []
    with site.store.client() as store:
        store.delete(f"session:{user.sid}")
    nobody(user, course)


def test_new_record_under_the_same_sid_counts_at_once(site, course):
    a, b = site.users(2, course)
    contract.granted(a.lock(course, "g1"), owner=a.user_id)
    site.write_session(a.sid, {"sessionType": "PlainUserSession",
                               "userId": b.user_id})
    contract.taken(a.lock(course, "g1"))


# ---- The header ----

def test_request_without_a_sid_is_401(site, course):
    nobody(site.client(), course)


def test_unknown_sid_is_401(site, course):
    nobody(site.client("nobodysid"), course)


@pytest.mark.parametrize("sid", [
    SID_CHARACTERS[:64], SID_CHARACTERS[60:], "x", "~", ".", "-" * 127,
    "a" * 128,
])
def test_every_sound_sid_is_looked_up(site, course, sid):
    site.write_session(sid, {"sessionType": "PartnerKey"})
    assert contract.listed(site.client(sid).locks(course)) == []


def test_name_of_the_header_ignores_case(site, user, course):
    for name in ("sid", "Sid", "sID"):
        answer = site.client(headers=[(name, user.sid)]).locks(course)
        assert contract.listed(answer) == []


def test_case_of_a_sid_matters(site, course):
    site.write_session("CaseMatters", {"sessionType": "PartnerKey"})
    nobody(site.client("casematters"), course)


@pytest.fixture(scope="module")
def watched():
    with broken_site(timeout="1s") as site:
        yield site


MALFORMED = ["", "a" * 129, "a" * 4000, "a b", "a/b", "a:b", "a,b", "a%41",
             "a\tb", "a+b", "a=b", "a@b", "a*b", "a'b", 'a"b', "(a)", "a;b",
             "session:x", "ä", "a\\b", "{a}", "a|b", "a?b", "a#b"]


@pytest.mark.parametrize("sid", MALFORMED, ids=lambda sid: repr(sid)[:30])
def test_malformed_sid_is_401_and_never_reaches_the_store(watched, sid):
    course = watched.course()
    stranger = watched.client(sid.encode("utf-8"))
    with watched.proxy.recording() as exchanges:
        nobody(stranger, course)
    assert exchanges == []


@pytest.mark.parametrize("second", ["SAME", "", "x", "other"])
@pytest.mark.parametrize("second_first", [False, True])
def test_two_sid_headers_are_401_and_never_reach_the_store(
        watched, second, second_first):
    course = watched.course()
    user = watched.user(course)
    values = [user.sid, second.replace("SAME", user.sid)]
    if second_first:
        values.reverse()
    stranger = watched.client(headers=[("SID", value) for value in values])
    with watched.proxy.recording() as exchanges:
        nobody(stranger, course)
    assert exchanges == []


def test_request_without_a_sid_does_not_reach_the_store(watched):
    with watched.proxy.recording() as exchanges:
        nobody(watched.client(), watched.course())
    assert exchanges == []


def test_sid_does_not_come_from_cookies_or_the_query(site, user, course):
    stranger = site.client(headers=[("Cookie", f"SID={user.sid}"),
                                    ("X-SID", user.sid)])
    answer = stranger.raw("GET", f"/locks?subject.courseId={course.id}"
                                 f"&SID={user.sid}&sid={user.sid}")
    contract.unauthorized(answer)


def test_401_names_the_scheme_on_every_endpoint(site, course):
    stranger = site.client()
    for answer in everything(stranger, course):
        assert answer.header("WWW-Authenticate") == "SID", answer
        assert json.loads(answer.body) == {"error": 401,
                                           "message": "Invalid credentials"}
