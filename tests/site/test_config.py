# SPDX-License-Identifier: Apache-2.0
"""Directives: what they do, and what is said of wrong ones."""
import json
import os

import pytest

from harness.httpd import Httpd
from harness.memcached import Memcached
from harness.site import Client


@pytest.fixture
def check(tmp_path):
    httpd = Httpd(tmp_path, "")

    def check(body):
        httpd.write(body)
        return httpd.check()
    return check


@pytest.mark.parametrize("wrong, cure", [
    ("LocksBase locks", "absolute"), ("LocksBase /a/../b", "dot segments"),
    ("LocksBase /a?b", "query"), ("LocksBase", "one argument"),
    ("LocksStore 127.0.0.1", "memcached:"),
    ("LocksStore redis:127.0.0.1", 'store "redis"'),
    ("LocksStore memcached:", "LocksStore"),
    ("LocksStore memcached:host:0", "port"),
    ("LocksStore memcached:host:65536", "port"),
    ("LocksStore memcached:a,,b", "LocksStore"),
    ("LocksStore memcached:a,a", "LocksStore"),
    ("LocksStore memcached:unix:relative", "/"),
    ("LocksSessionStore x:y", 'store "x"'),
    ("LocksSessionSource x", "record"),
    ("LocksSessionKey session", "%s"), ("LocksSessionKey %s%s", "%s"),
    ("LocksSessionKey %d", "%s"), ('LocksSessionKey "a %s"', "blanks"),
    (f"LocksSessionKey {'x' * 123}%s", "122"),
    ('LocksKeyPrefix "a b"', "blanks"), (f"LocksKeyPrefix {'x' * 65}", "64"),
    ("LocksTTL 999ms", "1s to 24h"), ("LocksTTL 25h", "1s to 24h"),
    ("LocksTTL 1d", "ms, s, m or h"), ("LocksTTL -1", "1s to 24h"),
    ("LocksTTL 5.5s", "ms, s, m or h"), ("LocksTTL ''", "1s to 24h"),
    ("LocksStoreTimeout 0", "1ms"), ("LocksClockSkew x", "0 to 1h"),
    ("LocksMaxPerCourse 0", "1 to"), ("LocksMaxPerCourse 10x", "1 to"),
    ("LocksCatalog x", "dbd"),
    ('LocksCourseQuery "SELECT 1"', "course key"),
    ('LocksGadgetQuery "SELECT %s"', "two %s"),
    ('LocksAccessQuery "SELECT %s, %s, %s"', "two %s"),
    ('LocksAccessQuery "SELECT %d, %s"', "two %s"),
])
def test_a_wrong_directive_names_line_and_cure(check, wrong, cure):
    good, said = check(wrong)
    assert not good
    assert "Syntax error on line" in said
    assert wrong.split()[0] in said
    assert cure in said


@pytest.mark.parametrize("right", [
    "LocksStore memcached:localhost", "LocksStore memcached:[::1]:11212",
    "LocksStore memcached:unix:/run/m.sock",
    "LocksStore memcached:10.0.0.1,10.0.0.2:11212,unix:/run/m.sock",
    "LocksTTL 1s", "LocksTTL 24h", "LocksTTL 1000ms", "LocksTTL 90",
    "LocksTTL 5m", "LocksStoreTimeout 50ms", "LocksClockSkew 0",
    "LocksSessionKey %s", "LocksKeyPrefix a", "LocksCatalog dbd",
    "LocksSessionSource record", "LocksBase /", "LocksBase /api/v2/locks/",
    "<Location /x>\nLocksBase /x\nLocksCatalog dbd\n</Location>",
    'LocksCourseQuery "SELECT id FROM c WHERE id = %s AND n LIKE \'%%\'"'])
def test_a_right_directive_is_taken(check, right):
    assert check(right) == (True, "Syntax OK\n")


@pytest.mark.parametrize("directive", [
    "LocksBase /x", "LocksTTL 5m", "LocksStore memcached:x"])
def test_a_htaccess_file_is_told_no(make_site, directive):
    site = make_site()
    path = site.httpd.folder / "htdocs/.htaccess"
    path.write_text(directive + "\n")
    os.chmod(path, 0o644)
    assert site.anonymous().request("GET", "/x").status == 500
    assert "not allowed here" in site.httpd.log()


def test_a_unix_socket(make_site, tmp_path):
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o777)
    site = make_site(memcached=Memcached(
        unix_socket=f"{tmp_path}/m.sock").start())
    ann = site.new_user()
    assert ann.lock(site.new_course(ann)).status == 201


def test_sessions_on_a_store_of_their_own_under_another_key(make_site):
    locks, sessions = Memcached().start(), Memcached().start()
    site = make_site(
        memcached=sessions, store=locks.store,
        directives=f"LocksSessionStore {sessions.store}\n"
                   "LocksSessionKey login/%s/v1\nLocksKeyPrefix editing.")
    sessions.set("login/abc/v1", {"sessionType": "PlainUserSession",
                                  "userId": "1"})
    ann = Client(site, "abc")
    ann.user = "1"
    course = site.new_course(ann)
    assert ann.lock(course).status == 201
    assert ann.locks(course).status == 200
    assert all(key.startswith("editing.") for key in locks.keys())
    assert not [key for key in sessions.keys() if "editing" in key]
    sessions.kill()
    assert ann.locks(course).is_error(503, "Lock store unavailable")
    locks.stop()


def test_virtual_hosts_keep_apart(make_site):
    site = make_site(location="""
<Location "/locks">
    SetHandler locks
</Location>
<VirtualHost *>
    ServerName one
    LocksKeyPrefix one:
</VirtualHost>
<VirtualHost *>
    ServerName two
    LocksKeyPrefix two:
    LocksTTL 10s
</VirtualHost>
""")
    ann, ben = site.new_user(), site.new_user()
    course = site.new_course(ann, ben)

    def lock(client, host):
        return client.lock(course, headers={"Host": host})

    one, two = lock(ann, "one"), lock(ben, "two")
    assert (one.status, two.status) == (201, 201)
    assert one.json["expiresIn"] > 200_000
    assert two.json["expiresIn"] <= 10_000
    assert lock(ben, "one").status == 403


def test_queries_of_ones_own(make_site):
    site = make_site(directives="""
LocksCourseQuery "SELECT code FROM courses WHERE code = %s"
LocksGadgetQuery "SELECT lower(name) FROM things WHERE code = %s AND lower(name) = lower(%s)"
LocksAccessQuery "SELECT 1 FROM courses WHERE code = %s AND boss = %s"
""")
    site.database.run("""
CREATE TABLE courses (code TEXT, boss TEXT);
CREATE TABLE things (code TEXT, name TEXT);
INSERT INTO courses VALUES ('history', 'ann');
INSERT INTO things VALUES ('history', 'Quiz');
""")
    ann = site.new_user(user="ann")
    first = ann.lock("history", "QUIZ")
    assert first.json["subject"]["gadgetId"] == "quiz"
    assert ann.lock("history", "Quiz").json["id"] == first.json["id"]
    assert site.new_user().lock("history", "quiz").status == 403


def test_a_query_with_an_unusable_answer_is_503(make_site):
    site = make_site(directives="""
LocksCourseQuery "SELECT upper(id) FROM course WHERE id = %s"
""")
    ann = site.new_user()
    assert ann.locks(site.new_course(ann)).is_error(
        503, "Course catalog unavailable")
    assert "LocksCourseQuery" in site.httpd.log()


def test_locks_survive_a_graceful_restart(make_site):
    site = make_site()
    ann = site.new_user()
    course = site.new_course(ann)
    lock = ann.lock(course).json["id"]
    site.httpd.reload()
    assert [one["id"] for one in ann.locks(course).json] == [lock]
    assert ann.unlock(lock).status == 200


def test_records_are_binary_and_kept_for_long(make_site):
    site = make_site(directives="LocksTTL 1s")
    ann = site.new_user()
    ann.lock(site.new_course(ann))
    records = [key for key in site.memcached.keys()
               if key.startswith("locks:")]
    assert len(records) == 3
    for key in records:
        value = site.memcached.get(key)
        assert key.encode() in value
        with pytest.raises(ValueError):
            json.loads(value)
