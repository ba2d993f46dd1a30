# SPDX-License-Identifier: Apache-2.0
"""SetHandler locks-status: every lock, in every form, and who may see it."""

import time

import pytest
from harness import contract
from harness.site import LOCATION, NAMED, running_site
from harness.status import STATUS, Page, Status, check_headers
from harness.system import eventually

GUARDS = """
<Location "/local">
    SetHandler locks-status
    Require local
</Location>
<Location "/denied">
    SetHandler locks-status
    Require all denied
</Location>
"""
FORMS = ["", "json", "auto", "metrics", "health"]
# Whatever ends an attribute, a text, a string, a query or a path.
NAMES = ["a&b=c", "<script>alert(1)</script>", '" onload="x', "it's",
         "100%25 + 1", "Übung № 7 👩‍🏫", "a\\n{}]", "a;b#c?d/../e"]
LEASE = 5 * 60 * 1000


@pytest.fixture(scope="module")
def site():
    with running_site(location=LOCATION + NAMED + STATUS + GUARDS,
                      vhosts={"short": "LocksTTL 1s\n" + STATUS}) as site:
        yield site


@pytest.fixture(scope="module")
def status(site):
    return Status(site.httpd.address)


@pytest.fixture
def empty():
    """A site without locks."""
    with running_site(location=LOCATION + STATUS) as site:
        yield site


def named(site, name, *courses):
    """An httpd user, who may be called anything."""
    for course in courses:
        site.permit(course, name)
    return site.client(base="/named/locks", user_id=name,
                       headers=[("X-User", name.encode())])


def shown(lock):
    """A lock as both ?json and /locks have it."""
    return {name: value for name, value in lock.items()
            if name not in ("expiresIn", "age")}


# ---- None, and three ----

def test_no_lock(empty):
    status = Status(empty.httpd.address)
    report = status.json()
    assert report["locks"] == [] and report["lockCount"] == 0
    assert report["courseCount"] == 0 and report["pages"] == 1
    assert report["complete"] is True and report["gaps"] == []
    assert report["healthy"] is True and report["trouble"] is None
    page = status.page()
    assert "Nobody holds a lock." in page.text
    assert page.courses() == {} and page.notices() == []
    assert status.auto()["LocksActive"] == 0
    for is_open in (False, True):
        metrics = status.metrics(is_open)
        assert metrics["active_locks"] == metrics["active_courses"] == 0
        assert metrics["listing_complete"] == metrics["healthy"] == 1
    assert status.health() is None


def test_three_locks_in_every_form(empty):
    status = Status(empty.httpd.address)
    first, second = empty.course(), empty.course()
    granted = [contract.granted(empty.user(course).lock(course, gadget))
               for course, gadget in ((second, "g2"), (first, "g3"),
                                      (first, "g1"))]
    report = status.json()
    assert [shown(lock) for lock in report["locks"]] == [
        shown(lock) for lock in reversed(granted)]
    assert report["lockCount"] == 3 and report["courseCount"] == 2
    page = status.page()
    assert "3 locks in 2 courses" in page.text
    assert {course: [row[:2] for row in rows]
            for course, rows in page.courses().items()} == {
        first.id: [["g1", granted[2]["ownerId"]],
                   ["g3", granted[1]["ownerId"]]],
        second.id: [["g2", granted[0]["ownerId"]]]}
    auto = status.auto()
    assert (auto["LocksActive"], auto["LocksCourses"]) == (3, 2)
    assert auto["LocksComplete"] == auto["LocksHealthy"] == 1
    metrics = status.metrics()
    assert (metrics["active_locks"], metrics["active_courses"]) == (3, 2)


def test_ages_and_remaining_times(site, status):
    course = site.course()
    user = site.user(course)
    lock = contract.granted(user.lock(course, "g1"))
    time.sleep(1.2)
    [seen] = status.locks([("course", course.id)])
    assert 1200 <= seen["age"] < 1200 + contract.SLACK
    assert LEASE - contract.SLACK < seen["expiresIn"] <= LEASE - 1200
    assert shown(seen) == shown(lock)
    [row] = status.page({"course": course.id}).courses()[course.id]
    assert row[2] in ("1 s", "2 s", "3 s") and row[3].startswith(" 4 min 5")
    # A renewal is a lease from now on, of a lock that is as old as it was.
    contract.granted(user.lock(course, "g1"))
    [seen] = status.locks([("course", course.id)])
    assert seen["age"] >= 1200 and seen["expiresIn"] > LEASE - 1200


def test_released_lock_is_gone(site, status):
    course = site.course()
    user = site.user(course)
    lock = contract.granted(user.lock(course, "g1"))
    assert len(status.locks([("course", course.id)])) == 1
    contract.released(user.unlock(lock["id"]))
    assert status.locks([("course", course.id)]) == []
    assert "No lock matches." in status.page({"course": course.id}).text


def test_moved_lock_is_where_it_moved_to(site, status):
    course, elsewhere = site.course(), site.course()
    user = site.user(course, elsewhere)
    for place, gadget in ((course, "g1"), (course, "g2"), (elsewhere, "g1")):
        lock = contract.granted(user.lock(place, gadget))
        assert [shown(each) for each in status.locks(
            [("user", user.user_id)])] == [shown(lock)]


def test_expired_lock_is_gone_at_once(site):
    brief = Status(site.httpd.addresses["short"])
    course = site.course()
    user = site.user(course, vhost="short")
    contract.granted(user.lock(course, "g1"), lease=1000)
    [seen] = brief.locks([("course", course.id)])
    assert 0 < seen["expiresIn"] <= 1000
    time.sleep(1.01)
    assert brief.locks([("course", course.id)]) == []


# ---- Search ----

def test_search_by_parts_of_names(site, status):
    first = site.course("apple", "pear", course_id="searchone")
    second = site.course("pineapple", course_id="searchtwo")
    anna = site.user(first, user_id="anna-7")
    annabel = site.user(second, user_id="annabel-7")
    ben = site.user(first, user_id="ben-7")
    for user, course, gadget in ((anna, first, "apple"),
                                 (annabel, second, "pineapple"),
                                 (ben, first, "pear")):
        contract.granted(user.lock(course, gadget))
    for query, owners in (
            ({"course": "search"}, ["anna-7", "ben-7", "annabel-7"]),
            ({"course": "chtwo"}, ["annabel-7"]),
            ({"course": "SEARCH"}, []),
            ({"user": "anna"}, ["anna-7", "annabel-7"]),
            ({"user": "anna-7"}, ["anna-7"]),
            ({"gadget": "apple", "user": "-7"}, ["anna-7", "annabel-7"]),
            ({"gadget": "apple", "course": "one"}, ["anna-7"]),
            ({"gadget": "pear", "user": "anna"}, []),
            ({"gadget": "", "user": "ben-7", "course": ""}, ["ben-7"])):
        found = status.json(query.items())
        assert [lock["ownerId"] for lock in found["locks"]] == owners, query
        assert found["lockCount"] == len(owners)
        page = status.page(query)
        assert [row[1] for rows in page.courses().values()
                for row in rows] == owners, query
        fields = {field.attributes["name"]: field.attributes["value"]
                  for field in page.root.one("form", role="search")
                  .all("input")}
        assert fields == {"course": "", "user": "", "gadget": "", **query}


@pytest.mark.parametrize("name", NAMES)
def test_special_characters_are_escaped_everywhere(site, status, name):
    course = site.course(name)
    other = site.course(name)
    user = named(site, name, course, other)
    lock = contract.granted(user.lock(course, name), owner=name, gadget=name,
                            base="/named/locks")
    for query in ({"user": name}, {"gadget": name},
                  {"course": course.id, "user": name, "gadget": name}):
        assert [shown(each) for each in status.locks(query.items())] == [
            shown(lock)], query
        [row] = status.page(query).courses()[course.id]
        assert row[:2] == [name, name], query
    page = status.page({"user": name, "gadget": name})
    fields = {field.attributes["name"]: field.attributes["value"]
              for field in page.root.one("form", role="search").all("input")}
    assert fields == {"course": "", "user": name, "gadget": name}
    # Links lead to what they say.
    [row] = status.page(page.link(name)[1:]).courses()[course.id]
    assert row[:2] == [name, name]
    question, fields = status.question(
        page.link(f"Break the lock on {name}"))
    assert fields["owner"] == name and fields["id"] == lock["id"]
    assert name in question.text
    question, fields = status.question(
        page.link(f"Break whatever the user {name} holds"))
    assert fields["owner"] == name and "id" not in fields
    contract.released(user.unlock(lock["id"]))


def test_wrong_queries_are_400(status):
    for query in ("page=0", "page=x", "page=-1", "page=99999999", "page=",
                  "user=%ff", "user=%zz", "course=%00", "broken=x",
                  "break=everything"):
        answer = status.get(query)
        assert answer.status == 400, (query, answer)
        check_headers(answer)
        Page(answer)
        answer = status.get("json&" + query)
        contract.error(answer, 400)
    for query in ("unknown", "=", "&&", "unknown=1&json"):
        assert status.get(query).status == 200, query


# ---- Several pages ----

def test_hundred_locks_are_one_page_and_one_more_are_two(site, status):
    course = site.course(*(f"g{number:03d}" for number in range(101)),
                         course_id="manygadgets")
    users = site.users(101, course)
    for user, gadget in zip(users[:100], course.gadgets):
        contract.granted(user.lock(course, gadget))
    query = [("course", "manygadgets")]
    assert status.json(query)["pages"] == 1
    assert "Page 1 of" not in status.page(query).text
    contract.granted(users[100].lock(course, "g100"))
    assert [lock["subject"]["gadgetId"] for lock in status.locks(query)] == (
        list(course.gadgets))
    first = status.page(query)
    assert len(first.courses()[course.id]) == 100
    second = status.page(first.link("Next").partition("#")[0][1:])
    assert second.courses() == {course.id: [
        ["g100", users[100].user_id, *second.courses()[course.id][0][2:]]]}
    assert "Page 2 of 2" in second.text
    again = status.page(second.link("Previous").partition("#")[0][1:])
    assert len(again.courses()[course.id]) == 100
    with pytest.raises(ValueError):
        second.link("Next")


def test_page_beyond_the_last_leads_back(site, status):
    course = site.course()
    contract.granted(site.user(course).lock(course, "g1"))
    query = [("course", course.id), ("page", 9)]
    report = status.json(query)
    assert report["locks"] == [] and report["lockCount"] == 1
    assert (report["page"], report["pages"]) == (9, 1)
    page = status.page(query)
    assert page.courses() == {}
    back = status.page(page.link("Previous").partition("#")[0][1:])
    assert list(back.courses()) == [course.id]
    assert status.json([("page", 1000000)])["locks"] == []


# ---- Requests and their headers ----

@pytest.mark.parametrize("form", FORMS)
def test_head_has_the_headers_alone(status, form):
    answer = status.get(form, method="HEAD")
    assert answer.status == 200 and answer.body == b"", answer
    check_headers(answer)
    assert answer.header("Content-Type") == status.get(form).header(
        "Content-Type")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "PROPFIND",
                                    "BREAK"])
@pytest.mark.parametrize("form", ["", "json"])
def test_other_methods_are_405(status, method, form):
    answer = status.get(form, method=method)
    assert answer.status == 405, answer
    allowed = {name.strip() for name in answer.header("Allow").split(",")}
    assert allowed >= {"GET", "HEAD", "POST"} and method not in allowed


def test_options_tells_what_there_is(status):
    answer = status.get(method="OPTIONS")
    assert answer.status == 200 and answer.body == b"", answer
    assert {name.strip() for name in answer.header("Allow").split(",")} >= {
        "GET", "HEAD", "POST", "OPTIONS"}


def test_each_page_has_a_nonce_of_its_own(status):
    pages = [status.page() for _ in range(5)]
    assert len({page.nonce for page in pages}) == 5
    for page in pages:
        assert page.nonce not in page.text


def test_range_is_left_out(status):
    answer = status.get("json", [("Range", "bytes=0-9")])
    assert answer.status == 200
    assert answer.json["healthy"]


@pytest.mark.parametrize("form", FORMS)
def test_require_decides_who_sees_it(site, form):
    local = Status(site.httpd.address, "/local").get(form)
    assert local.status == 200
    denied = Status(site.httpd.address, "/denied").get(form)
    assert denied.status == 403
    for sign in (b"Edit locks", b"locks", b"ok\n", b"mod_locks"):
        assert sign not in denied.body.replace(b"/locks", b""), denied
    answer = Status(site.httpd.address, "/denied").form(
        {"break": "user", "owner": "x", "reason": "x"})
    assert answer.status == 403


def test_paths_below_serve_it_too(site):
    assert Status(site.httpd.address, "/status/").page().courses() is not None


# ---- Forms agree ----

def test_counters_are_the_same_in_every_form(site, status):
    course = site.course()
    contract.granted(site.user(course).lock(course, "g1"))
    json, auto = status.json()["counters"], status.auto()
    page, metrics = status.page(), status.metrics()
    shown_events = page.numbers("Locks")
    assert json["events"]["grants"] > 0
    for name, value in json["events"].items():
        assert metrics[f"{name}_total"] == value
        camel = "".join(part.capitalize() for part in name.split("_"))
        assert auto[f"Locks{camel}"] == value
        words = name.replace("_", " ").replace("cas", "CAS")
        assert int(shown_events[words][0]) == value
    for endpoint, outcomes in json["requests"].items():
        for outcome, value in outcomes.items():
            assert metrics[f"requests_total {endpoint} {outcome}"] == value
    for timed, value in json["durations"].items():
        name = (f"operation_duration_seconds_count {timed}"
                if timed != "round_trip"
                else "store_round_trip_duration_seconds_count")
        assert metrics[name] == value["count"]
        assert (value["p50Microseconds"] <= value["p95Microseconds"]
                <= value["p99Microseconds"])


def test_json_tells_the_rates_and_the_last_hour(empty):
    status = Status(empty.httpd.address)
    course = empty.course()
    user = empty.user(course)
    for _ in range(4):
        lock = contract.granted(user.lock(course, "g1"))
        contract.released(user.unlock(lock["id"]))
    report = status.json()
    hour = report["lastHour"]
    assert [each["minutesAgo"] for each in hour] == list(
        range(len(hour) - 1, -1, -1))
    assert sum(each["grants"] for each in hour) == 4
    eventually(lambda: status.json()["ratesPerSecond"]["grants"] > 0)
    rates = status.json()["ratesPerSecond"]
    assert rates["renewals"] == 0 and rates["grants"] < 5
    charts = status.page().root.all("figure")
    assert ["4 in the last hour" in chart.text for chart in charts] == [
        True, False, False, False]
