# SPDX-License-Identifier: Apache-2.0
"""Bad input of every kind, and the order in which it is found."""
import json

import pytest

GOOD = {"type": "gadget", "subject": {"courseId": "course", "gadgetId": "g1"}}


def nested(levels):
    """A lock request whose deepest value is on that level."""
    inside = "[" * (levels - 1) + "]" * (levels - 1)
    return json.dumps(GOOD)[:-1] + f', "x": {inside}}}'


@pytest.fixture(scope="module")
def ann(site):
    return site.new_user()


@pytest.mark.parametrize("body, named", [
    ("", "byte 0"), ("{", "byte 1"), ("nonsense", "byte 0"),
    ('{"type": "gadget",}', "byte"), ("{'type': 'gadget'}", "byte 1"),
    (json.dumps(GOOD) + "x", "byte"), (json.dumps(GOOD) * 2, "byte"),
    ('{"type": "ga\ndget"}', "byte"), ('{"type": NaN}', "byte"),
    ('{"type": 01}', "byte"), ('{"a": "\\ud800"}', "byte"),
    (b"\xef\xbb\xbf{}", "Byte-order mark"), (b'{"a": "\xff"}', "byte 7"),
    (b'{"a": "\xed\xa0\x80"}', "byte 7"), (b"{}\0", "byte 2"),
    (nested(33), "32 levels"),
    ("[]", "object"), ("null", "object"), ('"x"', "object"), ("1", "object"),
    ("{}", "type"), ('{"type": 1}', "type"), ('{"type": null}', "type"),
    ('{"type": "widget"}', "widget"), ('{"type": ""}', "type"),
    ('{"type": "Gadget"}', "Gadget"),
    ('{"type": "gadget"}', "subject"),
    ('{"type": "gadget", "subject": []}', "subject"),
    ('{"type": "gadget", "subject": {}}', "subject.courseId"),
    ('{"type": "gadget", "subject": {"courseId": 1}}', "subject.courseId"),
    ('{"type": "gadget", "subject": {"courseId": ""}}', "subject.courseId"),
    ('{"type": "gadget", "subject": {"courseId": "c"}}', "subject.gadgetId"),
    ('{"type": "gadget", "subject": {"courseId": "c", "gadgetId": ""}}',
     "subject.gadgetId"),
    ('{"type": "gadget", "subject": {"courseId": "c", "gadgetId": null}}',
     "subject.gadgetId"),
    ('{"type": "gadget", "subject": {"courseId": "c", "gadgetId": "a\\n"}}',
     "subject.gadgetId"),
    ('{"type": "gadget", "subject": {"courseId": "c", "gadgetId": "\\u0000"}}',
     "subject.gadgetId"),
    (json.dumps({"type": "gadget", "subject":
                 {"courseId": "c", "gadgetId": "g" * 256}}),
     "subject.gadgetId"),
])
def test_a_bad_body_is_400_and_named(ann, body, named):
    answer = ann.post(body)
    assert answer.is_error(400)
    assert named in answer.message


@pytest.mark.parametrize("body", [
    nested(32), json.dumps(GOOD), "\r\n\t " + json.dumps(GOOD) + " \n",
    json.dumps(dict(GOOD, more=[1, 2.5e3, None, True])),
    '{"type": "x", "type": "gadget", "subject": '
    '{"courseId": "c", "courseId": "course", "gadgetId": "g1"}}'])
def test_a_good_body_passes(ann, body):
    assert ann.post(body).is_error(404, "Course 'course' not found")


def test_the_body_may_have_64_kib(ann):
    body = json.dumps(GOOD)
    assert ann.post(body + " " * (65536 - len(body))).status == 404
    answer = ann.post(body + " " * (65537 - len(body)))
    assert answer.is_error(413)


def test_a_chunked_body_may_have_64_kib(ann):
    body = json.dumps(GOOD).encode()

    def chunks(size):
        yield body
        for _ in range(0, size - len(body) - 1000, 1000):
            yield b" " * 1000
        yield b" " * ((size - len(body)) % 1000 or 1000)

    # Without a length http.client sends what it iterates over in chunks.
    assert ann.post(chunks(65536)).status == 404
    assert ann.post(chunks(70000)).is_error(413)


@pytest.mark.parametrize("query", [
    "", "?", "?x=1", "?subject.courseId", "?subject.courseId=",
    "?subject.courseId=a&subject.courseId=a",
    "?subject.courseId=a&subject%2EcourseId=b", "?subject.courseId=%ff",
    "?subject.courseId=%00", "?subject.courseId=a%0", "?subject.courseId=%zz",
    "?Subject.courseId=abcdef"])
def test_a_bad_query_is_400_and_named(ann, query):
    answer = ann.request("GET", "/locks" + query)
    assert answer.is_error(400)
    assert "subject.courseId" in answer.message


def test_other_parameters_are_ignored(site):
    ann = site.new_user()
    course = site.new_course(ann)
    answer = ann.request("GET", f"/locks?%ff=%&&x&subject.courseId={course}"
                                "&y=%00")
    assert answer.status == 200


def test_values_are_decoded(ann):
    answer = ann.request("GET", "/locks?subject.courseId=a+b%2B%25%22")
    assert answer.is_error(404, "Course 'a b+%\"' not found")


def test_nobody_learns_anything_before_the_credentials_are_good(site):
    stranger = site.anonymous()
    wrong = site.new_user()
    wrong.sid = "unknown"
    for client in (stranger, wrong):
        for answer in (client.post("{"), client.post("x" * 70000),
                       client.lock("nosuchcourse"), client.locks("x"),
                       client.request("GET", "/locks"), client.unlock("1")):
            assert answer.is_error(401, "Invalid credentials")
            assert answer.headers["WWW-Authenticate"] == "SID"


def test_size_comes_before_form_and_form_before_existence(ann):
    assert ann.post("{" * 70000).status == 413
    assert ann.post(json.dumps(dict(GOOD, type="x"))).status == 400


def test_course_then_permission_then_gadget_then_lock(site):
    ann, ben = site.new_user(), site.new_user()
    course = site.new_course(ben)
    ben.lock(course)
    assert ann.lock("nosuchcourse", "none").status == 404
    assert ann.lock(course, "none").is_error(403, "Insufficient permissions")
    site.database.allow(course, ann.user)
    assert ann.lock(course, "none").is_error(404, "Gadget 'none' not found")
    assert ann.lock(course).is_error(403, "Resource locked")
