# SPDX-License-Identifier: Apache-2.0
"""What logs tell of each request: notes for the access log, and the story at
LogLevel debug; and that nothing secret is in either."""

import re
import time

import pytest
from harness import contract
from harness.application import Recorder
from harness.httpd import MODULES
from harness.site import LOCATION, NAMED, broken_site
from harness.status import STATUS, Status
from harness.system import eventually

GUARDED = """
<LocationMatch "^/{name}/(?<course>[^/]+)/(?<gadget>[^/]+)">
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
    {directives}
    ProxyPass "http://127.0.0.1:{port}"
</LocationMatch>
"""
GUARDS = {"w": "LocksGuard respect",
          "require": "LocksGuard require",
          "open": "LocksGuard respect\n    LocksGuardFailure open"}
LOG = r"""
LogFormat "%m %U %>s %{LOCKS_OUTCOME}e %{LOCKS_ID}e %{LOCKS_ROUND_TRIPS}e %{LOCKS_STORE_US}e" locks
CustomLog access.log locks "expr=%{REQUEST_URI} !~ m#^/status#"
LogLevel locks:{level}
"""
# A request that asked the store has all notes but that of a lock.
ASKED = r"[1-9]\d*"


def site_at(level, application):
    guards = "".join(
        GUARDED.replace("{name}", name).replace("{directives}", directives)
        .replace("{port}", str(application.port))
        for name, directives in GUARDS.items())
    return broken_site(
        location=LOCATION + NAMED + STATUS + guards,
        config=LOG.replace("{level}", level), timeout="300ms",
        vhosts={"brief": "LocksTTL 1s"},
        modules=(*MODULES, "proxy", "proxy_http"), mpm="one child")


@pytest.fixture(scope="module")
def site():
    with Recorder() as application, site_at("debug", application) as site:
        site.status = Status(site.httpd.address)
        yield site


@pytest.fixture
def course(site):
    return site.course()


def write(client, course, lock_id=None, name="w", gadget="g1"):
    headers = [("Lock-Id", lock_id)] if lock_id else []
    return client.raw("PUT", f"/{name}/{course.id}/{gadget}", headers, b"x",
                      checked=False)


def logged(site, call):
    """The answer, what the access log says of it, and what the error log."""
    path = site.httpd.folder / "access.log"
    before = len(path.read_text()), len(site.httpd.log())
    answer = call()
    # It is logged when the answer was sent.
    eventually(lambda: "\n" in path.read_text()[before[0]:])
    lines = path.read_text()[before[0]:].splitlines()
    assert len(lines) == 1, lines
    return answer, lines[0].split(" "), site.httpd.log()[before[1]:]


def check(site, call, status, outcome, lock="-", trips=ASKED, grown=None):
    """The notes of a request, and its count among all."""
    with site.status.counting() as counted:
        answer, notes, story = logged(site, call)
    assert answer.status == status, answer
    assert notes[2] == str(status) and notes[3] == outcome, notes
    lock = answer.json["id"] if lock is True else lock
    assert notes[4] == lock, notes
    assert re.fullmatch(trips, notes[5]), notes
    assert re.fullmatch(r"\d+" if trips == ASKED else trips, notes[6]), notes
    if trips == ASKED:
        assert (f": {outcome} after {notes[5]} round trips to the store in "
                f"{notes[6]} us") in story
    name, value = grown or (None, 1)
    if name is not None:
        assert counted.get(name) == value, (name, counted)
    return answer


def request(endpoint, outcome):
    return (f"requests_total {endpoint} {outcome}", 1)


# ---- The access log ----

def test_acquire(site, course):
    user, other = site.users(2, course)
    for _ in range(2):
        check(site, lambda: user.lock(course, "g1"), 201, "done", True,
              grown=request("acquire", "done"))
    check(site, lambda: other.lock(course, "g1"), 403, "locked",
          grown=request("acquire", "locked"))
    check(site, lambda: user.lock(course, "nothing"), 404, "not_found",
          grown=request("acquire", "not_found"))
    check(site, lambda: user.lock("nowhere", "g1"), 404, "not_found",
          grown=request("acquire", "not_found"))
    check(site, lambda: site.user().lock(course, "g1"), 403, "forbidden",
          grown=request("acquire", "forbidden"))
    check(site, lambda: site.client("x").lock(course, "g1"), 401,
          "unauthenticated", grown=request("acquire", "unauthenticated"))
    check(site, lambda: user.post(b"{"), 400, "bad_request",
          grown=request("acquire", "bad_request"))
    check(site, lambda: user.post(b"x" * 70000), 413, "refused",
          grown=request("acquire", "refused"))


def test_without_credentials_the_store_is_not_asked(site, course):
    stranger = site.client()
    check(site, lambda: stranger.lock(course, "g1"), 401, "unauthenticated",
          trips="-", grown=request("acquire", "unauthenticated"))
    check(site, lambda: stranger.locks(course), 401, "unauthenticated",
          trips="-", grown=request("list", "unauthenticated"))
    check(site, lambda: stranger.unlock("1"), 401, "unauthenticated",
          trips="-", grown=request("release", "unauthenticated"))


def test_list(site, course):
    user = site.user(course)
    check(site, lambda: user.locks(course), 200, "done",
          grown=request("list", "done"))
    check(site, lambda: user.locks("nowhere"), 404, "not_found",
          grown=request("list", "not_found"))
    check(site, lambda: user.raw("GET", "/locks"), 400, "bad_request",
          grown=request("list", "bad_request"))
    check(site, lambda: site.user().locks(course), 403, "forbidden",
          grown=request("list", "forbidden"))


def test_release(site, course):
    user, other = site.users(2, course)
    lock = contract.granted(user.lock(course, "g1"))
    check(site, lambda: other.unlock(lock["id"]), 403, "forbidden",
          grown=request("release", "forbidden"))
    check(site, lambda: user.unlock(lock["id"]), 200, "done", lock["id"],
          grown=request("release", "done"))
    check(site, lambda: user.unlock(lock["id"]), 404, "not_found",
          grown=request("release", "not_found"))


def test_others(site, course):
    user = site.user(course)
    check(site, lambda: user.raw("OPTIONS", "/locks"), 204, "done", trips="-",
          grown=request("other", "done"))
    check(site, lambda: user.raw("PUT", "/locks"), 405, "refused", trips="-",
          grown=request("other", "refused"))
    check(site, lambda: user.raw("GET", "/locks/a/b"), 404, "not_found",
          trips="-", grown=request("other", "not_found"))
    check(site, lambda: site.client(base="/named/locks").locks(course), 401,
          "unauthenticated", trips="-",
          grown=request("other", "unauthenticated"))


def test_store_that_is_down(site, course):
    user = site.user(course)
    site.proxy.refuse()
    try:
        for endpoint, call in (("list", lambda: user.locks(course)),
                               ("acquire", lambda: user.lock(course, "g1")),
                               ("release", lambda: user.unlock("1"))):
            check(site, call, 503, "store_unavailable", trips=r"\d+",
                  grown=request(endpoint, "store_unavailable"))
    finally:
        site.proxy.accept()


def test_guarded_writes(site, course):
    user, other = site.users(2, course)
    check(site, lambda: write(user, course), 200, "passed",
          grown=("guard_decisions_total passed", 1))
    check(site, lambda: write(user, course, name="require"), 428,
          "lock_required", grown=("guard_decisions_total lock_required", 1))
    lock = contract.granted(user.lock(course, "g1"))
    check(site, lambda: write(user, course, lock["id"]), 200, "passed",
          grown=("guard_decisions_total passed", 1))
    check(site, lambda: write(other, course), 403, "locked",
          grown=("guard_decisions_total locked", 1))
    check(site, lambda: write(user, course, "4711"), 412, "lock_lost",
          grown=("guard_decisions_total lock_lost", 1))
    check(site, lambda: write(user, course, gadget="01"), 400, "refused",
          grown=("guard_decisions_total refused", 1))


def test_guarded_writes_while_the_store_is_down(site, course):
    user = site.user(course)
    site.proxy.refuse()
    try:
        check(site, lambda: write(user, course), 503, "failed_closed",
              trips=r"\d+",
              grown=("guard_decisions_total failed_closed", 1))
        check(site, lambda: write(user, course, name="open"), 200,
              "failed_open", trips=r"\d+",
              grown=("guard_decisions_total failed_open", 1))
    finally:
        site.proxy.accept()


def test_what_is_not_ours_has_no_notes(site):
    _, notes, _ = logged(site, lambda: site.client().raw(
        "GET", "/x.html", checked=False))
    assert notes[2:] == ["200", "-", "-", "-", "-"]


# ---- The story at LogLevel debug ----

def test_debug_tells_who_asked_for_what_and_what_was_found(site, course):
    user, other = site.users(2, course)
    _, _, story = logged(site, lambda: user.lock(course.internal, "g1"))
    assert f"locks: it is asked by {user.user_id}" in story
    assert f"locks: the course is {course.id}" in story
    _, _, story = logged(site, lambda: other.lock(course, "g1"))
    assert user.user_id in story and "POST /locks: locked after" in story
    for line in story.splitlines():
        if "locks:debug" in line:
            assert re.search(r"\] locks: \S", line), line


def test_debug_tells_of_fences(site, course):
    brief = site.httpd.addresses["brief"]
    user, other = (client.at(brief) for client in site.users(2, course))
    contract.granted(user.lock(course, "g1"), lease=1000)
    time.sleep(1.1)
    _, _, story = logged(site, lambda: other.lock(course, "g1"))
    assert ", 1 fences" in story and "fence" in story.replace(
        ", 1 fences", "")


def test_debug_tells_of_conflicts(site, course):
    user = site.user(course)
    contract.granted(user.lock(course, "g1"))

    def lose(exchange):
        exchange.reply(b"EXISTS\r\n")

    with site.proxy.fault(lose, lambda each: each.name == "cas", times=1):
        with site.status.counting() as grown:
            _, _, story = logged(site, lambda: user.lock(course, "g1"))
    assert ", 1 retries" in story, story
    assert grown["cas_conflicts_total"] == grown["retries_total"] == 1
    assert grown["renewals_total"] == 1


def test_no_debug_no_story():
    with Recorder() as application, site_at("info", application) as site:
        course = site.course()
        user = site.user(course)
        contract.granted(user.lock(course, "g1"))
        assert "locks:debug" not in site.httpd.log()
        assert "it is asked by" not in site.httpd.log()


def test_no_sid_is_in_any_log_at_trace8():
    """At the end every site's error log is searched for SIDs."""
    with Recorder() as application, site_at("trace8", application) as site:
        status = Status(site.httpd.address)
        course = site.course()
        user, other = site.users(2, course)
        lock = contract.granted(user.lock(course, "g1"))
        contract.taken(other.lock(course, "g1"))
        write(user, course, lock["id"])
        write(other, course)
        user.locks(course)
        site.proxy.refuse()
        for call in (lambda: user.lock(course, "g1"),
                     lambda: user.locks(course), lambda: write(user, course)):
            assert call().status == 503
        site.proxy.accept()
        status.eventually_healthy()
        status.break_by(f"?break=user&owner={user.user_id}", "test")
        contract.no_lock(user.unlock(lock["id"]), lock["id"])
        guessed = site.client("a-guessed-sid-that-is-no-session")
        contract.unauthorized(guessed.locks(course))
        for log in ("access.log", "error.log"):
            text = (site.httpd.folder / log).read_text()
            for sid in [*site.sids, "a-guessed-sid"]:
                assert sid not in text, (log, sid)
        for form in ("", "json", "auto", "metrics"):
            for sid in site.sids:
                assert sid.encode() not in status.get(form).body
