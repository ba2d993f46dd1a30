# SPDX-License-Identifier: Apache-2.0
"""LocksGuard: writes to what another user has locked reach no application."""

import base64
import hmac
import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import contract
from harness.application import Application, Recorder, Reply, as_json
from harness.client import Wire
from harness.httpd import MODULES, PASSWORD
from harness.proxy import sequential_trips
from harness.site import LOCATION, broken_site, running_site
from harness.system import ROOT

GUARDED = """
<LocationMatch "^/{name}/courses/(?<course>[^/]+)(?:/lessons/[^/]+)?(?:/gadgets/(?<gadget>[^/]+))?">
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
    {directives}
</LocationMatch>
"""
PLACES = {
    "respect": "LocksGuard respect",
    "require": "LocksGuard require",
    "off": "LocksGuard off",
    "open": "LocksGuard respect\nLocksGuardFailure open",
    "some": "LocksGuard respect\nLocksGuardMethods DELETE PATCH",
    "knowing": "LocksGuard respect\nLocksCatalogCache 1m",
    "sid": """LocksGuard respect
        AuthType SID
        Require valid-user""",
    "basic": """LocksGuard respect
        AuthType Basic
        AuthName "The site"
        AuthBasicProvider file
        AuthUserFile users
        Require valid-user""",
    "limited": """LocksGuard respect
        <Limit DELETE>
            Require all denied
        </Limit>""",
    "conditional": """<If "%{HTTP:X-Guard} == 'on'">
            LocksGuard respect
        </If>""",
    "raw": "LocksGuard respect",
    "nowhere": """LocksGuard respect
        LocksSubject "%{env:MATCH_CURSE}\"""",
}
# What serves it without a proxy.
LOCAL = """
TypesConfig /dev/null
<Directory "{folder}/htdocs/dav">
    Dav On
</Directory>
DavLockDB "{folder}/davlock"
<LocationMatch "^/dav/(?<course>[^/]+)(?:/(?<gadget>[^/]+))?">
    LocksGuard respect
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
</LocationMatch>
ScriptAlias "/cgi/" "{folder}/cgi/"
<LocationMatch "^/cgi/write/(?<course>[^/]+)/(?<gadget>[^/]+)">
    LocksGuard respect
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
</LocationMatch>
<LocationMatch "^/cgi/write/(?<course>[^/]+)$">
    LocksGuard respect
    LocksSubject "%{env:MATCH_COURSE}"
</LocationMatch>
<LocationMatch "^/front/(?<course>[^/]+)/(?:insert|all)_gadgets">
    LocksGuard respect
    LocksSubject "%{env:MATCH_COURSE}" body:/gadgets
</LocationMatch>
<LocationMatch "^/front/(?<course>[^/]+)/(?<gadget>[0-9]+)$">
    LocksGuard respect
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
</LocationMatch>
<Directory "{folder}/htdocs/front">
    RewriteEngine on
    RewriteRule "^([a-z0-9]+)/all_gadgets$" "/cgi/write/$1" [L]
    RewriteRule "^" "/cgi/write" [L]
</Directory>
<LocationMatch "^/fallback/(?<course>[^/]+)/(?<gadget>[^/]+)">
    LocksGuard respect
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
</LocationMatch>
<Directory "{folder}/htdocs/fallback">
    FallbackResource /cgi/write
</Directory>
<LocationMatch "^/views/show/(?<course>[^/]+)/(?<gadget>[^/]+)">
    LocksGuard respect
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
</LocationMatch>
<Directory "{folder}/htdocs/views">
    Options +MultiViews +ExecCGI
    MultiviewsMatch Any
    AcceptPathInfo On
    <Files "show.cgi">
        SetHandler cgi-script
    </Files>
</Directory>
"""
SCRIPT = """#!/bin/sh
printf 'Content-Type: text/plain\\n\\n'
printf '%s %s %s ' "$REQUEST_METHOD" "$HTTP_LOCK_ID" "$HTTP_LOCK_OWNER"
cat
"""
PLACE = """
<LocationMatch "^/courses/(?<course>[^/]+)/gadgets/(?<gadget>[^/]+)">
    LocksGuard   respect
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
    ProxyPass    "http://127.0.0.1:{port}"
</LocationMatch>
"""
OPENID_KEY = "a-key-of-thirty-two-bytes-or-more"
OPENID = """
OIDCOAuthVerifySharedKeys "plain##{key}"
OIDCOAuthRemoteUserClaim sub
<Location "/">
    AuthType oauth20
    Require valid-user
</Location>
<Location "/index.html">
    Require all granted
</Location>
"""
SLOW = """
ProxyPass "/api" "http://127.0.0.1:{port}/api"
LocksCatalog subrequest
LocksCourseURI "/api/courses/%{course}"
LocksGadgetURI "/api/courses/%{course}/gadgets/%{gadget}"
LocksAccessURI "/api/courses/%{course}"
<LocationMatch "^/gadgets/(?<course>[^/]+)/(?<gadget>[^/]+)">
    LocksGuard   respect
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
</LocationMatch>
"""
BULK = """
<LocationMatch "^/{name}/courses/(?<course>[^/]+)/(?:insert|delete)_gadgets$">
    LocksGuard {mode}
    LocksSubject "%{env:MATCH_COURSE}" body:{pointer}
</LocationMatch>
"""
BULKS = {"bulk": ("respect", "/gadgets"), "deep": ("respect", "/a/1/ids"),
         "all": ("respect", ""), "kept": ("respect", "/gadgets\n"
                                          "    LocksCatalogCache 1m"),
         "held": ("require", "/gadgets")}
LEASE = 2.0


@pytest.fixture(scope="module")
def application():
    with Recorder() as application:
        yield application


@pytest.fixture(scope="module")
def site(application):
    to = f'"http://127.0.0.1:{application.port}'
    pass_on = (f'ProxyPass "/locks" !\nProxyPass "/raw" {to}/raw" nocanon\n'
               f'ProxyPass "/dav" !\nProxyPass "/cgi" !\n'
               f'ProxyPass "/front" !\nProxyPass "/fallback" !\n'
               f'ProxyPass "/views" !\nProxyPass "/" {to}/"\n')
    with broken_site(
            location=pass_on + LOCATION + LOCAL + "".join(
                GUARDED.replace("{name}", name)
                .replace("{directives}", directives)
                for name, directives in PLACES.items()) + "".join(
                BULK.replace("{name}", name).replace("{mode}", mode)
                .replace("{pointer}", pointer)
                for name, (mode, pointer) in BULKS.items()),
            vhosts={"brief": f"LocksTTL {LEASE:.0f}s\nProtocols h2c http/1.1"}, timeout="500ms",
            modules=(*MODULES, "proxy", "proxy_http", "dav", "dav_fs",
                     "cgid", "mime", "negotiation")) as site:
        site.httpd.write_users("anna")
        for name in ("dav", "cgi", "htdocs/dav", "htdocs/front",
                     "htdocs/fallback", "htdocs/views"):
            folder = site.httpd.folder / name
            folder.mkdir()
            folder.chmod(0o777)
        for name in ("cgi/write", "htdocs/views/show.cgi"):
            script = site.httpd.folder / name
            script.write_text(SCRIPT)
            script.chmod(0o755)
        yield site


@pytest.fixture(autouse=True)
def fresh(application):
    application.questions.clear()


@pytest.fixture
def course(site):
    return site.course("1", "2", "10", "x")


@pytest.fixture
def anna(site, course):
    return site.user(course)


@pytest.fixture
def ben(site, course):
    return site.user(course)


def url(place, course, gadget=None, lesson=False):
    key = getattr(course, "id", course)
    path = f"/{place}/courses/{key}" + ("/lessons/7" if lesson else "")
    return path if gadget is None else f"{path}/gadgets/{gadget}"


def write(who, path, method="PUT", body=b"new", headers=()):
    return who.raw(method, path, headers=headers, body=body, checked=False)


def passed(application, answer, method="PUT", body=b"new"):
    """It reached the application, once, and so did the answer."""
    assert answer.status == 200 and answer.body == b"done", answer
    assert len(application.questions) == 1
    question = application.questions.pop()
    assert (question.method, question.body) == (method, body)
    return question.headers


def refused(application, answer, status, message):
    """It did not."""
    contract.error(answer, status, message)
    assert application.questions == []


def nobody(site):
    return site.client()


# ---- Respect and require ----


def test_what_nobody_holds_may_be_written(application, site, course, anna):
    for who in (anna, nobody(site)):
        headers = passed(application, write(who, url("respect", course, "1")))
        assert "Lock-Id" not in headers and "Lock-Owner" not in headers


def test_what_another_holds_may_not(application, site, course, anna, ben):
    contract.granted(anna.lock(course, "1"))
    for place in ("respect", "require"):
        for who in (ben, nobody(site)):
            for lesson in (False, True):
                refused(application,
                        write(who, url(place, course, "1", lesson)),
                        403, "Resource locked")


def test_the_holder_may_write_and_the_application_is_told(
        application, course, anna):
    lock = contract.granted(anna.lock(course, "1"))
    for place in ("respect", "require"):
        headers = passed(application, write(anna, url(place, course, "1")))
        assert headers.get_all("Lock-Id") == [lock["id"]]
        assert headers.get_all("Lock-Owner") == [anna.user_id]


def test_where_a_lock_is_required_it_takes_one(application, site, course,
                                               anna, ben):
    contract.granted(anna.lock(course, "1"))
    for who in (anna, ben, nobody(site)):
        refused(application, write(who, url("require", course, "2")),
                428, "Lock required")


def test_a_lock_that_was_released_or_ended_counts_no_more(
        application, site, course, anna, ben):
    lock = contract.granted(anna.lock(course, "1"))
    contract.released(anna.unlock(lock["id"]))
    passed(application, write(ben, url("respect", course, "1")))
    brief = anna.at(site.httpd.addresses["brief"])
    contract.granted(brief.lock(course, "1"), lease=1000 * LEASE)
    refused(application, write(ben, url("respect", course, "1")),
            403, "Resource locked")
    time.sleep(LEASE)
    passed(application, write(ben, url("respect", course, "1")))


@pytest.mark.parametrize("method", [
    "PUT", "POST", "PATCH", "DELETE", "MKCOL", "PROPPATCH", "LOCK", "PURGE"])
def test_every_method_but_the_safe_ones_is_guarded(application, course, anna,
                                                   ben, method):
    contract.granted(anna.lock(course, "1"))
    refused(application, write(ben, url("respect", course, "1"), method),
            403, "Resource locked")
    passed(application, write(anna, url("respect", course, "1"), method),
           method)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_pass(application, course, anna, ben, method):
    contract.granted(anna.lock(course, "1"))
    for place in ("respect", "require"):
        answer = write(ben, url(place, course, "1"), method, body=None)
        assert answer.status == 200
        assert application.questions.pop().method == method


def test_methods_may_be_chosen(application, course, anna, ben):
    contract.granted(anna.lock(course, "1"))
    path = url("some", course, "1")
    passed(application, write(ben, path))
    for method in ("DELETE", "PATCH"):
        refused(application, write(ben, path, method), 403, "Resource locked")


def test_where_it_is_off_all_pass(application, course, anna, ben):
    contract.granted(anna.lock(course, "1"))
    for place in ("off", "conditional"):
        passed(application, write(ben, url(place, course, "1")))
    refused(application, write(ben, url("conditional", course, "1"),
                               headers=[("X-Guard", "on")]),
            403, "Resource locked")


# ---- Fencing ----


def lock_id(value):
    return [("Lock-Id", value)]


def test_a_write_may_rely_on_a_lock(application, course, anna):
    lock = contract.granted(anna.lock(course, "1"))
    for place in ("respect", "require"):
        headers = passed(application, write(
            anna, url(place, course, "1"), headers=lock_id(lock["id"])))
        assert headers.get_all("Lock-Id") == [lock["id"]]


@pytest.mark.parametrize("place", ["respect", "require"])
def test_a_lock_that_is_lost_is_relied_on_in_vain(application, course, anna,
                                                  ben, place):
    old = contract.granted(anna.lock(course, "1"))["id"]
    contract.released(anna.unlock(old))
    path = url(place, course, "1")
    gone = (412, f"Lock '{old}' is no longer held")
    refused(application, write(anna, path, headers=lock_id(old)), *gone)
    # Nor if she has it anew, as in another tab, or somebody else has.
    new = contract.granted(anna.lock(course, "1"))["id"]
    refused(application, write(anna, path, headers=lock_id(old)), *gone)
    contract.released(anna.unlock(new))
    contract.granted(ben.lock(course, "1"))
    refused(application, write(anna, path, headers=lock_id(old)), *gone)


def test_only_a_lock_of_ones_own_on_this_gadget_will_do(
        application, site, course, anna, ben):
    lock = contract.granted(anna.lock(course, "1"))["id"]
    message = f"Lock '{lock}' is no longer held"
    for who, gadget in ((ben, "1"), (nobody(site), "1"), (anna, "2"),
                        (anna, "nosuch")):
        refused(application, write(who, url("respect", course, gadget),
                                   headers=lock_id(lock)), 412, message)


@pytest.mark.parametrize("value", ["", "x", "0", "-1", "01", "1e3",
                                   "9" * 30, "ä".encode(), '"1"'])
def test_what_is_no_lock_id_is_no_lock(application, course, anna, value):
    lock = contract.granted(anna.lock(course, "1"))["id"]
    for header in (lock_id(value), [("Lock-Id", lock), ("Lock-Id", lock)]):
        answer = write(anna, url("respect", course, "1"), headers=header)
        assert answer.status == 412, answer
        assert answer.json["error"] == 412
    assert application.questions == []


def test_nothing_unverified_passes_under_its_name(application, site, course,
                                                  anna):
    forged = [("Lock-Owner", "anna"), ("lock-owner", "ben"),
              ("Lock_Owner", "cid"), ("lock_id", "1")]
    headers = passed(application, write(nobody(site),
                                        url("respect", course, "1"),
                                        headers=forged))
    assert not [name for name in headers if name.lower().startswith("lock")]
    answer = write(anna, url("respect", course, "1"), "GET", None,
                   [*forged, ("Lock-Id", "17")])
    assert answer.status == 200
    headers = application.questions.pop().headers
    assert not [name for name in headers if name.lower().startswith("lock")]


@pytest.mark.parametrize("header", [
    ("Connection", "Lock-Id, Lock-Owner"), ("Connection", "lock-owner,LOCK-ID"),
    ("Connection", "close, Lock-Id\t,Lock-Owner, X-Other"),
])
def test_no_client_keeps_the_application_from_being_told(application, course,
                                                         anna, header):
    lock = contract.granted(anna.lock(course, "1"))
    headers = passed(application, write(anna, url("respect", course, "1"),
                                        headers=[header, ("X-Other", "1")]))
    assert headers.get_all("Lock-Id") == [lock["id"]]
    assert headers.get_all("Lock-Owner") == [anna.user_id]
    assert ("X-Other" in headers) == ("X-Other" not in header[1])


@pytest.mark.parametrize("name, told", [
    ("anna@example.org", "anna@example.org"), ("A. Nna", "A. Nna"),
    ("x\r\nX-Evil: 1", "x%0D%0AX-Evil: 1"), ("jörg", "j%C3%B6rg"),
    (" 50% ", "%2050%25%20"), ("\t", "%09"),
])
def test_no_owners_name_breaks_the_header(application, site, course, name,
                                          told):
    user = site.user(course, user_id=name)
    contract.granted(user.lock(course, "1"), owner=name)
    headers = passed(application, write(user, url("respect", course, "1")))
    assert headers.get_all("Lock-Owner") == [told]
    assert "X-Evil" not in headers


class Shelf(Recorder):
    """An application that stores what is written. It is slow to begin with
    where `slowly` says so. If it compares, it refuses what relies on a lock
    older than that of the last write."""

    def __init__(self):
        super().__init__()
        self.compares = False
        self.content = b""
        self.largest = 0
        self.slowly = None

    def reply(self, target):
        question = self.questions[-1]
        if self.slowly is not None:
            wait, self.slowly = self.slowly, None
            wait()
        number = int(question.headers.get("Lock-Id", 0))
        if self.compares and number < self.largest:
            return Reply(409, b"stale", "text/plain")
        self.largest = max(self.largest, number)
        self.content = question.body
        return Reply(200, b"done", "text/plain")


@pytest.mark.parametrize("compares", [False, True])
def test_a_takeover_between_check_and_write(compares):
    """The guard looks while the lock is good; the write is done when it has
    ended and another has it. Only the application can tell, by the IDs."""
    with Shelf() as shelf, running_site(
            modules=(*MODULES, "proxy", "proxy_http"),
            location=LOCATION + PLACE.replace("{port}", str(shelf.port)),
            config=f"LocksTTL {LEASE:.0f}s") as site:
        shelf.compares = compares
        course = site.course("1")
        anna, ben = site.users(2, course)
        lease = 1000 * LEASE
        contract.granted(anna.lock(course, "1"), lease=lease)

        def takeover():
            time.sleep(LEASE)
            contract.granted(ben.lock(course, "1"), lease=lease)
            assert write(ben, path, body=b"ben's").status == 200

        path = f"/courses/{course.id}/gadgets/1"
        shelf.slowly = takeover
        late = write(anna, path, body=b"anna's")
        if compares:
            assert (late.status, shelf.content) == (409, b"ben's")
        else:
            assert (late.status, shelf.content) == (200, b"anna's")


# ---- What is guarded ----


def test_the_whole_course(application, course, site, anna, ben):
    path = url("respect", course)
    passed(application, write(anna, path, "DELETE"), "DELETE")
    holders = site.users(3, course)
    for gadget, who in zip(("10", "x", "2"), holders):
        contract.granted(who.lock(course, gadget))
    refused(application, write(anna, path, "DELETE"), 403,
            "Locked gadget instance IDs: 2, 10, x")
    refused(application, write(holders[0], path), 403,
            "Locked gadget instance IDs: 2, x")
    for who in holders[1:]:
        contract.released(who.unlock(next(
            lock for owner, lock in contract.held(who.locks(course)).values()
            if owner == who.user_id)))
    headers = passed(application, write(holders[0], path))
    assert headers["Lock-Owner"] == holders[0].user_id


def test_an_internal_id_is_the_same_course(application, course, anna, ben):
    contract.granted(anna.lock(course, "1"))
    refused(application, write(ben, url("respect", course.internal, "1")),
            403, "Resource locked")
    refused(application, write(ben, url("respect", course.internal)),
            403, "Locked gadget instance IDs: 1")


def test_what_is_unknown_is_left_to_the_application(application, course, ben):
    for place in ("respect", "require"):
        for path in (url(place, "nosuch1", "1"), url(place, "No!", "1"),
                     url(place, course, "nosuch"), url(place, "nosuch1"),
                     url(place, course, "%C3"), url(place, course, "a%0Ab")):
            passed(application, write(ben, path))


@pytest.mark.parametrize("course_key", [
    "{id};x=1", "{id}%3Bx=1", "{id}%2531", "{id}%5c", "0{internal}",
    "+{internal}", "%20{internal}", "{internal}.0", "{id}%3F"])
def test_what_may_be_read_as_another_course_is_refused(application, course,
                                                       ben, course_key):
    key = course_key.replace("{id}", course.id).replace(
        "{internal}", course.internal)
    refused(application, write(ben, url("respect", key, "1")), 400,
            "What is written is not named for certain")


@pytest.mark.parametrize("gadget", ["01", "+1", "1.0", "1.", "-0", "1;x=1",
                                    "1%3bx", "1%2531", "1%5Cx", "1%20",
                                    "%201"])
def test_what_may_be_read_as_another_gadget_is_refused(application, course,
                                                       ben, gadget):
    refused(application, write(ben, url("respect", course, gadget)), 400,
            "What is written is not named for certain")


def test_capital_letters_name_the_same_course(application, course, anna, ben):
    contract.granted(anna.lock(course, "1"))
    refused(application, write(ben, url("respect", course.id.upper(), "1")),
            403, "Resource locked")


def test_odd_names_that_are_known_are_no_doubt(application, site, ben):
    course = site.course("a;b", "50%", " x ")
    for gadget in ("a;b", "a%3Bb", "50%25", "%20x%20"):
        passed(application, write(ben, url("respect", course, gadget)))


def test_an_application_that_sees_the_path_as_it_was_sent(application, course,
                                                          ben):
    for path in ("/raw//courses/{id}/gadgets/1", "/raw/./courses/{id}",
                 "/raw/courses/{id}/x/../gadgets/1",
                 "/raw/courses/{id}/%2e%2e/{id}/gadgets/1"):
        refused(application, write(ben, path.replace("{id}", course.id)), 400,
                "What is written is not named for certain")
    passed(application, write(ben, url("raw", course, "1")))
    passed(application, write(ben, url("raw", course, "%31")))


@pytest.mark.parametrize("path", [
    "//respect//courses//{course}//gadgets//1",
    "/respect/./courses/{course}/x/../gadgets/1",
    "/require/../respect/courses/{course}/gadgets/1",
    "/%72espect/courses/{course}/g%61dgets/%31",
    "/respect/courses/{course}/gadgets/1/",
    "/respect/courses/{course}/gadgets/1/config?x=1",
    "/respect/courses/{course}/gadgets/%31%2fconfig",
    "/respect/courses/%2e%2e/courses/{course}/gadgets/1",
])
def test_no_spelling_of_the_path_leads_past(application, course, anna, ben,
                                            path):
    contract.granted(anna.lock(course, "1"))
    answer = write(ben, path.replace("{course}", course.id))
    assert answer.status in (403, 404, 400), answer
    assert application.questions == []


@pytest.mark.parametrize("method", ["MOVE", "COPY"])
@pytest.mark.parametrize("start", ["", "http://localhost",
                                   "https://elsewhere:81"])
def test_where_it_is_moved_to_counts_too(application, course, anna, ben,
                                         method, start):
    contract.granted(anna.lock(course, "2"))

    def move(who, gadget):
        return write(who, url("respect", course, "1"), method, headers=[
            ("Destination", start + url("respect", course, gadget))])
    refused(application, move(ben, "2"), 403, "Resource locked")
    refused(application, move(ben, "%32"), 403, "Resource locked")
    passed(application, move(ben, "10"), method)
    passed(application, move(anna, "2"), method)


def test_kept_answers_serve_for_where_it_is_moved_to(site, application, course,
                                                     anna, ben):
    """Gadgets that the database has no more are guarded as long as they are
    remembered."""
    contract.granted(anna.lock(course, "2"))

    def move():
        return write(ben, url("knowing", course, "1"), "MOVE", headers=[
            ("Destination", url("knowing", course, "2"))])
    refused(application, move(), 403, "Resource locked")
    site.database.execute("DELETE FROM gadget WHERE course_id = ?",
                          (course.id,))
    refused(application, move(), 403, "Resource locked")


@pytest.mark.parametrize("method", ["MOVE", "COPY"])
def test_it_may_be_moved_from_where_nothing_is_guarded(application, course,
                                                       anna, ben, method):
    contract.granted(anna.lock(course, "2"))
    for path in ("/elsewhere", url("off", course, "1")):
        def move(who, to):
            return write(who, path, method, headers=[("Destination", to)])
        refused(application, move(ben, url("respect", course, "2")),
                403, "Resource locked")
        refused(application, move(ben, url("require", course, "1")),
                428, "Lock required")
        for to in ("/elsewhere/x", url("respect", course, "1"),
                   url("some", course, "2"), "x"):
            passed(application, move(ben, to), method)
        passed(application, move(anna, url("respect", course, "2")), method)


@pytest.mark.parametrize("to", [
    "/respect/courses/{id}/x/../gadgets/2", "//respect/courses/{id}/gadgets/2",
    "/respect/courses/{id}%2fgadgets/2",
    "/respect/courses/{id}/gadgets/2/../../../../../elsewhere"])
def test_where_it_is_moved_to_is_spelt_for_certain(application, course, anna,
                                                   ben, to):
    contract.granted(anna.lock(course, "2"))
    answer = write(ben, url("respect", course, "1"), "MOVE",
                   headers=[("Destination", to.replace("{id}", course.id))])
    assert answer.status == 400, answer
    assert application.questions == []


@pytest.mark.parametrize("destination", ["", "x", "mailto:x", "http://h"])
def test_where_it_is_moved_to_has_to_be_known(application, course, anna,
                                              destination):
    refused(application,
            write(anna, url("respect", course, "1"), "MOVE",
                  headers=[("Destination", destination)]),
            400, "Destination must be a URL or an absolute path")


def test_a_subject_without_a_course_is_a_mistake(application, site, course,
                                                 anna):
    log = site.httpd.log_after(lambda: refused(
        application, write(anna, url("nowhere", course, "1")),
        500, "Lock guard is misconfigured"))
    assert "LocksSubject must name it, for example" in log


# ---- Bodies that name gadgets ----

JSON = ("Content-Type", "application/json")


def bulk(who, course, body, place="bulk", headers=(JSON,)):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return write(who, f"/{place}/courses/{course.id}/insert_gadgets", "POST",
                 body, headers)


def test_gadgets_may_be_named_by_the_body(application, site, course, anna,
                                          ben):
    contract.granted(anna.lock(course, "2"))
    contract.granted(ben.lock(course, "10"))
    locked = "Locked gadget instance IDs: "
    for body, ids in (({"gadgets": ["1", "2", "x"]}, "2"),
                      ({"gadgets": "2"}, "2"), ({"gadgets": [2]}, "2")):
        refused(application, bulk(ben, course, body), 403, locked + ids)
    refused(application, bulk(nobody(site), course,
                              {"gadgets": ["x", "10", "2", "2", "no"]}),
            403, locked + "2, 10")
    for body in ({"gadgets": ["1", "10"]}, {"gadgets": []},
                 {"gadgets": ["no"]}):
        sent = json.dumps(body).encode()
        passed(application, bulk(ben, course, body), "POST", sent)


@pytest.mark.parametrize("place, body", [
    ("deep", {"a": [0, {"ids": ["2"]}]}), ("all", ["1", "2"]), ("all", "2"),
])
def test_gadgets_may_be_anywhere_in_it(application, course, anna, ben, place,
                                       body):
    contract.granted(anna.lock(course, "2"))
    refused(application, bulk(ben, course, body, place), 403,
            "Locked gadget instance IDs: 2")
    passed(application, bulk(anna, course, body, place), "POST",
           json.dumps(body).encode())


def test_all_that_a_body_names_may_have_to_be_held(application, course, anna,
                                                   ben):
    contract.granted(anna.lock(course, "2"))
    for body, status, message in (
            ({"gadgets": ["1", "2"]}, 428, "Lock required"),
            ({"gadgets": ["1"]}, 428, "Lock required")):
        refused(application, bulk(anna, course, body, "held"), status, message)
    refused(application, bulk(ben, course, {"gadgets": ["1", "2"]}, "held"),
            403, "Locked gadget instance IDs: 2")
    for body in ({"gadgets": ["2", "2"]}, {"gadgets": []}):
        passed(application, bulk(anna, course, body, "held"), "POST",
               json.dumps(body).encode())


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"{}", b'{"gadgets": null}', b'{"gadgets": {}}',
    b'{"gadgets": [["1"]]}', b'{"gadgets": [1.5]}', b'{"gadgets": [true]}',
    b'{"gadgets": ["1"], "gadgets": []}', b'{"gadgets": ["1"]} x',
    b'{"gadgets": [], "\\u0067adgets": ["2"]}', b'{"gadgets": ["1\\u0000"]}',
    b'{"gadgets": [], "Gadgets": ["2"]}', b"gadgets=2",
    b'{"gadgets": ["\xff"]}', b'\xef\xbb\xbf{"gadgets": ["1"]}',
    '{"gadgets": []}'.encode("utf-16"),
])
def test_a_body_that_is_not_certain_is_refused(application, course, ben, body):
    answer = bulk(ben, course, body)
    assert answer.status == 400 and answer.json["error"] == 400, answer
    assert application.questions == []


@pytest.mark.parametrize("gadget", ["01", " 1", "1.0", "1;x", "1%31"])
def test_a_gadget_of_a_body_that_may_be_another_is_refused(application, course,
                                                           ben, gadget):
    refused(application, bulk(ben, course, {"gadgets": ["2", gadget]}), 400,
            "What is written is not named for certain")


@pytest.mark.parametrize("headers", [
    [("Content-Type", "application/x-www-form-urlencoded")],
    [("Content-Type", "")],
    [("Content-Type", "text/json")], [("Content-Type", "application/jsonx")],
    [("Content-Type", "application/json; charset=utf-16")],
    [JSON, ("Content-Type", "text/xml")],
    [JSON, ("Content-Encoding", "gzip")],
    [JSON, ("Content-Encoding", "identity")],
])
def test_a_body_of_another_kind_is_refused(application, course, ben, headers):
    answer = bulk(ben, course, {"gadgets": []}, headers=headers)
    assert answer.status == 415 and answer.json["error"] == 415, answer
    assert application.questions == []


@pytest.mark.parametrize("kind", [
    "application/json", "Application/JSON ;charset=UTF-8",
    "application/vnd.site+json; charset=\"utf-8\""])
def test_json_has_many_names(application, course, ben, kind):
    for headers in ([("Content-Type", kind)], []):
        passed(application, bulk(ben, course, {"gadgets": ["1"]},
                                 headers=headers),
               "POST", b'{"gadgets": ["1"]}')


def test_bodies_have_a_limit(application, course, ben):
    start = b'{"gadgets": ["1"]'
    longest = start + b" " * ((1 << 20) - len(start) - 1) + b"}"
    passed(application, bulk(ben, course, longest), "POST", longest)
    refused(application, bulk(ben, course, longest + b" "), 413,
            "Request body over 1048576 bytes")
    refused(application, bulk(ben, course, {"gadgets": ["no"] * 1001}), 413,
            "More than 1000 gadget IDs")


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_chunks_come_through(application, site, course, anna, ben, size):
    contract.granted(anna.lock(course, "2"))
    for gadget, who in (("1", ben), ("2", anna), ("2", ben)):
        body = json.dumps({"gadgets": [gadget], "x": "y" * 500}).encode()
        with Wire(site.httpd.address) as wire:
            wire.request("POST", f"/bulk/courses/{course.id}/insert_gadgets", [
                ("SID", who.sid), JSON, ("Transfer-Encoding", "chunked")])
            for at in range(0, len(body), size):
                piece = body[at:at + size]
                wire.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            wire.send(b"0\r\n\r\n")
            answer = wire.answer("POST")
        if (gadget, who) == ("2", ben):
            refused(application, answer, 403, "Locked gadget instance IDs: 2")
        else:
            passed(application, answer, "POST", body)


def test_a_lock_taken_while_a_body_came_in_counts(application, site, course,
                                                  anna, ben):
    body = b'{"gadgets": ["2"]}'
    with Wire(site.httpd.address) as wire:
        wire.request("POST", f"/bulk/courses/{course.id}/insert_gadgets", [
            ("SID", ben.sid), JSON, ("Content-Length", str(len(body)))])
        wire.send(body[:5])
        time.sleep(0.2)
        contract.granted(anna.lock(course, "2"))
        wire.send(body[5:])
        refused(application, wire.answer("POST"), 403,
                "Locked gadget instance IDs: 2")


def test_a_kind_that_is_refused_need_not_be_sent(application, site, course,
                                                 ben):
    with Wire(site.httpd.address) as wire:
        wire.request("POST", f"/bulk/courses/{course.id}/insert_gadgets", [
            ("SID", ben.sid), JSON, ("Content-Encoding", "gzip"),
            ("Content-Length", "1000"), ("Expect", "100-continue")])
        assert wire.answer("POST").status == 415
    assert application.questions == []


def test_a_lock_taken_while_the_catalog_thought_counts():
    """Ben's write waits for the application to tell of the gadget; Anna, who
    asked before, has it meanwhile."""
    with Application() as application, running_site(
            database=application, modules=(*MODULES, "proxy", "proxy_http"),
            location=LOCATION + SLOW.replace("{port}", str(application.port)),
    ) as site:
        course = site.course("1")
        anna, ben = site.users(2, course)
        application.replies[f"/api/courses/{course.id}/gadgets"] = as_json(
            {"id": "1"})._replace(delay=0.8)
        with ThreadPoolExecutor() as pool:
            lock = pool.submit(anna.lock, course, "1")
            time.sleep(0.4)
            late = pool.submit(write, ben, f"/gadgets/{course.id}/1")
            contract.granted(lock.result())
            contract.error(late.result(), 403, "Resource locked")
        # The destination of a MOVE is asked about likewise.
        contract.error(write(ben, "/elsewhere", "MOVE", headers=[
            ("Destination", f"/gadgets/{course.id}/1")]),
            403, "Resource locked")


# ---- What stands behind ----


def test_httpds_own_dav(site, course, anna, ben):
    folder = site.httpd.folder / "htdocs" / "dav" / course.id
    folder.mkdir()
    folder.chmod(0o777)
    path = f"/dav/{course.id}"
    lock = contract.granted(anna.lock(course, "1"))
    contract.error(write(ben, f"{path}/1"), 403, "Resource locked")
    assert write(anna, f"{path}/1", body=b"anna's").status == 201
    assert write(ben, f"{path}/2", body=b"ben's").status == 201
    to = [("Destination", f"http://localhost{path}/1")]
    for method in ("MOVE", "COPY"):
        contract.error(write(ben, f"{path}/2", method, headers=to), 403,
                       "Resource locked")
    for method in ("MKCOL", "DELETE", "PROPPATCH"):
        contract.error(write(ben, f"{path}/1", method), 403,
                       "Resource locked")
    contract.error(write(ben, f"{path}/", "DELETE"), 403,
                   "Locked gadget instance IDs: 1")
    assert (folder / "1").read_bytes() == b"anna's"
    contract.released(anna.unlock(lock["id"]))
    assert write(ben, f"{path}/2", "MOVE", headers=to).status in (201, 204)
    assert (folder / "1").read_bytes() == b"ben's"


def test_a_script(site, course, anna, ben):
    lock = contract.granted(anna.lock(course, "1"))
    path = f"/cgi/write/{course.id}/1"
    contract.error(write(ben, path, "POST"), 403, "Resource locked")
    answer = write(anna, path, "POST", b"text")
    assert answer.body == (
        f"POST {lock['id']} {anna.user_id} text".encode()), answer


def test_a_script_behind_a_redirect(site, course, anna, ben):
    """httpd redirects the request to the script: it is guarded once, and its
    body comes along."""
    lock = contract.granted(anna.lock(course, "1"))
    path = f"/front/{course.id}/1"
    contract.error(write(ben, path, "POST"), 403, "Resource locked")
    with site.proxy.recording() as exchanges:
        answer = write(anna, path, "POST", b"text")
    assert answer.body == f"POST {lock['id']} {anna.user_id} text".encode()
    assert sequential_trips(exchanges) <= 3
    body = b'{"gadgets": ["1"]}'
    path = f"/front/{course.id}/insert_gadgets"
    contract.error(write(ben, path, "POST", body, [JSON]), 403,
                   "Locked gadget instance IDs: 1")
    answer = write(anna, path, "POST", body, [JSON])
    assert answer.body == (
        f"POST {lock['id']} {anna.user_id} ".encode() + body), answer


def test_a_redirect_to_more_is_judged_again(site, course, anna, ben):
    """A body that names nothing passes; then it is about the whole course."""
    contract.granted(anna.lock(course, "1"))
    path = f"/front/{course.id}/all_gadgets"
    body = b'{"gadgets": []}'
    contract.error(write(ben, path, "POST", body, [JSON]), 403,
                   "Locked gadget instance IDs: 1")
    assert write(anna, path, "POST", body, [JSON]).body.endswith(body)


@pytest.mark.parametrize("path", ["/fallback/{id}/1", "/views/show/{id}/1"])
def test_a_script_in_the_place_of_what_is_not_there(site, course, anna, ben,
                                                    path):
    """FallbackResource and MultiViews exchange a request's configuration."""
    lock = contract.granted(anna.lock(course, "1"))
    path = path.replace("{id}", course.id)
    contract.error(write(ben, path, "POST"), 403, "Resource locked")
    answer = write(anna, path, "POST", b"text")
    assert answer.body == f"POST {lock['id']} {anna.user_id} text".encode()


def test_http2(application, site, course, anna, ben):
    contract.granted(anna.lock(course, "2"))
    host, port = site.httpd.addresses["brief"]
    for who, gadget, expected in ((anna, "2", "200"), (ben, "2", "403")):
        result = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_version} %{http_code}",
             "--http2-prior-knowledge", "-H", f"SID: {who.sid}",
             "-H", "Content-Type: application/json",
             "-d", json.dumps({"gadgets": [gadget]}),
             f"http://{host}:{port}/bulk/courses/{course.id}/insert_gadgets"],
            capture_output=True, text=True, check=True)
        assert result.stdout == f"2 {expected}"
    assert [question.body for question in application.questions] == [
        b'{"gadgets": ["2"]}']


# ---- Who writes ----


def test_sessions_in_front(application, site, course, anna, ben):
    contract.granted(anna.lock(course, "1"))
    path = url("sid", course, "1")
    contract.unauthorized(write(nobody(site), path))
    refused(application, write(ben, path), 403, "Resource locked")
    passed(application, write(anna, path))


def test_passwords_in_front(application, site, course, ben):
    path = url("basic", course, "1")
    site.permit(course, "anna")
    anna = site.user(user_id="anna")
    contract.granted(anna.lock(course, "1"))
    token = ("Authorization", "Basic " + base64.b64encode(
        f"anna:{PASSWORD}".encode()).decode())
    assert write(nobody(site), path).status == 401
    headers = passed(application, write(nobody(site), path, headers=[token]))
    assert headers["Lock-Owner"] == "anna"
    # Ben's session counts, not the password.
    refused(application, write(ben, path, headers=[token]),
            403, "Resource locked")


def token_of(user):
    """A JSON Web Token (RFC 7519) of this user, as the site's identity
    provider would sign it."""
    def part(value):
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(text).rstrip(b"=")
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(
        {"sub": user, "iat": int(time.time()), "exp": int(time.time()) + 600})
    return (signed + b"." + part(
        hmac.digest(OPENID_KEY.encode(), signed, "sha256"))).decode()


def test_mod_auth_openidc_in_front():
    with Recorder() as application, running_site(
            modules=(*MODULES, "proxy", "proxy_http", "auth_openidc"),
            location=LOCATION + PLACE.replace("{port}", str(application.port))
            + OPENID.replace("{key}", OPENID_KEY)) as site:
        course = site.course("1")
        site.permit(course, "anna", "ben")
        anna, ben = (site.client(headers=[
            ("Authorization", f"Bearer {token_of(name)}")])
            for name in ("anna", "ben"))
        contract.granted(anna.lock(course, "1"), owner="anna")
        path = f"/courses/{course.id}/gadgets/1"
        refused(application, write(ben, path), 403, "Resource locked")
        headers = passed(application, write(anna, path))
        assert headers["Lock-Owner"] == "anna"
        assert write(nobody(site), path).status == 401


def test_an_invalid_session_holds_nothing(application, site, course, anna):
    contract.granted(anna.lock(course, "1"))
    for sid in ("unknown", "not well-formed!"):
        refused(application,
                write(site.client(sid), url("respect", course, "1")),
                403, "Resource locked")
        passed(application,
               write(site.client(sid), url("respect", course, "2")))


def test_what_the_site_forbids_stays_forbidden(application, course, anna):
    contract.granted(anna.lock(course, "1"))
    answer = write(anna, url("limited", course, "1"), "DELETE")
    assert answer.status == 403 and application.questions == []
    passed(application, write(anna, url("limited", course, "1")))


# ---- When nobody can tell ----


def test_a_store_that_is_down_lets_nothing_through(application, site, course,
                                                   anna):
    contract.granted(anna.lock(course, "1"))
    with site.proxy.fault(lambda exchange: exchange.cut()):
        for place in ("respect", "require"):
            answer = write(anna, url(place, course, "1"))
            refused(application, answer, 503, "Lock store unavailable")
            assert answer.header("Retry-After") == "1"
        log = site.httpd.log_after(lambda: passed(
            application, write(anna, url("open", course, "1"))))
    assert "was let through unguarded" in log
    passed(application, write(anna, url("respect", course, "1")))


def test_each_location_says_what_to_do_when_nobody_can_tell(
        application, site, course, anna):
    """A MOVE from or to where writes may pass, and where they may not."""
    def move(start, to):
        return write(anna, start, "MOVE", headers=[("Destination", to)])

    with site.proxy.fault(lambda exchange: exchange.cut()):
        for start in (url("open", course, "1"), url("respect", course, "1"),
                      "/elsewhere"):
            refused(application, move(start, url("respect", course, "2")),
                    503, "Lock store unavailable")
        refused(application,
                move(url("respect", course, "1"), url("open", course, "2")),
                503, "Lock store unavailable")
        for start in (url("open", course, "1"), "/elsewhere"):
            passed(application, move(start, url("open", course, "2")), "MOVE")


def test_a_catalog_that_is_down_lets_nothing_through(application, site, course,
                                                     anna):
    site.database.execute("ALTER TABLE course RENAME TO away")
    try:
        refused(application, write(anna, url("respect", course, "1")),
                503, "Course catalog unavailable")
        passed(application, write(anna, url("open", course, "1")))
    finally:
        site.database.execute("ALTER TABLE away RENAME TO course")


# ---- The connection ----


def test_a_refusal_does_not_wait_for_the_body(application, site, course, anna,
                                              ben):
    contract.granted(anna.lock(course, "1"))
    with Wire(site.httpd.address) as wire:
        wire.request("PUT", url("respect", course, "1"), [
            ("SID", ben.sid), ("Expect", "100-continue"),
            ("Content-Length", "1000000")])
        answer = wire.answer("PUT")
        refused(application, answer, 403, "Resource locked")
        assert answer.header("Connection") == "close"


@pytest.mark.parametrize("length", [0, 1, 100_000, 3_000_000])
@pytest.mark.parametrize("refusal", [False, True])
def test_a_body_of_any_length(application, site, course, anna, ben, length,
                              refusal):
    contract.granted(anna.lock(course, "1"))
    body = b"x" * length
    who = (ben if refusal else anna).keeping_connection()
    for _ in range(2):
        answer = write(who, url("respect", course, "1"), body=body)
        if refusal:
            refused(application, answer, 403, "Resource locked")
        else:
            passed(application, answer, body=body)
    who.close()


def test_a_long_body_takes_no_round_trip_more(application, site, anna):
    """Though the catalog's answers are kept: those of one gadget serve, and
    a hundred are not kept one by one."""
    course = site.course(*map(str, range(100)))
    site.permit(course, anna.user_id)
    contract.granted(anna.lock(course, "7"))
    body = {"gadgets": list(map(str, range(100)))}
    bulk(anna, course, {"gadgets": []}, "kept")
    application.questions.clear()
    answer, trips = site.proxy.trips(lambda: bulk(anna, course, body, "kept"))
    passed(application, answer, "POST", json.dumps(body).encode())
    assert trips <= 3


@pytest.mark.parametrize("gadget", ["1", None])
def test_two_round_trips_beyond_the_sessions(application, site, course, anna,
                                             gadget):
    contract.granted(anna.lock(course, "1"))
    for key in (course.id, course.internal):
        passed(application, write(anna, url("respect", key, gadget)))
        answer, trips = site.proxy.trips(
            lambda: write(anna, url("respect", key, gadget)))
        passed(application, answer)
        assert trips <= 3


# ---- What is documented ----

PAGE = (ROOT / "conf" / "docs" / "guard.md").read_text()


def refusals():
    """The requests of the page, with what they are answered."""
    text = PAGE.split("## What is refused")[1].split("```")[1]
    for block in text.strip().split("\n\n"):
        request, answer = block.splitlines()
        line, _, rest = request.partition("  ")
        methods, path = line.rsplit(" ", 1)
        for method in methods.replace(",", "").replace(" or", "").split():
            yield method, path, rest.strip(), answer


def test_the_page_tells_the_truth():
    config = PAGE.split("```apache\n")[1].split("```")[0]
    with Recorder() as application, running_site(
            modules=(*MODULES, "proxy", "proxy_http"),
            location=LOCATION + config.replace(":9000",
                                               f":{application.port}")) as site:
        course = site.course("1", "2", "10", course_id="algebra",
                             internal="290")
        anna, ben, cid = site.users(3, course)
        contract.granted(anna.lock(course, "2"))
        contract.granted(cid.lock(course, "10"))
        for method, path, rest, expected in refusals():
            headers = [JSON]
            if "Lock-Id: " in rest:
                headers.append(("Lock-Id", rest.split("Lock-Id: ")[1]))
            answer = write(anna if "Anna" in rest else ben, path, method,
                           rest.encode() if rest.startswith("{") else b"{}",
                           headers)
            assert f"{answer.status} {answer.body.decode()}" == expected
        assert application.questions == []
        for path in ("/courses/algebra/gadgets/2", "/courses/290/gadgets/1"):
            passed(application, write(anna, path))
