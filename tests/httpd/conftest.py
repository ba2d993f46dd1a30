# SPDX-License-Identifier: Apache-2.0
"""Sites that the tests of a file, or of all files, share."""

import pytest

pytest.register_assert_rewrite("harness.contract", "harness.scene")

from harness.site import broken_site, running_site  # noqa: E402
from history import tally  # noqa: E402


def pytest_terminal_summary(terminalreporter):
    """Tells how much the histories came to."""
    for line in tally.lines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def site():
    """The site of all tests that change nothing but their own courses."""
    with running_site() as site:
        yield site


@pytest.fixture
def course(site):
    return site.course()


@pytest.fixture
def user(site, course):
    return site.user(course)


@pytest.fixture
def other(site, course):
    return site.user(course)


@pytest.fixture
def partner(site):
    return site.partner()


@pytest.fixture(scope="module")
def broken():
    """A site with a FaultProxy before its memcached. It has one child: once
    that is served again, all requests are."""
    with broken_site(mpm="one child") as site:
        yield site
