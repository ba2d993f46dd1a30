# SPDX-License-Identifier: Apache-2.0
"""Half an hour of mixed load at half of what the server can do: does memory
stay, is no answer a 5xx, and does it stay as fast?"""

import argparse
import json
import sys
import threading
from dataclasses import replace
from statistics import median

from harness.system import resident

from . import machine, table, wrk
from .against_trivial import listing
from .compare import RESULTS
from .ending import end_in_order
from .world import running_world
from .wrk import CONNECTIONS, Load

# As it is where nothing is said: half an hour has to go without a 5xx.
TIMEOUT = "LocksStoreTimeout 250ms"
SAMPLE_SECONDS = 10
MAXIMUM_SECONDS = 15
WARM_UP_SECONDS = 10
# As many as httpd has workers.
WARM_UP_CONNECTIONS = 96
COURSES = 8
# Locks of others in each course.
HELD = 10
# The bounds. Memory of the last fifth of the samples is compared with that
# of the second fifth: in the first one, pools and slabs still fill.
P99_GROWTH = 1.5
MEMORY_GROWTH = 0.05
MEMORY_SLACK = 1024 * 1024


class Memory(threading.Thread):
    """Samples the memory that httpd's processes and memcached have for
    themselves."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self._world = world
        self._ended = threading.Event()
        self.samples = {"httpd": [], "memcached": []}

    def run(self):
        self._sample()
        while not self._ended.wait(SAMPLE_SECONDS):
            self._sample()

    def _sample(self):
        site = self._world.site
        processes = [site.httpd.pid, *site.httpd.children()]
        self.samples["httpd"].append(sum(map(resident, processes)))
        self.samples["memcached"].append(resident(site.store.pid))

    def end(self):
        self._ended.set()
        self.join()


def grown(samples):
    """The medians of the second and of the last fifth, and whether it stayed
    at that."""
    fifth = max(1, len(samples) // 5)
    before = median(samples[fifth:2 * fifth] or samples)
    after = median(samples[-fifth:])
    flat = after <= before * (1 + MEMORY_GROWTH) + MEMORY_SLACK
    return {"before": before, "after": after, "flat": flat}


def mixed_load(world):
    """Users on some courses, in each of which others hold locks too."""
    people = world.people
    for number in range(1, COURSES + 1):
        people.course(f"soakcourse{number}", HELD + CONNECTIONS)
        people.hold(f"soakholder{number}-", f"soakcourse{number}", HELD)
    for number in range(1, CONNECTIONS + 1):
        world.site.database.permit(f"soakcourse{number % COURSES + 1}",
                                   f"soaker{number}")
        world.site.write_session(
            f"soaker{number}", {"sessionType": "PlainUserSession",
                                "userId": f"soaker{number}"})
    return Load("mix", world.address(),
                {"path": "/locks", "course": "soakcourse",
                 "courses": COURSES, "first": HELD + 1,
                 "header:SID": "soaker{n}"})


def warm_up(world, seconds):
    """Has all workers do something. What each has taken it keeps, and how many
    work at once later is a matter of chance. Where one child gets more
    connections than it has workers it closes some."""
    course = "soakcourse1"
    side = listing(world, course, HELD, world.people.users("warmer", course))
    counted = wrk.measure(replace(side.load, tolerant=True,
                                  connections=WARM_UP_CONNECTIONS), seconds)
    if not counted["requests"]:
        raise wrk.WrongAnswer("no answer at all while warming up")


def _minute(load, number, seconds, say):
    counted = wrk.measure(load, seconds)
    failed = sum(count for name, count in counted.items()
                 if name.startswith("failed_"))
    row = {"minute": number, "rate": wrk.requests_per_second(counted),
           "p50_us": counted["p50_us"], "p99_us": counted["p99_us"],
           "failed": int(failed), "unchanged": int(counted["unchanged"]),
           "load": machine.load()}
    say(json.dumps(row))
    return row


def soak(minutes, seconds=60, maximum_seconds=MAXIMUM_SECONDS, say=print):
    """What became of so many minutes, of so many seconds each."""
    here = machine.machine()
    with running_world("event", TIMEOUT) as world:
        load = mixed_load(world)
        warm_up(world, min(seconds, WARM_UP_SECONDS))
        maximum = wrk.requests_per_second(wrk.measure(load, maximum_seconds))
        say(f"the most: {maximum:.0f} requests/s")
        half = replace(load, options={
            **load.options, "rate": maximum / 2 / CONNECTIONS})
        memory = Memory(world)
        memory.start()
        rows = [_minute(half, number, seconds, say)
                for number in range(1, minutes + 1)]
        memory.end()
    return {"machine": here, "versions": machine.versions(),
            "maximum": maximum, "minutes": rows, "memory": memory.samples}


def judge(results):
    """What is asked of it, by name, and whether it is so."""
    rows = results["minutes"]
    growth = rows[-1]["p99_us"] / rows[0]["p99_us"]
    failed = sum(row["failed"] for row in rows)
    verdicts = {f"5xx: {failed}, none allowed": failed == 0,
                f"p99 of the last minute: {growth:.2f} times that of the"
                f" first, {P99_GROWTH} allowed": growth <= P99_GROWTH}
    for name, samples in results["memory"].items():
        change = grown(samples)
        verdicts[f"memory of {name}: {change['before'] / 2 ** 20:.1f} MiB"
                 f" before, {change['after'] / 2 ** 20:.1f} MiB at the end,"
                 f" {MEMORY_GROWTH:.0%} + 1 MiB more allowed"] = change["flat"]
    return verdicts


def page(results):
    rows = results["minutes"]
    half = results["maximum"] / 2
    lines = [[str(row["minute"]), f"{row['rate']:,.0f}",
              f"{row['p50_us'] / 1000:.2f} ms",
              f"{row['p99_us'] / 1000:.2f} ms", str(row["failed"]),
              row["load"]] for row in rows]
    verdicts = [f"- {'yes' if good else '**no**'}: {what}"
                for what, good in judge(results).items()]
    return "\n\n".join([
        "<!-- Written by tests/bench/soak.sh -->",
        f"{len(rows)} minutes of mixed load at {half:,.0f} requests/s, half"
        f" of the {results['maximum']:,.0f} that were the most.",
        "\n".join(verdicts),
        table.rows(["minute", "requests/s", "median", "p99", "5xx",
                    "load of the machine"], lines),
        "Machine:", table.facts(results["machine"]),
        "Versions:", table.facts(results["versions"])]) + "\n"


def main(arguments):
    parser = argparse.ArgumentParser(prog="sh tests/bench/soak.sh",
                                     description=__doc__)
    parser.add_argument("--minutes", type=int, default=30)
    options = parser.parse_args(arguments)
    end_in_order()
    try:
        results = soak(options.minutes)
    except wrk.WrongAnswer as wrong:
        sys.exit(f"A wrong answer: {wrong}")
    text = page(results)
    (RESULTS / "soak.json").write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "soak.md").write_text(text)
    print(text)
    sys.exit(0 if all(judge(results).values()) else "It did not hold.")


if __name__ == "__main__":
    main(sys.argv[1:])
