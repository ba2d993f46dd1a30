# SPDX-License-Identifier: Apache-2.0
"""What every answer of the locking endpoints must look like."""

import re

LOCK_MEMBERS = {"id", "type", "subject", "ownerId", "expiresIn"}
# A list's, which says what the list is of.
ETAG = re.compile(r'"[0-9a-f]{40}"')
LARGEST_ID = 2 ** 63 - 1
LEASE = 5 * 60 * 1000
# How long a test may take from the grant to the answer on a busy machine.
SLACK = 10 * 1000


def check(method, answer):
    """What holds whatever was asked."""
    if answer.status >= 400:
        _check_error(method, answer)
    elif answer.status == 204:
        assert answer.body == b"", answer
    elif answer.status == 304:
        assert answer.body == b"", answer
        assert ETAG.fullmatch(answer.header("ETag")), answer
    else:
        assert answer.header("Content-Type") == "application/json", answer
        if method in ("POST", "PUT", "DELETE"):
            assert answer.header("Cache-Control") == "no-store", answer
        if method != "HEAD":
            answer.json


def _check_error(method, answer):
    assert answer.header("Content-Type") == "application/json", answer
    assert answer.header("Cache-Control") == "no-store", answer
    if method != "HEAD":
        body = answer.json
        assert set(body) - {"lock"} == {"error", "message"}, answer
        assert body["error"] == answer.status, answer
        assert isinstance(body["message"], str) and body["message"], answer
    if answer.status == 401:
        assert answer.all("WWW-Authenticate"), answer
    if answer.status == 405:
        assert answer.header("Allow"), answer
    if answer.status == 503:
        assert int(answer.header("Retry-After")) > 0, answer


def error(answer, status, message=None):
    """An error, with exactly this message if one is given."""
    assert answer.status == status, answer
    check("any", answer)
    if message is not None:
        assert answer.json == {"error": status, "message": message}, answer


def unauthorized(answer):
    error(answer, 401, "Invalid credentials")
    assert answer.header("WWW-Authenticate").split()[0] == "SID", answer


def forbidden(answer):
    error(answer, 403, "Insufficient permissions")


def taken(answer):
    error(answer, 403, "Resource locked")


def unavailable(answer):
    error(answer, 503, "Lock store unavailable")


def no_lock(answer, lock_id):
    error(answer, 404, f"Lock '{lock_id}' not found")


def no_course(answer, key):
    error(answer, 404, f"Course '{key}' not found")


def no_gadget(answer, gadget):
    error(answer, 404, f"Gadget '{gadget}' not found")


def other_window(answer):
    error(answer, 409, "Locked in another window")


def explained(answer, lock_id, lease=LEASE):
    """A refusal that tells what is in the way; returns that."""
    assert answer.status == 403, answer
    check("any", answer)
    body = answer.json
    assert (body["error"], body["message"]) == (403, "Resource locked"), answer
    assert lock(body["lock"], lease)["id"] == lock_id, answer
    seconds = int(answer.header("Retry-After"))
    left = body["lock"]["expiresIn"]
    assert (seconds - 1) * 1000 < left <= seconds * 1000, answer
    return body["lock"]


def released(answer):
    assert answer.status == 200, answer
    check("DELETE", answer)
    assert answer.json == {}, answer


def lock(value, lease=LEASE):
    """A resource lock with exactly its members, and its window if any."""
    assert set(value) - {"clientId"} == LOCK_MEMBERS, value
    assert value.get("clientId") != "", value
    assert value["type"] == "gadget", value
    assert set(value["subject"]) == {"courseId", "gadgetId"}, value
    for text in (value["id"], value["ownerId"], *value["subject"].values()):
        assert isinstance(text, str) and text, value
    number = int(value["id"])
    assert 0 < number <= LARGEST_ID and str(number) == value["id"], value
    assert type(value["expiresIn"]) is int, value
    assert 0 < value["expiresIn"] <= lease, value
    return value


def granted(answer, course=None, gadget=None, owner=None, base="/locks",
            lease=LEASE):
    """A 201 and its lock; what is given must be in it."""
    assert answer.status == 201, answer
    check("POST", answer)
    value = lock(answer.json, lease)
    assert answer.header("Location") == f"{base}/{value['id']}", answer
    if course is not None:
        assert value["subject"]["courseId"] == getattr(course, "id", course)
    if gadget is not None:
        assert value["subject"]["gadgetId"] == gadget, answer
    if owner is not None:
        assert value["ownerId"] == owner, answer
    assert value["expiresIn"] > lease - SLACK, answer
    return value


def shown(answer, lease=LEASE):
    """A 200 and its lock."""
    assert answer.status == 200, answer
    check("GET", answer)
    return lock(answer.json, lease)


def renewed(answer, lock_id, lease=LEASE):
    """A 200 and the lock with this ID, which is to live for a full lease."""
    assert answer.status == 200, answer
    check("PUT", answer)
    value = lock(answer.json, lease)
    assert value["id"] == lock_id, answer
    assert value["expiresIn"] > lease - SLACK, answer
    return value


def unchanged(answer, etag):
    """A 304 for what the client has."""
    assert answer.status == 304, answer
    check("GET", answer)
    assert answer.header("ETag") == etag, answer


def listed(answer, lease=LEASE):
    """A 200 and its locks, by ascending id."""
    assert answer.status == 200, answer
    check("GET", answer)
    assert ETAG.fullmatch(answer.header("ETag")), answer
    assert isinstance(answer.json, list), answer
    locks = [lock(value, lease) for value in answer.json]
    numbers = [int(value["id"]) for value in locks]
    assert numbers == sorted(set(numbers)), answer
    gadgets = [value["subject"]["gadgetId"] for value in locks]
    assert len(set(gadgets)) == len(gadgets), f"two holders: {answer}"
    owners = [value["ownerId"] for value in locks]
    assert len(set(owners)) == len(owners), f"two locks: {answer}"
    return locks


def held(answer):
    """A 200 as a dictionary: gadget -> (owner, id)."""
    return {value["subject"]["gadgetId"]: (value["ownerId"], value["id"])
            for value in listed(answer)}
