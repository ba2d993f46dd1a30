# SPDX-License-Identifier: Apache-2.0
"""What so many editors need, reckoned from what was measured.

Each polls a list of 10 locks and renews a lock, as often as below. What one of
these takes of httpd's and of memcached's processor time is in results.json.
"""

from . import table

EDITORS = (1_000, 10_000, 100_000, 1_000_000)
POLL_SECONDS = 5
RENEW_SECONDS = 60
# Round trips, and kilobytes between httpd and memcached, both ways; see
# "Capacity" in conf/docs/running.md.
POLL = {"figure": "get-304", "trips": 1, "kilobytes": 2.9}
RENEW = {"figure": "renew", "trips": 2, "kilobytes": 1.6}


def _rates(editors):
    return ((POLL, editors / POLL_SECONDS), (RENEW, editors / RENEW_SECONDS))


def _costs(results):
    """Microseconds of httpd and of memcached for one request, by figure."""
    return {row["name"]: {
        "store": row["ours"]["store_cost"]["median"],
        "httpd": row["ours"]["cost"]["median"]
        - row["ours"]["store_cost"]["median"]}
        for row in results["figures"]}


def needs(editors, costs):
    """Per second: requests, round trips, megabits; and whole cores."""
    rates = _rates(editors)

    def cores(kind):
        return sum(rate * costs[work["figure"]][kind]
                   for work, rate in rates) / 1e6

    return {"requests": sum(rate for _, rate in rates),
            "trips": sum(rate * work["trips"] for work, rate in rates),
            "megabits": sum(rate * work["kilobytes"] * 8 / 1000
                            for work, rate in rates),
            "httpd": cores("httpd"), "store": cores("store")}


def page(results):
    costs = _costs(results)
    lines = [[f"{editors:,}", *(table.number(need[name]) for name in
                                ("requests", "trips", "megabits", "httpd",
                                 "store"))]
             for editors in EDITORS
             for need in [needs(editors, costs)]]
    figures = "; ".join(
        f"{work['figure']}: httpd {costs[work['figure']]['httpd']:.0f} us,"
        f" memcached {costs[work['figure']]['store']:.0f} us"
        for work in (POLL, RENEW))
    return "\n\n".join([
        "<!-- Written by tests/bench/run.sh -->",
        f"Processor time for one request: {figures}.",
        table.rows(["editors", "requests/s", "round trips/s",
                    "megabits/s to memcached", "cores for httpd",
                    "cores for memcached"], lines)]) + "\n"


def write(results, folder):
    names = {row["name"] for row in results["figures"]}
    if {POLL["figure"], RENEW["figure"]} <= names:
        (folder / "capacity.md").write_text(page(results))
