# SPDX-License-Identifier: Apache-2.0
"""DELETE /locks/{lockId}"""

import time
from urllib.parse import quote

import pytest

from harness import contract

pytestmark = pytest.mark.every_database


@pytest.fixture
def lock(user, course):
    return contract.granted(user.lock(course, "g1"))


def test_own_lock_is_released(user, other, course, lock):
    answer = user.unlock(lock["id"])
    contract.released(answer)
    assert answer.body.strip() == b"{}"
    assert contract.listed(user.locks(course)) == []
    contract.granted(other.lock(course, "g1"))


def test_deleting_twice_is_200_then_404(user, lock):
    contract.released(user.unlock(lock["id"]))
    contract.no_lock(user.unlock(lock["id"]), lock["id"])


def test_someone_elses_lock_is_403_and_stays(other, course, lock):
    contract.forbidden(other.unlock(lock["id"]))
    assert contract.held(other.locks(course))["g1"][1] == lock["id"]


def test_stranger_without_any_permission_is_403_too(site, lock):
    contract.forbidden(site.user().unlock(lock["id"]))


def test_stranger_with_a_lock_of_the_own_is_403(site, other, course, lock):
    mine = contract.granted(other.lock(course, "g2"))
    contract.forbidden(other.unlock(lock["id"]))
    assert contract.held(other.locks(course))["g2"][1] == mine["id"]


def test_stranger_after_release_is_404(user, other, lock):
    contract.released(user.unlock(lock["id"]))
    contract.no_lock(other.unlock(lock["id"]), lock["id"])


def test_stranger_is_told_about_locks_in_any_course(site):
    """Locks are found by their id among many courses."""
    courses = [site.course() for _ in range(24)]
    stranger = site.user()
    for course, owner in zip(courses, site.users(24, *courses)):
        lock = contract.granted(owner.lock(course, "g1"))
        contract.forbidden(stranger.unlock(lock["id"]))
        contract.released(owner.unlock(lock["id"]))
        contract.no_lock(stranger.unlock(lock["id"]), lock["id"])


@pytest.mark.parametrize("lock_id", [
    "abc", "0", "-1", "+1", "01", "1.0", "1e3", "0x10", "1", "255",
    "9223372036854775807", "9223372036854775808", "18446744073709551617",
    "99999999999999999999999", "9" * 3000, "1 ", " 1", "1\n", "1,2", "*",
    "..x", "<script>", 'a"b', "a\\b", "ä", "日本", "a?b", "a#b", "a;b",
    "%31", "null", "\x01", "\x7f",
], ids=lambda value: repr(value)[:30])
def test_id_of_no_lock_is_404_and_comes_back_decoded(user, lock_id):
    contract.no_lock(user.unlock(quote(lock_id, safe="")), lock_id)


def test_escaped_digits_are_the_digits(user, lock):
    encoded = "".join(f"%{ord(digit):02x}" for digit in lock["id"])
    contract.released(user.unlock(encoded))


@pytest.mark.parametrize("change", [
    lambda text: "0" + text, lambda text: "+" + text,
    lambda text: text + "%20", lambda text: text + ".0",
    lambda text: str(int(text) + 2 ** 64), lambda text: str(-int(text)),
    lambda text: str(int(text) + 256), lambda text: str(int(text) - 256),
    lambda text: str(int(text) + 1), lambda text: str(int(text) ^ 255),
])
def test_no_other_number_stands_for_the_lock(user, other, course, lock,
                                             change):
    for person in (user, other):
        answer = person.unlock(change(lock["id"]))
        assert answer.status == 404, answer
    assert contract.held(user.locks(course))["g1"][1] == lock["id"]


def test_old_id_is_gone_after_a_move(user, other, course, lock):
    moved = contract.granted(user.lock(course, "g2"))
    for person in (user, other):
        contract.no_lock(person.unlock(lock["id"]), lock["id"])
    contract.forbidden(other.unlock(moved["id"]))
    contract.released(user.unlock(moved["id"]))


def test_old_id_does_not_release_the_next_holders_lock(user, other, course,
                                                       lock):
    contract.released(user.unlock(lock["id"]))
    contract.granted(other.lock(course, "g1"))
    contract.no_lock(user.unlock(lock["id"]), lock["id"])
    assert contract.held(user.locks(course))["g1"][0] == other.user_id


def test_old_id_does_not_release_the_own_next_lock(user, course, lock):
    contract.released(user.unlock(lock["id"]))
    again = contract.granted(user.lock(course, "g1"))
    assert int(again["id"]) > int(lock["id"])
    contract.no_lock(user.unlock(lock["id"]), lock["id"])
    assert contract.held(user.locks(course))["g1"][1] == again["id"]


def test_permission_is_not_needed_to_release(site, user, course, lock):
    site.withdraw(course, user.user_id)
    contract.forbidden(user.locks(course))
    contract.released(user.unlock(lock["id"]))


def test_lock_outlives_its_gadget_and_course_in_the_catalog(site, user,
                                                            course, lock):
    for table, column in (("gadget", "course_id"),
                          ("course_permission", "course_id"),
                          ("course", "id")):
        site.database.execute(f"DELETE FROM {table} WHERE {column} = ?",
                              (course.id,))
    contract.released(user.unlock(lock["id"]))


def test_body_and_query_of_a_delete_are_ignored(user, course, lock):
    contract.released(user.raw("DELETE", f"/locks/{lock['id']}?x=%ff",
                               body=b"{" * 1000))


@pytest.mark.parametrize("path", [
    "/locks/LOCK/", "/locks/LOCK/x", "/locks/LOCK/LOCK", "/locks/x/y",
    "/locks/LOCK/../x/y",
])
def test_path_below_a_lock_is_unknown(user, course, lock, path):
    answer = user.raw("DELETE", path.replace("LOCK", lock["id"]))
    contract.error(answer, 404, "Not found")
    assert contract.held(user.locks(course))["g1"][1] == lock["id"]


def test_release_frees_at_once_even_right_after_the_grant(site):
    course = site.course()
    a, b = site.users(2, course)
    started = time.monotonic()
    for _ in range(20):
        for person in (a, b):
            lock = contract.granted(person.lock(course, "g1"))
            contract.released(person.unlock(lock["id"]))
    assert time.monotonic() - started < 5
