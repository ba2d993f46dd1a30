# SPDX-License-Identifier: Apache-2.0
"""Memory does not grow with requests.

LOCKS_GROWTH_REQUESTS says how many are made on one connection.
"""

import os

from harness import contract
from harness.site import running_site
from harness.system import resident

REQUESTS = int(os.environ.get("LOCKS_GROWTH_REQUESTS", "6000"))
# What any growth is measured from: by then every cache is warm.
WARM = 2000
# Far less than a byte for each of 100,000 requests.
PAGES = 64 * 1024


def test_requests_on_one_connection_leave_nothing_behind():
    with running_site(mpm="single",
                      config="MaxKeepAliveRequests 0\nLogLevel error") as site:
        course = site.course()
        other = site.course()
        user = site.user(course, other).keeping_connection()
        (child,) = site.httpd.children()

        def some(number):
            """Each kind of request, those that are refused too."""
            lock = contract.granted(
                user.lock((course, other)[number % 2], "g1"))
            contract.listed(user.locks(course))
            contract.granted(user.lock((course, other)[number % 2], "g1"))
            contract.no_gadget(user.lock(course, "nothing"), "nothing")
            contract.released(user.unlock(lock["id"]))
            contract.no_lock(user.unlock(lock["id"]), lock["id"])
            return 6

        asked = number = 0
        warm = None
        while asked < REQUESTS:
            asked += some(number)
            number += 1
            if warm is None and asked >= WARM:
                warm = resident(child)
        growth = resident(child) - warm
        print(f"\n{asked} requests: grown by {growth} bytes")
        assert site.httpd.children() == [child]
        assert growth <= PAGES, growth
        user.close()
