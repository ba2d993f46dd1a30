# SPDX-License-Identifier: Apache-2.0
"""Usage: screenshots.py FOLDER

Writes status-light.png, status-dark.png and status-phone.png: the page for
operators after an hour of a small site, which takes half a minute here, as
httpd's clock is put forward.
"""

import random
import sys
import tempfile
from pathlib import Path

from harness.browser import PHONE, Browser
from harness.operators import Desk, operated_site
from harness.system import temporary_folder

COURSES = {
    "anatomy101": ("Timeline: the heart", "Quiz 3", "Image map: skeleton",
                   "Reading list", "Flashcards"),
    "arthistory": ("Gallery: Baroque", "Timeline: Rembrandt", "Glossary",
                   "Essay prompt"),
    "zoology24": ("Field guide", "Quiz 1", "Bird calls", "Poll"),
}
# Who is at work when the picture is taken, on which gadget, since how many
# minutes.
AT_WORK = {
    "Anna M\u00fcller": ("anatomy101", 0, 14),
    "Ben Okafor": ("anatomy101", 1, 3),
    "Chlo\u00e9 Durand": ("anatomy101", 2, 1),
    "Dmitri Volkov": ("anatomy101", 4, 8),
    "Elif Y\u0131ld\u0131z": ("arthistory", 0, 2),
    "Farid Haddad": ("arthistory", 1, 21),
    "Grace Lee": ("arthistory", 2, 0),
    "Hugo Lindqvist": ("arthistory", 3, 5),
    "In\u00e9s Romero": ("zoology24", 0, 11),
    "Jonas Weber": ("zoology24", 1, 1),
    "Keiko Tanaka": ("zoology24", 2, 4),
    "Liam O'Brien": ("zoology24", 3, 0),
}
MINUTES = 60


class Clock:
    """A file that says how far httpd's clock is behind ours."""

    def __init__(self, folder):
        self.path = folder / "clock"
        self.set(MINUTES)

    def set(self, minutes):
        new = self.path.with_suffix(".new")
        new.write_text(f"-{minutes * 60}s\n")
        new.chmod(0o644)
        new.replace(self.path)


def live(desk, courses, minute, chance):
    """A minute of the site: those at work renew, others come and go, and some
    want what is locked."""
    left = MINUTES - minute
    for name, (course, gadget, since) in AT_WORK.items():
        if left == since or left < since and (left + gadget) % 3 == 0:
            desk.person(name).lock(courses[course],
                                   COURSES[course][gadget])
    busy = 6 + 5 * (minute % 25) // 6
    for number in range(chance.randrange(busy // 2, busy)):
        course = chance.choice(list(COURSES))
        guest = desk.person(f"guest {number}")
        answer = guest.lock(courses[course], chance.choice(COURSES[course]))
        if answer.status == 201:
            guest.unlock(answer.json["id"])


def picture(browser, url, path, height, **settings):
    with browser.page(url, **settings) as page:
        page.open().screenshot(path, height)
    size = path.stat().st_size
    print(f"{path}: {size} bytes")
    assert size < 150_000, "too large for a README"


def main(folder):
    chance = random.Random(1)
    with temporary_folder() as place, tempfile.TemporaryDirectory(
            ignore_cleanup_errors=True) as profile:
        clock = Clock(place)
        with operated_site(clock=clock.path) as site:
            desk = Desk(site)
            people = [*AT_WORK, *(f"guest {n}" for n in range(30))]
            courses = {name: desk.course(*gadgets, course_id=name,
                                         people=people)
                       for name, gadgets in COURSES.items()}
            for minute in range(1, MINUTES + 1):
                clock.set(MINUTES - minute)
                live(desk, courses, minute, chance)
                # The page notes that a minute has begun.
                site.client().raw("GET", "/locks-status", checked=False)
            with Browser(profile) as browser:
                for name, settings in (
                        ("light", {"prefers_color_scheme": "light"}),
                        ("dark", {"prefers_color_scheme": "dark"})):
                    picture(browser, desk.url, folder / f"status-{name}.png",
                            980, size=(1100, 980), **settings)
                picture(browser, desk.url, folder / "status-phone.png", 1700,
                        size=PHONE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
