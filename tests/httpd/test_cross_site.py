# SPDX-License-Identifier: Apache-2.0
"""Pages of other sites cannot lock or release in a user's name."""

import pytest

from harness import contract
from harness.client import Wire
from harness.site import LOCATION, NAMED, running_site

REFUSED = "Requests of other sites are refused"


@pytest.fixture(scope="module")
def site():
    with running_site(location=LOCATION + NAMED) as site:
        yield site


@pytest.fixture
def course(site):
    course = site.course()
    site.permit(course, "anna")
    return course


def anna(site, *headers):
    """A browser, whose user another module authenticated."""
    return site.client(base="/named/locks",
                       headers=[("X-User", "anna"), *headers])


def own(site):
    host, port = site.httpd.address
    return f"{host}:{port}"


FOREIGN = [
    ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"),
    ("Sec-Fetch-Site", ""), ("Sec-Fetch-Site", "SAME-ORIGIN"),
    ("Origin", "https://evil.example"), ("Origin", "null"), ("Origin", ""),
    ("Origin", "http://{own}.evil.example"), ("Origin", "http://127.0.0.1"),
    ("Origin", "https://127.0.0.1"), ("Origin", "http://127.0.0.1:1"),
    ("Origin", "{own}"), ("Origin", "http://x@{own}.example"),
    ("Origin", "http://{own} http://evil.example"),
]


@pytest.mark.parametrize("name, value", FOREIGN)
def test_another_sites_page_changes_nothing(site, course, name, value):
    lock = contract.granted(anna(site).lock(course, "g1"),
                            base="/named/locks")
    page = anna(site, (name, value.format(own=own(site))))
    contract.error(page.lock(course, "g2"), 403, REFUSED)
    contract.error(page.unlock(lock["id"]), 403, REFUSED)
    assert contract.held(anna(site).locks(course)) == {
        "g1": ("anna", lock["id"])}
    # The browser keeps what is only read from the page.
    contract.listed(page.locks(course))


@pytest.mark.parametrize("headers", [
    [("Sec-Fetch-Site", "same-origin")], [("Sec-Fetch-Site", "none")],
    [("Origin", "http://{own}")], [("Origin", "https://{own}")],
    [("Origin", "https://another.example"),
     ("Sec-Fetch-Site", "same-origin")],
    [("Origin", "http://{own}"), ("Sec-Fetch-Site", "same-origin")],
])
def test_own_pages_lock_and_release(site, course, headers):
    page = anna(site, *((name, value.format(own=own(site)))
                        for name, value in headers))
    lock = contract.granted(page.lock(course, "g1"), base="/named/locks")
    contract.released(page.unlock(lock["id"]))


@pytest.mark.parametrize("host, origin, status", [
    ("site.example", "https://site.example", 201),
    ("site.example", "http://site.example:80", 201),
    ("SITE.example", "https://site.EXAMPLE", 201),
    ("site.example:443", "https://site.example", 201),
    ("site.example:8443", "https://site.example:8443", 201),
    ("[::1]:8443", "https://[::1]:8443", 201),
    ("site.example", "https://site.example:8443", 403),
    ("site.example:8443", "https://site.example", 403),
    ("site.example:80", "https://site.example", 403),
    ("[::1]", "https://[::2]", 403),
])
def test_ports_of_origins(site, course, host, origin, status):
    page = anna(site, ("Host", host), ("Origin", origin),
                ("Content-Type", "application/json"))
    body = (b'{"type": "gadget", "subject": {"courseId": "%s", '
            b'"gadgetId": "g1"}}' % course.id.encode())
    with Wire(site.httpd.address) as wire:
        wire.send(b"POST /named/locks HTTP/1.1\r\n" + b"".join(
            f"{name}: {value}\r\n".encode() for name, value in page.headers)
            + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        answer = wire.answer("POST")
    assert answer.status == status, answer



def test_an_sid_cannot_be_forged_across_sites(site, course):
    user = site.user(course)
    for name, value in FOREIGN:
        user.headers = [(name, value)]
        lock = contract.granted(user.lock(course, "g1"))
        contract.released(user.unlock(lock["id"]))
