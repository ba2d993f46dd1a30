# SPDX-License-Identifier: Apache-2.0
"""The page for operators is there for everybody: keyboards, screen readers,
small screens, dark ones, and colours of their own."""

from contextlib import contextmanager

import pytest

from harness.browser import (DESKTOP, ENTER, PHONE, SHIFT, SMALL_PHONE, TAB,
                             axe_source)
from harness.operators import Desk, operated_site
from harness.system import eventually

LONG = "x" * 255
SIZES = (DESKTOP, (700, 900), PHONE, SMALL_PHONE)
FOCUSABLE = "a[href], button, input:not([type=hidden]), [tabindex='0']"


@pytest.fixture
def course(desk):
    course = desk.course("Quiz 3", LONG)
    desk.take(course, "Quiz 3", "Anna M\u00fcller")
    desk.take(course, LONG, "y" * 255)
    desk.take(desk.course(), "g1", "carla")
    return course


@contextmanager
def other_site(what):
    """A site whose store is as it should not be."""
    with operated_site(arguments={"evicts": (), "no-cas": ("-C",)}.get(
            what, ("-M",))) as site:
        desk = Desk(site)
        if what == "lost":
            desk.take(desk.course(), "g1", "anna")
            site.store.restart()
            eventually(lambda: b"lost once" in site.client().raw(
                "GET", "/locks-status", checked=False).body)
        if what == "down":
            site.store.stop()
        yield desk


def judge(page):
    """Nothing is wider than the window, whatever its size; axe finds nothing,
    light or dark, on a desk or a phone."""
    for size in SIZES:
        page.resize(size)
        assert page.overflow() <= 0, size
        for scheme in ("light", "dark") if size in (DESKTOP, PHONE) else ():
            page.media(prefers_color_scheme=scheme)
            found = page.violations()
            assert found == [], (size, scheme, found)


@pytest.mark.parametrize("query, log", [
    ("", None), ("?user=Anna", None), ("?user=nobody", None),
    ("?gadget=" + LONG, None), ("?page=7", None), ("?broken=2", None),
    ("?broken=0", None), ("?break=user&owner=Anna", None),
    ("?break=course&course={course}", None),
    ("?break=lock&owner=" + "y" * 255 + "&id={id}", None),
    ("?break=course", "status of 400"),
])
def test_every_view_is_accessible(browser, desk, course, query, log):
    with browser.page(desk.url) as page:
        page.open(query.format(course=course.id, id=desk.held[1][1]))
        judge(page)
        if log is not None:
            page.take_log(log)


def test_nothing_held_is_accessible(browser, desk):
    with browser.page(desk.url) as page:
        judge(page.open())


def test_many_locks_are_accessible(browser, crowd):
    with browser.page(crowd.url) as page:
        judge(page.open("?page=3"))


@pytest.mark.parametrize("what", ["down", "lost", "evicts", "no-cas"])
def test_trouble_is_accessible(browser, what):
    told = {"down": "No lock can be taken", "lost": "lost once",
            "evicts": "may evict", "no-cas": "no CAS"}
    with other_site(what) as desk, browser.page(desk.url) as page:
        page.open()
        assert told[what] in page.text("#live-store")
        judge(page)


def test_axe_finds_what_is_wrong(browser, desk):
    """The judge is no rubber stamp."""
    assert "axe" in axe_source()
    with browser.page(desk.url) as page:
        page.open()
        page.js("document.querySelector('input').labels[0].replaceWith("
                "document.querySelector('input'))")
        assert "label" in [one[0] for one in page.violations()]


# ---- Keyboard ----

def test_the_keyboard_reaches_everything(browser, desk, course):
    """In the order of the page, and it is seen where."""
    with browser.page(desk.url) as page:
        page.open()
        wanted = page.all(FOCUSABLE)
        assert len(wanted) > 15
        for element in wanted:
            page.press(TAB)
            assert page.focused() == element
            style, width = page.js(
                "const style = getComputedStyle(document.activeElement);"
                "return [style.outlineStyle, parseFloat(style.outlineWidth)]")
            assert style != "none" and width >= 2, element.text
            left, top, right, bottom = page.js(
                "const box = document.activeElement.getBoundingClientRect();"
                "return [box.left, box.top, box.right, box.bottom]")
            assert right > 0 and bottom > 0 and left < 1200 and top < 900
        page.press(SHIFT + TAB)
        assert page.focused() == wanted[-2]


def test_the_skip_link_leads_to_the_locks(browser, desk, course):
    with browser.page(desk.url) as page:
        page.open()
        page.press(TAB)
        assert page.focused().text == "Skip to the locks"
        page.press(ENTER)
        page.wait(lambda: page.driver.current_url.endswith("#locks"))
        page.press(TAB)
        assert page.focused() == page.one("input[name=course]")


# ---- Screen readers ----

@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_screen_readers_are_told_names(browser, desk, course, size):
    """Also where tables are laid out as something else."""
    with browser.page(desk.url, size=size) as page:
        page.open()
        tables = page.accessible("table")
        assert len(tables) == len(page.all("table")) and all(tables)
        assert f"Locks of {course.id}" in tables and "Servers" in tables
        meters = page.accessible("meter")
        assert len(meters) == 3
        assert all(name.startswith("Time left: 4 min") for name in meters)
        charts = page.accessible("image", "img")
        assert len(charts) == 4
        assert charts[0].startswith("Grants: ") and "last hour" in charts[0]
        assert {"Course", "User", "Gadget"} == set(
            page.accessible("searchbox", "textbox"))
        assert page.accessible("heading")[:4] == [
            "Edit locks", "Store", "Last hour", "Active locks"]
        links = page.accessible("link")
        assert "Break the lock on Quiz 3" in links
        assert f"Break all locks of the course {course.id}" in links
        assert "Quiz 3" in page.accessible("rowheader")
        assert "carla" in page.accessible("cell", "gridcell")
        assert "main" in page.js("return [...document.body.children].map("
                                 "one => one.localName)")


def test_the_question_is_told(browser, desk, course):
    with browser.page(desk.url) as page:
        page.open("?break=user&owner=Anna+M%C3%BCller")
        assert page.accessible("textbox") == ["Reason, for the record"]
        assert page.accessible("button") == ["Break"]
        assert page.accessible("heading") == ["Break locks?"]


# ---- Small screens ----

@pytest.mark.parametrize("size", [PHONE, SMALL_PHONE])
def test_a_lock_on_a_phone(browser, desk, course, size):
    """Gadget and owner have most of the width, Break is one line, and at the
    edge."""
    with browser.page(desk.url, size=size) as page:
        page.open()
        boxes = page.js("""
            const row = document.querySelector(".locks tbody tr");
            return ["th", "td a", ".left", ".break"].map((part) => {
                const box = row.querySelector(part).getBoundingClientRect();
                return [box.left, box.top, box.right, box.bottom];
            });
        """)
        gadget, owner, left, breaks = boxes
        assert gadget[2] - gadget[0] > 0.65 * size[0]
        assert owner[2] - owner[0] > 50
        assert owner[1] >= gadget[3] - 1 and left[1] >= breaks[3] - 1
        assert breaks[3] - breaks[1] < 30
        assert size[0] - 24 < breaks[2] <= size[0]
        for element in page.all(".locks .break, .title .break"):
            assert element.size["height"] < 30, element.text
        assert page.js("""
            return [...document.querySelectorAll(".counters td")].filter(
                (cell) => {
                    const range = document.createRange();
                    range.selectNodeContents(cell);
                    return range.getClientRects().length !== 1;
                }).length""") == 0


# ---- Settings of the user's ----

def test_colours_of_the_users_own(browser, desk, course):
    with browser.page(desk.url, forced_colors="active") as page:
        page.open()
        bar, back, state, focus = page.js("""
            const of = (selector) =>
                getComputedStyle(document.querySelector(selector));
            return [of("svg rect:not(.unknown)").fill,
                    of("figure").backgroundColor, of(".state").color,
                    of("body").backgroundColor];
        """)
        assert bar != back and state != focus
        assert page.overflow() <= 0
        assert page.violations() == []


def test_nothing_moves(browser, desk, course):
    with browser.page(desk.url, prefers_reduced_motion="reduce") as page:
        page.open()
        assert page.js("""
            return [...document.querySelectorAll("*")].filter((one) => {
                const style = getComputedStyle(one);
                return style.animationName !== "none"
                    || style.transitionDuration !== "0s"
                    || style.scrollBehavior !== "auto";
            }).length + document.getAnimations().length""") == 0


def test_twice_as_large(browser, desk, course):
    """Zoomed in to 400 % a window of 1280 pixels has 320 left: WCAG 2.2,
    1.4.10. Text alone of twice the size needs no more width either."""
    with browser.page(desk.url, size=PHONE) as page:
        page.open()
        page.js("document.documentElement.style.setProperty("
                "'font-size', '200%')")
        assert page.overflow() <= 0
