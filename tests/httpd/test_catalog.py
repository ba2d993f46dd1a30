# SPDX-License-Identifier: Apache-2.0
"""Course keys, gadget ids and permissions, as every kind of database has
them; and an SQLite database that is not there. What befalls the servers of
others is in test_databases.py."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import quote

import pytest

from harness import contract
from harness.site import running_site
from harness.system import eventually

pytestmark = pytest.mark.every_database

UNAVAILABLE = "Course catalog unavailable"


def both_ways(user, key, check):
    """By POST and by GET, which read the key from different places."""
    check(user.lock(key, "g1"))
    check(user.at().raw("GET", "/locks?subject.courseId="
                        + quote(key, safe="")))


# ---- Course keys ----

@pytest.mark.parametrize("course_id", [
    "abcdef", "000000", "123456", "0x1234", "1000e3", "a" * 255, "null00",
    "9223372036854775808", "00000000000000000001",
])
def test_course_id_is_found(site, course_id):
    course = site.course("g1", course_id=course_id)
    user = site.user(course)
    contract.granted(user.lock(course_id, "g1"), course_id, "g1")
    assert len(contract.listed(user.locks(course_id))) == 1


@pytest.mark.parametrize("internal", [
    "0", "7", "-7", "12345", "9223372036854775807", "-9223372036854775808",
    "1234567",
])
def test_internal_id_is_found(site, internal):
    course = site.course("g1", internal=internal)
    user = site.user(course)
    contract.granted(user.lock(internal, "g1"), course.id, "g1")
    [lock] = contract.listed(user.locks(internal))
    assert lock["subject"]["courseId"] == course.id


@pytest.mark.parametrize("key", [
    "abc", "abcde", "ABCDEF", "Abcdef", "abc-def", "abc_def", "abc def",
    "abcdéf", "abcdef ", " abcdef", "+5", "-0", "05", "-05", "1.0", "1e3",
    "0x1", "--5", "-", "5-", "-9223372036854775809", "+1234567", "1 ",
    "-12345678901234567890",
])
def test_key_of_neither_form_is_404_whatever_the_database_has(site, key):
    """Such rows are there, under both names where the longest internal ID
    is no longer: they are never asked for."""
    by_id = site.course("g1", course_id=key)
    by_internal = site.course("g1")
    site.database.execute(
        "UPDATE course SET internal_id = ? WHERE id = ?",
        (key[:20], by_internal.id))
    user = site.user(by_id, by_internal)
    both_ways(user, key, lambda answer: contract.no_course(answer, key))


@pytest.mark.parametrize("key, internal", [
    ("1000e3", "1000000"), ("0001234", "1234"), ("123456", "123456 "),
    ("12345678901234567", "12345678901234567e0"),
    ("0x00ff", "255"), ("000000", "0"),
])
def test_number_like_keys_match_no_equal_number(site, key, internal):
    """Text is compared with text, byte by byte."""
    course = site.course("g1", internal=f"{internal}-")
    site.database.execute("UPDATE course SET internal_id = NULL"
                          " WHERE internal_id = ?", (internal,))
    site.database.execute("UPDATE course SET internal_id = ? WHERE id = ?",
                          (internal, course.id))
    site.database.execute("DELETE FROM gadget WHERE course_id = ?", (key,))
    site.database.execute("DELETE FROM course_permission"
                          " WHERE course_id = ?", (key,))
    site.database.execute("DELETE FROM course WHERE id = ?", (key,))
    user = site.user(course)
    both_ways(user, key, lambda answer: contract.no_course(answer, key))


@pytest.mark.parametrize("id_first", [True, False])
def test_course_id_wins_over_an_equal_internal_id(site, id_first):
    key = "7654321" if id_first else "7654322"
    made = []
    for by_id in (id_first, not id_first):
        made.append(site.course("g1", course_id=key) if by_id
                    else site.course("g1", internal=key))
    user, other = site.users(2, *made)
    contract.granted(user.lock(key, "g1"), key, "g1")
    [lock] = contract.listed(user.locks(key))
    assert lock["subject"]["courseId"] == key
    [namesake] = [course for course in made if course.id != key]
    assert contract.listed(user.locks(namesake.id)) == []
    contract.granted(other.lock(namesake.id, "g1"), namesake.id)


def test_course_without_an_internal_id_is_found(site):
    course = site.course("g1")
    site.database.execute("UPDATE course SET internal_id = NULL"
                          " WHERE id = ?", (course.id,))
    contract.granted(site.user(course).lock(course, "g1"))


def test_changes_of_the_database_count_at_once(site):
    course = site.course("g1")
    user = site.user(course)
    contract.no_gadget(user.lock(course, "g2"), "g2")
    site.database.add_gadgets(course.id, "g2")
    contract.granted(user.lock(course, "g2"))
    site.database.execute("DELETE FROM gadget WHERE course_id = ?",
                          (course.id,))
    contract.no_gadget(user.lock(course, "g2"), "g2")
    [lock] = contract.listed(user.locks(course))
    site.withdraw(course, user.user_id)
    contract.forbidden(user.locks(course))
    contract.released(user.unlock(lock["id"]))


# ---- Gadget ids ----

GADGETS = [
    "o'brien", "''", "';DROP TABLE gadget;--", 'say "g"', "back\\slash", "%",
    "%s", "%d%n", "100%", "%67%31", "a/b/c", "../g1", "?x=1#y", "&amp;", "<g>",
    " g1", "g1 ", "  ", "G1", "gadget:1", "0", "-1", "1e3", "NULL", "null",
    "Gerät", "日本語", "𝄞", "e\u0301", "\u00e9", "\u0080\u009f", "\u00a0",
    "\u200b", "\u202e", "\ufeff", "\uffff", "\ue000", "x" * 255, "é" * 127 + "x",
    "𝄞" * 63 + "abc", "{}", '{"a":1}', "$1", ":name", "?1", "--", "/*", "*",
]


@pytest.fixture(scope="module")
def gadgets(site):
    return site.course(*GADGETS, "g1")


@pytest.mark.parametrize("gadget", GADGETS, ids=lambda text: ascii(text)[:30])
def test_gadget_of_any_text_is_locked_as_itself(site, gadgets, gadget):
    user, other = site.users(2, gadgets)
    lock = contract.granted(user.lock(gadgets, gadget), gadgets, gadget)
    contract.taken(other.lock(gadgets, gadget))
    contract.granted(other.lock(gadgets, "g1"), gadgets, "g1")
    assert contract.held(user.locks(gadgets))[gadget][1] == lock["id"]
    contract.released(user.unlock(lock["id"]))
    [left] = contract.listed(other.locks(gadgets))
    contract.released(other.unlock(left["id"]))


def test_all_odd_gadgets_are_held_at_once(site, gadgets):
    people = site.users(len(GADGETS), gadgets)
    for person, gadget in zip(people, GADGETS):
        contract.granted(person.lock(gadgets, gadget))
    held = contract.held(people[0].locks(gadgets))
    assert set(held) == set(GADGETS)
    for person, gadget in zip(people, GADGETS):
        contract.released(person.unlock(held[gadget][1]))


@pytest.mark.parametrize("wrong", ["g2 ", "G2", "g2\u200b", "ｇ2", "g%", "_2"])
def test_gadget_that_only_looks_alike_is_404(site, wrong):
    course = site.course("g2")
    contract.no_gadget(site.user(course).lock(course, wrong), wrong)


# ---- Queries of the site ----

QUERIES = {
    "canonical": ("LocksGadgetQuery",
                  "SELECT id FROM gadget WHERE course_id = %s"
                  " AND lower(id) = lower(%s)"),
    "nickname": ("LocksCourseQuery",
                 "SELECT id FROM course WHERE id = %s OR internal_id = %s"
                 " OR (%s = 'nickname' AND id = 'course1x')"),
    "percent": ("LocksGadgetQuery",
                "SELECT id FROM gadget WHERE course_id = %s AND id = %s"
                " AND id LIKE 'g%%'"),
    "any": ("LocksGadgetQuery",
            "SELECT id FROM gadget WHERE course_id = %s AND 'x' <> %s"),
    "syntax": ("LocksCourseQuery", "SELEC id FROM course WHERE id = %s"),
    "no course table": ("LocksCourseQuery",
                        "SELECT id FROM nosuch WHERE id = %s"),
    "no column": ("LocksGadgetQuery",
                  "SELECT no FROM gadget WHERE a = %s AND b = %s"),
    "no access table": ("LocksAccessQuery",
                        "SELECT 1 FROM nosuch WHERE a = %s AND b = %s"),
    "null course": ("LocksCourseQuery",
                    "SELECT NULL FROM course WHERE id = %s"),
    "empty course": ("LocksCourseQuery", "SELECT '' FROM course WHERE id = %s"),
    "no course id": ("LocksCourseQuery",
                     "SELECT 'Not An Id' FROM course WHERE id = %s"),
    "null gadget": ("LocksGadgetQuery", "SELECT NULL FROM gadget"
                                        " WHERE course_id = %s AND id = %s"),
    "empty gadget": ("LocksGadgetQuery", "SELECT '' FROM gadget"
                                         " WHERE course_id = %s AND id = %s"),
}


@pytest.fixture(scope="module")
def queries(new_database):
    """A site with a virtual host for each query."""
    vhosts = {name: f'{directive} "{query}"'
              for name, (directive, query) in QUERIES.items()}
    with running_site(database=new_database(), vhosts=vhosts) as site:
        yield site


def test_canonical_gadget_id_is_what_is_locked(queries):
    course = queries.course("Quiz", "essay")
    user, other = queries.users(2, course, vhost="canonical")
    contract.granted(user.lock(course, "QUIZ"), course, "Quiz")
    contract.taken(other.lock(course, "quiz"))
    contract.taken(other.lock(course, "Quiz"))
    first = contract.granted(user.lock(course, "qUIZ"), course, "Quiz")
    assert contract.held(other.locks(course)) == {
        "Quiz": (user.user_id, first["id"])}
    contract.no_gadget(other.lock(course, "quizz"), "quizz")


def test_queries_of_another_schema_serve(new_database):
    config = """
LocksCourseQuery "SELECT name FROM lesson WHERE name = %s"
LocksGadgetQuery "SELECT slot FROM part WHERE lesson = %s AND widget = %s"
LocksAccessQuery "SELECT 1 FROM editor WHERE (lesson=%s OR 1=0) AND who = %s"
"""
    with running_site(database=new_database(), config=config) as site:
        for sql in ("CREATE TABLE lesson (name TEXT)",
                    "CREATE TABLE part (lesson TEXT, widget TEXT, slot TEXT)",
                    "CREATE TABLE editor (lesson TEXT, who TEXT)",
                    "INSERT INTO lesson VALUES ('history1')",
                    "INSERT INTO part VALUES ('history1', 'map', 'w-map')"):
            site.database.execute(sql)
        user = site.user(user_id="clio")
        contract.forbidden(user.lock("history1", "map"))
        site.database.execute("INSERT INTO editor VALUES"
                              " ('history1', 'clio')")
        contract.granted(user.lock("history1", "map"), "history1", "w-map")
        contract.no_course(user.lock("12345", "map"), "12345")


def test_course_key_stands_for_every_placeholder(queries):
    course = queries.course("g1", course_id="course1x")
    user = queries.user(course, vhost="nickname")
    for key in ("course1x", course.internal, "nickname"):
        contract.granted(user.lock(key, "g1"), "course1x")


def test_percent_sign_in_a_query_is_doubled(queries):
    course = queries.course("g1", "h1")
    user = queries.user(course, vhost="percent")
    contract.granted(user.lock(course, "g1"))
    contract.no_gadget(user.lock(course, "h1"), "h1")


@pytest.mark.parametrize("query", ["syntax", "no course table", "no column",
                                   "no access table"])
def test_query_that_does_not_prepare_is_503_and_explained(queries, query):
    course = queries.course("g1")
    user = queries.user(course, vhost=query)
    log = queries.httpd.log_after(lambda: contract.error(
        user.lock(course, "g1"), 503, UNAVAILABLE))
    assert "[locks:" in log and QUERIES[query][0] in log, log
    assert "unknown error" not in log, log


@pytest.mark.parametrize("query", [
    "null course", "empty course", "no course id", "null gadget",
    "empty gadget",
])
def test_query_that_answers_nonsense_grants_nothing(queries, query):
    course = queries.course("g1")
    answer = queries.user(course, vhost=query).lock(course, "g1")
    contract.error(answer, 503, UNAVAILABLE)


@pytest.mark.parametrize("gadget", ["", "a\nb", "\x7f", "\U0001d11e" * 64,
                                    "x" * 254 + "\u00e9"], ids=ascii)
def test_gadget_id_that_no_lock_can_have_is_503(queries, gadget):
    course = queries.course(gadget)
    user = queries.user(course, vhost="any")
    contract.error(user.lock(course, "g1"), 503, UNAVAILABLE)


# ---- A database that is not there ----

def take_away(site):
    path = site.database.path
    path.rename(path.with_suffix(".away"))


def put_back(site):
    path = site.database.path
    path.with_suffix(".away").rename(path)


def refused_without_a_catalog(site, course, user):
    contract.error(user.lock(course, "g1"), 503, UNAVAILABLE)
    contract.error(user.locks(course), 503, UNAVAILABLE)
    contract.error(site.partner().locks(course), 503, UNAVAILABLE)
    # What comes before the catalog is answered all the same.
    contract.unauthorized(site.client("nobodysid").locks(course))
    contract.error(user.post(b"{"), 400)
    contract.error(user.raw("GET", "/locks"), 400)
    contract.no_lock(user.unlock("1"), "1")
    contract.error(user.raw("PUT", "/locks"), 405)


def test_database_that_is_not_there_is_503_and_heals():
    with running_site() as site:
        course = site.course()
        user = site.user(course)
        take_away(site)
        site.httpd.restart_gracefully()
        refused_without_a_catalog(site, course, user)
        put_back(site)
        answer = eventually(lambda: (answer := user.lock(course, "g1"))
                            and answer.status != 503 and answer)
        contract.granted(answer)


def test_release_needs_no_database():
    with running_site() as site:
        course = site.course()
        user, other = site.users(2, course)
        lock = contract.granted(user.lock(course, "g1"))
        take_away(site)
        site.httpd.restart_gracefully()
        contract.forbidden(other.unlock(lock["id"]))
        contract.released(user.unlock(lock["id"]))
        put_back(site)


def test_tables_that_are_not_there_are_503_and_heal(new_database):
    with running_site(database=new_database()) as site:
        for table in ("gadget", "course_permission", "course"):
            site.database.execute(f"ALTER TABLE {table} RENAME TO a_{table}")
        user = site.user()
        refused_without_a_catalog(site, "course1", user)
        for table in ("course", "gadget", "course_permission"):
            site.database.execute(f"ALTER TABLE a_{table} RENAME TO {table}")
        course = site.course()
        site.permit(course, user.user_id)
        answer = eventually(lambda: (answer := user.lock(course, "g1"))
                            and answer.status != 503 and answer)
        contract.granted(answer)


def test_database_that_is_replaced_is_read_anew(new_database):
    """As a site does that exports its courses every night."""
    with running_site(database=new_database()) as site:
        course = site.course("g1")
        user = site.user(course)
        contract.granted(user.lock(course, "g1"))
        for table in ("gadget", "course_permission", "course"):
            site.database.execute(f"ALTER TABLE {table} RENAME TO b_{table}")
            site.database.execute(f"CREATE TABLE {table} AS"
                                  f" SELECT * FROM b_{table}")
            site.database.execute(f"DROP TABLE b_{table}")
        answer = eventually(lambda: (answer := user.lock(course, "g1"))
                            and answer.status != 503 and answer)
        contract.granted(answer)
        site.database.add_gadgets(course.id, "g9")
        contract.granted(user.lock(course, "g9"))


def test_locked_database_is_503_or_the_truth():
    with running_site() as site:
        course = site.course()
        user = site.user(course)
        with closing(sqlite3.connect(site.database.path)) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            answer = user.lock(course, "g1")
            writer.rollback()
        assert answer.status in (201, 503), answer
        if answer.status == 503:
            contract.error(answer, 503, UNAVAILABLE)
        contract.granted(user.lock(course, "g1"))


@pytest.mark.parametrize("config", [
    "", "DBDMax 1\nDBDKeep 1\nDBDMin 1", "DBDPersist Off", "DBDMin 0",
])
def test_small_connection_pool_serves_many(new_database, config):
    with running_site(database=new_database(), config=config) as site:
        gadgets = [f"g{index}" for index in range(24)]
        course = site.course(*gadgets)
        people = site.users(24, course)
        with ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(lambda pair: pair[0].lock(course,
                                                              pair[1]),
                                    zip(people, gadgets)))
        for answer in answers:
            contract.granted(answer)
