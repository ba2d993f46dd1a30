# SPDX-License-Identifier: Apache-2.0
"""A user's windows, told apart by clientId"""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import contract
from harness.application import Recorder
from harness.httpd import MODULES, module_folder
from harness.site import LOCATION, running_site

GUARDED = """
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
ProxyPass "/app/" "http://127.0.0.1:{port}/"
<LocationMatch "^/app/(?<course>[^/]+)/(?<gadget>[^/]+)$">
    LocksGuard require
    LocksSubject "%{env:MATCH_COURSE}" "%{env:MATCH_GADGET}"
</LocationMatch>
<Location "/locks-status">
    SetHandler locks-status
</Location>
"""


@pytest.fixture(scope="module")
def site():
    with Recorder() as application:
        config = (GUARDED.replace("{modules}", str(module_folder()))
                  .replace("{port}", str(application.port)))
        with running_site(location=LOCATION + config,
                          modules=MODULES,
                          vhosts={"short": "LocksTTL 1s"}) as site:
            yield site


def windows(user):
    """Two windows: functions that ask for a gadget."""
    return [lambda course, gadget="g1", name=name, **wish: user.take(
        course, gadget, clientId=name, **wish) for name in ("w1", "w2")]


def taken_over(answer, lock_id, window):
    lock = contract.granted(answer)
    assert int(lock["id"]) > int(lock_id)
    assert lock.get("clientId") == window
    return lock


# ---- Who has it, who asks, may it be taken: what comes of it ----

WINDOWS = [None, "w1", "w2"]


@pytest.mark.parametrize("has, asks, takes_over", itertools.product(
    WINDOWS[:2], WINDOWS, [None, False, True]))
def test_post(user, other, course, has, asks, takes_over):
    def wish(window, **others):
        return {**({} if window is None else {"clientId": window}),
                **{name: value for name, value in others.items()
                   if value is not None}}

    lock = contract.granted(user.take(course, "g1", **wish(has)))
    assert lock.get("clientId") == has
    time.sleep(0.002)
    answer = user.take(course, "g1", **wish(asks, takeOver=takes_over))
    if has is None or asks is None or asks == has:
        renewed = contract.granted(answer)
        assert renewed["id"] == lock["id"]
        assert renewed.get("clientId") == (asks or has)
    elif takes_over:
        taken_over(answer, lock["id"], asks)
    else:
        contract.other_window(answer)
    now = contract.held(other.locks(course))
    assert list(now) == ["g1"] and now["g1"][0] == user.user_id
    assert (now["g1"][1] != lock["id"]) == (
        bool(takes_over) and {has, asks} == {"w1", "w2"})


@pytest.mark.parametrize("has, asks, takes_over", itertools.product(
    WINDOWS[:2], WINDOWS, [None, False, True]))
def test_put(user, course, has, asks, takes_over):
    """It renews what one holds; it takes nothing over."""
    lock = contract.granted(user.take(
        course, "g1", **({"clientId": has} if has else {})))
    wish = {name: value for name, value in (
        ("clientId", asks), ("takeOver", takes_over)) if value is not None}
    answer = user.renew(lock["id"], **wish)
    if has and asks and asks != has:
        contract.other_window(answer)
    else:
        assert contract.renewed(answer, lock["id"]).get("clientId") == (
            asks or has)


# ---- A takeover ----

def test_old_window_finds_its_lock_gone(user, course):
    first, second = windows(user)
    lock = contract.granted(first(course))
    new = taken_over(second(course, takeOver=True), lock["id"], "w2")
    for answer in (user.renew(lock["id"]),
                   user.renew(lock["id"], clientId="w1"),
                   user.look(lock["id"]), user.unlock(lock["id"])):
        contract.no_lock(answer, lock["id"])
    contract.other_window(first(course))
    contract.other_window(user.renew(new["id"], clientId="w1"))
    contract.renewed(user.renew(new["id"], clientId="w2"), new["id"])


def test_windows_take_over_in_turns(user, other, course):
    last = contract.granted(windows(user)[0](course))["id"]
    for _ in range(4):
        for number in (1, 0):
            last = taken_over(windows(user)[number](course, takeOver=True),
                              last, f"w{number + 1}")["id"]
            contract.taken(other.lock(course, "g1"))
    contract.released(user.unlock(last))
    contract.granted(other.lock(course, "g1"))


def test_other_users_windows_have_no_say(user, other, course):
    first, _ = windows(user)
    lock = contract.granted(first(course))
    contract.taken(other.take(course, "g1", clientId="w1", takeOver=True))
    contract.taken(other.take(course, "g1", clientId="w2", takeOver=True))
    contract.forbidden(other.renew(lock["id"], clientId="w1"))
    assert contract.shown(user.look(lock["id"]))["clientId"] == "w1"


def test_another_gadget_may_be_taken_from_any_window(user, course):
    first, second = windows(user)
    lock = contract.granted(first(course))
    moved = contract.granted(second(course, "g2"))
    assert moved["clientId"] == "w2"
    contract.no_lock(user.renew(lock["id"]), lock["id"])


def test_list_during_takeovers_shows_exactly_one_lock(site, course):
    user = site.user(course)
    first, second = windows(user)
    contract.granted(first(course))
    partner = site.partner()
    rival = site.user(course)
    ids = []

    def take_over():
        for _ in range(40):
            for window in (second, first):
                ids.append(contract.granted(window(course,
                                                   takeOver=True))["id"])

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(take_over)
        seen = []
        while not running.done():
            [lock] = contract.listed(partner.locks(course))
            assert lock["ownerId"] == user.user_id
            seen.append(int(lock["id"]))
            contract.taken(rival.lock(course, "g1"))
            contract.taken(rival.take(course, "g1", clientId="w1",
                                      takeOver=True))
        running.result()
    assert seen == sorted(seen)
    assert [int(each) for each in ids] == sorted(set(map(int, ids)))


def test_of_two_windows_at_once_one_has_it_in_the_end(site, course):
    user = site.user(course)
    contract.granted(user.take(course, "g1", clientId="w0"))
    for _ in range(20):
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda window: window(
                course, takeOver=True), windows(user)))
        locks = [contract.granted(answer) for answer in answers]
        newest = max(locks, key=lambda lock: int(lock["id"]))
        [now] = contract.listed(user.own())
        assert (now["id"], now["clientId"]) == (newest["id"],
                                                newest["clientId"])


def test_expired_lock_is_free_for_every_window(site, course):
    user = site.user(course, vhost="short")
    first, second = windows(user)
    lock = contract.granted(first(course), lease=1000)
    contract.other_window(second(course))
    time.sleep(1.05)
    new = contract.granted(second(course), lease=1000)
    assert int(new["id"]) > int(lock["id"]) and new["clientId"] == "w2"


# ---- The ID ----

def test_window_is_shown_everywhere(site, user, other, partner, course):
    lock = contract.granted(user.take(course, "g1", clientId="tab ä\"1"))
    for _ in range(2):
        [listed] = contract.listed(other.locks(course))
        [own] = contract.listed(user.own())
        for shown in (lock, listed, own,
                      contract.shown(partner.look(lock["id"]))):
            assert shown["clientId"] == "tab ä\"1"
        contract.renewed(user.renew(lock["id"]), lock["id"])
        contract.granted(user.lock(course, "g1"))
    status = site.client().raw(
        "GET", f"/locks-status?json&course={course.id}", checked=False)
    [shown] = [each for each in status.json["locks"]
               if each["id"] == lock["id"]]
    assert shown["clientId"] == "tab ä\"1"


@pytest.mark.parametrize("name", ["w" * 64, "ä" * 32, " ", "0", "\u2028",
                                  "<script>", "'", "\\"])
def test_ids_are_texts(user, course, name):
    lock = contract.granted(user.take(course, "g1", clientId=name))
    assert lock["clientId"] == name
    assert contract.renewed(user.renew(lock["id"], clientId=name),
                            lock["id"])["clientId"] == name
    contract.other_window(user.renew(lock["id"], clientId=f"{name[1:]}x"))


@pytest.mark.parametrize("name", ["w" * 65, "ä" * 33, "", "\0", "w\0", "a\nb",
                                  "\x1f", "\x7f", 1, None, True, [], {}])
def test_what_is_no_id_is_400(user, course, name):
    contract.error(user.take(course, "g1", clientId=name), 400)
    assert contract.listed(user.own()) == []
    lock = contract.granted(user.lock(course, "g1"))
    contract.error(user.renew(lock["id"], clientId=name), 400)


@pytest.mark.parametrize("value", [1, 0, "true", None, [], {}])
def test_what_is_no_flag_is_400(user, course, value):
    contract.error(user.take(course, "g1", takeOver=value), 400,
                   "takeOver must be true or false")


# ---- What a stale window sends ----

def test_stale_lock_id_is_refused_by_the_guard(site, user, course):
    first, second = windows(user)
    path = f"/app/{course.id}/g1"

    def save(lock_id):
        return user.raw("PUT", path, [("Lock-Id", lock_id)], b"text",
                        checked=False).status

    old = contract.granted(first(course))["id"]
    assert save(old) == 200
    new = taken_over(second(course, takeOver=True), old, "w2")["id"]
    assert save(old) == 412
    assert save(new) == 200
