# SPDX-License-Identifier: Apache-2.0
"""The client for browsers, conf/www/locks.js, and its demo, in Chromium."""

import re
import shutil
import time

import pytest

from harness.memcached import memcached
from harness.site import running_site
from harness.system import ROOT, eventually
from harness.windows import browser

WWW = ROOT / "conf" / "www"
LEASE = 2
LONG = 300_000
CONFIG = f"""
LocksTTL {LEASE}s
LocksTTLMin 1s
LocksTTLMax 5m
LocksWaitMax 30s
LocksExplain on
Include {WWW}/demo.conf
CustomLog {{folder}}/access.log "%m %U%q %>s"
"""
PAGE = """<!doctype html><title>An editor</title>
<link rel="icon" href="icon.svg"><p>An editor</p>"""
# What tests' scripts begin with: `take` notes in window.lost what onLost is
# told, and keeps the lock in window.lock.
PRELUDE = """
const { acquire, watch, LockError } = await import("/locks.js");
window.lost ??= [];
const take = async (course, gadget, options) => {
    window.lock = await acquire(course, gadget, {
        onLost: (reason) => window.lost.push(reason), ...options});
    return lock.id;
};
"""


class World:
    """A site with the demo's people and the client, and two browsers."""

    def __init__(self, site, browsers):
        self.site = site
        self.url = "http://{}:{}".format(*site.httpd.address)
        self.anna, self.ben = browsers

    def page(self, browser, person):
        """Opens a page of a person's editor."""
        browser.open(f"{self.url}/editor.html")
        return Editor(browser, person.sid)

    def requests(self, method):
        """What of this method the server was asked, with the statuses."""
        log = (self.site.httpd.folder / "access.log").read_text()
        return [line for line in log.splitlines()
                if line.startswith(f"{method} /locks")
                and ".js" not in line]


class Editor:
    """A page that uses the client."""

    def __init__(self, browser, sid):
        self.browser = browser
        self.sid = sid

    def run(self, script, *arguments):
        return self.browser.run(
            f'{PRELUDE} const headers = {{ SID: "{self.sid}" }};' + script,
            *arguments)

    def take(self, course, gadget, **options):
        return self.run(
            "return await take(args[0], args[1], {headers, ...args[2]});",
            course.id, gadget, options)

    def watch(self, course):
        """Notes in window.seen which gadgets are locked, and when."""
        self.run("""
            window.seen = [];
            window.stop = watch(args[0], (locks) => seen.push(
                locks.map((lock) => lock.subject.gadgetId).join()), {headers});
            """, course.id)
        eventually(lambda: self.browser.value("seen.length"))

    def lost(self):
        return self.browser.value("window.lost")

    def state(self):
        return self.browser.value("[lock.held, lock.state]")


@pytest.fixture(scope="module")
def client_site():
    """Sessions have a store of their own, which no outage of the locks'
    takes away."""
    with memcached() as sessions, memcached() as locks:
        config = CONFIG + f"LocksSessionStore memcached:{sessions.name}\n"
        with running_site(store=sessions, address=locks.name,
                          config=config) as site:
            site.locks_store = locks
            htdocs = site.httpd.folder / "htdocs"
            shutil.copytree(WWW, htdocs, dirs_exist_ok=True)
            (htdocs / "editor.html").write_text(PAGE)
            course = site.course("quiz", "essay", "survey",
                                 course_id="algebra")
            for sid, user in (("anna", "42"), ("ben", "43")):
                site.permit(course, user)
                site.write_session(sid, {"sessionType": "PlainUserSession",
                                         "userId": user})
            yield site


@pytest.fixture(scope="module")
def browsers():
    with browser() as one, browser() as two:
        yield one, two


@pytest.fixture
def world(client_site, browsers):
    world = World(client_site, browsers)
    yield world
    complaints = [line for one in browsers for line in one.complaints()]
    for one in browsers:
        one.close_others()
    assert not complaints


@pytest.fixture
def course(client_site):
    return client_site.course()


@pytest.fixture
def user(client_site, course):
    return client_site.user(course)


@pytest.fixture
def other(client_site, course):
    return client_site.user(course)


def listed(person, course):
    return {lock["subject"]["gadgetId"]: lock
            for lock in person.raw("GET", f"/locks?subject.courseId={course.id}",
                                   checked=False).json}


# ---- The demo ----

def gadget(person, name, part):
    return f"#{person} [data-gadget={name}] {part}"


def test_size():
    """What sites ship: also over a slow line it is there at once."""
    assert 0 < (WWW / "locks.js").stat().st_size < 5000


def test_two_people(world):
    """Locks appear, name who holds them, move, and are released."""
    anna, ben = world.anna, world.ben
    for one in (anna, ben):
        one.open(world.url)
        one.shows("#anna .link", "Connected")
    anna.click(gadget("anna", "quiz", "button"))
    anna.shows(gadget("anna", "quiz", ".holder"), "Yours")
    ben.shows(gadget("ben", "quiz", ".holder"), "Anna has it: 0:0", 2)
    ben.click(gadget("ben", "quiz", "button"))
    ben.shows("#ben .notice .text", "Anna has the quiz for another 0:0")
    anna.click(gadget("anna", "essay", "button"))
    ben.shows(gadget("ben", "essay", ".holder"), "Anna has it", 2)
    ben.shows(gadget("ben", "quiz", ".holder"), "Nobody has it", 2)
    time.sleep(1.5 * LEASE)
    assert "Anna has it" in ben.text(gadget("ben", "essay", ".holder"))
    assert not anna.find("#anna .notice").is_displayed()
    anna.click(gadget("anna", "essay", "button"))
    ben.shows(gadget("ben", "essay", ".holder"), "Nobody has it", 2)
    assert anna.value("document.documentElement.scrollWidth"
                      " <= innerWidth")


def test_the_demo_tells_who_lost_a_lock(world):
    anna = world.anna
    anna.open(world.url)
    anna.click(gadget("anna", "quiz", "button"))
    anna.shows(gadget("anna", "quiz", ".holder"), "Yours")
    world.site.client("anna").raw("DELETE", "/locks?ownerId=me")
    anna.shows("#anna .notice .text", "You lost the quiz: it ended")
    anna.shows(gadget("anna", "quiz", ".holder"), "Nobody")


def test_the_demo_in_a_second_window(world):
    anna = world.anna
    anna.open(world.url)
    anna.click(gadget("anna", "quiz", "button"))
    anna.shows(gadget("anna", "quiz", ".holder"), "Yours")
    first = anna.open_another(world.url)
    anna.click(gadget("anna", "quiz", "button"))
    anna.shows("#anna .notice .text", "in another window")
    anna.click("#anna .over")
    anna.shows(gadget("anna", "quiz", "button"), "Release")
    anna.turn_to(first)
    anna.shows("#anna .notice .text", "you took a lock in another window")


# ---- Keeping a lock ----

def test_renewals_keep_a_lock(world, course, user, other):
    """For as long as the page is looked at, and not too often."""
    page = world.page(world.anna, user)
    before = len(world.requests("PUT"))
    lock_id = page.take(course, "g1")
    time.sleep(3.5 * LEASE)
    assert page.state() == [True, "held"]
    assert listed(other, course)["g1"]["id"] == lock_id
    renewals = world.requests("PUT")[before:]
    assert all(line.endswith(f"/{lock_id} 200") for line in renewals)
    # One a third to a half of the lease.
    assert 6 <= len(renewals) <= 12, renewals
    assert page.lost() == []


def test_a_hidden_page_does_not_renew(world, course, user):
    """It is told that it lost its lock though nobody looks."""
    page = world.page(world.anna, user)
    page.take(course, "g1")
    first = world.anna.open_another("about:blank", "tab")
    time.sleep(0.3)
    before = len(world.requests("PUT"))
    time.sleep(2 * LEASE)
    assert len(world.requests("PUT")) == before
    world.anna.turn_to(first)
    assert world.anna.value("document.hidden") is False
    eventually(lambda: page.lost() == ["expired"])
    assert page.state() == [False, "expired"]


def test_a_page_that_appears_renews_at_once(world, course, user):
    page = world.page(world.anna, user)
    page.take(course, "g1", expiresIn=LONG)
    first = world.anna.open_another("about:blank", "tab")
    time.sleep(0.3)
    before = len(world.requests("PUT"))
    world.anna.turn_to(first)
    eventually(lambda: len(world.requests("PUT")) == before + 1, 2)
    assert page.state() == [True, "held"]


def test_sleep_past_the_lease(world, course, user, other):
    """Whoever wakes up is told before anything else can be done."""
    page = world.page(world.anna, user)
    # A window that was frozen once stays hidden.
    world.anna.open_another(f"{world.url}/editor.html")
    page.take(course, "g1")
    world.anna.freeze()
    time.sleep(1.2 * LEASE)
    theirs = other.post({"type": "gadget", "expiresIn": LONG, "subject":
                         {"courseId": course.id, "gadgetId": "g1"}})
    assert theirs.status == 201
    assert world.anna.value("lock.held") is False
    world.anna.thaw()
    eventually(lambda: page.lost() == ["expired"], 2)
    time.sleep(LEASE)
    assert page.lost() == ["expired"]
    assert listed(other, course)["g1"]["id"] == theirs.json["id"]


def test_a_broken_lock(world, course, user):
    page = world.page(world.anna, user)
    lock_id = page.take(course, "g1")
    assert user.unlock(lock_id).status == 200
    eventually(lambda: page.lost() == ["gone"], LEASE)
    assert page.state() == [False, "gone"]
    time.sleep(LEASE)
    assert page.lost() == ["gone"]


def test_permission_withdrawn(world, client_site, course, user):
    page = world.page(world.anna, user)
    page.take(course, "g1")
    client_site.withdraw(course, user.user_id)
    eventually(lambda: page.lost() == ["forbidden"], LEASE)


def test_moving_is_not_losing(world, course, user, other):
    page = world.page(world.anna, user)
    page.take(course, "g1")
    page.run("window.first = lock;")
    page.take(course, "g2")
    assert world.anna.value("[first.held, first.state]") == [False, "moved"]
    time.sleep(1.5 * LEASE)
    assert page.lost() == []
    page.run("await first.release();")
    assert set(listed(other, course)) == {"g2"}
    page.run("await lock.release();")
    assert listed(other, course) == {}
    assert page.state() == [False, "released"]


def test_refusals_name_the_holder(world, course, user, other):
    world.page(world.anna, user).take(course, "g1")
    refusal = world.page(world.ben, other).run("""
        try { await take(args[0], "g1", {headers}); } catch (error) {
            return [error instanceof LockError, error.status, error.message,
                    error.lock.ownerId, error.retryAfter];
        }""", course.id)
    assert refusal == [True, 403, "Resource locked", user.user_id,
                       refusal[4]]
    assert 1 <= refusal[4] <= LEASE


def test_waiting_for_a_lock(world, course, user, other):
    """Whoever waits has it when it is released, for a whole lease."""
    mine = world.page(world.anna, user)
    theirs = world.page(world.ben, other)
    mine.take(course, "g1")
    theirs.run("""
        window.waited = take(args[0], "g1", {headers, wait: 20})
            .then(() => performance.now());""", course.id)
    time.sleep(1.5 * LEASE)
    assert theirs.browser.value("window.lock") is None
    mine.run("await lock.release();")
    theirs.run("await waited;")
    assert theirs.state() == [True, "held"]
    assert listed(other, course)["g1"]["ownerId"] == other.user_id
    theirs.run("await lock.release();")


def test_waiting_is_given_up(world, course, user, other):
    mine = world.page(world.anna, user)
    theirs = world.page(world.ben, other)
    mine.take(course, "g1", expiresIn=LONG)
    thrown = theirs.run("""
        const stop = new AbortController();
        setTimeout(() => stop.abort(), 500);
        await take(args[0], "g1",
            {headers, wait: 20, signal: stop.signal});""", course.id)
    assert thrown["name"] == "AbortError"
    # The browser hangs up when it comes to it.
    time.sleep(1)
    mine.run("await lock.release();")
    time.sleep(0.7)
    assert listed(other, course) == {}


# ---- Two windows of one person ----

def test_a_second_window(world, course, user, other):
    """It is refused unless it takes over; then the first one is told, at
    once."""
    page = world.page(world.anna, user)
    page.take(course, "g1", expiresIn=LONG)
    first = world.anna.open_another(f"{world.url}/editor.html")
    refusal = page.run('await take(args[0], "g1", {headers});', course.id)
    assert (refusal["status"], refusal["thrown"]) == (
        409, "Locked in another window")
    lock_id = page.take(course, "g1", takeOver=True, expiresIn=LONG)
    world.anna.turn_to(first)
    eventually(lambda: page.lost() == ["window"], 2)
    assert page.state() == [False, "window"]
    assert listed(other, course)["g1"]["id"] == lock_id


# ---- Leaving ----

def test_leaving_the_page_releases(world, course, user, other):
    page = world.page(world.anna, user)
    page.take(course, "g1", expiresIn=LONG)
    world.anna.open("about:blank")
    eventually(lambda: listed(other, course) == {}, 3)


def test_closing_the_tab_releases(world, course, user, other):
    page = world.page(world.anna, user)
    first = world.anna.open_another(f"{world.url}/editor.html", "tab")
    page.take(course, "g1", expiresIn=LONG)
    world.anna.close()
    world.anna.turn_to(first)
    eventually(lambda: listed(other, course) == {}, 3)


def test_coming_back(world, course, user, other):
    """The browser kept the page as it was; the lock is released, and the page
    knows."""
    page = world.page(world.anna, user)
    page.take(course, "g1", expiresIn=LONG)
    world.anna.open(f"{world.url}/editor.html?another")
    eventually(lambda: listed(other, course) == {}, 3)
    world.anna.driver.back()
    assert world.anna.value("typeof lock") == "object", "no page was kept"
    assert page.state() == [False, "left"]
    eventually(lambda: page.lost() == ["left"])


# ---- Watching ----

def test_watching(world, course, user, other):
    """Others' locks appear and disappear at once, with few requests."""
    page = world.page(world.ben, other)
    before = len(world.requests("GET"))
    page.watch(course)
    mine = world.page(world.anna, user)
    time.sleep(0.5)
    mine.take(course, "g1", expiresIn=LONG)
    eventually(lambda: page.browser.value("seen.at(-1)") == "g1", 1)
    mine.take(course, "g2", expiresIn=LONG)
    eventually(lambda: page.browser.value("seen.at(-1)") == "g2", 1)
    mine.run("await lock.release();")
    eventually(lambda: page.browser.value("seen.at(-1)") == "", 1)
    assert page.browser.value("seen") == ["", "g1", "g2", ""]
    time.sleep(2)
    page.run("stop();")
    assert len(world.requests("GET")) - before <= 6


def test_watching_without_waiting(world, client_site, course, other):
    """When the server does not wait, or has no room left for those who do, it
    is asked now and then only."""
    page = world.page(world.ben, other)
    page.run("""
        const real = window.fetch;
        window.asked = [];
        window.fetch = async (url, settings) => {
            asked.push(performance.now());
            delete settings.headers.Prefer;
            return real(url, settings);
        };""")
    page.watch(course)
    time.sleep(3)
    assert 2 <= page.browser.value("asked.length") <= 3


# ---- Outages ----

def test_renewing_through_an_outage(world, client_site, course, user):
    """503 is no loss as long as the lease lasts."""
    page = world.page(world.anna, user)
    page.take(course, "g1", expiresIn=10_000)
    before = len(world.requests("PUT"))

    def answered(status):
        return [line for line in world.requests("PUT")[before:]
                if line.endswith(f" {status}")]

    client_site.locks_store.pause()
    try:
        eventually(lambda: answered(503))
    finally:
        client_site.locks_store.resume()
    eventually(lambda: answered(200))
    assert len(answered(503)) <= 2
    assert page.state() == [True, "held"] and page.lost() == []


def test_the_store_is_restarted(world, client_site, course, user, other):
    """What is in it is lost. Who asks meanwhile is served afterwards."""
    page = world.page(world.anna, user)
    watcher = world.page(world.ben, other)
    watcher.watch(course)
    page.take(course, "g1", expiresIn=LONG)
    eventually(lambda: watcher.browser.value("seen.at(-1)") == "g1", 2)
    client_site.locks_store.stop()
    page.run("""
        window.second = take(args[0], "g2", {headers, expiresIn: 300000});""",
             course.id)
    before = len(world.requests("POST"))
    time.sleep(2)
    client_site.locks_store.start()
    page.run("await second;")
    assert page.state() == [True, "held"]
    eventually(lambda: watcher.browser.value("seen.at(-1)") == "g2", 10)
    assert len(world.requests("POST")) - before <= 5
    assert page.lost() == []
    page.run("await lock.release();")


def test_the_store_stays_away(world, client_site, course, user):
    """The lease runs out here, with nobody to say so."""
    page = world.page(world.anna, user)
    page.take(course, "g1")
    client_site.locks_store.stop()
    try:
        eventually(lambda: page.lost() == ["expired"], 2 * LEASE)
    finally:
        client_site.locks_store.start()
    assert page.state() == [False, "expired"]


# ---- The server's side ----

def test_the_demo_is_served_strictly(world):
    answer = world.site.client().raw("GET", "/", checked=False)
    policy = answer.header("Content-Security-Policy")
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for name in ("locks.js", "demo.js", "demo.css", "icon.svg"):
        answer = world.site.client().raw("GET", f"/{name}", checked=False)
        assert answer.status == 200
    page = (WWW / "index.html").read_text()
    assert not re.search(r"<style| style=| on\w+=|<script(?![^>]*src=)", page)
