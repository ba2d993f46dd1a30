# SPDX-License-Identifier: Apache-2.0
"""Breaking locks in a browser, and pages of others that try to."""

from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from harness import contract
from harness.browser import ENTER, PHONE, TAB

REASON = "She went home"


def by_click(page, link):
    page.settle(link.click)
    page.press(REASON)
    page.settle(page.one("button.danger").click)


def by_keyboard(page, link):
    """Nothing but Tab, Enter and letters. The reason has the focus."""
    page.tab_to(link)
    page.settle(lambda: page.press(ENTER))
    page.press(REASON, TAB)
    assert page.focused() == page.one("button.danger")
    page.settle(lambda: page.press(ENTER))


WAYS = [pytest.param(by_click, {}, id="click"),
        pytest.param(by_keyboard, {}, id="keyboard"),
        pytest.param(by_click, {"size": PHONE}, id="phone"),
        pytest.param(by_click, {"script": False}, id="without-script"),
        pytest.param(by_keyboard, {"script": False},
                     id="keyboard-without-script")]


@pytest.fixture
def course(desk):
    """Anna has g1 and Bruno g2 in it."""
    course = desk.course()
    desk.take(course, "g1", "anna")
    desk.take(course, "g2", "bruno")
    return course


@pytest.fixture
def other(desk):
    """Carla has g1 in it."""
    course = desk.course()
    desk.take(course, "g1", "carla")
    return course


@pytest.mark.parametrize("way, settings", WAYS)
def test_break_a_lock(browser, desk, course, other, way, settings):
    with browser.page(desk.url, **settings) as page:
        way(page.open(), page.link("Break the lock on g1"))
        assert page.text(".notice") == "1 lock was broken."
        assert page.text(".summary") == "2 locks in 2 courses"
    assert not desk.is_held(course, "g1")
    assert desk.is_held(course, "g2") and desk.is_held(other, "g1")
    # Others can take it.
    desk.take(course, "g1", "dora")


@pytest.mark.parametrize("way, settings", WAYS)
def test_break_whatever_a_user_holds(browser, desk, course, other, way,
                                     settings):
    with browser.page(desk.url, **settings) as page:
        page.open("?user=bruno")
        way(page, page.link("Break whatever the user bruno holds"))
        assert page.text(".notice") == "1 lock was broken."
    assert desk.is_held(course, "g1") and desk.is_held(other, "g1")
    assert not desk.is_held(course, "g2")


@pytest.mark.parametrize("way, settings", WAYS)
def test_break_a_course(browser, desk, course, other, way, settings):
    with browser.page(desk.url, **settings) as page:
        way(page.open(), page.link(f"Break all locks of the course"
                                   f" {course.id}"))
        assert page.text(".notice") == "2 locks were broken."
        assert page.text(".summary") == "1 lock in 1 course"
    assert not desk.is_held(course, "g1") and not desk.is_held(course, "g2")
    assert desk.is_held(other, "g1")


def test_the_result_is_read_out_once(browser, desk, course):
    """It has the focus; loading the page again neither tells it again nor
    breaks anything."""
    with browser.page(desk.url) as page:
        by_click(page.open(), page.link("Break the lock on g1"))
        assert page.focused() == page.one(".notice[role=status]")
        assert page.driver.current_url == desk.url
        page.settle(page.driver.refresh)
        assert page.all(".notice") == []
    assert desk.is_held(course, "g2")


def test_the_result_is_shown_where_it_was_asked_for(browser, desk, course):
    """Whatever the path is made of."""
    where = "/at%20a%3f%25/"
    with browser.page(desk.url) as page:
        page.open(where)
        by_click(page, page.link("Break the lock on g1"))
        assert page.text(".notice") == "1 lock was broken."
        assert page.driver.current_url == desk.url + where
    assert not desk.is_held(course, "g1")


def test_what_ended_meanwhile(browser, desk, course):
    with browser.page(desk.url) as page:
        page.open()
        page.settle(page.link("Break the lock on g1").click)
        name, lock_id = desk.held[0]
        desk.release(name, lock_id)
        page.press(REASON)
        page.settle(page.one("button.danger").click)
        assert page.text(".notice").startswith("Nothing was broken")
    assert desk.is_held(course, "g2")


def test_the_question_names_what_is_held(browser, desk, course):
    with browser.page(desk.url) as page:
        page.open()
        page.settle(page.link("Break the lock on g1").click)
        (line,) = page.all("li")
        assert line.text.startswith(f"g1 in the course {course.id}, held for")
        page.open(f"?break=course&course={course.id}")
        assert [line.text.partition(" for ")[0] for line in page.all("li")
                ] == ["g1, held by anna", "g2, held by bruno"]
        page.open("?break=user&owner=nobody")
        assert page.text("li") == "Nothing of this is held now."
        # A part of the name is not the name.
        page.open("?break=user&owner=ann")
        assert page.text("li") == "Nothing of this is held now."


def test_the_question_does_not_name_hundreds(browser, crowd):
    with browser.page(crowd.url) as page:
        page.open("?break=course&course=course03")
        assert len(page.all("li")) == 11
        assert page.all("li")[-1].text == "and 240 more"


@pytest.mark.parametrize("query", [
    "?break=course&course={course}", "?break=user&owner=anna",
    "?break=lock&owner=anna&id={id}"])
def test_cancel_breaks_nothing(browser, desk, course, query):
    with browser.page(desk.url) as page:
        page.open(query.format(course=course.id, id=desk.held[0][1]))
        page.press(REASON)
        page.settle(page.link("Cancel").click)
        assert page.text("h1") == "Edit locks"
        assert page.text(".summary") == "2 locks in 1 course"
    assert desk.is_held(course, "g1") and desk.is_held(course, "g2")


@pytest.mark.parametrize("reason", ["", "   "])
def test_it_must_be_said_why(browser, desk, course, reason):
    """The browser asks for the reason; were it not to, the server would."""
    with browser.page(desk.url) as page:
        page.open(f"?break=course&course={course.id}")
        document = page.one("html")
        page.press(*reason, ENTER)
        assert page.js("return document.querySelector('input:invalid').name"
                       ) == "reason"
        assert page.one("html") == document
        page.js("document.querySelector('form').noValidate = true")
        page.settle(page.one("button.danger").click)
        assert page.text("h1") == "400 Bad Request"
        assert "Say why: the reason is recorded" in page.text("main")
        page.take_log("status of 400")
    assert desk.is_held(course, "g1") and desk.is_held(course, "g2")


@pytest.mark.parametrize("owner", ['q"uo\'te', "<b>&amp;", "a  b", "50%+1",
                                   "\u05e9\u05dc\u05d5\u05dd"])
def test_owners_of_any_name(browser, desk, owner):
    course = desk.course()
    desk.take(course, "g1", owner)
    with browser.page(desk.url) as page:
        by_click(page.open(), page.link("Break the lock on g1"))
        assert page.text(".notice") == "1 lock was broken."
    assert not desk.is_held(course, "g1")


# ---- Pages of others ----

class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.server.page.encode())

    def log_message(self, *_):
        pass


@contextmanager
def page_of_others(page):
    """Serves a page; gives the address of its server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.page = ('<!DOCTYPE html><link rel="icon" href="data:,">'
                       f"<main>{page}</main>")
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def form(url, fields):
    hidden = "".join(f'<input type="hidden" name="{name}"'
                     f' value="{escape(value)}">'
                     for name, value in fields.items())
    return (f'<form method="post" action="{url}">{hidden}'
            "<button>Win</button></form>")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("knows_nonce", [False, True])
def test_forms_of_others_are_refused(browser, desk, course, host,
                                     knows_nonce):
    """Of another port, which a browser calls the same site, and of another
    host."""
    with browser.page(desk.url) as page:
        page.open(f"?break=course&course={course.id}")
        nonce = page.one("input[name=nonce]").get_attribute("value")
        fields = {"nonce": nonce if knows_nonce else "0" * len(nonce),
                  "break": "course", "course": course.id, "reason": "x"}
        with page_of_others(form(desk.url, fields)) as port:
            others = f"http://{host}:{port}/"
            page.others.append(others)
            page.driver.get(others)
            page.settle(page.one("button").click)
        assert page.text("h1") == "403 Forbidden"
        assert "Forms of other sites are refused" in page.text("main")
        page.take_log("status of 403")
    assert desk.is_held(course, "g1") and desk.is_held(course, "g2")


def test_an_old_form_is_refused(browser, desk, course):
    with browser.page(desk.url) as page:
        page.open(f"?break=course&course={course.id}")
        page.js("document.querySelector('[name=nonce]').value = 'guessed'")
        page.press(REASON)
        page.settle(lambda: page.press(ENTER))
        assert page.text("h1") == "403 Forbidden"
        assert "open the page again" in page.text("main")
        page.take_log("status of 403")
    assert desk.is_held(course, "g1")


def test_pages_of_others_cannot_frame_it(browser, desk, course):
    query = f"?break=course&course={course.id}"
    with browser.page(desk.url) as page:
        with page_of_others(
                f'<iframe src="{desk.url}{query}"></iframe>') as port:
            others = f"http://127.0.0.1:{port}/"
            page.others += [others, "chrome-error:"]
            page.driver.get(others)
            page.wait(lambda: page.take_log("frame", "X-Frame-Options"))
            page.driver.switch_to.frame(page.one("iframe"))
            assert page.all("input") == []
            page.driver.switch_to.default_content()
    contract.listed(desk.site.partner().locks(course))
    assert desk.is_held(course, "g1")
