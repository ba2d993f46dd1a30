# SPDX-License-Identifier: Apache-2.0
"""A request that waited is answered with what is so then, and with nothing of
what it would have been told before."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest

from harness import contract
from harness.site import LOCATION, broken_site

STATUS = """
<Location "/locks-status">
    SetHandler locks-status
    Require all granted
</Location>
LocksExplain on
LocksWaitMax 10s
LocksWaitInterval 50ms
"""


@pytest.fixture(scope="module")
def site():
    with broken_site(location=LOCATION, config=STATUS,
                     mpm="one child") as site:
        yield site


def request(course, gadget):
    return json.dumps({"type": "gadget", "subject": {
        "courseId": course.id, "gadgetId": gadget}}).encode()


def waiting(client, course, gadget):
    """A POST that waits, in another thread."""
    return ThreadPoolExecutor().submit(
        client.raw, "POST", "/locks", [("Prefer", "wait=8")],
        request(course, gadget), False)


def listed(client, course, *headers):
    return client.raw("GET", f"/locks?subject.courseId={course.id}", headers)


@pytest.fixture
def held(site):
    """A course, who holds g1 in it, and somebody else."""
    course = site.course()
    holder, other = site.users(2, course)
    contract.granted(holder.lock(course, "g1"))
    return course, holder, other


def test_a_list_whose_store_fails_meanwhile(site, held):
    course, _, other = held
    etag = listed(other, course).header("ETag")
    answer = ThreadPoolExecutor().submit(
        listed, other, course, ("If-None-Match", etag), ("Prefer", "wait=8"))
    time.sleep(0.3)
    with site.proxy.fault(lambda exchange: exchange.cut()):
        answer = answer.result()
    contract.unavailable(answer)
    assert answer.header("ETag") is None, answer
    assert answer.elapsed < 6, answer.elapsed


def test_a_lock_whose_store_fails_meanwhile(site, held):
    course, _, other = held
    answer = waiting(other, course, "g1")
    time.sleep(0.3)
    with site.proxy.fault(lambda exchange: exchange.cut()):
        answer = answer.result()
    contract.unavailable(answer)
    assert answer.header("Retry-After") == "1", answer


def test_a_lock_that_comes_free(site, held):
    course, holder, other = held

    def counted():
        text = site.client().raw("GET", "/locks-status?metrics",
                                 checked=False).body.decode()
        found = dict(re.findall(
            r'_requests_total\{endpoint="acquire",outcome="(\w+)"\} (\d+)',
            text))
        return int(found.get("done", 0)), int(found.get("locked", 0))

    done, locked = counted()
    answer = waiting(other, course, "g1")
    time.sleep(0.3)
    contract.released(holder.raw("DELETE", "/locks?ownerId=me"))
    answer = answer.result()
    contract.granted(answer, course, "g1", other.user_id)
    assert answer.header("Retry-After") is None, answer
    assert answer.header("Preference-Applied") == "wait=8", answer
    assert counted() == (done + 1, locked)


@pytest.mark.parametrize("name, ago", [("If-Modified-Since", 0),
                                       ("If-Modified-Since", -60),
                                       ("If-Unmodified-Since", 3600)])
def test_a_list_has_no_date(held, name, ago):
    """So a condition on one is none (RFC 9110, 13.1.3 and 13.1.4): the locks
    may have changed within the second."""
    course, holder, _ = held
    answer = listed(holder, course,
                    (name, formatdate(time.time() - ago, usegmt=True)))
    assert len(contract.listed(answer)) == 1
