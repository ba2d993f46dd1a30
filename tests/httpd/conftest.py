# SPDX-License-Identifier: Apache-2.0
"""Sites that the tests of a file, or of all files, share."""

import tempfile
from contextlib import ExitStack

import pytest

pytest.register_assert_rewrite("harness.contract", "harness.scene")

from harness.browser import Browser  # noqa: E402
from harness.databases import SERVERS, Databases, wanted  # noqa: E402
from harness.operators import Desk, fill, operated_site  # noqa: E402
from harness.site import broken_site, running_site  # noqa: E402
from history import tally  # noqa: E402


def pytest_terminal_summary(terminalreporter):
    """Tells how much the histories came to."""
    for line in tally.lines():
        terminalreporter.write_line(line)


def pytest_generate_tests(metafunc):
    """Tests with the mark every_database run once on each that is wanted."""
    if ("new_database" in metafunc.fixturenames
            and metafunc.definition.get_closest_marker("every_database")):
        metafunc.parametrize("new_database", wanted(), indirect=True,
                             scope="module")
    if "database_kind" in metafunc.fixturenames:
        metafunc.parametrize("database_kind",
                             [name for name in wanted() if name in SERVERS],
                             indirect=True, scope="module")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Leaves out what runs on some servers alone. Not done above: pytest
    sorts by a parameter's place in its list, which has to be the same for
    all, or it would start servers again and again."""
    def fits(item):
        mark = item.get_closest_marker("only_on")
        return (mark is None
                or item.callspec.params["database_kind"] in mark.args)

    items[:] = filter(fits, items)


@pytest.fixture(scope="module")
def database_kind(request):
    """PostgreSQL or MariaDB: tests that ask run on both."""
    return request.param


@pytest.fixture(scope="session")
def databases():
    """What makes databases and starts their servers."""
    with Databases() as databases:
        yield databases


@pytest.fixture(scope="module")
def new_database(databases, request):
    """A function that makes a database: on SQLite, or on every kind for
    tests that are marked so."""
    return databases.maker(getattr(request, "param", "sqlite"))


@pytest.fixture(scope="session")
def sites():
    """The sites that run already, one for each kind of database."""
    with ExitStack() as stack:
        yield {}, stack


@pytest.fixture(scope="module")
def site(sites, new_database):
    """The site of all tests that change nothing but their own courses."""
    running, stack = sites
    if new_database.kind not in running:
        running[new_database.kind] = stack.enter_context(
            running_site(database=new_database()))
    return running[new_database.kind]


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


@pytest.fixture(scope="session")
def browser():
    """Chromium, for all tests that look at pages."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        with Browser(folder) as browser:
            yield browser


@pytest.fixture(scope="session")
def operated():
    """A site that operators look at."""
    with operated_site() as site:
        yield site


@pytest.fixture
def desk(operated):
    """Locks on that site; nobody has any when a test begins."""
    desk = Desk(operated)
    yield desk
    desk.clear()


@pytest.fixture(scope="session")
def crowd():
    """A site with 10,000 locks, which last longer than all tests."""
    with operated_site(config="LocksTTL 6h\n") as site:
        desk = Desk(site)
        fill(desk, 40, 250)
        yield desk
