# SPDX-License-Identifier: Apache-2.0
"""Leases that end, courses that fill, clocks that differ."""
import time

import pytest


@pytest.fixture(scope="module")
def short(make_site):
    return make_site(directives="LocksTTL 1\nLocksMaxPerCourse 3")


def test_a_lock_expires(short):
    ann, ben = short.new_user(), short.new_user()
    course = short.new_course(ann, ben)
    lock = ann.lock(course).json
    assert 900 < lock["expiresIn"] <= 1000
    time.sleep(1.05)
    assert ann.locks(course).json == []
    assert ann.unlock(lock["id"]).is_error(
        404, f"Lock '{lock['id']}' not found")
    taken = ben.lock(course)
    assert taken.status == 201
    assert int(taken.json["id"]) > int(lock["id"])
    assert ann.lock(course).is_error(403, "Resource locked")


def test_an_own_expired_lock_is_granted_anew(short):
    ann = short.new_user()
    course = short.new_course(ann)
    before = ann.lock(course).json["id"]
    time.sleep(1.05)
    assert int(ann.lock(course).json["id"]) > int(before)


def test_renewing_keeps_a_lock_for_long(short):
    ann, ben = short.new_user(), short.new_user()
    course = short.new_course(ann, ben)
    lock = ann.lock(course).json["id"]
    for _ in range(5):
        time.sleep(0.4)
        assert ann.lock(course).json["id"] == lock
        assert ben.lock(course).status == 403


def test_a_full_course(short):
    users = [short.new_user() for _ in range(4)]
    course = short.new_course(*users, gadgets=["g1", "g2", "g3", "g4", "g5"])
    for user, gadget in zip(users, ["g1", "g2", "g3"]):
        assert user.lock(course, gadget).status == 201
    assert users[3].lock(course, "g4").is_error(
        503, f"Too many locks in course '{course}'")
    assert users[0].lock(course, "g5").status == 201
    assert users[3].lock(course, "g4").status == 503
    time.sleep(1.05)
    assert users[3].lock(course, "g4").status == 201


def test_a_clock_skew_keeps_others_out_for_a_while(make_site):
    site = make_site(directives="LocksTTL 1s\nLocksClockSkew 1500ms")
    ann, ben = site.new_user(), site.new_user()
    course = site.new_course(ann, ben)
    lock = ann.lock(course).json["id"]
    time.sleep(1.1)
    assert ann.locks(course).json == []
    assert ann.unlock(lock).status == 404
    assert ben.lock(course).is_error(403, "Resource locked")
    assert int(ann.lock(course).json["id"]) > int(lock)
    time.sleep(2.55)
    assert ben.lock(course).status == 201
