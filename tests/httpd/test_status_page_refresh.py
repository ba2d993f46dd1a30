# SPDX-License-Identifier: Apache-2.0
"""The page for operators renews itself, and disturbs nobody by it."""

import time

import pytest

from harness.browser import HURRY, TAB
from harness.operators import Desk, operated_site

# So long after that a page in a hurry has renewed itself several times.
WHILE = 4 * 5 / HURRY


@pytest.fixture
def course(desk):
    """Anna has g1 in it."""
    course = desk.course()
    desk.take(course, "g1", "anna")
    return course


@pytest.fixture
def alone():
    """A site of the test's own, whose servers may be stopped."""
    with operated_site() as site:
        yield Desk(site)


def gadgets(page):
    return [cell.text for cell in page.all(".locks tbody th")]


def times_asked(page):
    return len([url for url in page.requests() if url == page.url])


def test_locks_come_and_go(browser, desk, course):
    with browser.page(desk.url, hurry=True) as page:
        page.open()
        assert gadgets(page) == ["g1"]
        lock = desk.take(course, "g2", "bruno")
        page.wait(lambda: gadgets(page) == ["g1", "g2"])
        assert page.text(".summary") == "2 locks in 1 course"
        desk.release("bruno", lock)
        page.wait(lambda: gadgets(page) == ["g1"])
        # In another course, which comes first or last.
        other = desk.course()
        desk.take(other, "g3", "carla")
        page.wait(lambda: gadgets(page) == ["g1", "g3"])
        desk.clear()
        page.wait(lambda: page.text("#live-locks") == "Nobody holds a lock.")


def test_what_is_typed_stays(browser, desk, course):
    with browser.page(desk.url, hurry=True) as page:
        page.open()
        field = page.one("input[name=user]")
        field.send_keys("ann")
        page.js("arguments[0].setSelectionRange(1, 2)", field)
        desk.take(course, "g2", "bruno")
        page.wait(lambda: gadgets(page) == ["g1", "g2"])
        assert page.focused() == field
        page.press("x")
        assert field.get_attribute("value") == "axn"


def test_focus_stays_on_its_lock(browser, desk, course):
    """Not on its place: a lock that comes before it must not be broken in its
    stead."""
    with browser.page(desk.url, hurry=True) as page:
        page.open()
        link = page.link("Break the lock on g1")
        page.tab_to(link)
        desk.take(desk.course("a1", course_id="a" + course.id), "a1", "bruno")
        page.wait(lambda: gadgets(page) == ["a1", "g1"])
        assert page.focused() == link
        assert "g1" in link.get_attribute("textContent")
        page.press(TAB)
        assert page.focused() != link


def test_focus_and_selection_survive_neighbours(browser, desk):
    course = desk.course("a", "b", "c")
    first = desk.take(course, "a", "anna")
    desk.take(course, "b", "bruno")
    with browser.page(desk.url, hurry=True) as page:
        page.open()
        link = page.link("Break the lock on b")
        page.tab_to(link)
        page.js("""
            const owner = [...document.querySelectorAll("td a")].find(
                (one) => one.textContent === "bruno");
            getSelection().selectAllChildren(owner);
        """)
        desk.release("anna", first)
        page.wait(lambda: gadgets(page) == ["b"])
        assert page.focused() == link
        desk.take(course, "a", "anna")
        desk.take(course, "c", "carla")
        page.wait(lambda: gadgets(page) == ["a", "b", "c"])
        assert page.focused() == link
        assert page.js("return getSelection().toString()") == "bruno"


def test_scrolling_stays(browser, crowd):
    with browser.page(crowd.url, hurry=True) as page:
        page.open("?course=course01")
        page.js("scrollTo(0, 2500)")
        before = page.js("return [scrollY, document.querySelector("
                         "'#live-state').textContent]")
        page.wait(lambda: page.js("return document.querySelector("
                                  "'#live-state').textContent") != before[1])
        assert page.js("return scrollY") == before[0] == 2500


def test_pause_and_resume(browser, desk, course):
    with browser.page(desk.url, hurry=True) as page:
        page.open()
        button = page.one("#refresh button")
        button.click()
        assert button.text == "Resume updates"
        time.sleep(WHILE)
        asked = times_asked(page)
        desk.take(course, "g2", "bruno")
        time.sleep(WHILE)
        assert times_asked(page) == asked
        assert gadgets(page) == ["g1"]
        button.click()
        assert button.text == "Pause updates"
        page.wait(lambda: gadgets(page) == ["g1", "g2"])


def test_a_page_that_nobody_sees_asks_nothing(browser, desk, course):
    with browser.page(desk.url, hurry=True) as page:
        # What the browser says of a tab behind others.
        page.before("""
            window.away = false;
            Object.defineProperty(document, "hidden", {get: () => away});
        """)
        page.open()
        page.js("away = true;"
                "document.dispatchEvent(new Event('visibilitychange'))")
        time.sleep(WHILE)
        asked = times_asked(page)
        time.sleep(WHILE)
        assert times_asked(page) == asked
        desk.take(course, "g2", "bruno")
        page.js("away = false;"
                "document.dispatchEvent(new Event('visibilitychange'))")
        page.wait(lambda: gadgets(page) == ["g1", "g2"], 2)


def test_every_five_seconds(browser, desk):
    with browser.page(desk.url) as page:
        page.open()
        started = time.monotonic()
        page.wait(lambda: times_asked(page) == 2)
        assert 4 < time.monotonic() - started < 8


def test_the_store_goes_and_comes_back(browser, alone):
    course = alone.course()
    with browser.page(alone.url, hurry=True) as page:
        page.open()
        alone.take(course, "g1", "anna")
        page.wait(lambda: gadgets(page) == ["g1"])
        alone.site.store.stop()
        page.wait(lambda: page.text("#live-state").startswith(
            "no lock can be taken"))
        page.wait(lambda: "The locks could not be read" in page.text(
            "#live-locks"))
        assert page.text(".stores tbody td:nth-child(3)") in ("down",
                                                              "breaker open")
        assert gadgets(page) == []
        alone.held.clear()
        alone.site.store.start()
        page.wait(lambda: page.text("#live-state").startswith("healthy"), 20)
        page.wait(lambda: page.text("#live-locks") == "Nobody holds a lock.")
        page.wait(lambda: "lost once" in page.text(".stores"))
        assert page.all(".notice") == []


def test_the_server_goes_and_comes_back(browser, alone):
    course = alone.course()
    alone.take(course, "g1", "anna")
    with browser.page(alone.url, hurry=True) as page:
        page.open()
        assert page.text("#refresh [role=status]") == ""
        alone.site.httpd.stop()
        page.wait(lambda: page.text("#refresh [role=status]")
                  == "Not up to date: Failed to fetch")
        # What was known last is better than nothing.
        assert gadgets(page) == ["g1"]
        alone.site.httpd.start()
        page.wait(lambda: page.text("#refresh [role=status]") == "", 20)
        page.take_log("ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE",
                      "ERR_CONNECTION_RESET")


@pytest.mark.parametrize("answer, told", [
    ("'<h1>Sign in</h1>'", "the server answered with another page"),
    ("'', {status: 503, statusText: 'Service Unavailable'}",
     "503 Service Unavailable"),
])
def test_answers_that_are_not_the_page(browser, desk, course, answer, told):
    with browser.page(desk.url, hurry=True) as page:
        page.before("const real = fetch; window.answer = real;"
                    "fetch = (...all) => answer(...all);")
        page.open()
        page.js(f"answer = async () => new Response({answer})")
        page.wait(lambda: page.text("#refresh [role=status]")
                  == f"Not up to date: {told}")
        assert gadgets(page) == ["g1"]
        desk.take(course, "g2", "bruno")
        page.js("answer = real")
        page.wait(lambda: gadgets(page) == ["g1", "g2"], 20)
        assert page.text("#refresh [role=status]") == ""
