# SPDX-License-Identifier: Apache-2.0
"""The page for operators in a browser: lists, search, pages, names."""

import pytest

from harness.browser import ENTER, PHONE

# What a name may be, and what a page must not take it for.
ODD = ["<img src=x onerror=alert(1)>", "<script>alert(1)</script>",
       '"><b onclick=alert(1)>bold</b>', "it's \"quoted\" & so on", "a  b ",
       "&lt;not&gt;", "\u05e9\u05dc\u05d5\u05dd 123", "\U0001f692 fire",
       "\u202ednuor", "g" * 255]


def rows(page):
    """Gadget and owner of each lock that is shown."""
    return page.js("""
        return [...document.querySelectorAll(".locks tbody tr")].map((row) =>
            [...row.querySelectorAll("th, td a:not(.break)")].map(
                (cell) => cell.textContent));
    """)


def test_nobody_holds_a_lock(browser, desk):
    with browser.page(desk.url) as page:
        page.open()
        assert page.text("#live-state").startswith("healthy on ")
        assert page.text("#live-locks") == "Nobody holds a lock."
        assert page.all(".locks") == [] and page.all(".pages") == []
        assert "Show all" not in page.text()


def test_three_locks(browser, desk):
    one, two = desk.course(), desk.course()
    desk.take(one, "g1", "anna")
    desk.take(one, "g2", "Bj\u00f6rn Li")
    desk.take(two, "g1", "carla")
    with browser.page(desk.url) as page:
        page.open()
        assert page.text(".summary") == "3 locks in 2 courses"
        assert [title.text for title in page.all("h3")] == [one.id, two.id]
        assert rows(page) == [["g1", "anna"], ["g2", "Bj\u00f6rn Li"],
                              ["g1", "carla"]]
        for meter in page.all("meter"):
            left, most = (float(meter.get_attribute(name))
                          for name in ("value", "max"))
            assert 0.8 * most < left <= most
        assert page.all(".notice") == []


def test_ten_thousand_locks(browser, crowd):
    with browser.page(crowd.url) as page:
        page.open()
        assert page.text(".summary") == "10000 locks in 40 courses"
        assert page.text(".pages span") == "Page 1 of 100"
        assert len(rows(page)) == 100
        assert page.all("a[rel=prev]") == []
        assert rows(page)[0] == ["gadget000", "user00-000"]
        page.settle(page.one("a[rel=next]").click)
        assert page.text(".pages span") == "Page 2 of 100"
        assert rows(page)[0] == ["gadget100", "user00-100"]
        page.settle(page.one("a[rel=prev]").click)
        assert rows(page)[0] == ["gadget000", "user00-000"]
        page.open("?page=100")
        assert page.all("a[rel=next]") == []
        assert rows(page)[-1] == ["gadget249", "user39-249"]
        page.open("?page=101")
        assert page.text(".empty") == "There is no page 101 any more."
        page.settle(page.one("a[rel=prev]").click)
        assert page.text(".pages span") == "Page 100 of 100"


@pytest.mark.parametrize("field, text, count", [
    ("course", "course07", 250), ("user", "user12-2", 50),
    ("gadget", "gadget123", 40), ("user", "user12-217", 1),
])
def test_search(browser, crowd, field, text, count):
    """Typed, and sent by Enter."""
    with browser.page(crowd.url) as page:
        page.open()
        page.one(f"input[name={field}]").click()
        page.press(text)
        page.settle(lambda: page.press(ENTER))
        assert page.text(".summary").startswith(
            f"{count} {'lock' if count == 1 else 'locks'} in ")
        assert page.one(f"input[name={field}]").get_attribute("value") == text
        assert len(rows(page)) == min(count, 100)
        page.settle(page.link("Show all").click)
        assert page.text(".summary") == "10000 locks in 40 courses"


def test_a_search_of_everything_at_once_keeps_its_pages(browser, crowd):
    with browser.page(crowd.url) as page:
        page.open()
        for field, text in (("course", "course1"), ("user", "user1"),
                            ("gadget", "gadget0")):
            page.one(f"input[name={field}]").send_keys(text)
        page.settle(page.one("form button").click)
        assert page.text(".summary") == "1000 locks in 10 courses match"
        page.settle(page.one("a[rel=next]").click)
        assert page.text(".pages span") == "Page 2 of 10"
        assert page.one("input[name=gadget]").get_attribute(
            "value") == "gadget0"


def test_an_owners_link_searches_for_them(browser, crowd):
    with browser.page(crowd.url) as page:
        page.open()
        page.settle(page.link("user00-003").click)
        assert rows(page) == [["gadget003", "user00-003"]]


def test_no_lock_matches(browser, desk):
    desk.take(desk.course(), "g1", "anna")
    with browser.page(desk.url) as page:
        page.open("?user=Anna")
        assert page.text(".empty").startswith("No lock matches.")
        page.settle(page.link("Show all").click)
        assert rows(page) == [["g1", "anna"]]


@pytest.mark.parametrize("script", [True, False])
def test_names_are_text(browser, desk, script):
    """Whatever others are called is shown as it is, and nothing of it
    runs."""
    course = desk.course(*ODD)
    for number, name in enumerate(ODD):
        desk.take(course, name, f"{name.strip()}{number}")
    with browser.page(desk.url, script=script) as page:
        page.open()
        assert sorted(rows(page)) == sorted(
            [name, f"{name.strip()}{number}"]
            for number, name in enumerate(ODD))
        assert page.all("main img, main b, main script, [onclick]") == []
        for number in range(int(script), len(ODD), 2):
            name = ODD[number]
            owner = f"{name.strip()}{number}"
            page.settle(page.link(owner).click)
            assert rows(page) == [[name, owner]]
            assert page.one("input[name=user]").get_attribute(
                "value") == owner
            page.settle(page.link("Break whatever the user").click)
            assert [strong.get_attribute("textContent")
                    for strong in page.all("strong")] == [
                        owner, name, course.id]
            page.settle(page.link("Cancel").click)


@pytest.mark.parametrize("field", ["course", "user", "gadget"])
def test_what_is_searched_for_is_text(browser, desk, field):
    text = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    with browser.page(desk.url) as page:
        page.open()
        page.one(f"input[name={field}]").send_keys(text)
        page.settle(lambda: page.press(ENTER))
        assert page.one(f"input[name={field}]").get_attribute("value") == text
        assert page.all("main img, main script") == []


def test_nothing_but_its_own_script_and_style_has_effect(browser, desk):
    """Were something injected all the same, the browser would not run it."""
    with browser.page(desk.url) as page:
        page.open()
        page.js("""
            document.querySelector("main").insertAdjacentHTML("beforeend",
                '<p id="one" style="color: rgb(1, 2, 3)">x</p>'
                + '<img src="data:," onerror="window.ran = 1">'
                + '<a id="two" href="javascript:window.ran = 2">y</a>');
            const script = document.createElement("script");
            script.textContent = "window.ran = 3";
            document.body.append(script);
            const style = document.createElement("style");
            style.textContent = "#one { color: rgb(3, 2, 1) }";
            document.body.append(style);
            document.getElementById("two").click();
        """)
        page.wait(lambda: len(page.take_log("Content Security Policy")) >= 1)
        assert page.js("return window.ran") is None
        assert page.js("return getComputedStyle(document.getElementById("
                       "'one')).color") not in ("rgb(1, 2, 3)",
                                                "rgb(3, 2, 1)")
        page.js("return new Promise(done => setTimeout(done, 200))")
        page.take_log("Content Security Policy")


def test_without_script(browser, crowd):
    """Search and pages need none."""
    with browser.page(crowd.url, script=False) as page:
        page.open()
        assert page.text("#refresh") == ""
        page.one("input[name=course]").click()
        page.press("course05", ENTER)
        page.wait(lambda: page.text(".summary")
                  == "250 locks in 1 course match")
        page.settle(page.one("a[rel=next]").click)
        assert page.text(".pages span") == "Page 2 of 3"


@pytest.mark.parametrize("query, message", [
    ("?break=everything", "break is none of lock, user and course"),
    ("?break=course", "It is not said what is to be broken"),
    ("?page=x", "page is no number"), ("?page=0", "There is no such page"),
    ("?user=%ff", "A value is not UTF-8"),
])
def test_a_refusal_leads_back(browser, desk, query, message):
    with browser.page(desk.url, size=PHONE) as page:
        page.open(query)
        assert page.text("h1") == "400 Bad Request"
        assert message in page.text("main")
        page.take_log("status of 400")
        page.settle(page.link("Back to the locks").click)
        assert page.text("h1") == "Edit locks"


@pytest.mark.parametrize("name", ["JSON", "Text", "Metrics", "Health"])
def test_other_forms_are_linked(browser, desk, name):
    with browser.page(desk.url) as page:
        page.open()
        target = page.link(name).get_attribute("href")
        assert target == f"{desk.url}?{name.lower()}".replace("text", "auto")
