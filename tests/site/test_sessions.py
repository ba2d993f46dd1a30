# SPDX-License-Identifier: Apache-2.0
"""Who is asking: sessions of every kind, and users that httpd knows."""
import base64
import subprocess
import time

import pytest

from harness.httpd import PATH
from harness.site import Client

USERS = ["PlainUserSession", "VFOUserSession"]
OTHERS = [("LegacyAuthenticator", "authenticatorId"),
          ("VFOAccessKey", "vfoRootOrgId"), ("InternalIntegrationKey", "id")]


@pytest.mark.parametrize("kind", USERS)
def test_user_sessions_may_do_everything(site, kind):
    ann = site.new_user(kind)
    course = site.new_course(ann)
    lock = ann.lock(course)
    assert lock.status == 201
    assert ann.locks(course).status == 200
    assert ann.unlock(lock.json["id"]).status == 200


@pytest.mark.parametrize("kind, member", OTHERS)
@pytest.mark.parametrize("number", ["7", 7])
def test_other_sessions_may_list_what_they_may_update(site, kind, member,
                                                      number):
    client = site.session({"sessionType": kind, member: number})
    course = site.new_course()
    assert client.locks(course).is_error(403, "Insufficient permissions")
    site.database.allow(course, f"{kind}:7")
    assert client.locks(course).status == 200
    assert client.lock(course).is_error(401, "Invalid credentials")
    assert client.unlock("1").is_error(401, "Invalid credentials")


@pytest.mark.parametrize("kind, member", OTHERS)
def test_without_its_id_a_session_has_no_permission(site, kind, member):
    for record in ({"sessionType": kind}, {"sessionType": kind, member: ""}):
        client = site.session(record)
        assert client.locks(site.new_course()).status == 403
        assert client.locks("nosuchcourse").status == 404


def test_a_partner_lists_every_course_and_no_more(site):
    partner = site.partner()
    course = site.new_course()
    assert partner.locks(course).status == 200
    assert partner.locks("nosuchcourse").status == 404
    assert partner.lock(course).status == 401
    assert partner.unlock("1").status == 401


@pytest.mark.parametrize("number, user", [
    (91, "91"), (-3, "-3"), (9223372036854775807, "9223372036854775807")])
def test_an_integer_is_taken_as_its_decimal_form(site, number, user):
    ann = site.session({"sessionType": USERS[0], "userId": number})
    ann.user = user
    assert ann.lock(site.new_course(ann)).json["ownerId"] == user


@pytest.mark.parametrize("record", [
    "", "nonsense", "[]", "1", "null", '"PartnerKey"', "{}",
    '{"sessionType": "Unknown"}', '{"sessionType": "partnerKey"}',
    '{"sessionType": 1}', '{"sessionType": "PlainUserSession"}',
    '{"sessionType": "PlainUserSession", "userId": ["1"]}',
    '{"sessionType": "PlainUserSession", "userId": 1.5}',
    '{"sessionType": "PlainUserSession", "userId": true}',
    b'{"sessionType": "PlainUserSession", "userId": "\xff"}',
    b'\x80\x02'])
def test_what_is_no_session_record_is_401_and_logged(site, record):
    client = site.session(record)
    before = site.httpd.log()
    assert client.locks("nosuchcourse").is_error(401, "Invalid credentials")
    written = site.httpd.log()[len(before):]
    assert written.count("session record") == 1
    assert client.sid not in written


@pytest.mark.parametrize("user", [
    "", "PlainUserSession:1", "PartnerKey:", "LegacyAuthenticator:7"])
def test_a_user_who_could_pass_for_another_is_no_user(site, user):
    client = site.session({"sessionType": USERS[0], "userId": user})
    assert client.locks("nosuchcourse").is_error(401, "Invalid credentials")


@pytest.mark.parametrize("user", [
    "a b", "\u00e4\u4e2d", "x" * 400, "anna@example.org", "\"'\\", "Partner"])
def test_users_may_be_called_anything_else(site, user):
    ann = site.session({"sessionType": USERS[0], "userId": user})
    ann.user = user
    course = site.new_course(ann)
    assert ann.lock(course).json["ownerId"] == user
    assert ann.locks(course).json[0]["ownerId"] == user


@pytest.mark.parametrize("sid", [
    "", " ", "a b", "a,b", "a;b", "x" * 129, "\u00e4".encode().decode("latin-1"),
    "a%20b", "../x", "a\tb"])
def test_a_malformed_sid_never_reaches_the_store(site, sid):
    gets = count_gets(site)
    client = Client(site, sid)
    assert client.locks("nosuchcourse").is_error(401, "Invalid credentials")
    assert count_gets(site) == gets


def count_gets(site):
    stats = site.memcached.talk(b"stats\r\n", b"END\r\n").decode()
    return [line for line in stats.splitlines() if " cmd_get " in line]


def test_the_longest_sid_is_good(site):
    sid = "aZ09._~-" * 16
    site.memcached.set("session:" + sid, {"sessionType": "PartnerKey"})
    assert Client(site, sid).locks(site.new_course()).status == 200


def test_two_sids_are_none(site):
    ann = site.new_user()
    course = site.new_course(ann)
    sent = subprocess.run(
        ["curl", "-s", "-o", "-", "-w", "%{http_code}", "-H", f"SID: {ann.sid}",
         "-H", f"SID: {ann.sid}", f"http://127.0.0.1:{site.httpd.port}/locks"
         f"?subject.courseId={course}"], capture_output=True, text=True)
    assert sent.stdout.endswith("401")


def test_an_expired_session_is_none(site):
    client = site.partner()
    site.memcached.set("session:" + client.sid, {"sessionType": "PartnerKey"},
                       seconds=1)
    time.sleep(2.1)
    assert client.locks(site.new_course()).status == 401


# ---- Users that httpd authenticated ----

BASIC = """
<Location "/locks">
    SetHandler locks
    AuthType Basic
    AuthName "editors"
    AuthUserFile "{users}"
    Require valid-user
</Location>
ErrorDocument 401 /sorry.html
"""


@pytest.fixture(scope="module")
def basic(make_site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("users")
    folder.chmod(0o755)
    for above in list(folder.parents)[:2]:
        above.chmod(0o755)
    users = folder / "users"
    for name in ("anna", "ben", "PlainUserSession:1", "\u00e4nn"):
        # The file's separator is a colon: such a user comes from elsewhere.
        if ":" not in name:
            subprocess.run(["htpasswd", "-b" if users.exists() else "-bc",
                            str(users), name, "secret"], check=True,
                           capture_output=True, env={"PATH": PATH})
    users.chmod(0o644)
    return make_site(location=BASIC.replace("{users}", str(users)))


def login(site, user, password="secret"):
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    client = Client(site, headers={"Authorization": "Basic " + token})
    client.user = user
    return client


JSON = {"Content-Type": "application/json"}


def test_httpds_user_owns_locks(basic):
    anna = login(basic, "anna")
    course = basic.new_course(anna)
    lock = anna.lock(course, headers=JSON)
    assert lock.status == 201
    assert lock.json["ownerId"] == "anna"
    assert anna.locks(course).json[0]["ownerId"] == "anna"
    assert login(basic, "ben").unlock(lock.json["id"]).status == 403
    assert anna.unlock(lock.json["id"]).status == 200
    assert login(basic, "ben").locks(course).status == 403


@pytest.mark.parametrize("sent", [
    None, "text/plain", "application/x-www-form-urlencoded",
    "application/jsonp", "multipart/form-data", "text/json"])
def test_httpds_user_must_send_json(basic, sent):
    anna = login(basic, "anna")
    course = basic.new_course(anna)
    headers = {"Content-Type": sent} if sent else {}
    assert anna.lock(course, headers=headers).is_error(415)
    for good in ("application/json", "Application/JSON; charset=utf-8"):
        assert anna.lock(course, headers={"Content-Type": good}).status == 201


def test_type_comes_before_size_and_form(basic):
    anna = login(basic, "anna")
    assert anna.post("x" * 70000).status == 415
    assert anna.post("{").status == 415
    assert anna.post("{", JSON).status == 400


def test_a_wrong_password_is_json_and_keeps_httpds_challenge(basic):
    for client in (login(basic, "anna", "wrong"), Client(basic)):
        answer = client.locks("nosuchcourse")
        assert answer.is_error(401, "Invalid credentials")
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="editors"'


def test_a_request_with_a_sid_is_judged_by_it(basic):
    anna = login(basic, "anna")
    course = basic.new_course(anna)
    other = basic.new_user()
    basic.database.allow(course, other.user)
    anna.sid = other.sid
    assert anna.lock(course).json["ownerId"] == other.user
    anna.sid = "unknown"
    assert anna.locks(course).is_error(401, "Invalid credentials")
    anna.sid = ""
    assert anna.locks(course).is_error(401, "Invalid credentials")
