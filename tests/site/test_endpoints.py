# SPDX-License-Identifier: Apache-2.0
"""Every row of the three endpoints' tables, and what one lock does to the
next."""
import time

import pytest


def ids(answer):
    assert answer.status == 200, answer.body
    return [lock["id"] for lock in answer.json]


def test_a_lock_has_exactly_the_documented_members(site):
    ann = site.new_user()
    course = site.new_course(ann)
    answer = ann.lock(course)
    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    lock = answer.json
    assert answer.headers["Location"].endswith(f"/locks/{lock['id']}")
    assert list(lock) == ["id", "type", "subject", "ownerId", "expiresIn"]
    assert list(lock["subject"]) == ["courseId", "gadgetId"]
    assert lock["type"] == "gadget"
    assert lock["subject"] == {"courseId": course, "gadgetId": "g1"}
    assert lock["ownerId"] == ann.user
    assert isinstance(lock["id"], str) and int(lock["id"]) > 0
    assert 299_000 < lock["expiresIn"] <= 300_000
    listed = ann.locks(course)
    assert listed.headers["Content-Type"] == "application/json"
    assert [dict(one, expiresIn=0) for one in listed.json] == [
        dict(lock, expiresIn=0)]


def test_a_course_without_locks_lists_none(site):
    ann = site.new_user()
    answer = ann.locks(site.new_course(ann))
    assert (answer.status, answer.body) == (200, b"[]")


def test_locks_are_listed_by_ascending_id(site):
    users = [site.new_user() for _ in range(12)]
    gadgets = [f"g{i}" for i in range(12)]
    course = site.new_course(*users, gadgets=gadgets)
    granted = [user.lock(course, gadget).json["id"]
               for user, gadget in zip(users, gadgets)]
    assert ids(users[0].locks(course)) == sorted(granted, key=int)


def test_an_internal_id_names_the_course(site):
    ann = site.new_user()
    course = site.new_course(ann, internal="-290")
    assert ann.lock("-290").json["subject"]["courseId"] == course
    assert ann.locks("-290").json[0]["subject"]["courseId"] == course


def test_a_course_id_wins_over_an_equal_internal_id(site):
    ann = site.new_user()
    site.database.course("700001", None, ["own"], [ann.user])
    site.new_course(ann, internal="700001", gadgets=["other"])
    assert ann.lock("700001", "own").status == 201
    assert ann.lock("700001", "other").is_error(
        404, "Gadget 'other' not found")


@pytest.mark.parametrize("key", [
    "nosuchcourse", "short", "Upper1", "1000e3", "007", "+1", "-0", "1 ",
    "9223372036854775808", "x' OR '1'='1", "k\u00e4se-kurs", "<b>", "c" * 300])
def test_an_unknown_course_is_404(site, key):
    from urllib.parse import quote
    ann = site.new_user()
    site.new_course(ann, internal=str(1000000 + int(ann.user)))
    assert ann.locks(quote(key)).is_error(404, f"Course '{key}' not found")
    assert ann.lock(key).is_error(404, f"Course '{key}' not found")


def test_an_unknown_gadget_is_404(site):
    ann = site.new_user()
    course = site.new_course(ann)
    for gadget in ("g4", "G1", "g1 ", "x' OR '1'='1", '"', "\u00e4"):
        assert ann.lock(course, gadget).is_error(
            404, f"Gadget '{gadget}' not found")


def test_gadget_ids_of_every_kind_can_be_locked(site):
    gadgets = ["1", "a b", "a/b", "%41", "\"'\\", "\u00e4\u4e2d\U0001f512",
               "g" * 255, "\u00e4" * 127, "</script>"]
    ann = site.new_user()
    course = site.new_course(ann, gadgets=gadgets)
    for gadget in gadgets:
        answer = ann.lock(course, gadget)
        assert answer.json["subject"]["gadgetId"] == gadget
        assert ann.locks(course).json[0]["subject"]["gadgetId"] == gadget


def test_without_permission_nothing_is_shown_or_locked(site):
    ann = site.new_user()
    course = site.new_course()
    assert ann.locks(course).is_error(403, "Insufficient permissions")
    assert ann.lock(course).is_error(403, "Insufficient permissions")
    assert ann.lock(course, "none").is_error(403, "Insufficient permissions")


def test_a_gadget_has_one_holder(site):
    ann, ben = site.new_user(), site.new_user()
    course = site.new_course(ann, ben)
    own = ben.lock(course, "g2").json["id"]
    held = ann.lock(course).json["id"]
    assert ben.lock(course).is_error(403, "Resource locked")
    assert ids(ann.locks(course)) == [own, held]


def test_asking_again_renews(site):
    ann = site.new_user()
    course = site.new_course(ann)
    first = ann.lock(course).json
    time.sleep(0.3)
    assert ann.locks(course).json[0]["expiresIn"] < 299_800
    again = ann.lock(course)
    assert again.status == 201
    assert again.json["id"] == first["id"]
    assert again.json["expiresIn"] > 299_900


def test_a_second_lock_releases_the_first(site):
    ann, ben = site.new_user(), site.new_user()
    course, other = site.new_course(ann, ben), site.new_course(ann, ben)
    first = ann.lock(course).json["id"]
    second = ann.lock(course, "g2").json["id"]
    assert int(second) > int(first)
    assert ids(ann.locks(course)) == [second]
    third = ann.lock(other).json["id"]
    assert ids(ann.locks(course)) == []
    assert ids(ann.locks(other)) == [third]
    assert ann.unlock(first).is_error(404, f"Lock '{first}' not found")
    assert ben.lock(course, "g2").status == 201


def test_release(site):
    ann, ben = site.new_user(), site.new_user()
    course = site.new_course(ann, ben)
    lock = ann.lock(course).json["id"]
    assert ben.unlock(lock).is_error(403, "Insufficient permissions")
    done = ann.unlock(lock)
    assert (done.status, done.body) == (200, b"{}")
    assert done.headers["Cache-Control"] == "no-store"
    assert ann.unlock(lock).is_error(404, f"Lock '{lock}' not found")
    assert ben.unlock(lock).is_error(404, f"Lock '{lock}' not found")
    assert ben.lock(course).status == 201


@pytest.mark.parametrize("lock_id, shown", [
    ("1", None), ("0", None), ("-1", None), ("abc", None), ("01", None),
    ("9223372036854775807", None), ("9223372036854775808", None),
    ("%31%32", "12"), ("a%20b", "a b"), ("%C3%A4", "\u00e4"),
    ("%22", '"'), ("%ff", "\ufffd"), ("1.gz", None), ("x" * 3000, None)])
def test_an_id_of_no_lock_is_404(site, lock_id, shown):
    ann = site.new_user()
    answer = ann.unlock(lock_id)
    assert answer.is_error(404, f"Lock '{shown or lock_id}' not found")
    assert "Content-Encoding" not in answer.headers


def test_who_lost_permission_may_still_release(site):
    ann = site.new_user()
    course = site.new_course(ann)
    lock = ann.lock(course).json["id"]
    site.database.forbid(course, ann.user)
    assert ann.lock(course).status == 403
    assert ann.unlock(lock).status == 200


def test_a_refused_request_leaves_the_own_lock(site):
    ann, ben = site.new_user(), site.new_user()
    course, closed = site.new_course(ann, ben), site.new_course()
    own = ann.lock(course).json["id"]
    ben.lock(course, "g2")
    for refused in (ann.lock(course, "g2"), ann.lock(course, "g9"),
                    ann.lock(closed), ann.lock("unknown"), ann.post("{")):
        assert refused.status >= 400
    assert own in ids(ann.locks(course))


def test_ids_grow_after_the_store_was_emptied(site):
    ann = site.new_user()
    course = site.new_course(ann)
    before = int(ann.lock(course).json["id"])
    for key in site.memcached.keys():
        if key.startswith("locks:"):
            site.memcached.delete(key)
    assert ann.locks(course).json == []
    assert int(ann.lock(course).json["id"]) > before


def test_ids_of_two_courses_differ(site):
    users = [site.new_user() for _ in range(20)]
    courses = [site.new_course(user) for user in users]
    granted = {user.lock(course).json["id"]
               for user, course in zip(users, courses)}
    assert len(granted) == 20
