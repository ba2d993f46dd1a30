# SPDX-License-Identifier: Apache-2.0
"""A real browser: Chromium without a window, driven by chromedriver."""

import base64
import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path

from .system import eventually, program

# What keeps Chromium from asking its maker anything. It looks at pages of the
# tests alone, and where they run there may be no sandbox for it.
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage",
             "--no-first-run", "--no-default-browser-check",
             "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--disable-extensions", "--disable-quic",
             "--no-proxy-server", "--hide-scrollbars")
DESKTOP = (1200, 900)
PHONE = (390, 844)
SMALL_PHONE = (320, 640)
# So many times faster do the page's timers go where a test asks for it.
HURRY = 10
# Keys as WebDriver names them.
TAB, ENTER, SHIFT = "\ue004", "\ue007", "\ue008"


def axe_source():
    """axe-core, which looks for what keeps people from using a page."""
    path = os.environ.get("LOCKS_AXE", "")
    assert Path(path).is_file(), (
        "LOCKS_AXE is not the path of axe.min.js: start tests/run.sh, or"
        " npm install --no-save --ignore-scripts --prefix FOLDER axe-core"
        " and set LOCKS_AXE=FOLDER/node_modules/axe-core/axe.min.js")
    return Path(path).read_text()


def _selenium():
    try:
        from selenium import webdriver
    except ImportError:
        raise AssertionError("selenium is not there: install python3-selenium"
                             f" for {sys.executable}, chromium and"
                             " chromium-driver (Debian)") from None
    return webdriver


class Browser:
    """Chromium, started once. Every page is a tab of its own."""

    def __init__(self, folder):
        webdriver = _selenium()
        from selenium.webdriver.chrome.service import Service
        options = webdriver.ChromeOptions()
        options.binary_location = program("chromium", "chromium-browser")
        for argument in ARGUMENTS:
            options.add_argument(argument)
        options.add_argument(f"--user-data-dir={folder}")
        options.set_capability("goog:loggingPrefs",
                               {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(
            service=Service(program("chromedriver")), options=options)
        # It stays empty: what Chromium shows first is a page of its own.
        self._first = self.driver.current_window_handle
        self.driver.get("about:blank")
        self._forget()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.driver.quit()

    @contextmanager
    def page(self, url, **settings):
        """A new tab for the pages of a server. At the end there must be
        nothing in the browser's log but what the test took, and nothing was
        asked of others."""
        # Not WebDriver's new tab, which is a page of Chromium's.
        tab = self.driver.execute_cdp_cmd("Target.createTarget",
                                          {"url": "about:blank"})
        self.driver.switch_to.window(tab["targetId"])
        page = Page(self.driver, url, **settings)
        try:
            yield page
            page.check()
        finally:
            self.driver.close()
            self.driver.switch_to.window(self._first)
            self._forget()

    def _forget(self):
        for log in ("browser", "performance"):
            self.driver.get_log(log)


class NotOne(AssertionError):
    """A selector finds nothing, or several."""


class Page:
    """A tab that looks at locks-status. `size` is that of its window in CSS
    pixels; `media` are features such as prefers-color-scheme."""

    def __init__(self, driver, url, size=DESKTOP, script=True, hurry=False,
                 **media):
        self.driver = driver
        self.url = url
        self.origin = "/".join(url.split("/")[:3])
        self._requests = []
        # Other servers whose pages a test opens.
        self.others = []
        self.resize(size)
        self.media(**media)
        if not script:
            self.command("Emulation.setScriptExecutionDisabled", value=True)
        if hurry:
            self.before("const wait = setTimeout; setTimeout = (run, after)"
                        f" => wait(run, after / {HURRY});")

    # ---- Of the browser ----

    def command(self, name, **parameters):
        """Speaks the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def before(self, script):
        """Runs a script before those of each page that is opened."""
        self.command("Page.addScriptToEvaluateOnNewDocument", source=script)

    def resize(self, size):
        self.command("Emulation.setDeviceMetricsOverride", width=size[0],
                     height=size[1], deviceScaleFactor=1,
                     mobile=size[0] < 600)

    def media(self, **features):
        self.command("Emulation.setEmulatedMedia", features=[
            {"name": name.replace("_", "-"), "value": value}
            for name, value in features.items()])

    def screenshot(self, path, height=None):
        """Writes a PNG of the page, or of its upper part."""
        width, full = self.js("const all = document.documentElement;"
                              "return [all.clientWidth, all.scrollHeight]")
        picture = self.command(
            "Page.captureScreenshot", format="png", captureBeyondViewport=True,
            clip={"x": 0, "y": 0, "width": width,
                  "height": min(height or full, full), "scale": 1})
        Path(path).write_bytes(base64.b64decode(picture["data"]))

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    # ---- Looking ----

    def open(self, query=""):
        self.driver.get(self.url + query)
        return self

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def one(self, selector):
        found = self.all(selector)
        if len(found) != 1:
            raise NotOne(f"{selector}: {len(found)} elements")
        return found[0]

    def text(self, selector="body"):
        return self.one(selector).text

    def link(self, text):
        """The link with this text, or one that begins so."""
        found = self.js("return [...document.querySelectorAll('a')].find("
                        "one => one.textContent.startsWith(arguments[0]))",
                        text)
        assert found, f"no link {text!r}"
        return found

    def wait(self, condition, seconds=10):
        """Waits for what the page comes to.

        Elements may go meanwhile, and between two documents there are none.
        """
        from selenium.common.exceptions import StaleElementReferenceException

        def holds():
            try:
                return condition()
            except (NotOne, StaleElementReferenceException):
                return None

        return eventually(holds, seconds)

    def settle(self, action, seconds=10):
        """Does what leads to another document, and waits for it."""
        before = self.one("html")
        action()
        return eventually(lambda: self._is_other(before), seconds)

    def _is_other(self, before):
        from selenium.common.exceptions import WebDriverException
        try:
            found = self.all("html")
            return (found and found[0] != before
                    and self.all("body") and self.all("main"))
        except WebDriverException:
            return None

    # ---- Keys ----

    def press(self, *keys):
        """Presses keys, wherever the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains
        chain = ActionChains(self.driver, duration=0)
        for key in keys:
            if key.startswith(SHIFT):
                chain.key_down(SHIFT).send_keys(key[1:]).key_up(SHIFT)
            else:
                chain.send_keys(key)
        chain.perform()

    def tab_to(self, element, most=400):
        """Presses Tab until this element has the focus."""
        for _ in range(most):
            if self.driver.switch_to.active_element == element:
                return
            self.press(TAB)
        raise AssertionError(f"Tab does not reach {element.text!r}")

    def focused(self):
        return self.driver.switch_to.active_element

    # ---- Judging ----

    def violations(self):
        """What axe-core finds, of any impact."""
        self.driver.execute_script(axe_source())
        return self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run().then(found => done(found.violations.map(one =>"
            " [one.id, one.impact, one.help, one.nodes.length,"
            " one.nodes[0].html, one.nodes[0].failureSummary])))")

    def accessible(self, *roles):
        """Names of what has these roles, as screen readers are told."""
        tree = self.command("Accessibility.getFullAXTree")["nodes"]
        return [node["name"]["value"] for node in tree
                if not node["ignored"] and node["role"]["value"] in roles]

    def overflow(self):
        """By how many pixels the document is too wide."""
        return self.js("return document.documentElement.scrollWidth"
                       " - innerWidth")

    def log(self):
        """What the browser logged since the last time."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def take_log(self, *parts):
        """Takes what a test means to happen: each line has one of these."""
        lines = self.log()
        assert all(any(part in line for part in parts)
                   for line in lines), lines
        return lines

    def requests(self):
        """The URL of everything that was asked for in this tab."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self._requests.append(message["params"]["request"]["url"])
        return self._requests

    def check(self):
        """Nothing was logged that no test took; nobody else was asked."""
        assert self.log() == []
        foreign = [url for url in self.requests()
                   if not url.startswith((self.origin + "/", "data:",
                                          *self.others))]
        assert foreign == [], foreign
