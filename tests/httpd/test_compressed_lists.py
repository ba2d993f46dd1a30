# SPDX-License-Identifier: Apache-2.0
"""Lists that mod_deflate compresses, which gives them ETags of its own."""

import pytest

from harness.httpd import MODULES
from harness.site import running_site


@pytest.fixture(scope="module")
def site():
    with running_site(config="SetOutputFilter DEFLATE\nLocksWaitMax 10s",
                      modules=(*MODULES, "filter", "deflate")) as site:
        yield site


def ask(user, course, *headers):
    return user.raw("GET", f"/locks?subject.courseId={course.id}",
                    [("Accept-Encoding", "gzip"), *headers], checked=False)


def test_the_same_list_is_not_sent_again(course, user):
    user.lock(course, "g1")
    first = ask(user, course)
    assert first.header("Content-Encoding") == "gzip"
    assert first.header("ETag").endswith('-gzip"')
    for etag in (first.header("ETag"),
                 first.header("ETag").replace("-gzip", ""),
                 f'"x-gzip", {first.header("ETag")}',
                 first.header("ETag").replace("-gzip", "-br")):
        assert ask(user, course, ("If-None-Match", etag)).status == 304
    user.lock(course, "g2")
    again = ask(user, course, ("If-None-Match", first.header("ETag")))
    assert again.status == 200


def test_whoever_has_the_list_may_wait(course, user):
    etag = ask(user, course).header("ETag")
    answer = ask(user, course, ("If-None-Match", etag), ("Prefer", "wait=1"))
    assert answer.status == 304 and answer.elapsed >= 1
    assert answer.header("Preference-Applied") == "wait=1"
