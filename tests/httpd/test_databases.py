# SPDX-License-Identifier: Apache-2.0
"""What befalls PostgreSQL and MariaDB: slow, killed, restarted, refusing,
forgetful. Whatever it is, the answer is 503 or the truth, and all is well
again as soon as the database is, without a restart of httpd."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from harness import contract
from harness.databases import SERVERS
from harness.site import running_site
from harness.system import SLACK, eventually, resident, temporary_folder

UNAVAILABLE = "Course catalog unavailable"
# Few enough to be exhausted.
MOST = 20
# All connections of the pool are open, and most were never used.
POOL = "DBDMin 4\nDBDKeep 4\nDBDMax 4\n"


@pytest.fixture(scope="module")
def server(databases, database_kind):
    """One that can bear all this: nobody else uses it."""
    with databases.own_server(database_kind, f"--max-connections={MOST}",
                              SERVERS[database_kind].LOGGING) as server:
        yield server


@contextmanager
def new_site(server, **settings):
    with running_site(database=server.new_database(), mpm="one child",
                      **settings) as site:
        yield site


@pytest.fixture(scope="module")
def site(server):
    """What befell it before has not to be seen any more."""
    with new_site(server, config=POOL) as site:
        yield site


def unavailable(answer):
    contract.error(answer, 503, UNAVAILABLE)


def at_once(site, course, count=12):
    """What as many people are answered at the same time."""
    people = site.users(count, course)
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda person: person.locks(course), people))


def often_at_once(course, user, count=12):
    """The same for one person, which asks no database to make more."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: user.locks(course), range(count)))


def serves(site, course, user):
    """Everybody is served, on each connection, and at the first request."""
    for answer in at_once(site, course):
        contract.listed(answer)
    contract.granted(user.lock(course, "g1"), course, "g1", user.user_id)
    contract.no_gadget(user.lock(course, "nosuch"), "nosuch")
    contract.no_course(user.lock("nosuchcourse", "g1"), "nosuchcourse")
    contract.forbidden(site.user().lock(course, "g1"))


def refuses(site, course, user):
    """What needs the catalog is refused; what does not is done."""
    unavailable(user.lock(course, "g1"))
    unavailable(user.locks(course))
    unavailable(site.partner().locks(course))
    contract.unauthorized(site.client("nobodysid").locks(course))
    contract.error(user.post(b"{"), 400)
    contract.no_lock(user.unlock("1"), "1")


# ---- Away and back ----

@pytest.mark.parametrize("end", ["stop", "kill"])
def test_restarted_database_is_used_at_once(server, site, end):
    user = site.user(course := site.course())
    serves(site, course, user)
    lock = contract.granted(user.lock(course, "g1"))
    getattr(server, end)()
    refuses(site, course, user)
    contract.released(user.unlock(lock["id"]))
    for answer in often_at_once(course, user):
        unavailable(answer)
    server.start()
    serves(site, course, user)


@pytest.mark.parametrize("least", [0, 1])
def test_database_that_is_away_when_httpd_starts(server, least):
    database = server.new_database()
    server.stop()
    try:
        with running_site(database=database, mpm="one child",
                          config=f"DBDMin {least}") as site:
            user = site.user()
            refuses(site, "course1", user)
            server.start()
            site.permit(course := site.course(), user.user_id)
            serves(site, course, user)
    finally:
        if not server.running():
            server.start()


def test_restart_between_two_requests_goes_unseen(server, site):
    user = site.user(course := site.course())
    serves(site, course, user)
    for end in ("stop", "kill"):
        getattr(server, end)()
        server.start()
        serves(site, course, user)


# ---- Connections that end ----

def test_killed_connections_go_unseen(server):
    """Those that were never used, and those whose statements are known."""
    with new_site(server, config=POOL) as site:
        user = site.user(course := site.course())
        eventually(lambda: len(server.connections(site.database.name)) == 4)
        for _ in range(3):
            server.kill_connections()
            serves(site, course, user)
        log = site.httpd.log()
        assert "[locks:error]" not in log, log


def test_connection_killed_in_a_query_is_503_or_the_truth(server, site):
    user = site.user(course := site.course())
    serves(site, course, user)
    with ThreadPoolExecutor(1) as pool:
        with server.locked(site.database, "course_permission"):
            answer = pool.submit(user.lock, course, "g1")
            eventually(lambda: server.waiting())
            server.kill_connections()
        answer = answer.result()
    if answer.status != 201:
        unavailable(answer)
    serves(site, course, user)


def test_idle_connections_that_the_server_ends_go_unseen(server):
    with server.setting("idle timeout", 1):
        with new_site(server, config=POOL) as site:
            user = site.user(course := site.course())
            serves(site, course, user)
            eventually(lambda: not server.connections(site.database.name))
            serves(site, course, user)
            assert "[locks:error]" not in site.httpd.log()


# ---- Refused ----

def test_wrong_password_is_503_until_it_is_right(server, site):
    user = site.user(course := site.course())
    serves(site, course, user)
    server.set_password("another")
    try:
        server.kill_connections()
        refuses(site, course, user)
    finally:
        server.set_password("secret")
    serves(site, course, user)


def test_password_that_is_wrong_when_httpd_starts(server):
    server.set_password("another")
    try:
        with new_site(server) as site:
            user = site.user(course := site.course())
            refuses(site, course, user)
            server.set_password("secret")
            serves(site, course, user)
    finally:
        server.set_password("secret")


def test_no_connections_left_is_503_until_there_are(server, site):
    user = site.user(course := site.course())
    serves(site, course, user)
    server.kill_connections()
    others = []
    try:
        server.take_connections(others, site.database.name)
        refuses(site, course, user)
    finally:
        for connection in others:
            connection.close()
    serves(site, course, user)


@pytest.mark.parametrize("query", ["SELECT id FROM nosuch WHERE id = %s",
                                   "SELECT id FROM course WHERE id = %s"])
def test_connections_never_exceed_dbdmax(server, query):
    """Whether queries fail or not, though many ask at once."""
    with new_site(server, config="DBDMin 1\nDBDKeep 1\nDBDMax 3\n"
                                 f'LocksCourseQuery "{query}"') as site:
        course = site.course()
        name = site.database.name
        most = 0
        with ThreadPoolExecutor(1) as pool:
            for _ in range(5):
                answers = pool.submit(at_once, site, course)
                while not answers.done():
                    most = max(most, len(server.connections(name)))
                for answer in answers.result():
                    assert answer.status in (200, 503), answer
        assert 1 <= most <= 3
        # Nor were there more, too short to be seen: DBDKeep ends those that
        # are idle only after minutes.
        assert server.connected(name) <= 3


# ---- Tables and statements ----

TABLES = ("gadget", "course_permission", "course")


def rename(site, prefix, new):
    for table in TABLES:
        site.database.execute(f"ALTER TABLE {prefix}{table}"
                              f" RENAME TO {new}{table}")


def test_tables_that_go_and_come_back(server, site):
    user = site.user(course := site.course())
    for _ in range(3):
        serves(site, course, user)
        rename(site, "", "away_")
        unavailable(user.lock(course, "g1"))
        unavailable(site.partner().locks(course))
        rename(site, "away_", "")
    serves(site, course, user)


def test_columns_that_change_their_type(server):
    """The plan of a statement is then of no use any more."""
    with new_site(server, config="DBDMin 1\nDBDKeep 1\nDBDMax 1") as site:
        user = site.user(course := site.course())
        for column in ("VARCHAR(255)", "TEXT", "VARCHAR(255)"):
            server.retype_gadgets(site.database, column)
            serves(site, course, user)
        assert "[locks:error]" not in site.httpd.log()


# Two rows, and the query fails; fewer, and it does not.
FUSE = ("SELECT 1 FROM course_permission WHERE course_id = %s"
        " AND principal = %s AND permission <> (SELECT name FROM fuse)")


def test_many_failures_leave_nothing_behind(server):
    """No memory here, no statements at the server. The failures are those
    that only show when the statement is executed."""
    database = server.new_database()
    database.execute("CREATE TABLE fuse (name VARCHAR(9))")
    database.execute("INSERT INTO fuse VALUES ('x')")
    config = f"""
DBDMin 1
DBDMax 1
DBDKeep 1
LogLevel crit
LocksAccessQuery "{FUSE}"
LocksGadgetQuery "SELECT {server.STATEMENTS} FROM gadget WHERE course_id = %s \
AND id = %s"
"""
    with running_site(database=database, mpm="single",
                      config=config) as site:
        user = site.user(course := site.course())

        def statements():
            """The gadget's ID is how many there are."""
            answer = contract.granted(user.lock(course, "g1"))
            return int(answer["subject"]["gadgetId"][1:])

        def fail(times):
            database.execute("INSERT INTO fuse VALUES ('y')")
            for _ in range(times):
                unavailable(user.locks(course))
            database.execute("DELETE FROM fuse WHERE name = 'y'")

        first = statements()
        fail(200)
        (child,) = site.httpd.children()
        warm = resident(child)
        fail(600)
        growth = resident(child) - warm
        assert statements() <= first
        assert site.httpd.children() == [child]
        assert growth <= 64 * 1024, growth


@pytest.mark.only_on("postgresql")
def test_statements_that_the_server_forgets_are_prepared_anew(server):
    """As they are by DISCARD ALL of a pooler between httpd and the server."""
    database = server.new_database()
    database.execute("CREATE FUNCTION forget() RETURNS boolean AS"
                     " 'BEGIN EXECUTE ''DEALLOCATE ALL''; RETURN true; END'"
                     " LANGUAGE plpgsql VOLATILE")
    query = ("SELECT id FROM course WHERE id = %s OR internal_id = %s"
             " AND forget()")
    with running_site(database=database, mpm="single",
                      config=f'LocksCourseQuery "{query}"') as site:
        user = site.user(course := site.course())
        for _ in range(5):
            contract.granted(user.lock(course.internal, "g1"), course, "g1")
            contract.no_gadget(user.lock(course.internal, "no"), "no")
            contract.no_course(user.lock("123456789", "g1"), "123456789")
        assert "[locks:error]" not in site.httpd.log()


@pytest.mark.only_on("mariadb")
def test_no_room_for_statements_is_503_until_there_is(server, site):
    user = site.user(course := site.course())
    serves(site, course, user)
    with server.setting("max_prepared_stmt_count", 0):
        server.kill_connections()
        unavailable(user.locks(course))
    serves(site, course, user)


# ---- Slow ----

def test_database_that_is_paused_holds_requests_up_and_no_longer(server,
                                                                 site):
    user = site.user(course := site.course())
    serves(site, course, user)
    lock = contract.granted(user.lock(course, "g1"))
    with ThreadPoolExecutor(3) as pool:
        server.pause()
        try:
            answers = [pool.submit(user.locks, course),
                       pool.submit(user.lock, course, "g2"),
                       pool.submit(user.lock, course, "nosuch")]
            time.sleep(1)
            assert not any(answer.done() for answer in answers)
            # Who needs no catalog is not held up.
            contract.unauthorized(site.client("nobodysid").locks(course))
            contract.no_lock(user.unlock("1"), "1")
        finally:
            server.resume()
        listed, granted, missing = [answer.result() for answer in answers]
    contract.listed(listed)
    assert contract.granted(granted, course, "g2")["id"] != lock["id"]
    contract.no_gadget(missing, "nosuch")
    serves(site, course, user)


# What conf/docs/databases.md tells to set.
OPTION_FILE = """
[mod_locks]
connect-timeout=2
default-character-set=utf8mb4
init-command="SET SESSION max_statement_time=1"
"""
TIME_LIMITS = {
    "postgresql": "connect_timeout=2 options='-c statement_timeout=1000'",
    "mariadb": "group=mod_locks",
}


@pytest.fixture
def limited(server, monkeypatch):
    """A database, and directives that set time limits."""
    database = server.new_database()
    with temporary_folder() as folder:
        (folder / "my.cnf").write_text(OPTION_FILE)
        monkeypatch.setenv("MARIADB_HOME", str(folder))
        yield database, (f'DBDParams "{database.parameters}'
                         f' {TIME_LIMITS[server.kind]}"\n')


def test_slow_queries_are_given_up_in_time(server, limited):
    database, config = limited
    slow = ("SELECT 1 FROM course_permission WHERE course_id = %s"
            f" AND principal = %s AND {server.SLOW}")
    with running_site(database=database, mpm="one child", config=config,
                      vhosts={"slow": f'LocksAccessQuery "{slow}"'}) as site:
        user = site.user(course := site.course())
        serves(site, course, user)
        patient = user.at(site.httpd.addresses["slow"])
        answer = patient.lock(course, "g1")
        unavailable(answer)
        assert 0.9 < answer.elapsed < 1.5 + SLACK, answer.elapsed
        with server.locked(database, "course_permission"):
            answer = user.locks(course)
            unavailable(answer)
            assert 0.9 < answer.elapsed < 1.5 + SLACK, answer.elapsed
        serves(site, course, user)


def test_connecting_to_a_paused_database_is_given_up_in_time(server, limited):
    database, config = limited
    with running_site(database=database, mpm="one child",
                      config=config + "DBDMin 0\n") as site:
        user = site.user(course := site.course())
        server.pause()
        try:
            answer = user.locks(course)
            unavailable(answer)
            assert 1 < answer.elapsed < 3.5 + SLACK, answer.elapsed
        finally:
            server.resume()
        serves(site, course, user)


# ---- Columns and settings of the site's own ----

@pytest.mark.only_on("mariadb")
@pytest.mark.parametrize("column", ["VARBINARY(300) NOT NULL", "BLOB NOT NULL",
                                    "TEXT NOT NULL"])
def test_binary_columns_are_read_to_their_end(server, column):
    """Neither further nor less far, with what was there before."""
    config = 'LocksGadgetQuery "SELECT id FROM part WHERE course_id = %s ' \
        'AND id = %s"'
    with new_site(server, config=config) as site:
        site.database.execute("CREATE TABLE part"
                              f" (course_id VARCHAR(255), id {column})")
        gadgets = ["x" * 255, "g", "Gerät", "y" * 100, "g1", "g12345678"]
        course = site.course(*gadgets)
        site.database.execute("INSERT INTO part SELECT * FROM gadget")
        user = site.user(course)
        for gadget in gadgets * 3:
            contract.granted(user.lock(course, gadget), course, gadget)


@pytest.mark.only_on("mariadb")
def test_every_sql_mode_serves(server):
    gadgets = ["g1", "g1 ", "o'brien", 'say "g"', "back\\slash", "Gerät",
               "\U0001d11e"]
    with new_site(server, config="DBDPersist Off") as site:
        user = site.user(course := site.course(*gadgets))
        for mode in ("", "ANSI", "ORACLE", "TRADITIONAL",
                     "PAD_CHAR_TO_FULL_LENGTH", "NO_BACKSLASH_ESCAPES"):
            with server.setting("sql_mode", mode):
                for gadget in gadgets:
                    contract.granted(user.lock(course, gadget), course, gadget)
                for gadget in ("G1", "g1  ", "back\\\\slash", "Gerat"):
                    contract.no_gadget(user.lock(course, gadget), gadget)


@pytest.mark.only_on("mariadb")
def test_collation_that_ignores_case_makes_no_second_gadget(server):
    """The name in the database is what is locked."""
    column = ("id VARCHAR(255) CHARACTER SET utf8mb4"
              " COLLATE utf8mb4_general_ci NOT NULL")
    with new_site(server) as site:
        site.database.execute(f"ALTER TABLE gadget MODIFY {column}")
        course = site.course("Quiz")
        user, other = site.users(2, course)
        contract.granted(user.lock(course, "QUIZ "), course, "Quiz")
        for alike in ("Quiz", "quiz", "quiz  "):
            contract.taken(other.lock(course, alike))


@pytest.mark.only_on("mariadb")
@pytest.mark.parametrize("option, found", [
    ("", False), ('init-command="SET NAMES utf8mb4"', True),
])
def test_server_that_insists_on_latin1_can_be_overruled(
        databases, monkeypatch, database_kind, option, found):
    with ExitStack() as stack:
        server = stack.enter_context(databases.own_server(
            database_kind, "--character-set-server=latin1",
            "--skip-character-set-client-handshake"))
        folder = stack.enter_context(temporary_folder())
        (folder / "my.cnf").write_text(f"[mod_locks]\n{option}\n")
        monkeypatch.setenv("MARIADB_HOME", str(folder))
        database = server.new_database()
        # This connection, too, is taken for one in latin1.
        database.execute("INSERT INTO course VALUES ('course1', NULL)")
        database.execute("INSERT INTO gadget VALUES ('course1',"
                         " CONVERT(X'476572c3a474' USING utf8mb4))")
        database.permit("course1", "7")
        config = f'DBDParams "{database.parameters} group=mod_locks"'
        site = stack.enter_context(running_site(database=database,
                                                config=config))
        answer = site.user(user_id="7").lock("course1", "Gerät")
        if found:
            contract.granted(answer, "course1", "Gerät")
        else:
            contract.no_gadget(answer, "Gerät")


@pytest.mark.parametrize("form", ["default", "cast"])
def test_numeric_internal_ids_have_to_be_cast(server, form):
    """PostgreSQL refuses to compare them with text; MariaDB does it, and
    finds a number for whatever has its value."""
    text = {"postgresql": "VARCHAR", "mariadb": "CHAR"}[server.kind]
    query = ("SELECT id FROM course"
             f" WHERE id = %s OR CAST(internal_id AS {text}) = %s")
    with new_site(server, vhosts={
            "cast": f'LocksCourseQuery "{query}"', "default": ""}) as site:
        server.make_internal_ids_numeric(site.database)
        course = site.course(internal="1000000")
        user = site.user(course).at(site.httpd.addresses[form])
        if form == "cast":
            for key in (course.id, course.internal):
                contract.granted(user.lock(key, "g1"), course, "g1")
            contract.no_course(user.lock("1000e3", "g1"), "1000e3")
        elif server.kind == "postgresql":
            log = site.httpd.log_after(lambda: unavailable(
                user.lock(course, "g1")))
            assert "operator does not exist" in log, log
        else:
            contract.granted(user.lock("1000e3", "g1"), course, "g1")
