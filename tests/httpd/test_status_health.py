# SPDX-License-Identifier: Apache-2.0
"""locks-status?health: whether locks can be taken here, for load balancers."""

import time

import pytest
from harness import contract
from harness.site import LOCATION, running_site
from harness.status import STATUS, Status
from harness.watch import (BACK, DOWN, EPOCH, FRESH, LOST, all_said,
                           eventually_said, said, settle)


@pytest.fixture
def site():
    with running_site(arguments=("-M",), location=LOCATION + STATUS) as site:
        site.status = Status(site.httpd.address)
        yield site


def test_health_names_what_is_wrong_and_heals(site):
    status = site.status
    eventually_said(site, FRESH)
    assert status.health() is None
    site.store.stop()
    assert site.store.name in status.health()
    site.store.start()
    status.eventually_healthy()
    site.store.restart("-C")
    assert "start it without -C" in status.health()
    site.store.restart("-M", "-m", "64")
    status.eventually_healthy()


def test_health_of_a_hung_server_comes_in_time():
    with running_site(timeout="500ms", location=LOCATION + STATUS,
                      mpm="one child") as site:
        status = Status(site.httpd.address)
        assert status.health() is None
        site.store.pause()
        for _ in range(6):
            began = time.monotonic()
            assert site.store.name in status.health()
            # For the epoch, and for what the server says of itself.
            assert time.monotonic() - began < 2 * 0.5 + 0.4
        site.store.resume()
        status.eventually_healthy()


def fill(store):
    """Has no room for anything. Returns what makes room again."""
    sizes = (300000, 100000, 30000, 10000, 5000,
             *(int(40 * 1.2 ** step) for step in range(25, -1, -1)))
    with store.client() as client:
        return {size: client.fill(size) for size in sizes}


def test_health_of_a_full_memory():
    with running_site(arguments=("-M", "-m", "2", "-I", "512k"),
                      location=LOCATION + STATUS) as site:
        site.status = status = Status(site.httpd.address)
        eventually_said(site, FRESH)
        course = site.course()
        user = site.user(course)
        assert status.health() is None
        filled = fill(site.store)
        contract.unavailable(user.lock(course, "g1"))
        assert "memory" in status.health()
        assert status.metrics()["healthy"] == 0
        eventually_said(site, DOWN)
        settle(site)
        assert said(site, DOWN) == 1
        with site.store.client() as client:
            for size, count in filled.items():
                client.empty(size, count)
        status.eventually_healthy()
        contract.granted(user.lock(course, "g1"))


@pytest.mark.parametrize("value", [b"", b"garbage", b"\0" * 40])
def test_health_of_wrong_data_under_the_epochs_key(site, value):
    status = site.status
    eventually_said(site, FRESH)
    with site.store.client() as client:
        assert client.set(EPOCH, value) == "STORED"
    for _ in range(3):
        assert EPOCH in status.health()
        assert status.page().servers()[0][2] == "failing"
    eventually_said(site, DOWN)
    settle(site)
    assert all_said(site) == {DOWN: 1}
    with site.store.client() as client:
        client.delete(EPOCH)
    status.eventually_healthy()
    eventually_said(site, BACK)
    settle(site)
    assert all_said(site) == {DOWN: 1, BACK: 1, LOST: 1}
