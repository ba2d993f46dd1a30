# SPDX-License-Identifier: Apache-2.0
"""A store that is down, hung, slow or lying: the truth or 503, in time."""

import time

import pytest

from harness import contract, proxy
from harness.memcached import memcached
from harness.scene import ENDPOINTS, EXPECTED, WRITING, Scene, in_time
from harness.site import broken_site, running_site
from harness.system import eventually

TIMEOUT = 0.25
BUDGET = 4 * TIMEOUT


@pytest.fixture
def scene(broken):
    return Scene(broken)


# ---- Down ----

@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_store_that_is_down_is_503_and_heals(scene, endpoint):
    scene.site.proxy.refuse()
    try:
        answer = in_time(scene.requests()[endpoint](), TIMEOUT)
        contract.unavailable(answer)
    finally:
        scene.site.proxy.accept()
    scene.heal()
    assert scene.held() == {"g1": (scene.user.user_id, scene.lock_id)}


def test_unknown_sid_is_503_not_401_while_the_store_is_down(scene):
    scene.site.proxy.refuse()
    try:
        stranger = scene.site.client("nobodysid")
        for answer in (stranger.locks(scene.course), stranger.unlock("1"),
                       stranger.lock(scene.course, "g1")):
            contract.unavailable(answer)
        # What needs no store is answered all the same.
        contract.unauthorized(scene.site.client().locks(scene.course))
        contract.unauthorized(scene.site.client("a b").unlock("1"))
        contract.error(scene.user.raw("PUT", "/locks"), 405)
        contract.error(scene.user.raw("GET", "/locks/1/2"), 404)
        assert scene.user.raw("OPTIONS", "/locks").status == 204
    finally:
        scene.site.proxy.accept()


def test_outage_is_logged_for_the_administrator(scene):
    scene.site.proxy.refuse()
    try:
        log = scene.site.httpd.log_after(
            lambda: contract.unavailable(scene.user.locks(scene.course)))
    finally:
        scene.site.proxy.accept()
    lines = [line for line in log.splitlines() if "[locks:" in line]
    assert any(scene.site.proxy.name in line for line in lines), log
    assert len(lines) <= 2, log


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_connections_that_broke_while_idle_do_no_harm(scene, endpoint):
    """After memcached restarted, or a firewall cut idle connections, the
    first request meets a dead connection: the truth or 503, then all well."""
    scene.site.proxy.cut_all()
    answer = scene.requests()[endpoint]()
    assert answer.status in (EXPECTED[endpoint], 503), answer
    scene.heal()


# ---- Hung ----

@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_store_that_hangs_ends_a_request_after_one_timeout(scene, endpoint):
    with scene.site.proxy.fault(proxy.swallow):
        answer = in_time(scene.requests()[endpoint](), TIMEOUT)
        contract.unavailable(answer)
        assert answer.elapsed > TIMEOUT * 0.5 or answer.elapsed < 0.1
    scene.site.proxy.cut_all()
    scene.heal()
    assert scene.held() == {"g1": (scene.user.user_id, scene.lock_id)}


def test_stopped_memcached_is_503_and_heals_when_it_goes_on(scene):
    scene.site.store.pause()
    try:
        for request in scene.requests().values():
            contract.unavailable(in_time(request(), TIMEOUT))
    finally:
        scene.site.store.resume()
    scene.heal()
    contract.taken(eventually(
        lambda: (answer := scene.other.lock(scene.course, "g1"))
        and answer.status != 503 and answer))


def test_hung_store_heals_at_once_on_new_connections(scene):
    with scene.site.proxy.fault(proxy.swallow):
        contract.unavailable(scene.user.locks(scene.course))
    started = time.monotonic()
    scene.heal()
    assert time.monotonic() - started < 3


# ---- Slow ----

@pytest.mark.parametrize("latency", [0.05, 0.15, 0.22])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_slow_store_is_waited_for_within_the_budget(scene, endpoint, latency):
    scene.site.proxy.latency = latency
    try:
        answer = in_time(scene.requests()[endpoint](), BUDGET)
    finally:
        scene.site.proxy.latency = 0.0
    allowed = {EXPECTED[endpoint], *([503] if latency > 0.05 else [])}
    assert answer.status in allowed, answer
    if answer.status == 201:
        lock = answer.json
        assert scene.held()[lock["subject"]["gadgetId"]] == (
            lock["ownerId"], lock["id"])


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_trickling_store_is_503_within_the_budget(scene, endpoint):
    with scene.site.proxy.fault(proxy.trickle(0.1), proxy.reads):
        answer = in_time(scene.requests()[endpoint](), BUDGET)
        contract.unavailable(answer)
    scene.site.proxy.cut_all()
    scene.heal()


def test_trickled_reply_to_a_write_is_no_lie(scene):
    with scene.site.proxy.fault(proxy.trickle(0.1), proxy.writes):
        answer = in_time(scene.requests()["move"](), BUDGET)
    check_truth(scene, answer)


# ---- Replies that break or refuse ----

READ_FAULTS = {
    "cut before": proxy.cut_before,
    "cut after": proxy.cut_after,
    "cut within the reply": proxy.cut_within_reply,
    "SERVER_ERROR": proxy.answer(b"SERVER_ERROR out of memory"),
    "SERVER_ERROR long": proxy.answer(b"SERVER_ERROR " + b"x" * 5000),
    "ERROR": proxy.answer(b"ERROR"),
    "CLIENT_ERROR": proxy.answer(b"CLIENT_ERROR bad command line format"),
    "nonsense": proxy.answer(b"HTTP/1.1 400 Bad Request"),
    "empty line": proxy.answer(b""),
    "value without END": proxy.answer(b"VALUE x 0 1 7\r\nx"),
    "value of another key": proxy.answer(b"VALUE locks:x 0 1 7\r\nx\r\nEND"),
    "negative length": proxy.answer(b"VALUE locks:x 0 -1 7\r\n\r\nEND"),
    "huge length": proxy.answer(b"VALUE locks:x 0 99999999999 7\r\nx\r\nEND"),
    "late": proxy.late_reply(TIMEOUT * 1.5),
}


@pytest.mark.parametrize("fault", READ_FAULTS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_read_that_fails_is_503_never_an_absence(scene, endpoint, fault):
    with scene.site.proxy.fault(READ_FAULTS[fault], proxy.reads):
        answer = in_time(scene.requests()[endpoint](), BUDGET)
        contract.unavailable(answer)
    scene.site.proxy.cut_all()
    scene.heal()
    assert scene.held() == {"g1": (scene.user.user_id, scene.lock_id)}


@pytest.mark.parametrize("fault", READ_FAULTS)
def test_session_that_could_not_be_read_is_503_not_401(scene, fault):
    match = proxy.key_begins("session:")
    with scene.site.proxy.fault(READ_FAULTS[fault], match):
        contract.unavailable(scene.user.locks(scene.course))
        contract.unavailable(scene.site.client("nobodysid").unlock("1"))
    scene.site.proxy.cut_all()
    scene.heal()


@pytest.mark.parametrize("endpoint", ["list", "refused", "stranger",
                                      "no lock", "acquire", "move"])
@pytest.mark.parametrize("skip", [1, 2])
def test_later_read_that_fails_is_503_too(scene, endpoint, skip):
    with scene.site.proxy.fault(proxy.cut_within_reply, proxy.reads,
                                skip=skip) as fault:
        answer = in_time(scene.requests()[endpoint](), BUDGET)
        if fault.hits:
            assert answer.status in (503, 201), answer
    check_truth(scene, answer)


@pytest.mark.parametrize("text", [
    b"SERVER_ERROR out of memory storing object", b"ERROR",
    b"SERVER_ERROR object too large for cache",
    b"CLIENT_ERROR bad data chunk", b"nonsense",
])
@pytest.mark.parametrize("endpoint", WRITING)
def test_write_that_is_refused_is_503_and_changes_nothing(scene, endpoint,
                                                          text):
    with scene.site.proxy.fault(proxy.answer(text), proxy.writes):
        answer = in_time(scene.requests()[endpoint](), BUDGET)
        contract.error(answer, 503)
    scene.site.proxy.cut_all()
    scene.heal()
    held = scene.held()
    assert held == {"g1": (scene.user.user_id, scene.lock_id)}, held


@pytest.mark.parametrize("text", [b"EXISTS", b"NOT_FOUND", b"NOT_STORED"])
def test_write_that_is_always_lost_to_others_ends_in_503(scene, text):
    """Tries are bounded by time."""
    with scene.site.proxy.fault(proxy.answer(text), proxy.writes):
        for endpoint in ("acquire", "release"):
            answer = in_time(scene.requests()[endpoint](), BUDGET)
            contract.error(answer, 503)
    scene.heal()
    assert scene.held() == {"g1": (scene.user.user_id, scene.lock_id)}


# ---- Writes of which nobody knows ----

UNKNOWN = {
    "reply lost": proxy.lose_reply,
    "cut after": proxy.cut_after,
    "cut before": proxy.cut_before,
    "swallowed": proxy.swallow,
    "late reply": proxy.late_reply(TIMEOUT * 1.4),
    "late effect": proxy.late_effect(TIMEOUT * 1.4),
    "cut within the reply": proxy.cut_within_reply,
}


def check_truth(scene, answer):
    """Nobody was lied to; and the store serves as before."""
    scene.check_truth(answer)
    scene.site.proxy.cut_all()
    scene.heal()


@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("fault", UNKNOWN)
@pytest.mark.parametrize("endpoint", WRITING)
def test_unknown_write_is_settled_or_503(scene, endpoint, fault, position):
    """The n-th write of the request goes wrong, once."""
    with scene.site.proxy.fault(UNKNOWN[fault], proxy.writes, skip=position,
                           times=1):
        answer = in_time(scene.requests()[endpoint](), BUDGET)
        good = EXPECTED[endpoint]
        assert answer.status in (good, 503), answer
    check_truth(scene, answer)
    time.sleep(TIMEOUT * 0.5 if "late" in fault else 0)
    scene.check_serves()


@pytest.mark.parametrize("endpoint", WRITING)
def test_every_lost_reply_leaves_the_truth(scene, endpoint):
    """All writes take effect, and no reply to any of them comes."""
    with scene.site.proxy.fault(proxy.lose_reply, proxy.writes):
        answer = in_time(scene.requests()[endpoint](), BUDGET)
        good = EXPECTED[endpoint]
        assert answer.status in (good, 503), answer
    check_truth(scene, answer)
    contract.granted(scene.user.lock(scene.course, "g1"))


def test_lost_reply_to_the_grant_is_settled_as_granted(scene):
    """Settling shows that the write took effect, so the client hears so;
    at the least, that is what happens when its connection just breaks."""
    with scene.site.proxy.fault(proxy.cut_after, proxy.writes, skip=1,
                                times=1):
        answer = scene.other.lock(scene.course, "g3")
    contract.granted(answer, scene.course, "g3", scene.other.user_id)


def test_late_write_never_undoes_a_later_one(broken):
    """The write of a request that ended in 503 reaches memcached after
    other requests succeeded: theirs stand."""
    for position in range(3):
        scene = Scene(broken)
        with scene.site.proxy.fault(proxy.late_effect(1.2), proxy.writes,
                                    skip=position, times=1):
            answer = scene.other.lock(scene.course, "g2")
        check = scene.user_direct.lock(scene.course, "g2")
        if answer.status == 201:
            contract.taken(check)
        held = scene.held()
        time.sleep(1.3)
        after = scene.held()
        if check.status == 201:
            assert after["g2"] == held["g2"] == (scene.user.user_id,
                                                 check.json["id"])
            contract.taken(scene.other_direct.lock(scene.course, "g2"))
        scene.heal()


# ---- One request's reply is another's ----

def test_late_reply_is_never_taken_for_another_requests():
    """One worker, one connection: the reply that came too late for one
    request must not answer the next."""
    with broken_site(mpm="single") as site:
        scene = Scene(site)
        contract.granted(scene.other.lock(scene.course, "g2"))
        for _ in range(3):
            with site.proxy.fault(proxy.late_reply(TIMEOUT + 0.1),
                                  proxy.reads, times=1):
                contract.unavailable(scene.user.lock(scene.course, "g1"))
            answer = eventually(
                lambda: (answer := scene.other.lock(scene.course, "g2"))
                and answer.status != 503 and answer)
            contract.granted(answer, gadget="g2", owner=scene.other.user_id)
            time.sleep(0.15)
            contract.granted(scene.user.lock(scene.course, "g1"),
                             owner=scene.user.user_id)


# ---- Servers that cannot do it ----

def test_memcached_without_cas_is_503_or_the_truth():
    """A first lock takes no CAS. Whatever needs one is refused."""
    with running_site(arguments=["-C"]) as site:
        course = site.course()
        user, other = site.users(2, course)
        first = user.lock(course, "g1")
        held = {}
        if first.status == 201:
            held = {"g1": (user.user_id, first.json["id"])}
        else:
            contract.error(first, 503)
        for _ in range(2):
            contract.error(user.lock(course, "g2"), 503)
            answer = other.lock(course, "g1")
            assert answer.status == 503 or contract.taken(answer) is None
            contract.error(other.lock(course, "g2"), 503)
            answer = other.locks(course)
            assert answer.status == 503 or contract.held(answer) == held


def test_full_memcached_is_503_or_the_truth():
    with running_site(arguments=["-m", "2", "-M", "-I", "512k"]) as site:
        course = site.course(*[f"g{index}" for index in range(40)])
        people = site.users(40, course)
        with site.store.client() as store:
            for size in (300000, 30000, 3000, 1000, 300, 200, 100, 50, 20):
                store.fill(size)
        refused, mine = 0, {}
        for person, gadget in zip(people, course.gadgets):
            answer = person.lock(course, gadget)
            if answer.status == 201:
                mine[gadget] = (person.user_id, answer.json["id"])
            else:
                contract.unavailable(answer)
                refused += 1
        assert refused > 0
        answer = people[0].locks(course)
        if answer.status == 200:
            assert contract.held(answer) == mine
        else:
            contract.unavailable(answer)


def test_evicting_memcached_never_makes_two_holders():
    with running_site(arguments=["-m", "2", "-I", "512k"]) as site:
        course = site.course()
        for round_ in range(5):
            user, other = site.users(2, course)
            first = user.lock(course, "g1")
            with site.store.client() as store:
                for index in range(3000):
                    store.set(f"fill:{round_}:{index}", b"x" * 300)
            site.sign_in_again(user, other)
            second = other.lock(course, "g1")
            if second.status == 201 and first.status == 201:
                assert int(second.json["id"]) > int(first.json["id"])
                contract.taken(user.lock(course, "g1"))
            held = contract.held(other.locks(course))
            assert len(held) <= 1
            for gadget, (owner, lock_id) in held.items():
                owner = user if owner == user.user_id else other
                contract.released(owner.unlock(lock_id))


def test_memcached_that_was_restarted_tells_the_truth():
    with running_site() as site:
        course = site.course()
        user, other = site.users(2, course)
        contract.granted(user.lock(course, "g1"))
        site.store.stop()
        contract.unavailable(user.locks(course))
        contract.unavailable(user.unlock("1"))
        site.store.start()
        site.sign_in_again(user, other)
        answer = eventually(lambda: (answer := user.locks(course))
                            and answer.status == 200 and answer)
        assert contract.listed(answer) == []
        contract.granted(other.lock(course, "g1"))
        contract.taken(user.lock(course, "g1"))


def test_httpd_starts_without_a_store_and_serves_when_it_comes():
    with memcached() as store:
        store.stop()
        with running_site(store=store) as site:
            course = site.course()
            contract.unavailable(site.client("x").locks(course))
            store.start()
            partner = site.partner()
            answer = eventually(lambda: (answer := partner.locks(course))
                                and answer.status == 200 and answer)
            assert contract.listed(answer) == []
