# SPDX-License-Identifier: Apache-2.0
"""GET /locks"""

import json
import time
from urllib.parse import quote

import pytest

from harness import contract

pytestmark = pytest.mark.every_database


def get(client, query):
    return client.raw("GET", f"/locks?{query}")


def test_course_without_locks_has_an_empty_list(partner, course):
    answer = partner.locks(course)
    assert contract.listed(answer) == []
    assert answer.body.strip() == b"[]"


def test_lock_is_listed_with_exactly_its_members(partner, user, course):
    granted = contract.granted(user.lock(course, "g1"))
    [listed] = contract.listed(partner.locks(course))
    assert listed.pop("expiresIn") <= granted.pop("expiresIn")
    assert listed == granted
    assert listed["ownerId"] == user.user_id
    assert listed["subject"] == {"courseId": course.id, "gadgetId": "g1"}


def test_time_left_shrinks_from_list_to_list(partner, user, course):
    user.lock(course, "g1")
    [first] = contract.listed(partner.locks(course))
    time.sleep(0.2)
    [second] = contract.listed(partner.locks(course))
    assert 150 <= first["expiresIn"] - second["expiresIn"] <= 5000


def test_locks_come_by_ascending_id(site, partner):
    gadgets = [f"g{number}" for number in range(12)]
    course = site.course(*gadgets)
    order = gadgets[::2] + gadgets[1::2][::-1]
    for person, gadget in zip(site.users(12, course), order):
        contract.granted(person.lock(course, gadget))
    locks = contract.listed(partner.locks(course))
    assert [lock["subject"]["gadgetId"] for lock in locks] == order


def test_list_has_the_locks_of_its_course_alone(site, partner):
    here, there = site.course(), site.course()
    a, b = site.users(2, here, there)
    a.lock(here, "g1")
    b.lock(there, "g1")
    assert set(contract.held(partner.locks(here))) == {"g1"}
    assert contract.held(partner.locks(there))["g1"][0] == b.user_id


def test_released_lock_is_not_listed(partner, user, course):
    lock = contract.granted(user.lock(course, "g1"))
    user.unlock(lock["id"])
    assert contract.listed(partner.locks(course)) == []


def test_internal_id_names_the_same_course(partner, user, course):
    user.lock(course, "g1")
    [lock] = contract.listed(partner.locks(course.internal))
    assert lock["subject"]["courseId"] == course.id


def test_who_may_update_may_list(user, course):
    assert contract.listed(user.locks(course)) == []


def test_who_may_not_update_may_not_list(site, course):
    contract.forbidden(site.user().locks(course))


def test_permission_in_another_course_does_not_count(site, course):
    contract.forbidden(site.user(site.course()).locks(course))


def test_another_permission_does_not_count(site, course):
    user = site.user()
    site.database.permit(course.id, user.user_id, permission="ViewCourse")
    contract.forbidden(user.locks(course))


def test_unknown_course_is_404_with_the_key(partner):
    contract.no_course(partner.locks("nosuchcourse"), "nosuchcourse")


@pytest.mark.parametrize("query", [
    "", "&", "x=1", "subject.courseId", "subject.courseId=",
    "subject.courseId=&x=1", "courseId=COURSE", "subject=COURSE",
    "SUBJECT.COURSEID=COURSE", "subject.courseid=COURSE",
    "subject.courseId=COURSE&subject.courseId=COURSE",
    "subject.courseId=COURSE&x=1&subject.courseId=",
    "subject.courseId=&subject.courseId=COURSE",
    "subject.courseId&subject.courseId=COURSE",
    "subject.courseId=%ff", "subject.courseId=COURSE%ff",
    "subject.courseId=%c0%af", "subject.courseId=%ed%a0%80",
    "subject.courseId=%f4%90%80%80", "subject.courseId=%e2%82",
    "subject.courseId=%00", "subject.courseId=COURSE%00",
    "subject.courseId=COURSE%00x",
])
def test_query_without_one_sound_course_key_is_400(partner, course, query):
    contract.error(get(partner, query.replace("COURSE", course.id)), 400)


def test_request_without_a_query_is_400(partner):
    contract.error(partner.raw("GET", "/locks"), 400)


@pytest.mark.parametrize("query", [
    "subject.courseId=COURSE&x=1", "x&subject.courseId=COURSE",
    "&&subject.courseId=COURSE&&", "=&subject.courseId=COURSE&=x",
    "subject.courseIdx=1&subject.courseId=COURSE", "x=%zz&"
    "subject.courseId=COURSE", "x=1&x=1&subject.courseId=COURSE",
    "other=%ff&subject.courseId=COURSE", "%ff=1&subject.courseId=COURSE",
    "x=%00&subject.courseId=COURSE",
    "xsubject.courseId=nosuch&subject.courseId=COURSE",
])
def test_other_parameters_are_ignored(partner, course, query):
    answer = get(partner, query.replace("COURSE", course.id))
    assert contract.listed(answer) == []


def test_values_are_percent_decoded(partner, course):
    encoded = "".join(f"%{byte:02x}" for byte in course.id.encode())
    assert contract.listed(get(partner, f"subject.courseId={encoded}")) == []
    mixed = encoded.upper().replace("%63", "c", 1)
    assert contract.listed(get(partner, f"subject.courseId={mixed}")) == []


def test_plus_is_a_space(partner, course):
    contract.no_course(get(partner, f"subject.courseId=+{course.id}"),
                       f" {course.id}")
    contract.no_course(get(partner, f"subject.courseId={course.id}%2B"),
                       f"{course.id}+")


@pytest.mark.parametrize("key", [
    "<script>alert(1)</script>", 'a"b\\c', "it's", "line\nbreak\ttab\x7f",
    "Größe", "日本語", "𝄞 clef", "\u2028\ufffe", "a=b", "a&b", "%s%n%d", pytest.param("x" * 7000, id="long"),
    "COURSE1", "abcde", "../../etc", "' OR '1'='1", "a;b", "\x01",
])
def test_key_comes_back_decoded_and_escaped_as_json(partner, key):
    answer = get(partner, f"subject.courseId={quote(key, safe='')}")
    contract.no_course(answer, key)


@pytest.mark.parametrize("query", [
    "subject.courseId=%zz", "subject.courseId=%4", "subject.courseId=%",
    "subject.courseId=COURSE%", "subject.courseId=COURSE%g1",
])
def test_broken_escape_never_names_a_course(partner, course, query):
    answer = get(partner, query.replace("COURSE", course.id))
    assert answer.status in (400, 404), answer


def test_body_of_a_get_is_ignored(partner, course):
    answer = partner.raw("GET", f"/locks?subject.courseId={course.id}",
                         body=b"{" * 1000)
    assert contract.listed(answer) == []


def test_trailing_slash_is_the_same_path(partner, course):
    answer = partner.raw("GET", f"/locks/?subject.courseId={course.id}")
    assert contract.listed(answer) == []


def test_list_is_json_whatever_the_client_accepts(partner, course):
    answer = partner.raw("GET", f"/locks?subject.courseId={course.id}",
                         [("Accept", "text/html")])
    assert json.loads(answer.body) == []


def test_list_of_many_locks_is_whole(site, partner):
    gadgets = [f"gadget {number} é" for number in range(150)]
    course = site.course(*gadgets)
    people = site.users(150, course)
    for person, gadget in zip(people, gadgets):
        contract.granted(person.lock(course, gadget))
    held = contract.held(partner.locks(course))
    assert {gadget: owner for gadget, (owner, _) in held.items()} == {
        gadget: person.user_id for person, gadget in zip(people, gadgets)}
