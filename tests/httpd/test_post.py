# SPDX-License-Identifier: Apache-2.0
"""POST /locks"""

import json

import pytest

from harness import contract
from harness.client import Wire

every_database = pytest.mark.every_database

MISSING = object()
LIMIT = 64 * 1024


def body(course, **changes):
    """A sound request, but for the changes: type, subject, or a member of
    the subject."""
    request = {"type": "gadget",
               "subject": {"courseId": course.id, "gadgetId": "g1"}}
    for name, value in changes.items():
        place = request if name in request else request["subject"]
        if value is MISSING:
            del place[name]
        else:
            place[name] = value
    return request


# ---- Grants ----

@every_database
def test_lock_is_granted_for_the_full_lease(user, course):
    lock = contract.granted(user.lock(course, "g1"), course, "g1",
                            user.user_id)
    assert lock["expiresIn"] > contract.LEASE - 2000


@every_database
def test_lock_is_granted_by_internal_id_and_names_the_course_id(user, course):
    contract.granted(user.lock(course.internal, "g1"), course, "g1")


@every_database
def test_both_course_keys_lock_the_same_gadget(user, other, course):
    contract.granted(user.lock(course.internal, "g1"))
    contract.taken(other.lock(course.id, "g1"))


@every_database
def test_asking_again_renews_under_the_same_id(user, course):
    first = contract.granted(user.lock(course, "g1"))
    second = contract.granted(user.lock(course.internal, "g1"), course, "g1")
    assert second["id"] == first["id"]


@every_database
def test_trailing_slash_and_query_change_nothing(user, course):
    for path in ("/locks/", "/locks?subject.courseId=nosuch", "/locks/?x=%ff"):
        contract.granted(user.post(body(course), path=path))


@every_database
@pytest.mark.parametrize("content_type", [
    "application/json", "application/x-www-form-urlencoded", "text/plain",
    "application/xml", "multipart/form-data; boundary=x", "nonsense", "",
])
def test_request_with_a_sid_may_have_any_content_type(user, course,
                                                      content_type):
    contract.granted(user.post(body(course),
                               [("Content-Type", content_type)]))


@every_database
def test_request_with_a_sid_may_have_no_content_type(user, course):
    data = json.dumps(body(course)).encode()
    contract.granted(user.raw("POST", "/locks", body=data))


@every_database
def test_unknown_fields_are_ignored_at_every_level(user, course):
    request = body(course, lessonId="9")
    request.update(id="1", ownerId="me", expiresIn=1e99, extra=[{}, None])
    request["subject"]["type"] = 7
    request[""] = {"subject": {"courseId": "other"}}
    lock = contract.granted(user.post(request), course, "g1", user.user_id)
    assert lock["id"] != "1"


# ---- Refusals by what the store and the catalog hold ----

@every_database
def test_gadget_of_someone_else_is_403(user, other, course):
    contract.granted(user.lock(course, "g1"))
    contract.taken(other.lock(course, "g1"))


@every_database
def test_unknown_course_is_404(user):
    contract.no_course(user.lock("nosuchcourse", "g1"), "nosuchcourse")


@every_database
def test_unknown_gadget_is_404(user, course):
    contract.no_gadget(user.lock(course, "nosuch"), "nosuch")


@every_database
@pytest.mark.parametrize("gadget", [
    'g"1', "<b>g1</b>", "g1 ", " g1", "G1", "Gádget", "日本 𝄞", "\u0080",
    "\u2028", "%67%31", "g1/../g1", "' OR ''='", "%s", "g" * 255, "é" * 127,
])
def test_gadget_comes_back_as_it_was_asked_for(user, course, gadget):
    contract.no_gadget(user.lock(course, gadget), gadget)


@every_database
def test_gadget_of_another_course_is_404(site, user, course):
    site.course("elsewhere")
    contract.no_gadget(user.lock(course, "elsewhere"), "elsewhere")


@every_database
def test_who_may_not_update_is_403(site, course):
    contract.forbidden(site.user().lock(course, "g1"))
    contract.forbidden(site.user(site.course()).lock(course, "g1"))


# ---- Fields ----

@pytest.mark.parametrize("field, value", [
    (field, value)
    for field in ("type", "courseId", "gadgetId")
    for value in (MISSING, None, "", 1, 1.5, True, [], ["gadget"], {})
] + [
    ("subject", value)
    for value in (MISSING, None, "", "g1", 1, False, [], [{}])
] + [
    ("type", "Gadget"), ("type", "course"), ("type", "gadget "),
    ("type", "gadget\0"), ("type", "gadget\0x"),
    ("gadgetId", "x" * 256), ("gadgetId", "é" * 128),
    ("gadgetId", "x" * 60000),
] + [
    ("gadgetId", f"a{chr(code)}b") for code in (*range(32), 127)
], ids=lambda value: repr(value)[:30] if value is not MISSING else "missing")
def test_unsound_field_is_400_and_named(user, course, field, value):
    answer = user.post(body(course, **{field: value}))
    contract.error(answer, 400)
    assert field in answer.json["message"]


def test_empty_subject_is_400_and_its_member_named(user, course):
    answer = user.post(body(course, subject={}))
    contract.error(answer, 400)
    assert ("courseId" in answer.json["message"]
            or "gadgetId" in answer.json["message"])


def test_internal_id_as_a_number_is_400(user, course):
    contract.error(user.post(body(course, courseId=int(course.internal))),
                   400)


@pytest.mark.parametrize("key", [
    "COURSE ", " COURSE", "COURSE\0", "COURSE\0x", "\0", "abc", "Großer",
    "x" * 300, "x" * 60000, '"', "COURSE;", "COURSE'--",
], ids=lambda key: repr(key)[:30])
def test_key_of_neither_form_is_404(user, course, key):
    key = key.replace("COURSE", course.id)
    contract.no_course(user.post(body(course, courseId=key)), key)


@pytest.mark.parametrize("value", [
    [], "gadget", 1, None, True, [{"type": "gadget"}],
], ids=repr)
def test_body_that_is_no_object_is_400(user, value):
    contract.error(user.post(value), 400)


# ---- Syntax ----

SOUND = '{"type":"gadget","subject":{"courseId":"COURSE","gadgetId":"g1"}}'
BROKEN = {
    "nothing": "",
    "blanks": "  \n",
    "an open brace": "{",
    "an open string": '{"type": "gad',
    "no last brace": SOUND[:-1],
    "one brace too many": SOUND + "}",
    "a second value": SOUND + SOUND,
    "a word after it": SOUND + " x",
    "a NUL after it": SOUND + "\0",
    "a NUL before it": "\0" + SOUND,
    "a NUL within": SOUND.replace(",", "\0,", 1),
    "a comma after it": SOUND + ",",
    "a last comma": SOUND.replace("}}", ",}}"),
    "a double comma": SOUND.replace(",", ",,", 1),
    "a leading comma": SOUND.replace("{", "{,", 1),
    "no comma": SOUND.replace(",", " ", 1),
    "no colon": SOUND.replace(":", " ", 1),
    "single quotes": SOUND.replace('"', "'"),
    "an unquoted name": SOUND.replace('"type"', "type"),
    "a comment": SOUND.replace(",", "/* */,", 1),
    "a line comment": SOUND.replace(",", ",// x\n", 1),
    "NaN": SOUND.replace("{", '{"x":NaN,', 1),
    "nan": SOUND.replace("{", '{"x":nan,', 1),
    "Infinity": SOUND.replace("{", '{"x":-Infinity,', 1),
    "True": SOUND.replace("{", '{"x":True,', 1),
    "NULL": SOUND.replace("{", '{"x":NULL,', 1),
    "nul": SOUND.replace("{", '{"x":nul,', 1),
    "a leading zero": SOUND.replace("{", '{"x":01,', 1),
    "a plus sign": SOUND.replace("{", '{"x":+1,', 1),
    "a lone minus": SOUND.replace("{", '{"x":-,', 1),
    "a bare point": SOUND.replace("{", '{"x":1.,', 1),
    "no leading digit": SOUND.replace("{", '{"x":.5,', 1),
    "a bare exponent": SOUND.replace("{", '{"x":1e,', 1),
    "hexadecimal": SOUND.replace("{", '{"x":0x1f,', 1),
    "a tab in a string": SOUND.replace("g1", "g1\t"),
    "a line break in a string": SOUND.replace("{", '{"x":"a\nb",', 1),
    "a bad escape": SOUND.replace("{", '{"x":"\\x41",', 1),
    "a short escape": SOUND.replace("{", '{"x":"\\u12",', 1),
    "an escaped quote's brother": SOUND.replace("{", '{"x":"\\\'",', 1),
    "a lone high surrogate": SOUND.replace("g1", "\\ud800"),
    "a lone low surrogate": SOUND.replace("g1", "\\udc00"),
    "swapped surrogates": SOUND.replace("g1", "\\udc00\\ud800"),
    "half a pair in a name": SOUND.replace("{", '{"\\ud800":1,', 1),
    "a form feed": SOUND.replace("{", "{\f", 1),
    "a no-break space": SOUND.replace("{", "{\u00a0", 1),
    "a number as name": SOUND.replace("{", "{1:2,", 1),
    "a bracket for a brace": SOUND[:-1] + "]",
    "an array that is a mess": SOUND.replace("{", '{"x":[1 2],', 1),
    "an array's last comma": SOUND.replace("{", '{"x":[1,],', 1),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_malformed_json_is_400(user, course, text):
    contract.error(user.post(text.replace("COURSE", course.id).encode()), 400)


def test_message_says_where_the_syntax_breaks(user, course):
    messages = set()
    for text in ('{"type": x}', '{"type": "gadget", "subject": x}'):
        answer = user.post(text.encode())
        contract.error(answer, 400)
        assert any(letter.isdigit() for letter in answer.json["message"])
        messages.add(answer.json["message"])
    assert len(messages) == 2


@pytest.mark.parametrize("junk", [
    b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82",
    b"\x80", b"\xf8\x88\x80\x80\x80",
])
@pytest.mark.parametrize("place", ["g1", "gadget", '"type"'])
def test_invalid_utf8_is_400_wherever_it_is(user, course, junk, place):
    data = SOUND.replace("COURSE", course.id).encode()
    broken = data.replace(place.encode(), place.encode()[:-1] + junk
                          + place.encode()[-1:], 1)
    contract.error(user.post(broken), 400)
    ignored = data.replace(b"{", b'{"x":"' + junk + b'",', 1)
    contract.error(user.post(ignored), 400)


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le",
                                   "utf-32"])
def test_byte_order_mark_and_other_encodings_are_400(user, course, codec):
    text = SOUND.replace("COURSE", course.id)
    contract.error(user.post(text.encode(codec)), 400)


@pytest.mark.parametrize("text", [
    " \r\n\t" + SOUND + " \r\n\t",
    SOUND.replace(":", " : ").replace(",", " , "),
    SOUND.replace("g1", "\\u00671"), SOUND.replace("gadget", "gad\\u0067et"),
    SOUND.replace('"type"', '"\\u0074ype"', 1),
    SOUND.replace("{", '{"x":-0.1e+10,', 1),
    SOUND.replace("{", '{"x":1e999,', 1),
    SOUND.replace("{", '{"x":' + "9" * 400 + ",", 1),
    SOUND.replace("{", '{"x":"\\ud834\\udd1e\\u0000\\/\\b\\f",', 1),
    SOUND.replace("{", '{"x":"\x7f\u2028",', 1),
    SOUND.replace("{", '{"x":[],"y":{},"z":[[],{}],', 1),
    SOUND.replace("{", '{"x":null,"x":null,', 1),
])
def test_sound_json_is_taken_however_it_is_written(user, course, text):
    contract.granted(user.post(text.replace("COURSE", course.id).encode()),
                     course, "g1")


def nested(course, levels, opening="[", closing="]"):
    """A sound request of so many levels, the outermost object included."""
    deep = opening * (levels - 1) + closing * (levels - 1)
    return SOUND.replace("COURSE", course.id).replace(
        "{", '{"x":' + deep + ",", 1).encode()


def test_32_levels_are_taken(user, course):
    contract.granted(user.post(nested(course, 32)))
    data = nested(course, 32, '{"x":', "}").replace(b":}", b":{}}", 1)
    data = data.replace(b'{"x":{}}', b"{}", 1)
    contract.granted(user.post(data))


@pytest.mark.parametrize("levels", [33, 34, 100, 30000])
def test_more_than_32_levels_are_400(user, course, levels):
    contract.error(user.post(nested(course, levels)), 400)
    contract.error(user.post(b"[" * levels), 400)
    contract.error(user.post(b'{"x":' * (levels // 4 + 33)), 400)


@pytest.mark.parametrize("first, last", [
    ('"type":"course","type":"gadget"', None),
    ('"type":null,"type":"gadget"', None),
    ('"type":"gadget","type":"gadget","type":"gadget"', None),
    (None, '"subject":{"courseId":"nosuch1","gadgetId":"no"},SUBJECT'),
    (None, '"subject":7,SUBJECT'),
])
def test_of_equal_members_the_last_counts(user, course, first, last):
    subject = '"subject":{"courseId":"COURSE","gadgetId":"no",' \
              '"gadgetId":"g1"}'
    first = first or '"type":"gadget"'
    last = (last or "SUBJECT").replace("SUBJECT", subject)
    text = "{" + first + "," + last + "}"
    contract.granted(user.post(text.replace("COURSE", course.id).encode()),
                     course, "g1")


@pytest.mark.parametrize("more", [
    '"type":"course"', '"type":null', '"subject":null', '"subject":{}',
])
def test_last_member_counts_if_it_is_the_unsound_one(user, course, more):
    text = SOUND.replace("COURSE", course.id)[:-1] + "," + more + "}"
    contract.error(user.post(text.encode()), 400)


# ---- Size and framing ----

def padded(course, length):
    data = SOUND.replace("COURSE", course.id).encode()
    return data + b" " * (length - len(data))


def test_body_of_64_kib_is_taken(user, course):
    contract.granted(user.post(padded(course, LIMIT)))


def test_body_over_64_kib_is_413(user, course):
    contract.error(user.post(padded(course, LIMIT + 1)), 413)
    assert contract.listed(user.locks(course)) == []


def chunked(data, size):
    pieces = [data[i:i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece)
                    for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 1000, 100000])
def test_chunked_body_is_taken(user, course, size):
    data = SOUND.replace("COURSE", course.id).encode()
    with Wire(user.address) as wire:
        wire.request("POST", "/locks", [("SID", user.sid),
                                        ("Transfer-Encoding", "chunked")])
        wire.send(chunked(data, size))
        contract.granted(wire.answer(), course, "g1")


@pytest.mark.parametrize("length, status", [(LIMIT, 201), (LIMIT + 1, 413)])
def test_limit_holds_for_chunked_bodies_too(user, course, length, status):
    with Wire(user.address) as wire:
        wire.request("POST", "/locks", [("SID", user.sid),
                                        ("Transfer-Encoding", "chunked")])
        wire.send(chunked(padded(course, length), 8192))
        answer = wire.answer()
        contract.check("POST", answer)
        assert answer.status == status, answer


def test_expect_100_continue_is_answered(user, course):
    data = SOUND.replace("COURSE", course.id).encode()
    with Wire(user.address) as wire:
        wire.request("POST", "/locks", [
            ("SID", user.sid), ("Expect", "100-continue"),
            ("Content-Length", str(len(data)))])
        # http.client skips the interim answer.
        wire.send(data)
        contract.granted(wire.answer(), course, "g1")


def test_body_in_many_packets_is_taken(user, course):
    data = SOUND.replace("COURSE", course.id).encode()
    with Wire(user.address) as wire:
        wire.request("POST", "/locks", [("SID", user.sid),
                                        ("Content-Length", str(len(data)))])
        for byte in range(len(data)):
            wire.send(data[byte:byte + 1])
        contract.granted(wire.answer(), course, "g1")


def test_body_that_ends_early_locks_nothing(user, course):
    data = SOUND.replace("COURSE", course.id).encode()
    with Wire(user.address) as wire:
        wire.request("POST", "/locks", [
            ("SID", user.sid), ("Content-Length", str(len(data) + 10))])
        wire.send(data)
        wire.end_sending()
        assert b" 201 " not in wire.rest()
    assert contract.listed(user.locks(course)) == []
