# SPDX-License-Identifier: Apache-2.0
"""LocksCatalog subrequest: the site's own application is asked."""

import base64
from urllib.parse import quote

import pytest

from harness import contract
from harness.application import Application, Reply, as_json
from harness.database import PERMISSION
from harness.httpd import MODULES, PASSWORD, Httpd
from harness.site import running_site

# %{course} and so on are for the module.
LOCATION = """
ProxyPass "/api" "http://127.0.0.1:{port}/api" timeout=1 retry=0 {canon}
ProxyPass "/nobody" "http://127.0.0.1:1/" retry=0
<Location "/locks">
    SetHandler locks
</Location>
LocksCatalog subrequest
LocksCourseURI "/api/courses/%{course}"
LocksGadgetURI "/api/courses/%{course}/gadgets/%{gadget}"
LocksAccessURI "/api/permissions?searchType=Course&id=%{course}&user=%{user}" \\
    contains=/permissions/""" + PERMISSION + """
"""
# The same application under other paths, and other means to ask.
BASE = """
<Location "/{name}/locks">
    SetHandler locks
    LocksBase "/{name}/locks"
    {directives}
</Location>
"""
OTHERS = {
    "basic": """
        AuthType Basic
        AuthName "The site"
        AuthBasicProvider file
        AuthUserFile users
        Require valid-user""",
    "anyone": 'LocksAccessURI "/api/permissions?id=%{course}&user=%{user}"',
    "down": 'LocksCourseURI "/nobody/%{course}"',
    "itself": 'LocksCourseURI "/locks?subject.courseId=%{course}"',
    "files": 'LocksCourseURI "/known/%{course}.json"',
    "redirected": 'LocksCourseURI "/moved/%{course}"',
    "front": """
        LocksCourseURI "/front/%{course}"
        LocksGadgetURI "/front/%{course}/%{gadget}\"""",
    "protected": 'LocksCourseURI "/guarded/%{course}.json"',
    "packed": 'LocksCourseURI "/zipped/%{course}.json"',
}
PAGES = """
<Location "/guarded">
    AuthType SID
    Require locks-session PlainUserSession
</Location>
Redirect "/moved" "/api/courses"
<Location "/zipped">
    SetOutputFilter DEFLATE
</Location>
# An application's front controller, as in a .htaccess file.
<Directory "{folder}/htdocs/front">
    RewriteEngine on
    RewriteRule "^([a-z0-9]+)$" "/known/$1.json" [L]
    RewriteRule "/g1$" "/missing.json" [L]
    RewriteRule "/g2$" "/forbidden.json" [L]
</Directory>
<Location "/forbidden.json">
    Require all denied
</Location>
"""
# So any gadget ID comes to the application; the virtual host has httpd's
# defaults.
ANY_ID = ("{canon}", "nocanon\nAllowEncodedSlashes NoDecode")


@pytest.fixture(scope="module")
def application():
    with Application() as application:
        yield application


@pytest.fixture(scope="module")
def site(application):
    location = LOCATION.replace("{port}", str(application.port)) + "".join(
        BASE.replace("{name}", name).replace("{directives}", directives)
        for name, directives in OTHERS.items())
    with running_site(
            database=application, location=(location + PAGES).replace(*ANY_ID),
            vhosts={"default": location.replace("{canon}", "")},
            modules=(*MODULES, "proxy", "proxy_http", "deflate",
                     "filter")) as site:
        site.httpd.write_users("anna")
        yield site


@pytest.fixture(autouse=True)
def fresh(application):
    application.replies.clear()
    application.asked()
    yield
    application.replies.clear()


@pytest.fixture
def user(site, course):
    return site.user(course)


@pytest.fixture
def course(site):
    return site.course()


def pages(site, folder, **files):
    """Files of the site itself."""
    folder = site.httpd.folder / "htdocs" / folder
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.json").write_text(text)


def no_catalog(answer):
    contract.error(answer, 503, "Course catalog unavailable")


# ---- What is asked ----


def test_each_question_is_asked_once_and_in_order(application, course, user):
    contract.granted(user.lock(course, "g1"), course.id, "g1", user.user_id)
    assert application.asked() == [
        f"/api/courses/{course.id}",
        f"/api/permissions?searchType=Course&id={course.id}"
        f"&user={user.user_id}",
        f"/api/courses/{course.id}/gadgets/g1"]
    assert "g1" in contract.held(user.locks(course))
    assert len(application.asked()) == 2


def test_the_courses_id_counts_whatever_the_key(application, course, user):
    lock = contract.granted(user.lock(course.internal, "g1"))
    assert lock["subject"]["courseId"] == course.id
    assert "g1" in contract.held(user.locks(course.internal))
    assert application.asked()[1:3] == [
        f"/api/permissions?searchType=Course&id={course.id}"
        f"&user={user.user_id}",
        f"/api/courses/{course.id}/gadgets/g1"]


def test_the_gadgets_id_counts_whatever_the_spelling(
        application, site, course, user):
    application.gadgets[course.id, "G1"] = "g1"
    lock = contract.granted(user.lock(course, "G1"))
    assert lock["subject"]["gadgetId"] == "g1"
    contract.taken(site.user(course).lock(course, "g1"))


def test_a_release_asks_nothing(application, course, user):
    lock = contract.granted(user.lock(course, "g1"))
    application.asked()
    contract.released(user.unlock(lock["id"]))
    assert application.asked() == []


def test_a_partner_needs_no_permission(application, site, course):
    contract.listed(site.partner().locks(course))
    assert application.asked() == [f"/api/courses/{course.id}"]


@pytest.mark.parametrize("gadget", [
    "a b", "ä€😀", "100%", "%41", "a?b=c&d", "#1", "a;b", "a+b", "it's", '"',
    "a\\b", "%{user}", "~._-", "...", "a:b@c",
])
@pytest.mark.parametrize("vhost", ["", "default"])
def test_any_gadget_is_named_as_it_is(application, site, gadget, vhost):
    course = site.course(gadget)
    user = site.user(course, vhost=vhost)
    lock = contract.granted(user.lock(course, gadget))
    assert lock["subject"]["gadgetId"] == gadget
    asked = application.asked()[-1]
    assert asked.startswith(f"/api/courses/{course.id}/gadgets/")
    contract.no_gadget(user.lock(course, gadget + "x"), gadget + "x")


@pytest.mark.parametrize("gadget", [
    ".", "..", "/", "g1/", "/g1", "x/../g1", "./g1", "g1//x", "../gadgets/g1"])
def test_no_gadgets_name_leads_elsewhere(application, course, user, gadget):
    contract.no_gadget(user.lock(course, gadget), gadget)
    assert not any("gadgets" in target for target in application.asked())


def test_a_slash_in_a_gadgets_name_stays_escaped(application, site, user):
    course = site.course("a/b")
    site.permit(course, user.user_id)
    contract.granted(user.lock(course, "a/b"))
    assert application.asked()[-1].endswith("/gadgets/a%2Fb")
    # By default httpd lets no such URL in.
    contract.no_gadget(
        user.at(site.httpd.addresses["default"]).lock(course, "a/b"), "a/b")


@pytest.mark.parametrize("name", ["a&user=1", "ä/..", "x y", "1%26"])
def test_no_users_name_changes_the_question(application, site, course, name):
    user = site.user(course, user_id=name)
    contract.granted(user.lock(course, "g1"))
    assert application.asked()[1].endswith(f"&user={quote(name, safe='')}")


# ---- How it is asked ----


def test_credentials_are_the_requests_own(application, course, user):
    body = {"type": "gadget",
            "subject": {"courseId": course.id, "gadgetId": "g1"}}
    answer = user.post(body, headers=[
        ("Cookie", "a=1"), ("Authorization", "Bearer x"), ("X-Trace", "7"),
        ("If-None-Match", "*"), ("Range", "bytes=0-3"),
        ("Accept-Encoding", "gzip"), ("Accept", "text/html")])
    contract.granted(answer)
    assert len(application.questions) == 3
    for question in application.questions:
        headers = question.headers
        assert question.method == "GET" and question.body == b""
        assert headers["SID"] == user.sid
        assert headers["Cookie"] == "a=1"
        assert headers["Authorization"] == "Bearer x"
        assert headers["X-Trace"] == "7"
        assert headers["Accept"] == "application/json"
        assert len(headers.get_all("X-Forwarded-For")) == 1
        assert "," not in headers["X-Forwarded-For"]
        for name in ("If-None-Match", "Range", "Accept-Encoding",
                     "Content-Type", "Transfer-Encoding"):
            assert name not in headers


def test_nothing_of_the_sites_answer_comes_through(course, user):
    answer = user.lock(course, "g1")
    assert answer.header("Set-Cookie") is None
    contract.granted(answer)


def test_a_request_for_the_head_asks_for_all(application, course, user):
    answer = user.raw("HEAD", f"/locks?subject.courseId={course.id}")
    assert answer.status == 200 and answer.body == b""
    assert {question.method for question in application.questions} == {"GET"}


def test_a_user_of_the_sites_login(site, application, course):
    application.permit(course.id, "anna")
    token = base64.b64encode(f"anna:{PASSWORD}".encode()).decode()
    anna = site.client(
        headers=[("Authorization", f"Basic {token}")]).at(base="/basic/locks")
    contract.granted(anna.lock(course, "g1"), owner="anna",
                     base="/basic/locks")
    assert application.questions[-1].headers["Authorization"] == (
        f"Basic {token}")
    assert application.asked()[1].endswith("&user=anna")


# ---- What is answered ----


QUESTIONS = ("course", "access", "gadget")


def have_answered(application, course, question, reply):
    start = {"course": f"/api/courses/{course.id}",
             "access": "/api/permissions",
             "gadget": f"/api/courses/{course.id}/gadgets"}[question]
    if question == "course":
        # What begins with it is the gadget's.
        application.replies[f"{start}/gadgets"] = as_json({})
    application.replies[start] = reply


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("status", [401, 403])
def test_what_the_site_forbids_is_forbidden(application, course, user,
                                            question, status):
    have_answered(application, course, question, Reply(status, b"No."))
    contract.forbidden(user.lock(course, "g1"))


def test_what_the_site_does_not_know_is_not_found(application, course, user):
    have_answered(application, course, "gadget", Reply(404, b"?"))
    contract.no_gadget(user.lock(course, "g1"), "g1")
    have_answered(application, course, "access", Reply(404, b"?"))
    contract.forbidden(user.lock(course, "g1"))
    have_answered(application, course, "course", Reply(404, b"?"))
    contract.no_course(user.lock(course, "g1"), course.id)
    contract.no_course(user.locks(course), course.id)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("status", [
    301, 302, 304, 400, 402, 405, 409, 410, 429, 500, 502, 503, 504])
def test_any_other_status_is_doubt(application, course, user, question,
                                   status):
    have_answered(application, course, question, Reply(status, b""))
    no_catalog(user.lock(course, "g1"))


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_answer_in_time_is_doubt(application, site, course, user, question):
    have_answered(application, course, question,
                  as_json({"id": course.id})._replace(delay=2))
    no_catalog(user.lock(course, "g1"))
    application.replies.clear()
    contract.granted(user.lock(course, "g1"))


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_that_breaks_off_is_doubt(application, course, user,
                                            question):
    body = as_json({"id": course.id, "permissions": [PERMISSION]}).body
    have_answered(application, course, question,
                  Reply(200, body, length=len(body) + 10))
    no_catalog(user.lock(course, "g1"))


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_endless_answer_is_doubt(application, site, course, user, question):
    body = b'{"id": "%s"}' % course.id.encode() + b" " * (2 << 20)
    have_answered(application, course, question, Reply(200, body))
    log = site.httpd.log_after(
        lambda: no_catalog(user.lock(course, "g1")))
    assert "which is longer than 1 MiB" in log


@pytest.mark.parametrize("body", [
    b"", b"<html>", b"{}", b"[]", b'"course1"', b'{"id": null}',
    b'{"id": "SHORT"}', b'{"id": "course-1"}', b'{"id": "course1\\u0000"}',
    b'{"id": ["course1"]}', b'{"id": "course1"'])
def test_a_course_without_an_id_is_doubt(application, site, course, user,
                                         body):
    have_answered(application, course, "course", Reply(200, body))
    log = site.httpd.log_after(lambda: no_catalog(user.locks(course)))
    assert (f"locks: the site answered /api/courses/{course.id}"
            " (LocksCourseURI) with 200, which is no JSON object") in log


@pytest.mark.parametrize("reply", [
    Reply(200), Reply(204), Reply(200, b"<html>", "text/html"),
    as_json({}), as_json([]), as_json({"id": "g1"})])
def test_a_gadget_may_be_answered_as_the_site_likes(application, course, user,
                                                    reply):
    have_answered(application, course, "gadget", reply)
    lock = contract.granted(user.lock(course, "g1"))
    assert lock["subject"]["gadgetId"] == "g1"


@pytest.mark.parametrize("gadget", ["", "a\nb", "x" * 256, None, 1.5])
def test_a_gadgets_id_that_is_none_is_doubt(application, course, user, gadget):
    have_answered(application, course, "gadget", as_json({"id": gadget}))
    no_catalog(user.lock(course, "g1"))


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>",
                                  b'{"permissions": "%s"}'
                                  % PERMISSION.encode()])
def test_a_permission_that_cannot_be_read_is_doubt(application, course, user,
                                                   body):
    have_answered(application, course, "access", Reply(200, body))
    no_catalog(user.lock(course, "g1"))
    # Where no condition is set the status alone counts.
    contract.granted(user.at(base="/anyone/locks").lock(course, "g1"),
                     base="/anyone/locks")


def test_a_permission_that_is_withdrawn_is_missed_at_once(
        application, site, course, user):
    contract.granted(user.lock(course, "g1"))
    site.withdraw(course, user.user_id)
    contract.forbidden(user.lock(course, "g1"))
    contract.forbidden(user.locks(course))


# ---- Other ways to the application ----


def test_an_application_that_is_down_is_doubt(course, user):
    no_catalog(user.at(base="/down/locks").lock(course, "g1"))


def test_the_site_need_not_be_a_proxy(site, course, user):
    pages(site, "known", **{course.id: f'{{"id": "{course.id}"}}'})
    contract.granted(user.at(base="/files/locks").lock(course, "g1"),
                     base="/files/locks")
    contract.no_course(user.at(base="/files/locks").lock("nosuch1", "g1"),
                       "nosuch1")


def test_a_redirect_decides_nothing(course, user):
    no_catalog(user.at(base="/redirected/locks").lock(course, "g1"))


def test_the_locks_themselves_are_no_catalog(site, course, user):
    log = site.httpd.log_after(
        lambda: no_catalog(user.at(base="/itself/locks").lock(course, "g1")))
    assert "which is a location of this module" in log


def test_a_front_controllers_status_counts(site, course, user):
    """Internal redirects within a subrequest: httpd would send what they
    refuse to the client."""
    front = user.at(base="/front/locks")
    (site.httpd.folder / "htdocs" / "front").mkdir(exist_ok=True)
    contract.no_course(front.lock(course, "g1"), course.id)
    pages(site, "known", **{course.id: f'{{"id": "{course.id}"}}'})
    contract.no_gadget(front.lock(course, "g1"), "g1")
    contract.forbidden(front.lock(course, "g2"))


def test_sessions_may_protect_the_application(site, course, user):
    pages(site, "guarded", **{course.id: f'{{"id": "{course.id}"}}'})
    site.permit(course, "77")
    vfo = site.user(course, kind="VFOUserSession")
    contract.granted(user.at(base="/protected/locks").lock(course, "g1"),
                     base="/protected/locks")
    contract.forbidden(vfo.at(base="/protected/locks").lock(course, "g2"))


def test_what_the_site_packs_is_read_all_the_same(site, course, user):
    pages(site, "zipped", **{course.id: f'{{"id": "{course.id}"}}'})
    answer = user.at(base="/packed/locks").post(
        {"type": "gadget",
         "subject": {"courseId": course.id, "gadgetId": "g1"}},
        headers=[("Accept-Encoding", "gzip")])
    contract.granted(answer, base="/packed/locks")


# ---- The configuration ----


@pytest.mark.parametrize("directive, cure", [
    ("LocksCourseURI", "add, for example, LocksCourseURI /courses/%{course}"),
    ("LocksGadgetURI",
     "add, for example, LocksGadgetURI /courses/%{course}/gadgets/%{gadget}"),
    ("LocksAccessURI", "add, for example, LocksAccessURI /permissions?"),
])
def test_a_question_that_is_missing_is_named(tmp_path, directive, cure):
    tmp_path.chmod(0o755)
    config = [line for line in LOCATION.replace("\\\n", "").splitlines()
              if not line.startswith((directive, "ProxyPass"))]
    httpd = Httpd(tmp_path, "\n".join(config))
    status, text = httpd.test_config()
    lines = (tmp_path / "httpd.conf").read_text().splitlines()
    assert status != 0
    assert (f"LocksCatalog subrequest on line"
            f" {lines.index('LocksCatalog subrequest') + 1} of"
            f" {tmp_path}/httpd.conf needs to know what to ask") in text
    assert cure in text
