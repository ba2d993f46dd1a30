# SPDX-License-Identifier: Apache-2.0
"""A request that is wrong in two ways is refused for the earlier one, and
changes nothing."""

import itertools
import json
from types import SimpleNamespace

import pytest

from harness import contract
from harness.site import LOCATION, NAMED, running_site



# Each way to be wrong, in the order of checks: its name, the status and the
# message, and what it does to a sound request.
def wrong_path(request):
    request.path += "/x/y"


def wrong_method(request):
    request.method = "PUT"


def wrong_credentials(request):
    request.sid = "nobodysid"


def wrong_type(request):
    request.content_type = "text/plain"


def wrong_size(request):
    request.padding = 70000


def wrong_json(request):
    request.ending = ","


def wrong_course(request):
    request.course = "nosuchcourse"


def wrong_permission(request):
    request.permitted = False


def wrong_gadget(request):
    request.gadget = "nosuch"


def wrong_holder(request):
    request.occupied = True


CHECKS = [
    (wrong_path, 404, "Not found"),
    (wrong_method, 405, None),
    (wrong_credentials, 401, "Invalid credentials"),
    (wrong_type, 415, None),
    (wrong_size, 413, None),
    (wrong_json, 400, None),
    (wrong_course, 404, "Course 'nosuchcourse' not found"),
    (wrong_permission, 403, "Insufficient permissions"),
    (wrong_gadget, 404, "Gadget 'nosuch' not found"),
    (wrong_holder, 403, "Resource locked"),
]


@pytest.fixture(scope="module")
def places():
    """A site that has /named/locks beside /locks."""
    with running_site(location=LOCATION + NAMED) as site:
        yield site


def perform(site, request, by_sid):
    """Sends the request; returns its answer and what the user holds."""
    course = site.course("mine", "wanted")
    user, holder = site.users(2, course)
    mine = contract.granted(user.lock(course, "mine"))
    if request.occupied:
        contract.granted(holder.lock(course, "wanted"))
    if not request.permitted:
        site.withdraw(course, user.user_id)
    body = json.dumps({"type": "gadget", "subject": {
        "courseId": request.course or course.id,
        "gadgetId": request.gadget}}) + request.ending
    body = body.encode() + b" " * request.padding
    headers = [("Content-Type", request.content_type)]
    if by_sid:
        base, client = "/locks", user
        if request.sid:
            client = site.client(request.sid)
    else:
        base, client = "/named/locks", site.client()
        name = "PartnerKey:1" if request.sid else user.user_id
        headers.append(("X-User", name))
    answer = client.raw(request.method, base + request.path, headers, body)
    held = contract.held(site.partner().locks(course))
    assert held["mine"] == (user.user_id, mine["id"]), "it changed something"
    assert set(held) - {"mine"} <= {"wanted"}
    if "wanted" in held:
        assert held["wanted"][0] == holder.user_id
    return answer


def sound_request():
    return SimpleNamespace(
        path="", method="POST", sid=None, content_type="application/json",
        padding=0, ending="", course=None, permitted=True, gadget="wanted",
        occupied=False)


def pairs(by_sid):
    for first, second in itertools.combinations(CHECKS, 2):
        if by_sid and wrong_type in (first[0], second[0]):
            continue  # With an SID every content type is right.
        yield pytest.param(
            first, second,
            id=f"{first[0].__name__[6:]}-{second[0].__name__[6:]}")


@pytest.mark.parametrize("first, second", pairs(by_sid=True))
def test_earlier_check_refuses_a_session(places, first, second):
    refuse(places, first, second, True)


@pytest.mark.parametrize("first, second", pairs(by_sid=False))
def test_earlier_check_refuses_an_httpd_user(places, first, second):
    refuse(places, first, second, False)


def refuse(site, first, second, by_sid):
    request = sound_request()
    for spoil, _, _ in (first, second):
        spoil(request)
    _, status, message = first
    contract.error(perform(site, request, by_sid), status, message)


@pytest.mark.parametrize("by_sid", [True, False])
def test_request_that_is_wrong_in_every_way_unravels_in_order(places, by_sid):
    checks = [check for check in CHECKS
              if not (by_sid and check[0] is wrong_type)]
    for start, (_, status, message) in enumerate(checks):
        request = sound_request()
        for spoil, _, _ in checks[start:]:
            spoil(request)
        contract.error(perform(places, request, by_sid), status, message)


def test_list_checks_in_order(places):
    course = places.course()
    stranger, nobody = places.user(), places.client("nobodysid")
    contract.unauthorized(nobody.raw("GET", "/locks"))
    contract.unauthorized(nobody.locks("nosuchcourse"))
    contract.error(stranger.raw("GET", "/locks"), 400)
    contract.no_course(stranger.locks("nosuchcourse"), "nosuchcourse")
    contract.forbidden(stranger.locks(course))


def test_release_checks_credentials_before_the_lock(places):
    contract.unauthorized(places.client().unlock("nonsense"))
    contract.unauthorized(places.partner().unlock("nonsense"))
    contract.no_lock(places.user().unlock("nonsense"), "nonsense")


def test_partner_key_is_refused_before_its_request_is_read(places):
    contract.unauthorized(places.partner().post(b"{"))
    contract.unauthorized(places.partner().post(b" " * 70000))
