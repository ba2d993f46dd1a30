# SPDX-License-Identifier: Apache-2.0
"""Windows of a browser: Chromium without a screen."""

import os
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from .system import eventually, program

# As root it cannot have its sandbox; the rest keeps it from asking its maker
# for anything.
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu",
             "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync",
             "--disable-quic", "--disable-dev-shm-usage")


class Browser:
    """A browser of its own: nothing is shared with another one."""

    def __init__(self, driver):
        self.driver = driver
        driver.set_script_timeout(30)

    # ---- Windows ----

    def open(self, url):
        self.driver.get(url)

    def open_another(self, url, kind="window"):
        """Opens another window or tab, which scripts are for from now on;
        returns what `turn_to` takes to come back. A window leaves the first
        one visible, a tab hides it."""
        first = self.driver.current_window_handle
        self.driver.switch_to.new_window(kind)
        self.driver.get(url)
        return first

    def turn_to(self, handle):
        self.driver.switch_to.window(handle)

    def close(self):
        """Closes the window, as a person does."""
        self.driver.close()

    def close_others(self):
        """All but one, for the next test."""
        handles = self.driver.window_handles
        for handle in handles[1:]:
            self.driver.switch_to.window(handle)
            self.driver.close()
        self.driver.switch_to.window(handles[0])
        self.driver.get("about:blank")
        self.driver.get_log("browser")

    def freeze(self):
        """Stops the page's scripts and timers, as a sleeping computer does.
        """
        self._lifecycle("frozen")

    def thaw(self):
        self._lifecycle("active")

    def _lifecycle(self, state):
        self.command("Page.setWebLifecycleState", state=state)

    def command(self, name, **parameters):
        """One of the DevTools' commands."""
        return self.driver.execute_cdp_cmd(name, parameters)

    # ---- Scripts ----

    def run(self, script, *arguments):
        """Runs the inside of an async function in the page; returns what it
        returns. What is thrown comes as {"thrown": ...}."""
        return self.driver.execute_async_script(
            """
            const done = arguments[arguments.length - 1];
            const inside = async (...args) => { %s };
            inside(...arguments).then(done, (error) => done({
                thrown: error.message, name: error.name,
                status: error.status, lock: error.lock}));
            """ % script, *arguments)

    def value(self, expression):
        return self.driver.execute_script(f"return {expression}")

    def text(self, selector):
        return self.find(selector).text

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def click(self, selector):
        self.find(selector).click()

    def complaints(self):
        """The console's errors since the last time, without what it says
        about answers of /locks with an error's status."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE"
                and not (entry["source"] == "network"
                         and "/locks" in entry["message"]
                         and ".js" not in entry["message"])]

    def shows(self, selector, text, seconds=5):
        """Waits until an element has this text in it."""
        eventually(lambda: text in self.text(selector), seconds)


@contextmanager
def browser():
    options = Options()
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.binary_location = program("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(
        service=Service(program("chromedriver"), log_path=os.devnull),
        options=options)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
