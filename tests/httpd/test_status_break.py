# SPDX-License-Identifier: Apache-2.0
"""Breaking locks at locks-status: what becomes of the lock, the record of it,
and who cannot do it."""

import base64
import re
import time
from urllib.parse import urlencode

import pytest
from harness import contract
from harness.application import Recorder
from harness.httpd import MODULES, PASSWORD
from harness.keys import lease_key
from harness.proxy import answer, swallow
from harness.site import LOCATION, NAMED, broken_site, running_site
from harness.status import STATUS, Page, Status, check_headers
from harness.system import eventually

GUARDED = """
<LocationMatch "^/w/(?<course>[^/]+)/(?<gadget>[^/]+)">
    LocksGuard respect
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
    ProxyPass "http://127.0.0.1:{port}"
</LocationMatch>
"""
OPERATORS = """
LocksAuditLog audit.log
<Location "/operators">
    SetHandler locks-status
    AuthType Basic
    AuthName "Operators"
    AuthBasicProvider file
    AuthUserFile users
    Require user anna
</Location>
"""
OWN = ("Sec-Fetch-Site", "same-origin")


def basic(user):
    return ("Authorization", "Basic " + base64.b64encode(
        f"{user}:{PASSWORD}".encode()).decode())


@pytest.fixture(scope="module")
def site():
    with Recorder() as application, broken_site(
            location=LOCATION + NAMED + STATUS + OPERATORS
            + GUARDED.replace("{port}", str(application.port)),
            modules=(*MODULES, "proxy", "proxy_http"),
            timeout="400ms") as site:
        site.httpd.write_users("anna", "ben")
        yield site


@pytest.fixture
def anna(site):
    """An operator who signs in."""
    return Status(site.httpd.address, "/operators", headers=[basic("anna")])


@pytest.fixture
def course(site):
    return site.course()


class Held:
    """A lock, who has it, somebody else, and what breaks it."""

    def __init__(self, site, course):
        self.course = course
        self.user, self.other = site.users(2, course)
        self.lock = contract.granted(self.user.lock(course, "g1"))

    def fields(self, status, **fields):
        return {"nonce": status.nonce(), "break": "lock",
                "id": self.lock["id"], "owner": self.user.user_id,
                "reason": "a test", **fields}

    def stands(self):
        return contract.held(self.other.locks(self.course)).get("g1") == (
            self.user.user_id, self.lock["id"])


@pytest.fixture
def held(site, course):
    return Held(site, course)


def write(client, course, gadget="g1", lock_id=None):
    """A guarded write's answer."""
    headers = [("Lock-Id", lock_id)] if lock_id else []
    return client.raw("PUT", f"/w/{course.id}/{gadget}", headers, b"x",
                      checked=False)


def audited(site, action):
    """What an action returns, and the audit lines that it leads to: those of
    the error log, and those of the log of its own."""
    own = site.httpd.folder / "audit.log"
    before = len(own.read_text()), len(site.httpd.log())
    result = action()
    in_own = own.read_text()[before[0]:].splitlines()
    in_error_log = [line.partition("locks: audit:")[2] for line
                    in site.httpd.log()[before[1]:].splitlines()
                    if "locks: audit:" in line]
    return result, (in_error_log, in_own)


def check_audit(lines, **fields):
    """One line in both logs, with these fields among its own."""
    [in_error_log], [in_own] = lines
    time_text, _, rest = in_own.partition(" ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time_text)
    # httpd escapes each line of its own log once more.
    assert rest == in_error_log.strip().replace("\\\\", "\\"), lines
    found = re.findall(r' ?([a-z]+)="((?:[^"\\]|\\.)*)"', rest)
    assert " ".join(f'{name}="{value}"' for name, value in found) == rest
    assert [name for name, _ in found] == [
        "break", "lock", "course", "gadget", "owner", "by", "client",
        "reason"]
    assert fields.items() <= dict(found).items(), (fields, found)


# ---- The whole story ----

def test_one_lock_as_a_browser_breaks_it(site, held, anna):
    course, user, other = held.course, held.user, held.other
    page = anna.page({"user": user.user_id})
    link = page.link("Break the lock on g1")
    question, _ = anna.question(link)
    assert held.lock["id"] in question.text and user.user_id in question.text
    reason = question.root.one("input", name="reason")
    assert "required" in reason.attributes
    assert write(user, course, lock_id=held.lock["id"]).status == 200
    with anna.counting() as grown:
        after, lines = audited(
            site, lambda: anna.break_by(link, "went home"))
    assert "1 lock was broken." in after.notices()
    assert grown["breaks_total"] == 1
    assert not grown.keys() & {"releases_total", "grants_total"}
    check_audit(lines, **{"break": "done", "lock": held.lock["id"],
                          "course": course.id, "gadget": "g1",
                          "owner": user.user_id, "by": "anna",
                          "client": "127.0.0.1", "reason": "went home"})
    assert contract.listed(other.locks(course)) == []
    # What was saved under it comes too late; a renewal is another lock.
    contract.error(write(user, course, lock_id=held.lock["id"]), 412,
                   f"Lock '{held.lock['id']}' is no longer held")
    renewed = contract.granted(user.lock(course, "g1"))
    assert int(renewed["id"]) > int(held.lock["id"])


def test_others_can_take_the_gadget_at_once(held, anna):
    contract.taken(held.other.lock(held.course, "g1"))
    anna.break_by(anna.page({"user": held.user.user_id}).link(
        "Break the lock on g1"), "a test")
    taken = contract.granted(held.other.lock(held.course, "g1"))
    contract.taken(held.user.lock(held.course, "g1"))
    contract.error(write(held.user, held.course, lock_id=held.lock["id"]), 412)
    contract.no_lock(held.user.unlock(held.lock["id"]), held.lock["id"])
    assert contract.held(held.user.locks(held.course))["g1"][1] == taken["id"]


def test_user_is_broken_wherever_the_lock_is_now(site, held, anna):
    page = anna.page({"user": held.user.user_id})
    link = page.link(f"Break whatever the user {held.user.user_id} holds")
    moved = contract.granted(held.user.lock(held.course, "g3"))
    _, lines = audited(site, lambda: anna.break_by(link, "left"))
    check_audit(lines, lock=moved["id"], gadget="g3",
                owner=held.user.user_id)
    assert contract.listed(held.other.locks(held.course)) == []


def test_certain_lock_stays_broken_off_from_later_ones(site, held, anna):
    """Who chose a lock did not choose the one that followed it."""
    link = anna.page({"user": held.user.user_id}).link("Break the lock on g1")
    contract.granted(held.user.lock(held.course, "g2"))
    after, lines = audited(site, lambda: anna.break_by(link, "late"))
    assert lines == ([], [])
    assert len(after.notices()) == 1, after.notices()
    assert "Nothing was broken" in after.notices()[0]
    assert set(contract.held(held.user.locks(held.course))) == {"g2"}


def test_all_locks_of_a_course(site, course, anna):
    elsewhere = site.course()
    users = site.users(3, course)
    bystander = site.user(elsewhere)
    locks = [contract.granted(user.lock(course, gadget))
             for user, gadget in zip(users, course.gadgets)]
    contract.granted(bystander.lock(elsewhere, "g1"))
    link = anna.page({"course": course.id}).link(
        f"Break all locks of the course {course.id}")
    after, (in_error_log, in_own) = audited(
        site, lambda: anna.break_by(link, "course moves"))
    assert "3 locks were broken." in after.notices()
    assert len(in_error_log) == len(in_own) == 3
    for lock in locks:
        [line] = [line for line in in_own if f'lock="{lock["id"]}"' in line]
        assert f'owner="{lock["ownerId"]}"' in line
        assert 'reason="course moves"' in line
    assert contract.listed(users[0].locks(course)) == []
    assert set(contract.held(bystander.locks(elsewhere))) == {"g1"}


def test_lock_that_is_gone_is_no_error(site, held, anna):
    fields = held.fields(anna)
    contract.released(held.user.unlock(held.lock["id"]))
    for form in (fields, {**fields, "break": "user"},
                 {**fields, "break": "course", "course": held.course.id},
                 {**fields, "owner": "nobody"}):
        done, lines = audited(site, lambda: anna.form(form))
        assert lines == ([], [])
        assert done.status == 303
        assert done.header("Location").endswith("/operators?broken=0")


def test_scripts_are_answered_in_json(held, anna):
    for count in (1, 0):
        done = anna.form(held.fields(anna), query="?json")
        assert done.status == 200 and done.json == {"broken": count}
        check_headers(done)
    refused = anna.form(held.fields(anna, nonce="0" * 32), query="?json")
    contract.error(refused, 403)
    contract.error(anna.form(held.fields(anna, reason=""), query="?json"), 400)


# ---- The record ----

INJECTIONS = ['" by="root" x="', "a\nlocks: audit: break=\"done\"", "a\r\nb",
              "\x1b[31mred\x1b[0m", "\\\" \\", "tab\there", "Größe",
              "\x7f\x01", "%0a%00"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_reason_stays_one_field_of_one_line(site, held, anna, text):
    _, lines = audited(site,
                       lambda: anna.form(held.fields(anna, reason=text)))
    check_audit(lines, by="anna", owner=held.user.user_id)
    assert re.fullmatch(r"[\x20-\x7e]+", lines[1][0]), lines


@pytest.mark.parametrize("text", INJECTIONS)
def test_names_stay_one_field_of_one_line(site, course, anna, text):
    if any(sign in text for sign in "\n\r\t\x01\x7f\x1b"):
        # Nobody has such a name; whoever asks for it finds nothing.
        fields = {"nonce": anna.nonce(), "break": "user", "owner": text,
                  "reason": "x"}
        assert audited(site, lambda: anna.form(fields))[1] == ([], [])
        return
    place = site.course(text)
    site.permit(place, text)
    named = site.client(base="/named/locks",
                        headers=[("X-User", text.encode())])
    contract.granted(named.lock(place, text), base="/named/locks")
    fields = {"nonce": anna.nonce(), "break": "user", "owner": text,
              "reason": "x"}
    _, lines = audited(site, lambda: anna.form(fields))
    check_audit(lines, course=place.id, by="anna", reason="x")
    assert re.fullmatch(r"[\x20-\x7e]+", lines[1][0]), lines


def test_who_did_not_sign_in_has_no_name(site, held):
    status = Status(site.httpd.address)
    _, lines = audited(site, lambda: status.form(held.fields(status)))
    check_audit(lines, by="", client="127.0.0.1")


# ---- Forgeries ----

# What is wrong with a form, and its answer.
FORGED = {
    "no nonce": (403, {"nonce": None}, []),
    "wrong nonce": (403, {"nonce": "0" * 32}, []),
    "empty nonce": (403, {"nonce": ""}, []),
    "half a nonce": (403, {"nonce": lambda nonce: nonce[:16]}, []),
    "longer nonce": (403, {"nonce": lambda nonce: nonce + "0"}, []),
    "other site's origin": (403, {}, [("Origin", "https://example.org")]),
    "no origin": (403, {}, [("Origin", "null")]),
    "cross-site": (403, {}, [("Sec-Fetch-Site", "cross-site")]),
    "same-site": (403, {}, [("Sec-Fetch-Site", "same-site")]),
    "cross-site with our origin": (403, {}, [
        ("Sec-Fetch-Site", "cross-site"), ("Origin", "http://localhost")]),
    "JSON": (415, {}, [("Content-Type", "application/json")]),
    "text": (415, {}, [("Content-Type", "text/plain")]),
    "multipart": (415, {}, [("Content-Type",
                             "multipart/form-data; boundary=x")]),
    "no reason": (400, {"reason": None}, []),
    "empty reason": (400, {"reason": ""}, []),
    "long reason": (400, {"reason": "x" * 1001}, []),
    "reason that is no UTF-8": (400, {"reason": b"\xff"}, []),
    "too long": (413, {"reason": "x" * 17000}, []),
    "unknown kind": (400, {"break": "everything"}, []),
    "no kind": (400, {"break": None}, []),
    "no lock ID": (400, {"id": "x"}, []),
    "without lock ID": (400, {"id": None}, []),
    "lock ID 0": (400, {"id": "0"}, []),
    "no owner": (400, {"owner": ""}, []),
    "no course ID": (400, {"break": "course", "course": "a/b"}, []),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_form_breaks_nothing(site, held, anna, name):
    status, changes, headers = FORGED[name]
    fields = held.fields(anna)
    for field, value in changes.items():
        fields[field] = value(fields[field]) if callable(value) else value
    fields = {field: value for field, value in fields.items()
              if value is not None}
    refused, lines = audited(site, lambda: anna.form(fields, headers))
    assert refused.status == status, refused
    check_headers(refused)
    Page(refused)
    assert lines == ([], [])
    assert held.stands()
    as_json = anna.form(fields, headers, query="?json")
    contract.error(as_json, status)
    assert held.stands()


def test_who_may_not_see_it_breaks_nothing(site, held, anna):
    fields = held.fields(anna)
    for headers, status in (([], 401), ([basic("ben")], 401)):
        stranger = Status(site.httpd.address, "/operators", headers=headers)
        assert stranger.form(fields).status == status
    assert held.stands()


def test_get_never_breaks(held, anna):
    fields = held.fields(anna)
    for query in (urlencode(fields), "json&" + urlencode(fields),
                  urlencode({**fields, "break": "user"}),
                  urlencode({**fields, "break": "course",
                             "course": held.course.id})):
        for method in ("GET", "HEAD"):
            assert anna.get(query, method=method).status == 200
    assert held.stands()


def test_question_without_a_subject_is_400(anna):
    for query in ("break=lock", "break=lock&id=1", "break=lock&owner=a",
                  "break=user", "break=user&owner=", "break=course"):
        answered = anna.get(query)
        assert answered.status == 400
        assert "not said what" in Page(answered).text


# ---- The nonce ----

def test_nonce_is_that_of_all_children_also_after_a_graceful_restart(
        site, held, anna):
    fields = held.fields(anna)
    assert len(site.httpd.children()) > 1
    assert {anna.nonce() for _ in range(20)} == {fields["nonce"]}
    site.httpd.restart_gracefully()
    assert {anna.nonce() for _ in range(20)} == {fields["nonce"]}
    assert anna.form(fields).header("Location").endswith("broken=1")


def test_nonce_is_another_after_a_full_start():
    with running_site(location=LOCATION + STATUS) as site:
        status = Status(site.httpd.address)
        held = Held(site, site.course())
        fields = held.fields(status)
        site.httpd.stop()
        site.httpd.start()
        assert status.nonce() != fields["nonce"]
        refused = status.form(fields)
        assert refused.status == 403
        assert "open the page again" in Page(refused).text
        assert held.stands()
        assert status.form(held.fields(status)).status == 303
        assert not held.stands()


# ---- The store fails ----

def test_store_that_is_down_is_503(site, held, anna):
    """Nobody knows of any lock that it might be: nothing is recorded."""
    for kind in ("lock", "user", "course"):
        fields = held.fields(anna, **{"break": kind,
                                      "course": held.course.id})
        for query in ("", "?json"):
            site.proxy.refuse()
            try:
                failed, lines = audited(
                    site, lambda: anna.form(fields, query=query))
            finally:
                site.proxy.accept()
            assert failed.status == 503, failed
            assert int(failed.header("Retry-After")) > 0
            assert lines == ([], [])
            if query:
                contract.error(failed, 503)
            else:
                assert "0 broken; of 1 it is not known" in Page(failed).text
    eventually(held.stands)


def test_write_whose_answer_is_lost_is_recorded_as_unknown(site, held, anna):
    key = lease_key(held.user)
    fields = held.fields(anna)

    def lost(exchange):
        return exchange.name == "cas" and exchange.keys == [key]

    with site.proxy.fault(swallow, lost):
        failed, lines = audited(site, lambda: anna.form(fields))
    assert failed.status == 503
    check_audit(lines, **{"break": "unknown", "lock": held.lock["id"],
                          "owner": held.user.user_id})
    eventually(lambda: held.other.locks(held.course).status == 200)


def test_write_that_is_refused_is_recorded_as_unknown(site, held, anna):
    fields = held.fields(anna)
    with site.proxy.fault(answer(b"SERVER_ERROR out of memory"),
                          lambda exchange: exchange.name == "cas"):
        _, lines = audited(site, lambda: anna.form(fields))
    check_audit(lines, **{"break": "unknown", "lock": held.lock["id"]})
    assert held.stands()


# ---- The log's other place ----

def test_audit_log_of_a_program(site):
    with broken_site(location=LOCATION + STATUS,
                     config='LocksAuditLog "|/usr/bin/tee -a {folder}/piped"',
                     ) as piped:
        status = Status(piped.httpd.address)
        held = Held(piped, piped.course())
        piped.httpd.restart_gracefully()
        done = status.form(held.fields(status, reason='a "b"\nc'))
        assert done.status == 303
        time.sleep(0.3)
        lines = (piped.httpd.folder / "piped").read_text().splitlines()
        check_audit(([line.partition(" ")[2] for line in lines], lines),
                    reason='a \\"b\\"\\nc', lock=held.lock["id"])
