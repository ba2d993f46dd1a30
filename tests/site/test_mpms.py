# SPDX-License-Identifier: Apache-2.0
"""The same story on every MPM."""
import threading

import pytest


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_the_story(make_site, mpm):
    site = make_site(mpm=mpm)
    ann, ben = site.new_user(), site.new_user()
    course = site.new_course(ann, ben)
    lock = ann.lock(course).json["id"]
    assert ben.lock(course).is_error(403, "Resource locked")
    assert ann.lock(course).json["id"] == lock
    moved = ann.lock(course, "g2").json["id"]
    assert [one["id"] for one in ben.locks(course).json] == [moved]
    assert ann.post("x" * 70000).is_error(413)
    assert ann.unlock(moved).status == 200
    assert ann.unlock(moved).status == 404

    users = [site.new_user() for _ in range(8)]
    course = site.new_course(*users)
    statuses = []
    threads = [threading.Thread(
        target=lambda user=user: statuses.append(user.lock(course).status))
        for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] + [403] * 7
    site.memcached.freeze()
    assert ann.locks(course).is_error(503, "Lock store unavailable")
    site.memcached.thaw()
    site.httpd.reload()
    assert len(users[0].locks(course).json) == 1
