# SPDX-License-Identifier: Apache-2.0
"""Methods, paths, headers and connections; JSON whoever refuses."""
import http.client
import json
import socket
import subprocess

import pytest

from harness.site import Client

LOCATIONS = """
ErrorDocument 403 /page.html
ErrorDocument 404 /page.html
ErrorDocument 413 "Too large"
ErrorDocument 500 http://127.0.0.1/elsewhere
FallbackResource /page.html
<Location "/locks">
    SetHandler locks
</Location>
<Location "/denied">
    SetHandler locks
    LocksBase /denied
    Require all denied
</Location>
<Location "/small">
    SetHandler locks
    LocksBase /small
    LimitRequestBody 100
</Location>
<Location "/api/v2/locks">
    SetHandler locks
    LocksBase /api/v2/locks
</Location>
<Location "/elsewhere">
    SetHandler locks
</Location>
"""


@pytest.fixture(scope="module")
def site(make_site):
    return make_site(location=LOCATIONS)


@pytest.fixture(scope="module")
def ann(site):
    return site.new_user()


@pytest.mark.parametrize("path", ["/locks", "/locks/", "/locks?x=1"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "FOO"])
def test_another_method_on_locks_is_405(site, path, method):
    answer = site.anonymous().request(method, path)
    assert answer.is_error(405)
    assert answer.headers["Allow"] == "GET, HEAD, POST, OPTIONS"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "FOO"])
def test_another_method_on_a_lock_is_405(site, method):
    answer = site.anonymous().request(method, "/locks/1")
    assert answer.is_error(405)
    assert answer.headers["Allow"] == "DELETE, OPTIONS"


@pytest.mark.parametrize("path, allow", [
    ("/locks", "GET, HEAD, POST, OPTIONS"),
    ("/locks/", "GET, HEAD, POST, OPTIONS"), ("/locks/1", "DELETE, OPTIONS")])
def test_options(site, path, allow):
    answer = site.anonymous().request("OPTIONS", path)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Allow"] == allow


@pytest.mark.parametrize("path", ["/locks/1/", "/locks/1/2", "/locks/a/b/c"])
@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PUT"])
def test_an_unknown_path_is_404(site, path, method):
    assert site.anonymous().request(method, path).is_error(404, "Not found")


def test_head_is_get_without_a_body(site):
    ann = site.new_user()
    course = site.new_course(ann)
    path = f"/locks?subject.courseId={course}"
    head, get = ann.request("HEAD", path), ann.request("GET", path)
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Type", "Content-Length"):
        assert head.headers[name] == get.headers[name]
    assert ann.request("HEAD", "/locks").status == 400
    assert site.anonymous().request("HEAD", path).status == 401
    assert ann.request("HEAD", "/locks/1").status == 405


def test_slash_and_doubled_slashes_are_locks(site):
    ann = site.new_user()
    course = site.new_course(ann)
    for path in ("/locks/", "//locks", "/locks//", "/./locks", "/%6cocks"):
        answer = ann.request("GET", f"{path}?subject.courseId={course}")
        assert answer.status == 200, path


def test_what_httpd_denies_is_json(site, ann):
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        assert ann.request(method, "/denied").is_error(
            403, "Insufficient permissions")
    assert ann.request("GET", "/denied/x/y").is_error(403)


def test_httpds_own_limit_is_json(site, ann):
    assert ann.request("POST", "/small", "x" * 101).is_error(413)
    assert ann.request("POST", "/small", iter([b"x" * 60] * 2)).is_error(413)
    assert ann.request("POST", "/small", "x").is_error(400)


def test_a_broken_chunk_is_400_and_json(site, ann):
    with socket.create_connection(("127.0.0.1", site.httpd.port)) as raw:
        raw.sendall(f"POST /locks HTTP/1.1\r\nHost: x\r\nSID: {ann.sid}\r\n"
                    "Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode())
        response = http.client.HTTPResponse(raw)
        response.begin()
        body = json.loads(response.read())
    assert response.status == 400
    assert response.headers["Content-Type"] == "application/json"
    assert body["error"] == 400


def test_another_base_is_served_and_named(site, ann):
    course = site.new_course(ann)
    client = Client(site, ann.sid, base="/api/v2/locks")
    lock = client.lock(course)
    assert lock.status == 201
    assert lock.headers["Location"].endswith(
        f"/api/v2/locks/{lock.json['id']}")
    assert client.unlock(lock.json["id"]).status == 200


def test_a_location_without_its_base_says_what_to_set(site, ann):
    assert ann.request("GET", "/elsewhere").is_error(404, "Not found")
    assert "set LocksBase" in site.httpd.log()


def test_errors_elsewhere_are_the_sites(site, ann):
    answer = ann.request("GET", "/nosuchpage")
    assert answer.headers["Content-Type"] != "application/json"


def test_a_connection_survives_refusals(site):
    ann, ben = site.new_user(), site.new_user()
    course = site.new_course(ben)
    ben.lock(course)
    body = json.dumps({"type": "gadget", "subject": {
        "courseId": course, "gadgetId": "g1"}})
    connection = http.client.HTTPConnection("127.0.0.1", site.httpd.port)
    connection.connect()
    before = connection.sock
    stranger = Client(site, "unknown")
    for client, method, path, status in [
            (ann, "POST", "/locks", 403), (stranger, "POST", "/locks", 401),
            (Client(site), "POST", "/locks", 401),
            (Client(site, "a,b"), "POST", "/locks", 401),
            (ann, "PUT", "/locks", 405), (ann, "POST", "/locks/1/2", 404),
            (ann, "DELETE", "/locks/1", 404), (ben, "POST", "/locks", 201)]:
        answer = client.on(connection, method, path, body)
        assert answer.status == status
    assert connection.sock is before
    connection.close()


def test_successes_are_not_taken_for_a_file(site, ann):
    answer = ann.unlock("1.gz")
    assert "Content-Encoding" not in answer.headers
    assert ann.unlock("1.html").headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2-prior-knowledge"])
def test_both_protocols_answer_the_same(site, protocol):
    ann, ben = site.new_user(), site.new_user()
    course = site.new_course(ann, ben)
    body = json.dumps({"type": "gadget", "subject": {
        "courseId": course, "gadgetId": "g1"}})

    def curl(client, *arguments):
        sent = subprocess.run(
            ["curl", "-s", protocol, "-w", "\n%{http_code} %{content_type}",
             "-H", f"SID: {client.sid}", *arguments], check=True,
            capture_output=True, text=True)
        text, _, status = sent.stdout.rpartition("\n")
        return text, status

    url = f"http://127.0.0.1:{site.httpd.port}/locks"
    text, status = curl(ann, "-d", body, url)
    assert status == "201 application/json"
    lock = json.loads(text)["id"]
    assert curl(ben, "-d", body, url)[1] == "403 application/json"
    assert curl(ben, f"{url}?subject.courseId={course}")[1].startswith("200")
    assert curl(ben, "-d", "x" * 70000, url)[1] == "413 application/json"
    assert curl(ben, "-X", "PUT", url)[1] == "405 application/json"
    assert curl(ben, "-d", "{}", url.replace("locks", "denied"))[1] == (
        "403 application/json")
    assert curl(ann, "-X", "DELETE", f"{url}/{lock}") == (
        "{}", "200 application/json")
