# SPDX-License-Identifier: Apache-2.0
"""What httpd notices of its memcached by itself: at the start, while it is
used, and while nobody asks; and that it is said once."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from harness import contract
from harness.hosts import two_hosts
from harness.memcached import Memcached, Pool, memcached
from harness.site import LOCATION, Site, _checked, broken_site, running_site
from harness.status import STATUS, Status
from harness.system import eventually, temporary_folder
from harness.watch import (AWAY, BACK, CAS, DOWN, EPOCH, EVICTED, FRESH,
                           IDLE, LOST, MAY_EVICT, NO_CAS, all_said,
                           eventually_said, said, settle)


@contextmanager
def site_on(store, **settings):
    """A site whose store may not run yet."""
    with temporary_folder() as folder:
        site = Site(folder, store, address=store.name,
                    location=LOCATION + STATUS, **settings)
        site.httpd.start()
        site.status = Status(site.httpd.address)
        yield from _checked(site)


@pytest.fixture
def site():
    with running_site(arguments=("-M",), location=LOCATION + STATUS) as site:
        site.status = Status(site.httpd.address)
        yield site


@contextmanager
def traffic(client, course):
    """Requests come, one after the other, whatever they are answered."""
    going = [True]

    def ask():
        statuses = []
        while going:
            statuses.append(client.locks(course).status)
            time.sleep(0.02)
        return statuses

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        try:
            yield
        finally:
            going.clear()
    assert set(asked.result()) <= {200, 401, 503}


# ---- At the start ----

def test_nothing_is_wrong_and_nothing_is_said(site):
    eventually_said(site, FRESH)
    settle(site)
    site.status.page()
    assert all_said(site) == {}


def test_memcached_is_down_at_the_start():
    with temporary_folder() as folder:
        store = Memcached(folder, "-M")
        with site_on(store) as site:
            course = site.course()
            eventually_said(site, DOWN)
            contract.unavailable(site.client("somebody").locks(course))
            assert site.status.health() is not None
            settle(site)
            assert all_said(site) == {DOWN: 1}
            try:
                store.start()
                site.status.eventually_healthy()
                eventually_said(site, BACK)
                user = site.user(course)
                contract.granted(user.lock(course, "g1"))
                settle(site)
                assert all_said(site) == {DOWN: 1, BACK: 1}
            finally:
                store.stop()
            eventually_said(site, DOWN, 2, ask=site.status.health)


def test_memcached_comes_back_while_nobody_asks():
    with temporary_folder() as folder:
        store = Memcached(folder, "-M")
        with site_on(store) as site:
            eventually_said(site, DOWN)
            store.start()
            try:
                eventually_said(site, BACK, seconds=AWAY)
            finally:
                store.stop()


def test_memcached_without_cas():
    with memcached("-C", "-M") as store, site_on(store) as site:
        course = site.course()
        eventually_said(site, NO_CAS)
        user = site.user(course)
        # A first lock needs none, where nothing was before.
        user.lock(course, "g1")
        contract.unavailable(user.lock(course, "g1"))
        contract.listed(user.locks(course))
        assert "start it without -C" in site.status.health()
        assert site.status.metrics()[f"store_cas_enabled locks {store.name}"
                                     ] == 0
        assert site.status.page().servers()[0][2] == "no CAS (-C)"
        settle(site)
        assert all_said(site) == {NO_CAS: 1}
        site.httpd.restart_gracefully()
        eventually_said(site, NO_CAS, 2)
        # Another one without is no news but that data is lost.
        store.restart("-C", "-M", "-m", "32")
        eventually_said(site, LOST, ask=site.status.health)
        settle(site)
        assert all_said(site) == {NO_CAS: 2, LOST: 1}
        store.restart("-M")
        site.sign_in_again(user)
        eventually_said(site, CAS, ask=site.status.health)
        site.status.eventually_healthy()
        contract.granted(user.lock(course, "g1"))
        settle(site)
        assert all_said(site) == {NO_CAS: 2, CAS: 1, LOST: 2}


def test_memcached_that_may_evict():
    """Locks are taken; the administrator is warned."""
    with memcached() as store, site_on(store) as site:
        course = site.course()
        eventually_said(site, MAY_EVICT)
        contract.granted(site.user(course).lock(course, "g1"))
        assert site.status.health() is None
        assert site.status.metrics()[
            f"store_evictions_possible locks {store.name}"] == 1
        assert "may evict (no -M)" in site.status.page().servers()[0][2]
        settle(site)
        assert all_said(site) == {MAY_EVICT: 1}
        site.httpd.restart_gracefully()
        eventually_said(site, MAY_EVICT, 2)
        settle(site)
        assert all_said(site) == {MAY_EVICT: 2}


def test_what_lasts_is_said_again_after_a_graceful_restart(site):
    eventually_said(site, FRESH)
    site.store.stop()
    eventually_said(site, DOWN, ask=site.status.health)
    site.httpd.restart_gracefully()
    eventually_said(site, DOWN, 2)
    settle(site)
    assert all_said(site) == {DOWN: 2}
    site.store.start()
    eventually_said(site, BACK, seconds=AWAY)


def test_session_store_of_its_own_that_is_down():
    with temporary_folder() as folder, memcached("-M") as locks:
        sessions = Memcached(folder)
        with site_on(locks, config="LocksSessionStore memcached:"
                     + sessions.name) as site:
            course = site.course()
            eventually_said(site, DOWN, server=sessions)
            contract.unavailable(site.client("somebody").locks(course))
            assert sessions.name in site.status.health()
            [_, server] = site.status.page().servers()
            assert server[:3] == [sessions.name, "sessions", "down"]
            assert site.status.json()["complete"] is True
            sessions.start()
            try:
                eventually_said(site, BACK, server=sessions, seconds=AWAY)
                user = site.client(site.session(
                    {"sessionType": "PartnerKey"}, store=sessions))
                contract.listed(user.locks(course))
                site.status.eventually_healthy()
                # Sessions need neither CAS values nor -M.
                settle(site)
                assert said(site, MAY_EVICT, sessions) == 0
                sessions.restart("-C")
                time.sleep(1)
                assert site.status.health() is None
                assert said(site, NO_CAS, sessions) == 0
                sessions.stop()
                eventually_said(site, DOWN, 2, server=sessions,
                                ask=site.status.health)
            finally:
                sessions.stop()


# ---- Data that is lost ----

def lose_by_restart(store):
    store.restart()


def lose_by_flushing(store):
    # Within the second in which items were written, it may spare them.
    time.sleep(1.1)
    with store.client() as client:
        client.flush_all()


def check_loss(site, times=1):
    """It is said, counted and shown; whoever looks sees nothing else new."""
    report = site.status.json()
    [server] = report["stores"][0]["servers"]
    assert server["dataLosses"] == times
    assert server["lastDataLoss"] >= server["dataSince"]
    metrics = site.status.metrics()
    assert metrics["data_losses_total"] == times
    assert metrics[f"store_data_losses_total locks {site.store.name}"] == times
    how_often = "once" if times == 1 else f"{times} times"
    assert f"lost {how_often}" in site.status.page().servers()[0][-1]
    auto = site.status.auto()
    assert auto["LocksServer0DataLosses"] == auto["LocksDataLosses"] == times
    assert said(site, LOST) == times


LOSSES = [lose_by_restart, lose_by_flushing]


@pytest.mark.parametrize("lose", LOSSES)
def test_lost_data_is_noticed_by_requests(site, lose):
    course = site.course()
    user = site.user(course)
    contract.granted(user.lock(course, "g1"))
    eventually_said(site, FRESH)
    with traffic(user, course):
        time.sleep(1.2)
        lose(site.store)
        eventually_said(site, LOST)
        settle(site)
    assert all_said(site).get(LOST) == 1
    check_loss(site)
    assert site.status.health() is None
    site.sign_in_again(user)
    contract.granted(user.lock(course, "g1"))


def test_lost_data_is_noticed_while_nobody_asks(site):
    eventually_said(site, FRESH)
    lose_by_restart(site.store)
    eventually_said(site, LOST, seconds=IDLE)
    settle(site)
    check_loss(site)


def test_each_loss_is_said(site):
    eventually_said(site, FRESH)
    for times in (1, 2):
        lose_by_restart(site.store)
        # Whoever looks at the page notices too.
        site.status.page()
        check_loss(site, times)
    site.httpd.restart_gracefully()
    settle(site)
    check_loss(site, 2)


def test_loss_during_a_graceful_restart_is_noticed(site):
    eventually_said(site, FRESH)
    site.httpd.restart_gracefully()
    lose_by_restart(site.store)
    site.httpd.restart_gracefully()
    eventually_said(site, LOST)


def test_pause_and_broken_connections_are_no_loss(site):
    eventually_said(site, FRESH)
    site.store.pause()
    time.sleep(1.5)
    assert site.status.health() is not None
    site.store.resume()
    site.status.eventually_healthy()
    settle(site)
    assert said(site, LOST) == 0


def test_two_hosts_say_it_once_each():
    with two_hosts(location=LOCATION + STATUS) as hosts:
        for site in hosts.sites:
            site.status = Status(site.httpd.address)
        eventually(lambda: all("may drop" in site.httpd.log()
                               for site in hosts.sites))
        lose_by_restart(hosts.store)
        for site in hosts.sites:
            eventually_said(site, LOST, server=hosts.store,
                            ask=site.status.health)
        settle(hosts.sites[0])
        for site in hosts.sites:
            assert said(site, LOST, hosts.store) == 1
            assert site.status.metrics()["data_losses_total"] == 1


def test_one_server_of_a_pool_loses_its_data():
    with ExitStack() as stack:
        pool = Pool([stack.enter_context(memcached("-M")) for _ in range(3)])
        site = stack.enter_context(running_site(
            store=pool, location=LOCATION + STATUS))
        status = Status(site.httpd.address)
        for server in pool.servers:
            eventually_said(site, FRESH, server=server)
        lost = pool.servers[1]
        lost.restart()
        eventually_said(site, LOST, server=lost, ask=status.health)
        settle(site)
        assert [said(site, LOST, server) for server in pool.servers] == [
            0, 1, 0]
        servers = status.json()["stores"][0]["servers"]
        assert [server["dataLosses"] for server in servers] == [0, 1, 0]
        assert status.metrics()["data_losses_total"] == 1


def test_evictions_are_noticed():
    with running_site(arguments=("-m", "2", "-I", "512k"),
                      location=LOCATION + STATUS) as site:
        status = Status(site.httpd.address)
        eventually_said(site, MAY_EVICT)
        with site.store.client() as client:
            client.fill(10000, most=500)
        eventually_said(site, EVICTED, ask=status.auto)
        name = f"store_evictions_total locks {site.store.name}"
        assert status.metrics()[name] > 0
        settle(site)
        assert said(site, EVICTED) == 1


# ---- What it costs ----

def test_watching_costs_requests_no_round_trip():
    with broken_site(arguments=("-M",), timeout="2s",
                     location=LOCATION) as site:
        course = site.course("g1", "g2")
        user = site.user(course)
        for _ in range(3):
            contract.granted(user.lock(course, "g1"))
        epochs = 0
        end = time.monotonic() + 5
        while time.monotonic() < end:
            with site.proxy.recording() as exchanges:
                answer, trips = site.proxy.trips(
                    lambda: user.lock(course, "g1"))
            contract.granted(answer)
            assert trips <= 3
            along = [exchange for exchange in exchanges
                     if EPOCH in exchange.keys]
            # It is read among others, not by itself.
            epochs += any(len(exchange.keys) > 1 for exchange in along)
            time.sleep(0.1)
        assert 3 <= epochs <= 8, epochs


def test_epoch_that_cannot_be_read_harms_no_request():
    with broken_site(arguments=("-M",), location=LOCATION) as site:
        course = site.course()
        user = site.user(course)
        time.sleep(1.5)
        with site.store.client() as client:
            assert client.set(EPOCH, b"garbage") == "STORED"
        end = time.monotonic() + 4
        while time.monotonic() < end:
            contract.granted(user.lock(course, "g1"))
            time.sleep(0.05)
