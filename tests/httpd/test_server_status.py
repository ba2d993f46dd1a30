# SPDX-License-Identifier: Apache-2.0
"""The section in mod_status's page, where mod_status is loaded."""

from html.parser import HTMLParser

import pytest
from harness import contract
from harness.httpd import MODULES
from harness.site import LOCATION, running_site
from harness.status import STATUS, Status
from harness.system import eventually

SERVER_STATUS = """
<Location "/server-status">
    SetHandler server-status
</Location>
"""


class Cells(HTMLParser):
    """The texts of a page's table cells."""

    def __init__(self, text):
        super().__init__()
        self.cells = []
        self._is_cell = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self._is_cell = tag == "td"

    def handle_data(self, data):
        if self._is_cell:
            self.cells.append(data.strip())


@pytest.fixture(scope="module")
def site():
    with running_site(location=LOCATION + STATUS + SERVER_STATUS,
                      modules=(*MODULES, "status")) as site:
        yield site


def ask(site, query=""):
    answer = site.client().raw("GET", "/server-status" + query, checked=False)
    assert answer.status == 200
    return answer.body.decode()


def auto(site):
    """mod_status's lines as far as they are ours."""
    lines = dict(line.split(": ", 1) for line in
                 ask(site, "?auto").splitlines() if ": " in line)
    return {name: int(value) for name, value in lines.items()
            if name.startswith("Locks")}


def test_section_of_the_page(site):
    course = site.course()
    contract.granted(site.user(course).lock(course, "g1"))
    page = ask(site)
    assert "<h2>Edit locks (mod_locks " in page
    assert "0 servers of the store in trouble" in page
    cells = Cells(page).cells
    count = cells[cells.index("grants") + 1]
    assert int(count) == Status(site.httpd.address).metrics()["grants_total"]
    assert "Edit locks" in ask(site, "?notable")
    assert "<td>grants</td>" not in ask(site, "?notable")


def test_lines_for_scripts_are_those_of_locks_status(site):
    course = site.course()
    contract.granted(site.user(course).lock(course, "g1"))
    ours = Status(site.httpd.address).auto()
    theirs = auto(site)
    assert theirs.pop("LocksServersInTrouble") == 0
    assert theirs.items() <= ours.items()
    assert theirs["LocksGrants"] > 0 and len(theirs) > 50
    assert "Total Accesses: " in ask(site, "?auto")


def test_servers_in_trouble_are_counted_while_the_store_hangs():
    """It asks no store."""
    with running_site(location=LOCATION + STATUS + SERVER_STATUS,
                      timeout="2s", modules=(*MODULES, "status")) as site:
        eventually(lambda: "may drop locks" in site.httpd.log())
        site.store.pause()
        status = Status(site.httpd.address)
        assert status.health() is not None
        answer = site.client().raw("GET", "/server-status?auto",
                                   checked=False)
        assert answer.elapsed < 1
        assert auto(site)["LocksServersInTrouble"] == 1
        assert "1 servers of the store in trouble" in ask(site)
        site.store.resume()
        status.eventually_healthy()
        assert auto(site)["LocksServersInTrouble"] == 0


def test_module_works_without_mod_status():
    assert "status" not in MODULES
    with running_site(location=LOCATION + STATUS) as site:
        course = site.course()
        contract.granted(site.user(course).lock(course, "g1"))
        assert Status(site.httpd.address).auto()["LocksGrants"] == 1
