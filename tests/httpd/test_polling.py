# SPDX-License-Identifier: Apache-2.0
"""Lists that the client has already: ETag and If-None-Match"""

import time

import pytest

from harness import contract
from harness.hosts import two_hosts
from harness.site import broken_site, running_site

VHOSTS = {"short": "LocksTTL 1s",
          "chosen": "LocksTTL 5m\nLocksTTLMin 1s\nLocksTTLMax 1h"}
PAST = "Mon, 01 Jan 2001 00:00:00 GMT"


@pytest.fixture(scope="module")
def site():
    with running_site(vhosts=VHOSTS, config="""
<Location "/locks-status">
    SetHandler locks-status
</Location>
""") as site:
        yield site


def etag(client, course):
    answer = client.locks(course)
    contract.listed(answer, 10 ** 9)
    return answer.header("ETag")


def poll(client, course, value):
    return client.locks(course, ("If-None-Match", value))


# ---- What changes it ----

def test_every_change_of_the_set_changes_it(site, partner, course):
    a, b = site.users(2, course)
    seen = [etag(partner, course)]

    def changed():
        seen.append(etag(partner, course))
        assert seen.count(seen[-1]) == 1, seen
        contract.unchanged(poll(partner, course, seen[-1]), seen[-1])
        assert poll(partner, course, seen[-2]).status == 200

    lock = contract.granted(a.take(course, "g1", clientId="w1"))
    changed()
    contract.granted(b.lock(course, "g2"))
    changed()
    contract.granted(a.take(course, "g1", clientId="w2", takeOver=True))
    changed()
    contract.granted(a.lock(course, "g3"))
    changed()
    lock = contract.granted(a.lock(course, "g1"))
    changed()
    contract.released(a.unlock(lock["id"]))
    changed()
    contract.released(b.own("DELETE"))
    assert etag(partner, course) == seen[0]


def test_neither_renewal_nor_countdown_changes_it(site, partner, course):
    user = site.user(course, vhost="chosen")
    lock = contract.granted(user.lock(course, "g1"))
    first = etag(partner, course)
    for renew in (lambda: user.lock(course, "g1"),
                  lambda: user.renew(lock["id"]),
                  lambda: user.renew(lock["id"], expiresIn=1000000),
                  lambda: user.renew(lock["id"], clientId="w1"),
                  lambda: time.sleep(0.1)):
        renew()
        assert etag(partner, course) == first
        contract.unchanged(poll(partner, course, first), first)


def test_expiry_changes_it(site, partner, course):
    empty = etag(partner, course)
    user = site.user(course, vhost="short")
    contract.granted(user.lock(course, "g1"), lease=1000)
    first = etag(partner, course)
    time.sleep(1.05)
    assert poll(partner, course, first).json == []
    assert etag(partner, course) == empty


def test_courses_do_not_share_it(site, partner):
    assert etag(partner, site.course()) != etag(partner, site.course())


def test_every_caller_and_key_has_the_same(site, user, partner, course):
    contract.granted(user.lock(course, "g1"))
    assert len({etag(user, course), etag(partner, course),
                etag(partner, course.internal)}) == 1


def test_two_hosts_have_the_same():
    with two_hosts() as hosts:
        course = hosts.site.course()
        user, other = hosts.site.users(2, course)
        there = user.at(hosts.addresses[1])
        assert etag(user, course) == etag(there, course)
        contract.granted(there.lock(course, "g1"))
        contract.granted(other.lock(course, "g2"))
        value = etag(user, course)
        assert etag(there, course) == value
        contract.unchanged(poll(there, course, value), value)


def test_own_locks_have_one_too(user, other, course):
    empty = user.own().header("ETag")
    lock = contract.granted(user.lock(course, "g1"))
    value = user.own().header("ETag")
    assert value != empty
    contract.unchanged(user.own(headers=[("If-None-Match", value)]), value)
    assert other.own(headers=[("If-None-Match", value)]).json == []
    contract.renewed(user.renew(lock["id"]), lock["id"])
    assert user.own().header("ETag") == value


# ---- What clients send ----

@pytest.mark.parametrize("form, status", [
    ("ETAG", 304), ("W/ETAG", 304), ("*", 304), ('"x", ETAG', 304),
    ('W/"x",ETAG , "y"', 304), ('"x"', 200), ("x", 200), ("", 200),
    ('"ETAG"', 200), ('W/"x"', 200),
])
def test_forms_of_if_none_match(user, course, form, status):
    contract.granted(user.lock(course, "g1"))
    value = etag(user, course)
    answer = poll(user, course, form.replace("ETAG", value))
    assert answer.status == status, answer
    assert answer.header("ETag") == value
    assert (answer.body == b"") == (status == 304)


def test_several_headers(user, course):
    value = etag(user, course)
    contract.unchanged(user.locks(course, ("If-None-Match", '"x"'),
                                  ("If-None-Match", value)), value)


@pytest.mark.parametrize("header, status", [
    (("If-Modified-Since", PAST), 200), (("If-Unmodified-Since", PAST), 200),
    (("If-Match", "*"), 200), (("If-Match", '"x"'), 412),
    (("If-Match", "ETAG"), 200), (("Range", "bytes=0-0"), 200),
    (("If-Range", "ETAG"), 200),
])
def test_other_conditions(user, course, header, status):
    name, form = header
    value = etag(user, course)
    answer = user.locks(course, (name, form.replace("ETAG", value)))
    assert answer.status == status, answer


def test_head(user, course):
    value = etag(user, course)
    path = f"/locks?subject.courseId={course.id}"
    assert user.raw("HEAD", path).header("ETag") == value
    contract.unchanged(user.raw("HEAD", path, [("If-None-Match", value)]),
                       value)


def test_304_is_for_whoever_may_list(site, user, course):
    value = etag(user, course)
    contract.forbidden(poll(site.user(), course, value))
    contract.unauthorized(poll(site.client(), course, value))
    site.withdraw(course, user.user_id)
    contract.forbidden(poll(user, course, value))
    contract.no_course(poll(user, "nosuchcourse", "*"), "nosuchcourse")


def test_304_may_not_be_kept_by_others(user, course):
    answer = poll(user, course, "*")
    assert answer.header("Cache-Control") == "private, no-cache"


def test_errors_and_changes_have_none(site, user, course):
    lock = contract.granted(user.lock(course, "g1"))
    for answer in (user.locks("nosuch"), user.unlock(lock["id"]),
                   site.user().locks(course), user.raw("GET", "/locks")):
        assert answer.header("ETag") is None


# ---- Cost ----

def test_poll_costs_what_a_list_costs():
    """In one child: another may not know yet whose leases to read."""
    with broken_site(timeout="2s", mpm="one child") as site:
        course = site.course("g1", "g2", "g3")
        people = site.users(3, course)
        for person, gadget in zip(people, course.gadgets):
            contract.granted(person.lock(course, gadget))
        partner = site.partner()
        for _ in range(4):
            value = etag(partner, course)
        answer, listing = site.proxy.trips(lambda: partner.locks(course))
        assert answer.status == 200
        answer, polling = site.proxy.trips(
            lambda: poll(partner, course, value))
        contract.unchanged(answer, value)
        assert polling == listing <= 2
