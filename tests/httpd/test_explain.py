# SPDX-License-Identifier: Apache-2.0
"""LocksExplain: whether a refused user is told who holds the gadget"""

import time

import pytest

from harness import contract
from harness.application import Recorder
from harness.httpd import MODULES, module_folder
from harness.site import LOCATION, running_site

GUARD = """
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
ProxyPass "/app/" "http://127.0.0.1:{port}/"
<LocationMatch "^/app/(?<course>[^/]+)/(?<gadget>[^/]+)$">
    LocksGuard respect
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
</LocationMatch>
"""


@pytest.fixture(scope="module")
def site():
    with Recorder() as application:
        config = (GUARD.replace("{modules}", str(module_folder()))
                  .replace("{port}", str(application.port)))
        with running_site(location=LOCATION + config, modules=MODULES, vhosts={
                "tells": "LocksExplain on",
                "short": "LocksExplain on\nLocksTTL 1s\nLocksClockSkew 5s",
                "no": "LocksExplain off"}) as site:
            yield site


def test_holder_is_told(site, course):
    user, other = site.users(2, course, vhost="tells")
    lock = contract.granted(user.take(course, "g1", clientId="w1"))
    told = contract.explained(other.lock(course, "g1"), lock["id"])
    assert {**told, "expiresIn": 0} == {**lock, "expiresIn": 0}
    time.sleep(0.1)
    again = contract.explained(other.lock(course.internal, "g1"), lock["id"])
    assert again["expiresIn"] < told["expiresIn"]
    contract.explained(other.take(course, "g1", takeOver=True, clientId="w1"),
                       lock["id"])


def test_renewed_lock_is_told_anew(site, course):
    user, other = site.users(2, course, vhost="tells")
    lock = contract.granted(user.lock(course, "g1"))
    time.sleep(0.2)
    first = contract.explained(other.lock(course, "g1"), lock["id"])
    contract.renewed(user.renew(lock["id"]), lock["id"])
    second = contract.explained(other.lock(course, "g1"), lock["id"])
    assert second["expiresIn"] > first["expiresIn"]


@pytest.mark.parametrize("vhost", ["", "no"])
def test_nothing_is_told_by_default(site, course, vhost):
    user, other = site.users(2, course, vhost=vhost)
    contract.granted(user.lock(course, "g1"))
    answer = other.lock(course, "g1")
    contract.taken(answer)
    assert answer.body == b'{"error": 403, "message": "Resource locked"}'
    assert answer.header("Retry-After") is None


def test_lock_that_is_over_by_the_clock_is_not_told(site, course):
    """It is in the way still, as hosts' clocks may differ."""
    user, other = site.users(2, course, vhost="short")
    lock = contract.granted(user.lock(course, "g1"), lease=1000)
    contract.explained(other.lock(course, "g1"), lock["id"], lease=1000)
    time.sleep(1.1)
    answer = other.lock(course, "g1")
    contract.taken(answer)
    assert answer.header("Retry-After") is None


def test_other_refusals_tell_nothing(site, course):
    user, other = site.users(2, course, vhost="tells")
    lock = contract.granted(user.take(course, "g1", clientId="w1"))
    contract.forbidden(other.unlock(lock["id"]))
    contract.forbidden(other.renew(lock["id"]))
    contract.other_window(user.take(course, "g1", clientId="w2"))
    stranger = site.user(vhost="tells")
    contract.forbidden(stranger.lock(course, "g1"))


def test_guard_answers_as_ever(site, course):
    user, other = site.users(2, course, vhost="tells")
    contract.granted(user.lock(course, "g1"))
    answers = [person.raw("PUT", f"/app/{course.id}/g1", body=b"x",
                          checked=False)
               for person in (other, other.at(site.httpd.address))]
    assert [answer.status for answer in answers] == [403, 403], answers
    assert answers[0].body == answers[1].body
    assert [answer.header("Retry-After") for answer in answers] == [None, None]
