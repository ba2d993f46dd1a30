# SPDX-License-Identifier: Apache-2.0
"""AuthType SID and Require locks-session, at any location."""

import base64

import pytest

from harness import contract
from harness.httpd import MODULES, PASSWORD
from harness.site import LOCATION, broken_site, running_site
from harness.system import free_port

KINDS = {
    "PlainUserSession": ({"userId": "4711"}, "4711"),
    "VFOUserSession": ({"userId": "4712"}, "4712"),
    "PartnerKey": ({}, "PartnerKey:"),
    "LegacyAuthenticator": ({"authenticatorId": "7"}, "LegacyAuthenticator:7"),
    "InternalIntegrationKey": ({"id": 8}, "InternalIntegrationKey:8"),
    "VFOAccessKey": ({"vfoRootOrgId": "9"}, "VFOAccessKey:9"),
}
# What httpd knows of the request is told by a header of the answer; the
# whole log format is the site's.
PROTECTED = """
CustomLog access.log "%u %U %>s"
<Location "/">
    Header always set X-Remote-User "expr=%{REMOTE_USER}"
</Location>
<Location "/any">
    AuthType SID
    Require valid-user
    ErrorDocument 401 /x.html
</Location>
<Location "/partners">
    AuthType SID
    Require locks-session PartnerKey VFOUserSession
</Location>
<Location "/either">
    AuthType Basic
    AuthName "The site"
    AuthBasicProvider file
    AuthUserFile users
    <RequireAny>
        Require locks-session PlainUserSession
        Require valid-user
    </RequireAny>
</Location>
<Location "/protected/locks">
    SetHandler locks
    LocksBase /protected/locks
    AuthType SID
    Require valid-user
</Location>
<Location "/proxied">
    AuthType SID
    Require valid-user
    ProxyPass http://127.0.0.1:{port}/index.html
    RequestHeader set X-User "expr=%{REMOTE_USER}"
</Location>
Listen 127.0.0.1:{port}
<VirtualHost 127.0.0.1:{port}>
    Header always set X-Backend-Saw "expr=%{HTTP:X-User}"
</VirtualHost>
ScriptAlias "/script" "{folder}/script"
<Location "/script">
    AuthType SID
    Require valid-user
</Location>
<Location "/pages">
    AuthType SID
    Require locks-session PlainUserSession VFOUserSession
    Options +Includes
    SetOutputFilter INCLUDES
</Location>
<Location "/rewritten">
    AuthType SID
    Require valid-user
</Location>
RewriteEngine on
RewriteRule "^/rewritten$" "/any/index.html" [PT]
"""
FOLDERS = ("any", "partners", "either", "pages")


def prepare(site):
    site.httpd.write_users("anna")
    script = site.httpd.folder / "script"
    script.write_text("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"
                      'printf "%s %s" "$AUTH_TYPE" "$REMOTE_USER"\n')
    script.chmod(0o755)
    for name in FOLDERS:
        folder = site.httpd.folder / "htdocs" / name
        folder.mkdir()
        (folder / "index.html").write_text(f"This is {name}.\n")
    (site.httpd.folder / "htdocs" / "pages" / "three.html").write_text(
        '<!--#include virtual="/any/index.html" -->'
        '<!--#include virtual="/pages/index.html" -->'
        '<!--#include virtual="/either/index.html" -->')


def settings():
    return {"modules": (*MODULES, "proxy", "proxy_http", "include",
                        "cgid"),
            "location": LOCATION + PROTECTED.replace("{port}",
                                                     str(free_port()))}


@pytest.fixture(scope="module")
def site():
    with running_site(**settings()) as site:
        prepare(site)
        yield site


def session(site, kind):
    members, _ = KINDS[kind]
    return site.visitor({"sessionType": kind, **members})


def get(client, path, *headers):
    return client.raw("GET", path, headers=headers, checked=False)


def password(name="anna"):
    token = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
    return ("Authorization", f"Basic {token}")


def refused(answer):
    assert answer.status == 401, answer
    assert answer.header("WWW-Authenticate") == "SID"
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("Cache-Control") == "no-store"
    assert answer.json == {"error": 401, "message": "Invalid credentials"}


@pytest.mark.parametrize("kind", KINDS)
def test_session_is_httpds_user(site, kind):
    answer = get(session(site, kind), "/any/index.html")
    assert (answer.status, answer.body) == (200, b"This is any.\n")
    assert answer.header("X-Remote-User") == KINDS[kind][1]


@pytest.mark.parametrize("sid", [None, "", "unknown", "a b", "x" * 129,
                                 "a,b"])
def test_without_a_session_nobody_gets_in(site, sid):
    refused(get(site.client(sid), "/any/index.html"))
    refused(get(site.client(sid), "/any/nothing"))
    refused(get(site.client(sid), "/partners/index.html"))


def test_no_password_helps_where_sessions_are_asked_for(site):
    refused(get(site.client(), "/any/index.html", password()))


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_that_are_required(site, kind):
    answer = get(session(site, kind), "/partners/index.html")
    if kind in ("PartnerKey", "VFOUserSession"):
        assert answer.status == 200
        assert answer.header("X-Remote-User") == KINDS[kind][1]
    else:
        refused(answer)


def test_either_a_session_or_a_password(site):
    user = session(site, "PlainUserSession")
    for answer in (get(user, "/either/index.html"),
                   get(user, "/either/index.html", password())):
        assert answer.status == 200
        assert answer.header("X-Remote-User") == "4711"
    answer = get(site.client(), "/either/index.html", password())
    assert answer.status == 200
    assert answer.header("X-Remote-User") == "anna"
    answer = get(site.client(), "/either/index.html")
    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == 'Basic realm="The site"'


@pytest.mark.parametrize("who", ["unknown", "a b", "PartnerKey"])
def test_an_sid_that_does_not_do_is_not_mended_by_a_password(site, who):
    client = (session(site, who) if who in KINDS else site.client(who))
    refused(get(client, "/either/index.html", password()))


def test_locks_behind_it(site):
    course = site.course()
    user = site.user(course).at(base="/protected/locks")
    lock = contract.granted(user.lock(course, "g1"), course, "g1",
                            user.user_id, base="/protected/locks")
    assert contract.held(user.locks(course))["g1"][1] == lock["id"]
    contract.released(user.unlock(lock["id"]))
    refused(site.client("unknown", base="/protected/locks").locks(course))


def test_redirects_inside_keep_the_user(site):
    answer = get(session(site, "LegacyAuthenticator"), "/rewritten")
    assert (answer.status, answer.body) == (200, b"This is any.\n")
    assert answer.header("X-Remote-User") == "LegacyAuthenticator:7"


def test_proxied_application_sees_the_user(site):
    answer = get(session(site, "PlainUserSession"), "/proxied")
    assert (answer.status, answer.body) == (200, b"It works.\n")
    assert answer.header("X-Backend-Saw") == "4711"
    refused(get(site.client(), "/proxied"))


def test_script_sees_the_user(site):
    answer = get(session(site, "PlainUserSession"), "/script")
    assert (answer.status, answer.body) == (200, b"SID 4711")
    refused(get(site.client(), "/script"))


def test_access_log_has_the_user(site):
    get(session(site, "VFOAccessKey"), "/any/index.html?logged")
    log = (site.httpd.folder / "access.log").read_text()
    assert "VFOAccessKey:9 /any/index.html 200" in log


def session_reads(exchanges):
    return sum(b"session:" in exchange.raw for exchange in exchanges)


@pytest.mark.parametrize("path, whole", [
    ("/any/index.html", b"This is any.\n"),
    ("/either/index.html", b"This is either.\n"),
    ("/rewritten", b"This is any.\n"),
    ("/pages/three.html",
     b"This is any.\nThis is pages.\nThis is either.\n"),
    ("/protected/locks?subject.courseId={course}", b"[]"),
])
def test_the_store_is_asked_once(path, whole):
    with broken_site(**settings()) as site:
        prepare(site)
        course = site.course()
        site.permit(course, "4711")
        user = session(site, "PlainUserSession")
        with site.proxy.recording() as exchanges:
            answer = get(user, path.format(course=course.id))
        assert (answer.status, answer.body) == (200, whole)
        assert session_reads(exchanges) == 1, exchanges


def test_store_that_is_down():
    with broken_site(**settings()) as site:
        prepare(site)
        user = session(site, "PlainUserSession")
        assert get(user, "/any/index.html").status == 200
        site.proxy.close()
        for path in ("/any/index.html", "/partners/index.html",
                     "/either/index.html"):
            answer = get(user, path, password())
            assert answer.status == 503
            assert answer.header("Retry-After") == "1"
            assert answer.json == {"error": 503, "message":
                                   "Session store unavailable"}
        contract.unavailable(user.at(base="/protected/locks")
                             .locks(site.course()))


@pytest.mark.parametrize("line, cure", [
    ("Require locks-session", "takes one or more kinds of session"),
    ("Require locks-session Partner", 'the kind "Partner"; there are Plain'),
])
def test_mistakes_are_named(tmp_path, line, cure):
    from harness.httpd import Httpd
    tmp_path.chmod(0o755)
    httpd = Httpd(tmp_path, f'<Location "/x">\n{line}\n</Location>')
    status, text = httpd.test_config()
    assert status != 0
    assert cure in text
