# SPDX-License-Identifier: Apache-2.0
"""LocksCatalogCache: what the catalog answered is kept in the lock store."""

import time
from contextlib import contextmanager

import pytest

from harness import contract, proxy
from harness.application import Application, Reply
from harness.database import PERMISSION, Sqlite
from harness.httpd import MODULES
from harness.site import broken_site
from harness.system import temporary_folder

# The kinds of catalog in "/{kind}/{how}/locks".
KINDS = {
    "dbd": "",
    "subrequest": """
    LocksCatalog subrequest
    LocksCourseURI "/api/courses/%{course}"
    LocksGadgetURI "/api/courses/%{course}/gadgets/%{gadget}"
    LocksAccessURI "/api/permissions?id=%{course}&user=%{user}" \\
        contains=/permissions/""" + PERMISSION,
}
TIMES = {
    "long": "LocksCatalogCache 10m 10m",
    "short": "LocksCatalogCache 1s 1s",
    "positive": "LocksCatalogCache 10m 0",
    "negative": "LocksCatalogCache 0 10m",
    "usual": "LocksCatalogCache 10m",
    "off": "LocksCatalogCache 0",
    "default": "",
}
LOCATION = """
<Location "/{kind}/{how}/locks">
    SetHandler locks
    LocksBase "/{kind}/{how}/locks"
    {catalog}
    {time}
</Location>
"""
SHORT = 1.0


def locations():
    return "".join(
        LOCATION.replace("{kind}", kind).replace("{how}", how)
        .replace("{catalog}", catalog).replace("{time}", time)
        for kind, catalog in KINDS.items() for how, time in TIMES.items())


class Both(Sqlite):
    """The site's database and its application know the same."""

    def __init__(self, path, application):
        super().__init__(path)
        self.application = application

    def add_course(self, course_id, internal_id=None):
        super().add_course(course_id, internal_id)
        self.application.add_course(course_id, internal_id)

    def add_gadgets(self, course_id, *gadgets):
        super().add_gadgets(course_id, *gadgets)
        self.application.add_gadgets(course_id, *gadgets)

    def permit(self, course_id, *principals, permission=PERMISSION):
        super().permit(course_id, *principals, permission=permission)
        self.application.permit(course_id, *principals)

    def withdraw(self, course_id, principal):
        super().withdraw(course_id, principal)
        self.application.withdraw(course_id, principal)

    def forget(self, course):
        """A course and its gadgets are gone; so are the permissions."""
        for table, column in (("course_permission", "course_id"),
                              ("gadget", "course_id"), ("course", "id")):
            self.execute(f"DELETE FROM {table} WHERE {column} = ?",
                         (course.id,))
        self.application.courses = {
            key: value for key, value in self.application.courses.items()
            if value != course.id}
        self.application.permitted = {
            pair for pair in self.application.permitted
            if pair[0] != course.id}


@pytest.fixture(scope="module")
def site():
    with temporary_folder() as folder, Application() as application:
        database = Both(folder / "courses.db", application)
        other = Sqlite(folder / "other.db")
        pass_on = (f'ProxyPass "/api" "http://127.0.0.1:{application.port}'
                   '/api" retry=0\n')
        with broken_site(
                database=database, location=pass_on + locations(),
                modules=(*MODULES, "proxy", "proxy_http"), timeout="1s",
                mpm="one child",
                vhosts={"twin": "", "other": other.directives}) as site:
            site.application = application
            site.other = other
            yield site


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def course(site):
    return site.course()


@pytest.fixture
def user(site, kind, course):
    return site.user(course).at(base=f"/{kind}/long/locks")


def here(user, how):
    """The same person where answers are kept otherwise."""
    return user.at(base=f"/{user.base.split('/')[1]}/{how}/locks")


def grant(user, course, gadget="g1"):
    return contract.granted(user.lock(course, gadget), base=user.base)


@contextmanager
def questions(site):
    """What the application is asked inside."""
    site.application.asked()
    asked = []
    yield asked
    asked.extend(site.application.asked())


# ---- What is kept ----


def test_a_warm_request_asks_nothing(site, course, user):
    grant(user, course)
    site.database.forget(course)
    with questions(site) as asked:
        grant(user, course)
        assert "g1" in contract.held(user.locks(course))
    assert asked == []
    contract.no_course(here(user, "off").lock(course, "g1"), course.id)


def test_a_warm_request_by_the_internal_id_asks_nothing(site, course, user):
    grant(user, course.internal)
    site.database.forget(course)
    lock = grant(user, course.internal)
    assert lock["subject"]["courseId"] == course.id


def test_answers_are_kept_one_by_one(site, course, user):
    """Listing warms two of the three that a lock needs."""
    contract.listed(user.locks(course))
    with questions(site) as asked:
        grant(user, course)
    assert len(asked) == (1 if user.base.startswith("/subrequest") else 0)
    site.database.forget(course)
    contract.no_gadget(user.lock(course, "g2"), "g2")
    grant(user, course, "g1")


@pytest.mark.parametrize("how", ["off", "default", "negative"])
def test_nothing_is_kept_where_it_is_not_wanted(site, course, user, how):
    grant(here(user, how), course)
    assert not list(findings(site, course))
    site.withdraw(course, user.user_id)
    contract.forbidden(here(user, how).lock(course, "g1"))


def test_noes_are_kept_as_well(site, user):
    course = site.course()
    contract.forbidden(user.lock(course, "g1"))
    site.permit(course, user.user_id)
    contract.forbidden(user.lock(course, "g1"))
    grant(here(user, "off"), course)


def test_unknown_courses_and_gadgets_are_kept(site, course, user):
    contract.no_gadget(user.lock(course, "g9"), "g9")
    site.database.add_gadgets(course.id, "g9")
    contract.no_gadget(user.lock(course, "g9"), "g9")
    grant(here(user, "off"), course, "g9")
    contract.no_course(user.lock(f"{course.id}x", "g1"), f"{course.id}x")
    site.course("g1", course_id=f"{course.id}x")
    contract.no_course(user.lock(f"{course.id}x", "g1"), f"{course.id}x")


@pytest.mark.parametrize("how", ["positive", "usual"])
def test_noes_may_be_kept_for_another_time(site, course, user, how):
    contract.no_gadget(here(user, how).lock(course, "g9"), "g9")
    grant(here(user, how), course)
    site.database.add_gadgets(course.id, "g9")
    begun = made = time.monotonic()
    while (answer := here(user, how).lock(course, "g9")).status != 201:
        contract.no_gadget(answer, "g9")
        assert begun - made < (0 if how == "positive" else 5)
        time.sleep(0.1)
        begun = time.monotonic()
    # The others are kept still.
    site.withdraw(course, user.user_id)
    grant(here(user, how), course)


def test_doubt_is_not_kept(site, course, user):
    site.application.replies["/api"] = Reply(500)
    site.database.execute("ALTER TABLE gadget RENAME TO away")
    try:
        contract.error(user.lock(course, "g1"), 503,
                       "Course catalog unavailable")
    finally:
        site.database.execute("ALTER TABLE away RENAME TO gadget")
        site.application.replies.clear()
    grant(user, course)


# ---- For how long ----


def test_what_is_withdrawn_is_missed_within_the_time(site, course, user):
    short = here(user, "short")
    grant(short, course)
    site.withdraw(course, user.user_id)
    withdrawn = time.monotonic()
    begun = withdrawn
    while (answer := short.lock(course, "g1")).status != 403:
        contract.granted(answer, base=short.base)
        assert begun - withdrawn < SHORT
        time.sleep(0.05)
        begun = time.monotonic()
    contract.forbidden(short.locks(course))


def test_a_gadget_that_is_made_is_found_within_the_time(site, course, user):
    short = here(user, "short")
    contract.no_gadget(short.lock(course, "g9"), "g9")
    site.database.add_gadgets(course.id, "g9")
    time.sleep(SHORT)
    grant(short, course, "g9")


def test_a_shorter_time_counts_at_once(site, course, user):
    """After a reload what was kept before is not believed for longer."""
    grant(user, course)
    site.withdraw(course, user.user_id)
    contract.forbidden(here(user, "short").lock(course, "g1"))
    contract.forbidden(user.lock(course, "g1"))


# ---- For whom ----


def test_one_users_answer_is_not_anothers(site, kind, course, user):
    grant(user, course)
    stranger = site.user().at(base=user.base)
    contract.forbidden(stranger.lock(course, "g2"))
    site.withdraw(course, user.user_id)
    grant(user, course)
    contract.forbidden(site.user().at(base=user.base).locks(course))


def test_what_the_database_tells_of_a_gadget_it_tells_anyone(site, course):
    first, second = (site.user(course).at(base="/dbd/long/locks")
                     for _ in range(2))
    grant(first, course)
    site.database.execute("DELETE FROM gadget WHERE course_id = ?",
                          (course.id,))
    contract.taken(second.lock(course, "g1"))
    contract.no_gadget(second.lock(course, "g2"), "g2")


def test_what_the_site_tells_one_user_it_may_not_tell_another(site, course):
    user, other = (site.user(course).at(base="/subrequest/long/locks")
                   for _ in range(2))
    site.application.replies[f"/api/courses/{course.id}/gadgets"] = Reply(403)
    contract.forbidden(user.lock(course, "g1"))
    site.application.replies.clear()
    contract.forbidden(user.lock(course, "g1"))
    grant(other, course)


def test_a_session_that_became_anothers_is_judged_anew(site, course, user):
    grant(user, course)
    site.write_session(user.sid, {"sessionType": "PlainUserSession",
                                  "userId": f"not{user.user_id}"})
    contract.forbidden(user.lock(course, "g1"))
    contract.forbidden(user.locks(course))


def test_each_sign_in_is_asked_about(site, course, user):
    grant(user, course)
    again = site.user(user_id=user.user_id).at(base=user.base)
    site.withdraw(course, user.user_id)
    contract.forbidden(again.lock(course, "g1"))


def test_partners_and_users_do_not_share_what_is_personal(site, course, user):
    partner = site.partner().at(base=user.base)
    contract.listed(partner.locks(course))
    contract.unauthorized(partner.lock(course, "g1"))
    grant(user, course)


@pytest.mark.parametrize("vhost", ["", "twin"])
def test_virtual_hosts_do_not_share_answers(site, course, vhost):
    """Two databases, one store and one prefix."""
    user = site.user(course, vhost=vhost).at(base="/dbd/long/locks")
    grant(user, course)
    elsewhere = user.at(site.httpd.addresses["other"])
    contract.no_course(elsewhere.lock(course, "g1"), course.id)
    site.other.add_course(f"{course.id}o")
    contract.forbidden(elsewhere.lock(f"{course.id}o", "g1"))
    contract.no_course(user.lock(f"{course.id}o", "g1"), f"{course.id}o")


def test_an_internal_id_that_moved_brings_no_gadget_along(site, user):
    """The course's answer ended before the gadget's."""
    first, second = site.course("g1"), site.course("g2")
    for course in (first, second):
        site.permit(course, user.user_id)
    grant(user, first.internal)
    with site.store.client() as client:
        for key, value in findings(site, first):
            if value.startswith(b"course\n"):
                client.delete(key)
    site.database.execute("UPDATE course SET internal_id = NULL WHERE id = ?",
                          (first.id,))
    site.database.execute("UPDATE course SET internal_id = ? WHERE id = ?",
                          (first.internal, second.id))
    site.application.courses[first.internal] = second.id
    contract.no_gadget(user.lock(first.internal, "g1"), "g1")
    lock = grant(user, first.internal, "g2")
    assert lock["subject"]["courseId"] == second.id


# ---- Where it is kept ----

PREFIX = "locks:found:"


def findings(site, course):
    """The kept answers about a course: keys, and what follows the header."""
    with site.store.client() as client:
        for key in client.keys():
            if key.startswith(PREFIX):
                value = client.get(key) or b""
                if course.id.encode() in value or (
                        course.internal.encode() in value):
                    # Nonce, key, time, result and the question's length.
                    yield key, value[3 + 8 + 2 + len(key) + 8 + 1 + 2:]


def is_kept(exchange):
    """Is this the writing of an answer?"""
    return proxy.writes(exchange) and proxy.key_begins(PREFIX)(exchange)


def test_no_secret_is_kept(site, course, user):
    grant(user, course)
    kept = list(findings(site, course))
    assert len(kept) == 3
    for key, value in kept:
        assert user.sid.encode() not in value and user.sid not in key


@pytest.mark.parametrize("damage", [
    lambda value: b"", lambda value: b"x", lambda value: value[:-1],
    lambda value: value[:2] + b"\x7f" + value[3:],
    lambda value: value.replace(b"g1", b"g2"),
], ids=["empty", "strange", "cut", "newer", "of another"])
def test_what_is_damaged_is_asked_again(site, course, user, damage):
    grant(user, course)
    with site.store.client() as client:
        for key, _ in findings(site, course):
            client.set(key, damage(client.get(key)))
    grant(user, course)
    site.database.forget(course)
    grant(user, course)


def test_what_claims_to_be_of_the_future_is_not_believed(site, course, user):
    grant(user, course)
    with site.store.client() as client:
        for key, _ in findings(site, course):
            value = client.get(key)
            place = 3 + 8 + 2 + len(key)
            until = int.from_bytes(value[place:place + 8], "big")
            later = (until + 20_000_000).to_bytes(8, "big")
            client.set(key, value[:place] + later + value[place + 8:])
    site.withdraw(course, user.user_id)
    contract.forbidden(user.lock(course, "g1"))


def test_a_store_without_room_costs_nothing_but_the_asking(site, course, user):
    full = proxy.answer(b"SERVER_ERROR out of memory storing object")
    with site.proxy.fault(full, is_kept):
        grant(user, course)
    assert not list(findings(site, course))
    grant(user, course)


@pytest.mark.parametrize("fault", [proxy.cut_before, proxy.cut_after,
                                   proxy.swallow, proxy.lose_reply])
def test_an_answer_whose_keeping_is_in_doubt_does_no_harm(site, course, user,
                                                          fault):
    with site.proxy.fault(fault, is_kept):
        answer = user.lock(course, "g1")
    assert answer.status in (201, 503), answer
    grant(user, course)


# ---- What it costs ----


def cost(site, request):
    answer, trips = site.proxy.trips(request)
    assert answer.status in (200, 201), answer
    return trips


def test_a_warm_request_takes_no_round_trip_more(site, kind, course):
    trips = {}
    for how in ("off", "long"):
        user = site.user(course).at(base=f"/{kind}/{how}/locks")
        for key in (course.id, course.internal):
            lock = grant(user, key)
            contract.released(user.unlock(lock["id"]))
            contract.listed(user.locks(key))
            trips[how, key] = (cost(site, lambda: user.lock(key, "g1")),
                               cost(site, lambda: user.locks(key)))
            contract.released(user.unlock(contract.held(
                user.locks(key))["g1"][1]))
    for key in (course.id, course.internal):
        assert trips["long", key] == trips["off", key], trips
