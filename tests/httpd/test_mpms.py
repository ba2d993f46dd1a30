# SPDX-License-Identifier: Apache-2.0
"""The same story on every MPM, and over HTTP/2."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import contract
from harness.httpd import module_folder
from harness.site import running_site


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_story(mpm):
    with running_site(mpm=mpm, timeout="250ms") as site:
        course = site.course()
        ann, ben = site.users(2, course)
        lock = contract.granted(ann.lock(course, "g1"))
        contract.error(ben.lock(course, "g1"), 403, "Resource locked")
        assert contract.granted(ann.lock(course, "g1"))["id"] == lock["id"]
        moved = contract.granted(ann.lock(course, "g2"))
        assert [one["id"] for one in ben.locks(course).json] == [moved["id"]]
        contract.error(ann.post(b"x" * 70000), 413)
        site.httpd.restart_gracefully()
        assert [one["id"] for one in ben.locks(course).json] == [moved["id"]]
        contract.released(ann.unlock(moved["id"]))
        contract.error(ann.unlock(moved["id"]), 404)
        site.store.stop()
        contract.error(ann.locks(course), 503, "Lock store unavailable")


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_one_of_many_gets_the_gadget(mpm):
    with running_site(mpm=mpm) as site:
        course = site.course()
        users = site.users(8, course)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda user: user.lock(course, "g1"),
                                    users))
        assert sorted(answer.status for answer in answers) == [201] + [403] * 7


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2-prior-knowledge"])
def test_protocols_answer_the_same(protocol):
    with running_site(config="Protocols h2c http/1.1") as site:
        course = site.course()
        ann, ben = site.users(2, course)
        url = "http://%s:%d/locks" % ann.address
        body = json.dumps({"type": "gadget", "subject": {
            "courseId": course.id, "gadgetId": "g1"}})

        def curl(client, *arguments):
            sent = subprocess.run(
                ["curl", "-s", protocol, "-w", "\n%{http_code} %{content_type}",
                 "-H", f"SID: {client.sid}", *arguments], check=True,
                capture_output=True, text=True)
            text, _, status = sent.stdout.rpartition("\n")
            return text, status

        text, status = curl(ann, "-d", body, url)
        assert status == "201 application/json"
        lock = json.loads(text)["id"]
        assert curl(ben, "-d", body, url)[1] == "403 application/json"
        listed = curl(ben, f"{url}?subject.courseId={course.id}")
        assert listed[1] == "200 application/json"
        assert [one["id"] for one in json.loads(listed[0])] == [lock]
        assert curl(ben, "-d", "x" * 70000, url)[1] == "413 application/json"
        assert curl(ben, "-X", "PUT", url)[1] == "405 application/json"
        assert curl(ben, "-X", "DELETE", f"{url}/{lock}")[1] == (
            "403 application/json")
        assert curl(ann, "-X", "DELETE", f"{url}/{lock}") == (
            "{}", "200 application/json")


def test_location_that_is_proxied_too_is_served():
    config = """
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
ProxyPass "/locks" "http://127.0.0.1:1/locks"
"""
    with running_site(config=config.replace(
            "{modules}", str(module_folder()))) as site:
        course = site.course()
        ann = site.user(course)
        contract.granted(ann.lock(course, "g1"))
        contract.error(ann.raw("PUT", "/locks"), 405)


def test_range_is_ignored():
    """A cut list is no list, and a release that happened is no refusal."""
    with running_site() as site:
        course = site.course()
        ann = site.user(course)
        lock = contract.granted(ann.lock(course, "g1"))
        listed = ann.raw("GET", f"/locks?subject.courseId={course.id}",
                         [("Range", "bytes=0-0")])
        assert listed.status == 200 and len(listed.json) == 1
        released = ann.raw("DELETE", f"/locks/{lock['id']}",
                           [("Range", "bytes=100-")])
        assert (released.status, released.body) == (200, b"{}")


def test_rules_of_the_site_for_our_urls_work():
    config = """
Redirect "/locks/old" "http://127.0.0.1/new"
RewriteEngine on
RewriteRule "^/locks/page$" "/nosuchpage" [PT]
RewriteRule "^/alias$" "/locks" [PT]
"""
    with running_site(config=config) as site:
        course = site.course()
        ann = site.user(course)
        moved = ann.raw("GET", "/locks/old", checked=False)
        assert moved.status == 302
        page = ann.raw("GET", "/locks/page", checked=False)
        assert page.status == 404
        assert page.header("Content-Type") != "application/json"
        assert b"Lock" not in page.body and b"error" not in page.body
        listed = ann.raw("GET", f"/alias?subject.courseId={course.id}")
        assert (listed.status, listed.json) == (200, [])
