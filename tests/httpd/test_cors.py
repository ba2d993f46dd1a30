# SPDX-License-Identifier: Apache-2.0
"""The configuration of conf/docs/browsers.md, in Chromium: a page of one origin
locks at another."""

import base64
import json
import re
import tempfile
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from harness import contract
from harness.browser import Browser
from harness.httpd import PASSWORD
from harness.site import running_site
from harness.system import ROOT

PAGE = (ROOT / "conf" / "docs" / "browsers.md").read_text()
RECIPE, REQUIRE = re.findall(r"```apache\n(.*?)```", PAGE, re.S)
EXAMPLE = r"https://editor\.example\.org"
SETTINGS = """
LocksWaitMax 5s
LocksWaitInterval 50ms
LocksExplain on
LogFormat "%m %>s %{Origin}i %{Access-Control-Request-Headers}i" cors
CustomLog access.log cors
"""
# The same at a place where httpd authenticates.
AUTHENTICATED = f"""
    SetHandler locks
    LocksBase /basic/locks
    AuthType Basic
    AuthName "The site"
    AuthBasicProvider file
    AuthUserFile users
    {REQUIRE}
"""
# Runs in the page: a request, and all that the page may know of its answer.
FETCH = """
const [url, options, done] = arguments;
fetch(url, options).then(async answer => done({
    status: answer.status, body: await answer.text(),
    headers: Object.fromEntries(answer.headers)
})).catch(error => done({error: String(error)}));
"""


def recipe(port):
    """The page's configuration, for an editor at this port."""
    assert RECIPE.count(EXAMPLE) == 1
    text = RECIPE.replace(EXAMPLE, rf"http://127\.0\.0\.1:{port}")
    place = text[text.index("<Location"):]
    assert '"/locks"' in place
    return text + place.replace('"/locks"', '"/basic/locks"').replace(
        "SetHandler locks", AUTHENTICATED)


@pytest.fixture(scope="module")
def site():
    """The editor's pages come from the virtual host "editor"."""
    with running_site(location="", config=SETTINGS, mpm="one child",
                      vhosts={"editor": "", "stranger": ""}) as site:
        site.httpd.config += recipe(site.httpd.addresses["editor"][1])
        site.httpd.write_users("anna")
        site.httpd.write_config()
        site.httpd.restart_gracefully()
        yield site


@pytest.fixture(scope="module")
def browser():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        with Browser(folder) as browser:
            yield browser


def origin(site, vhost=""):
    host, port = site.httpd.addresses[vhost]
    return f"http://{host}:{port}"


class Editor:
    """A page of another origin than the locks'."""

    def __init__(self, page, site):
        self.page, self.site = page, site

    def ask(self, method, path, sid=None, headers=(), body=None, **options):
        options |= {"method": method, "headers": dict(headers)}
        if sid is not None:
            options["headers"]["SID"] = sid
        if body is not None:
            options["headers"]["Content-Type"] = "application/json"
            options["body"] = json.dumps(body)
        answer = self.page.driver.execute_async_script(
            FETCH, origin(self.site) + path, options)
        self.page.take_log("the server responded with a status of 4",
                           "blocked by CORS policy", "net::ERR_FAILED")
        return SimpleNamespace(**{"error": None, **answer})

    def take(self, user, course, gadget="g1", **wish):
        return self.ask("POST", "/locks", user.sid, body={
            "type": "gadget", **wish,
            "subject": {"courseId": course.id, "gadgetId": gadget}})

    def list(self, user, course, **headers):
        return self.ask("GET", f"/locks?subject.courseId={course.id}", user.sid,
                        {name.replace("_", "-"): value
                         for name, value in headers.items()},
                        cache="no-store")


@contextmanager
def opened(browser, site, vhost):
    with browser.page(origin(site, vhost) + "/x.html") as page:
        page.others.append(origin(site))
        page.open()
        page.take_log("favicon")
        yield Editor(page, site)


@pytest.fixture
def editor(browser, site):
    with opened(browser, site, "editor") as editor:
        yield editor


def requests(site):
    """What came to the locks: (method, status, origin, headers asked for)."""
    return [tuple(line.split()) for line in
            (site.httpd.folder / "access.log").read_text().splitlines()
            if " http://127" in line]


def error(answer, status, message):
    assert answer.error is None and answer.status == status, answer
    found = json.loads(answer.body)
    assert (found["error"], found["message"]) == (status, message), answer


# ---- The editor's origin ----


def test_a_lock_from_the_first_to_the_last(editor, site, course, user):
    before = len(requests(site))
    taken = editor.take(user, course)
    assert taken.status == 201, taken
    lock = json.loads(taken.body)
    assert taken.headers["location"] == f"/locks/{lock['id']}"
    came = requests(site)[before:]
    assert [line[:2] for line in came] == [("OPTIONS", "204"),
                                           ("POST", "201")]
    assert came[0][3] == "content-type,sid"

    listed = editor.list(user, course)
    assert [one["id"] for one in json.loads(listed.body)] == [lock["id"]]
    etag = listed.headers["etag"]
    same = editor.list(user, course, If_None_Match=etag, Prefer="wait=1")
    assert same.status == 304, same
    assert same.headers["preference-applied"] == "wait=1"
    assert same.headers["etag"] == etag

    renewed = editor.ask("PUT", f"/locks/{lock['id']}", user.sid)
    assert renewed.status == 200, renewed
    assert json.loads(renewed.body)["id"] == lock["id"]
    one = editor.ask("GET", f"/locks/{lock['id']}", user.sid)
    assert one.status == 200, one

    released = editor.ask("DELETE", f"/locks/{lock['id']}", user.sid,
                          keepalive=True)
    assert (released.status, released.body) == (200, "{}")
    released = editor.ask("DELETE", "/locks?ownerId=me", user.sid)
    assert (released.status, released.body) == (200, "{}")
    changed = editor.list(user, course, If_None_Match=etag, Prefer="wait=1")
    assert (changed.status, changed.body) == (200, "[]")


def test_the_browsers_own_cache_asks_each_time(editor, course, user, other):
    """Without cache: "no-store"."""
    def gadgets():
        answer = editor.ask("GET", f"/locks?subject.courseId={course.id}",
                            user.sid)
        assert answer.status == 200, answer
        return [one["subject"]["gadgetId"] for one in json.loads(answer.body)]

    assert gadgets() == []
    contract.granted(other.lock(course, "g1"))
    assert gadgets() == ["g1"]
    assert gadgets() == ["g1"]


def test_refusals_can_be_read(editor, site, course, user, other):
    contract.granted(other.lock(course, "g1"))
    answer = editor.take(user, course)
    error(answer, 403, "Resource locked")
    assert json.loads(answer.body)["lock"]["ownerId"] == other.user_id
    assert 0 < int(answer.headers["retry-after"]) <= 300
    assert editor.take(user, course, "g2", clientId="1").status == 201
    error(editor.take(user, course, "g2", clientId="2"), 409,
          "Locked in another window")
    error(editor.list(site.client("nobody"), course), 401,
          "Invalid credentials")
    error(editor.list(site.user(), course), 403, "Insufficient permissions")
    error(editor.ask("DELETE", "/locks/1", user.sid), 404,
          "Lock '1' not found")
    error(editor.ask("GET", "/locks", user.sid), 400,
          "subject.courseId is missing")
    error(editor.list(user, course, If_Match='"other"'), 412,
          "Precondition failed")
    # What httpd itself refuses.
    error(editor.ask("GET", "/basic/locks"), 401, "Invalid credentials")


def test_methods_and_headers_that_are_not_allowed(editor, site, user):
    for method, headers in (("PATCH", {}), ("GET", {"X-Other": "1"})):
        before = len(requests(site))
        answer = editor.ask(method, "/locks/1", user.sid, headers)
        assert "TypeError" in answer.error, answer
        assert {line[0] for line in requests(site)[before:]} <= {"OPTIONS"}


# ---- Other origins ----


def test_a_page_of_a_third_origin_is_refused(browser, site, course, user):
    with opened(browser, site, "stranger") as stranger:
        before = len(requests(site))
        for answer in (stranger.take(user, course),
                       stranger.list(user, course),
                       stranger.ask("PUT", "/locks/1", user.sid),
                       stranger.ask("DELETE", "/locks?ownerId=me", user.sid)):
            assert "TypeError" in answer.error, answer
        assert {line[0] for line in requests(site)[before:]} == {"OPTIONS"}
        # No preflight is needed here, and nothing can be read.
        assert "TypeError" in stranger.ask("GET", "/locks").error
    assert contract.listed(user.locks(course)) == []


@pytest.mark.parametrize("foreign", [
    "{editor}.evil.example", "{editor}0", "x{editor}", "null", "",
    "http://127x0.0.1:{port}", "https://evil.example/?{editor}",
])
def test_origins_that_look_alike(site, course, user, foreign):
    port = site.httpd.addresses["editor"][1]
    value = foreign.format(editor=origin(site, "editor"), port=port)
    for method in ("OPTIONS", "GET"):
        answer = user.raw(method, f"/locks?subject.courseId={course.id}",
                          [("Origin", value),
                           ("Access-Control-Request-Method", "GET")])
        assert not [name for name, _ in answer.headers
                    if name.lower().startswith("access-control")], answer
        assert "Origin" in answer.header("Vary").split(","), answer


def test_who_is_no_browser_sees_nothing_of_it(user, course):
    answer = user.locks(course)
    contract.listed(answer)
    assert not [name for name, _ in answer.headers
                if name.lower().startswith("access-control")], answer


# ---- Where httpd authenticates ----


def test_preflights_come_without_a_password(site, course):
    site.permit(course, "anna")
    editor = ("Origin", origin(site, "editor"))
    token = ("Authorization", "Basic " + base64.b64encode(
        f"anna:{PASSWORD}".encode()).decode())
    nobody = site.client(base="/basic/locks")
    answer = nobody.raw("OPTIONS", "/basic/locks", [
        editor, ("Access-Control-Request-Method", "POST")])
    assert answer.status == 204, answer
    assert "POST" in answer.header("Access-Control-Allow-Methods")
    path = f"/basic/locks?subject.courseId={course.id}"
    for headers, status in (([editor], 401), ([editor, token], 200)):
        answer = nobody.raw("GET", path, headers)
        assert answer.status == status, answer
        assert answer.header("Access-Control-Allow-Origin") == editor[1]
        assert answer.header("Access-Control-Allow-Credentials") == "true"
    answer = nobody.post({"type": "gadget", "subject": {
        "courseId": course.id, "gadgetId": "g1"}}, [editor, token])
    contract.error(answer, 403, "Requests of other sites are refused")
    assert answer.header("Access-Control-Allow-Origin") == editor[1]
