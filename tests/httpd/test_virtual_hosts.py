# SPDX-License-Identifier: Apache-2.0
"""Two sites in one httpd, sections that decide where the module serves, and
reloads."""

import threading
from contextlib import ExitStack

import pytest

from harness import contract
from harness.database import PERMISSION, Sqlite
from harness.httpd import Httpd
from harness.memcached import memcached
from harness.site import LOCATION, running_site
from harness.system import temporary_folder

# What differs between the sites, each in one virtual host and alone.
SECOND = """
{database}
LocksStore memcached:{store}
LocksSessionKey "second/%s"
LocksKeyPrefix second:
LocksTTL 90s
LocksCatalogCache 1m
LocksCourseQuery "SELECT id FROM room WHERE id = %s"
LocksGadgetQuery "SELECT id FROM thing WHERE room = %s AND id = %s"
LocksAccessQuery "SELECT 1 FROM key WHERE room = %s AND owner = %s"
"""
ROOMS = """
CREATE TABLE room (id TEXT);
CREATE TABLE thing (room TEXT, id TEXT);
CREATE TABLE key (room TEXT, owner TEXT);
"""


class Rooms(Sqlite):
    """A database with tables of its own."""

    def __init__(self, path):
        super().__init__(path)
        for statement in ROOMS.strip().splitlines():
            self.execute(statement)

    def add_course(self, course_id, internal_id=None):
        self.execute("INSERT INTO room VALUES (?)", (course_id,))

    def add_gadgets(self, course_id, *gadgets):
        self.execute_for_each("INSERT INTO thing VALUES (?, ?)",
                              [(course_id, gadget) for gadget in gadgets])

    def permit(self, course_id, *principals, permission=PERMISSION):
        self.execute_for_each("INSERT INTO key VALUES (?, ?)",
                              [(course_id, name) for name in principals])


@pytest.fixture(scope="module")
def pair():
    """Two sites in one httpd."""
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        store = stack.enter_context(memcached())
        rooms = Rooms(folder / "rooms.db")
        second = (SECOND.replace("{database}", rooms.directives)
                  .replace("{store}", store.name))
        site = stack.enter_context(running_site(
            vhosts={"second": second}))
        site.rooms, site.second_store = rooms, store
        yield site


def people(site):
    """A user's and another's client at each of the two sites: everything has
    the same names at both."""
    course = site.course()
    site.rooms.add_course(course.id)
    site.rooms.add_gadgets(course.id, *course.gadgets)
    users = site.users(2, course)
    site.rooms.permit(course.id, *(user.user_id for user in users))
    return course, users


def at_second(site, user):
    """The same user, signed in at the second site."""
    sid = site.session({"sessionType": "PlainUserSession",
                        "userId": user.user_id}, key="second/%s",
                       store=site.second_store)
    return site.client(sid, "second", user_id=user.user_id)


def test_sites_do_not_see_each_others_locks(pair):
    course, (anna, ben) = people(pair)
    lock = contract.granted(anna.lock(course, "g1"))
    there = at_second(pair, ben)
    assert contract.listed(there.locks(course)) == []
    other = contract.granted(there.lock(course, "g1"), lease=90_000)
    contract.no_lock(there.unlock(lock["id"]), lock["id"])
    contract.released(there.unlock(other["id"]))
    assert contract.held(ben.locks(course)) == {
        "g1": (anna.user_id, lock["id"])}


def test_a_user_has_a_lock_at_each_site(pair):
    course, (anna, _) = people(pair)
    contract.granted(anna.lock(course, "g1"))
    contract.granted(at_second(pair, anna).lock(course, "g2"), lease=90_000)
    assert list(contract.held(anna.locks(course))) == ["g1"]


def test_sites_do_not_see_each_others_sessions(pair):
    course, (anna, _) = people(pair)
    there = at_second(pair, anna)
    contract.unauthorized(anna.at(there.address).locks(course))
    contract.unauthorized(there.at(anna.address).locks(course))


def test_sites_do_not_see_each_others_courses(pair):
    course, (anna, _) = people(pair)
    there = at_second(pair, anna)
    alone = pair.course()
    pair.permit(alone, anna.user_id)
    contract.granted(anna.lock(alone, "g1"))
    contract.no_course(there.lock(alone, "g1"), alone.id)
    pair.withdraw(course, anna.user_id)
    contract.forbidden(anna.lock(course, "g1"))
    contract.granted(there.lock(course, "g1"), lease=90_000)


def test_sites_may_differ_by_name_alone():
    """Virtual hosts on one port, told apart by the Host header."""
    with running_site() as site:
        host, port = site.httpd.address
        site.httpd.config += "".join(
            f"<VirtualHost {host}:{port}>\nServerName {name}.example\n"
            f"{directives}\n</VirtualHost>\n" for name, directives in (
                ("first", ""), ("second", "LocksKeyPrefix second:\n"
                                          "LocksTTL 90s")))
        site.httpd.write_config()
        site.httpd.restart_gracefully()
        course = site.course()
        anna, ben = site.users(2, course)
        for user in (anna, ben):
            user.headers.append(("Host", "first.example"))
        ben_there = site.client(ben.sid, headers=[("Host", "second.example")])
        contract.granted(anna.lock(course, "g1"))
        contract.taken(ben.lock(course, "g1"))
        contract.granted(ben_there.lock(course, "g1"), lease=90_000)


# ---- Sections ----

SECTIONS = """
<LocationMatch "^/(?<tenant>[a-z]+)/v[12]/locks">
    SetHandler locks
    LocksBase /api/v2/locks
</LocationMatch>
<Location "/inside/locks">
    <If "%{HTTP:X-Locks} == 'on'">
        SetHandler locks
        LocksBase /inside/locks
        LocksCatalogCache 1m
    </If>
    <Else>
        Redirect 410 "/inside/locks"
    </Else>
</Location>
<Location "/unlocked/locks">
    LocksBase /unlocked/locks
</Location>
"""


@pytest.fixture(scope="module")
def sections():
    with running_site(location=LOCATION + SECTIONS) as site:
        yield site


def test_a_match_of_locations_serves(sections):
    course = sections.course()
    user = sections.user(course).at(base="/api/v2/locks")
    answer = user.lock(course, "g1")
    lock = contract.granted(answer, base="/api/v2/locks")
    # Where the answer says the lock is, it is.
    contract.released(user.raw("DELETE", answer.header("Location")))
    contract.no_lock(user.raw("DELETE", answer.header("Location")),
                     lock["id"])


def test_a_match_with_another_base_is_an_error_that_the_log_explains(sections):
    user = sections.user()
    log = sections.httpd.log_after(lambda: contract.error(
        user.raw("GET", "/other/v1/locks?subject.courseId=course1"), 404))
    assert "set LocksBase in this location" in log


def test_a_condition_decides(sections):
    course = sections.course()
    user = sections.user(course).at(base="/inside/locks")
    assert user.raw("GET", "/inside/locks", checked=False).status == 410
    user.headers.append(("X-Locks", "on"))
    lock = contract.granted(user.lock(course, "g1"), base="/inside/locks")
    contract.released(user.unlock(lock["id"]))


def test_without_the_handler_nothing_is_served(sections):
    answer = sections.user().raw("GET", "/unlocked/locks", checked=False)
    assert answer.status == 404
    assert answer.header("Content-Type").startswith("text/html")


# ---- Reloads ----


def test_reloads_under_load_lose_nothing():
    """A user renews through several graceful restarts: the same lock, and no
    answer but 201."""
    with running_site() as site:
        course = site.course()
        users = site.users(3, course)
        done = threading.Event()
        seen = {user.user_id: [] for user in users}

        def renew(user, gadget):
            while not done.is_set():
                seen[user.user_id].append(user.lock(course, gadget))

        threads = [threading.Thread(target=renew, args=pair)
                   for pair in zip(users, course.gadgets)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            site.httpd.restart_gracefully()
        done.set()
        for thread in threads:
            thread.join()
        for answers in seen.values():
            assert len(answers) > 3
            locks = [contract.granted(answer) for answer in answers]
            assert len({lock["id"] for lock in locks}) == 1


def test_a_reload_with_a_mistake_changes_nothing():
    with running_site() as site:
        course = site.course()
        user = site.user(course)
        contract.granted(user.lock(course, "g1"))
        good = site.httpd.config
        site.httpd.config += "\nLocksTTL forever\n"
        status, text = site.httpd.test_config()
        assert status != 0 and "LocksTTL takes a time of 1s to 24h" in text
        # That is what `apachectl graceful` asks first, and then does nothing.
        contract.granted(user.lock(course, "g1"))
        site.httpd.config = good
        assert site.httpd.test_config()[0] == 0


def test_mistakes_are_named_with_file_and_line(tmp_path):
    """In an included file, within a virtual host within a condition."""
    tmp_path.chmod(0o755)
    included = tmp_path / "locks.conf"
    included.write_text("# A comment\n\nLocksMaxPerCourse none\n")
    status, text = Httpd(tmp_path, vhosts={
        "v": f"<IfModule mod_dbd.c>\nInclude {included}\n</IfModule>",
    }).test_config()
    assert status != 0
    assert f"line 3 of {included}:" in text
    assert 'LocksMaxPerCourse takes a number from 1 to 100000; not "none"' in (
        text)


@pytest.mark.parametrize("directive", ["LocksStore memcached:127.0.0.1",
                                       "LocksTTL 5m"])
@pytest.mark.parametrize("section", ['Location "/x"', 'Directory "/x"',
                                     'If "true"'])
def test_what_is_the_servers_is_not_a_sections(tmp_path, directive, section):
    tmp_path.chmod(0o755)
    status, text = Httpd(
        tmp_path, f"<{section}>\n{directive}\n</{section.split()[0]}>",
    ).test_config()
    assert status != 0
    assert f"{directive.split()[0]} not allowed in" in text or (
        f"{directive.split()[0]} not allowed here" in text), text
