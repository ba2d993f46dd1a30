# SPDX-License-Identifier: Apache-2.0
"""Methods, paths and errors, those that are raised outside the handler
included: each is JSON."""

import base64
import json
import time

import pytest

from harness import contract
from harness.client import Wire
from harness.httpd import PASSWORD
from harness.site import BASIC, LOCATION, NAMED, running_site

OUTSIDE = """
ErrorDocument 400 /x.html
ErrorDocument 401 "text of the site"
ErrorDocument 403 /x.html
ErrorDocument 404 /x.html
ErrorDocument 405 /x.html
ErrorDocument 408 /x.html
ErrorDocument 413 /x.html
ErrorDocument 415 https://example.org/
ErrorDocument 500 /x.html
ErrorDocument 503 /x.html
<Location "/denied/locks">
    SetHandler locks
    LocksBase /denied/locks
    Require all denied
</Location>
<Location "/small/locks">
    SetHandler locks
    LocksBase /small/locks
    LimitRequestBody 100
</Location>
<Location "/documented/locks">
    SetHandler locks
    LocksBase /documented/locks
    ErrorDocument 403 /x.html
    ErrorDocument 404 "text of the place"
    Require all denied
</Location>
<Location "/deniedpage">
    Require all denied
</Location>
RequestReadTimeout body=1
"""
ALLOWED = {"/locks": {"GET", "HEAD", "POST", "OPTIONS"},
           "/locks/": {"GET", "HEAD", "POST", "OPTIONS"},
           "/locks/1": {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"},
           "/locks/abc": {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}}


@pytest.fixture(scope="module")
def outside():
    """A site with error documents of its own and places that refuse."""
    with running_site(location=LOCATION + BASIC + NAMED,
                      config=OUTSIDE) as site:
        site.httpd.write_users("anna", "ben")
        yield site


def allowed(answer):
    return {name.strip() for name in answer.header("Allow").split(",")}


# ---- Methods ----

METHODS = ["PUT", "PATCH", "DELETE", "GET", "POST", "HEAD", "PROPFIND",
           "LOCK", "UNLOCK", "REPORT", "MKCOL", "FOO", "get", "QUERY"]


@pytest.mark.parametrize("path", ALLOWED)
@pytest.mark.parametrize("method", METHODS)
def test_other_method_is_405_with_allow(site, path, method):
    if method in ALLOWED[path]:
        return
    for client in (site.client(), site.user()):
        answer = client.raw(method, path)
        assert answer.status == 405, answer
        assert allowed(answer) == ALLOWED[path]


@pytest.mark.parametrize("path", ALLOWED)
def test_trace_is_405_and_echoes_no_sid(site, path):
    user = site.user()
    answer = user.raw("TRACE", path, checked=False)
    assert user.sid.encode() not in answer.body, answer
    assert answer.status == 405, answer
    contract.check("TRACE", answer)


@pytest.mark.parametrize("path", ALLOWED)
def test_options_is_204_with_allow_for_anyone(site, path):
    for client in (site.client(), site.client("nobodysid"), site.user(),
                   site.client("a b")):
        answer = client.raw("OPTIONS", path)
        assert answer.status == 204, answer
        assert allowed(answer) == ALLOWED[path]
        assert answer.body == b""


def test_options_leaves_the_connection_in_step(site, course, user):
    with Wire(site.httpd.address) as wire:
        wire.request("OPTIONS", "/locks", body=b"x" * 1000)
        assert wire.answer().status == 204
        wire.request("GET", f"/locks?subject.courseId={course.id}",
                     [("SID", user.sid)])
        assert contract.listed(wire.answer()) == []


def test_head_is_as_get_without_the_body(user, course):
    contract.granted(user.lock(course, "g1"))
    path = f"/locks?subject.courseId={course.id}"
    head, get = user.raw("HEAD", path), user.raw("GET", path)
    assert head.body == b""
    assert head.status == get.status == 200
    assert head.header("Content-Type") == get.header("Content-Type")


@pytest.mark.parametrize("path, sid, status", [
    ("/locks", True, 400), ("/locks?subject.courseId=nosuch", True, 404),
    ("/locks?subject.courseId=nosuch", False, 401), ("/locks/a/b", True, 404),
])
def test_head_of_an_error_is_as_get_without_the_body(site, path, sid, status):
    client = site.user() if sid else site.client()
    head, get = client.raw("HEAD", path), client.raw("GET", path)
    assert head.body == b""
    assert head.status == get.status == status
    for name in ("Content-Type", "Cache-Control", "WWW-Authenticate"):
        assert head.header(name) == get.header(name)


# ---- Paths ----

@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS",
                                    "PUT", "HEAD", "FOO"])
@pytest.mark.parametrize("path", [
    "/locks/1/2", "/locks/1/", "/locks/a/b/c", "/locks/1/locks",
])
def test_unknown_path_is_404_for_anyone(site, method, path):
    for client in (site.client(), site.user()):
        answer = client.raw(method, path, body=b"{}")
        assert answer.status == 404, answer
        if method != "HEAD":
            contract.error(answer, 404, "Not found")


@pytest.mark.parametrize("path", ["/locksmith", "/locks.html", "/lock",
                                  "/locks-1", "/LOCKS", "/x/locks"])
def test_paths_beside_the_location_stay_the_sites(site, path):
    answer = site.client().raw("GET", path, checked=False)
    assert answer.status == 404
    assert answer.header("Content-Type").startswith("text/html")


@pytest.mark.parametrize("path", ["//locks", "/./locks", "/x/../locks",
                                  "/%6cocks", "/locks//", "/locks/."])
def test_other_spellings_of_the_path_are_the_path(site, partner, course,
                                                  path):
    answer = partner.raw("GET", f"{path}?subject.courseId={course.id}")
    assert contract.listed(answer) == []


@pytest.mark.parametrize("path", ["/locks/%ff", "/locks/%c0%af",
                                  "/locks/%ed%a0%80x", "/locks/a%80"])
def test_broken_utf8_in_a_path_is_404_in_sound_json(site, path):
    answer = site.user().raw("DELETE", path)
    contract.error(answer, 404)
    contract.error(site.user().raw("DELETE", path + "/x"), 404, "Not found")


@pytest.mark.parametrize("path", ["/locks%2F1", "/locks/1%2F2", "/locks/%00",
                                  "/locks/%zz"])
def test_what_core_refuses_is_refused(site, path):
    answer = site.user().raw("DELETE", path, checked=False)
    assert answer.status in (400, 404), answer


def test_absolute_request_target_is_served(site, partner, course):
    answer = partner.raw("GET", "http://localhost/locks?subject.courseId="
                                + course.id)
    assert contract.listed(answer) == []


def test_http_1_0_is_served(site, partner, course):
    with Wire(site.httpd.address) as wire:
        wire.send(f"GET /locks?subject.courseId={course.id} HTTP/1.0\r\n"
                  f"SID: {partner.sid}\r\n\r\n".encode())
        head, body = wire.rest().split(b"\r\n\r\n", 1)
    assert b" 200 " in head.split(b"\r\n")[0]
    assert json.loads(body) == []


# ---- What httpd refuses ----

def test_denied_by_require_is_403(outside):
    course = outside.course()
    user = outside.user(course)
    for base in ("/denied/locks", "/documented/locks"):
        client = user.at(base=base)
        for answer in (client.locks(course), client.lock(course, "g1"),
                       client.unlock("1"), client.raw("PUT", base),
                       client.raw("GET", base + "/x/y"),
                       client.raw("OPTIONS", base)):
            contract.forbidden(answer)


def test_error_documents_of_the_site_stay_out(outside):
    course = outside.course("g1")
    user, other = outside.users(2, course)
    contract.granted(other.lock(course, "g1"))
    contract.taken(user.lock(course, "g1"))
    contract.forbidden(outside.user().locks(course))
    contract.error(user.raw("GET", "/locks/1/2"), 404, "Not found")
    contract.no_course(user.locks("nosuch"), "nosuch")
    contract.error(user.raw("PUT", "/locks"), 405)
    contract.error(user.post(b"{"), 400)
    contract.error(user.post(b" " * 70000), 413)
    contract.unauthorized(outside.client().locks(course))
    contract.error(outside.client(headers=[("X-User", "x")]).post(
        b"{}", [("Content-Type", "text/plain")], "/named/locks"), 415)


def test_error_documents_of_the_site_serve_elsewhere(outside):
    client = outside.client()
    answer = client.raw("GET", "/deniedpage", checked=False)
    assert answer.status == 403 and b"The site's own" in answer.body
    answer = client.raw("GET", "/nosuchpage", checked=False)
    assert answer.status == 404 and b"The site's own" in answer.body


@pytest.mark.parametrize("header", [
    None, "", "Basic", "Basic !!!", "Bearer x", "Basic YW5uYQ==",
    "Basic " + base64.b64encode(b"anna:wrong").decode(),
    "Basic " + base64.b64encode(b"nobody:secret").decode(),
])
def test_missing_or_wrong_password_is_401_with_httpds_challenge(outside,
                                                                header):
    headers = [] if header is None else [("Authorization", header)]
    client = outside.client(base="/basic/locks", headers=headers)
    for answer in (client.locks("course"), client.lock("course", "g1"),
                   client.unlock("1")):
        contract.error(answer, 401, "Invalid credentials")
        challenges = answer.all("WWW-Authenticate")
        assert 'Basic realm="The site"' in challenges, answer


@pytest.mark.parametrize("chunks", [False, True])
def test_httpds_own_limit_of_the_body_is_413(outside, chunks):
    course = outside.course()
    user = outside.user(course)
    data = json.dumps({"type": "gadget", "x": "y" * 200, "subject": {
        "courseId": course.id, "gadgetId": "g1"}}).encode()
    with Wire(outside.httpd.address) as wire:
        if chunks:
            wire.request("POST", "/small/locks", [
                ("SID", user.sid), ("Transfer-Encoding", "chunked")])
            wire.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))
        else:
            wire.request("POST", "/small/locks", [("SID", user.sid)], data)
        contract.error(wire.answer(), 413)
    assert contract.listed(user.locks(course)) == []
    contract.granted(user.lock(course, "g1"))


@pytest.mark.parametrize("chunk", [
    b"zz\r\n{}\r\n", b"-1\r\n{}\r\n", b"2\r\n{}xx\r\n", b"\r\n\r\n",
    b"ffffffffffffffffff\r\n{}\r\n", b"2;\x00\r\n{}\r\n",
])
def test_bad_chunk_is_400(outside, chunk):
    user = outside.user()
    with Wire(outside.httpd.address) as wire:
        wire.request("POST", "/locks", [("SID", user.sid),
                                        ("Transfer-Encoding", "chunked")])
        wire.send(chunk)
        answer = wire.answer()
        contract.check("POST", answer)
        assert answer.status in (400, 413), answer


def test_body_that_does_not_come_is_408(outside):
    user = outside.user()
    started = time.monotonic()
    with Wire(outside.httpd.address) as wire:
        wire.request("POST", "/locks", [("SID", user.sid),
                                        ("Content-Length", "100")])
        wire.send(b"{")
        data = wire.rest()
    assert time.monotonic() - started < 10
    if data:
        head, body = data.split(b"\r\n\r\n", 1)
        assert b" 408 " in head.split(b"\r\n")[0], data
        assert json.loads(body)["error"] == 408


# ---- The connection stays in step ----

LONG = b"GET /locks HTTP/1.1\r\nHost: x\r\nSID: x\r\n\r\n" * 700


SID = ("SID", "A-USER")
# Requests with a body that are refused: how, and the status.
REFUSED = {
    "401": ("POST", "/locks", [], 401),
    "401 of a malformed SID": ("POST", "/locks", [("SID", "a b")], 401),
    "401 of httpd": ("POST", "/basic/locks", [], 401),
    "403 of httpd": ("POST", "/denied/locks", [SID], 403),
    "404": ("POST", "/locks/1/2", [SID], 404),
    "404 of a lock": ("DELETE", "/locks/1", [SID], 404),
    "405": ("PUT", "/locks", [SID], 405),
    "415": ("POST", "/named/locks",
            [("X-User", "anna"), ("Content-Type", "text/plain")], 415),
    "404 of a list": ("GET", "/locks?subject.courseId=nosuch", [SID], 404),
}


@pytest.mark.parametrize("body", [b"{", LONG], ids=["short", "long"])
@pytest.mark.parametrize("chunks", [False, True])
@pytest.mark.parametrize("case", REFUSED)
def test_next_request_on_the_connection_is_answered(outside, case, chunks,
                                                    body):
    method, path, headers, status = REFUSED[case]
    sid = outside.user().sid
    headers = [(name, value.replace("A-USER", sid))
               for name, value in headers]
    course = outside.course()
    partner = outside.partner()
    with Wire(outside.httpd.address) as wire:
        if chunks:
            wire.request(method, path,
                         [*headers, ("Transfer-Encoding", "chunked")])
            wire.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        else:
            wire.request(method, path, headers, body)
        answer = wire.answer()
        contract.check(method, answer)
        assert answer.status == status, answer
        assert answer.header("Connection") != "close", answer
        wire.request("GET", f"/locks?subject.courseId={course.id}",
                     [("SID", partner.sid)])
        assert contract.listed(wire.answer()) == []


@pytest.mark.parametrize("body, status", [(b"{", 400), (LONG, 400),
                                          (LONG * 3, 413)],
                         ids=["short", "long", "over the limit"])
def test_connection_after_a_bad_body_is_in_step_or_closed(outside, body,
                                                          status):
    """httpd itself hangs up after these two statuses."""
    user = outside.user()
    with Wire(outside.httpd.address) as wire:
        wire.request("POST", "/locks", [("SID", user.sid)], body)
        answer = wire.answer()
        contract.error(answer, status)
        if answer.header("Connection") != "close":
            wire.request("PUT", "/locks")
            contract.error(wire.answer(), 405)
        else:
            assert b"HTTP/1.1" not in wire.rest()


def test_pipelined_requests_are_answered_in_order(site, course):
    users = site.users(3, course)
    with Wire(site.httpd.address) as wire:
        for user, gadget in zip(users, ("g1", "g2", "g1")):
            wire.request("POST", "/locks", [("SID", user.sid)], json.dumps(
                {"type": "gadget", "subject": {
                    "courseId": course.id, "gadgetId": gadget}}).encode())
        contract.granted(wire.answer(), course, "g1", users[0].user_id)
        contract.granted(wire.answer(), course, "g2", users[1].user_id)
        contract.taken(wire.answer())


def test_client_that_leaves_at_once_does_no_harm(site, course, user):
    for _ in range(20):
        with Wire(site.httpd.address) as wire:
            wire.request("POST", "/locks", [("SID", user.sid)], json.dumps(
                {"type": "gadget", "subject": {
                    "courseId": course.id, "gadgetId": "g1"}}).encode())
    contract.granted(user.lock(course, "g1"))


def test_password_alone_opens_the_place(outside):
    course = outside.course()
    outside.permit(course, "anna")
    credentials = base64.b64encode(f"anna:{PASSWORD}".encode()).decode()
    client = outside.client(base="/basic/locks", headers=[
        ("Authorization", f"Basic {credentials}")])
    assert contract.listed(client.locks(course)) == []
