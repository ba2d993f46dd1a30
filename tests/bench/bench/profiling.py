# SPDX-License-Identifier: Apache-2.0
"""Where the time goes: perf looks at the whole machine under three loads."""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from harness.system import eventually, parent_of, program

from . import catalogue, machine, table
from .compare import RESULTS
from .ending import end_in_order
from .samples import GENERATOR, GROUPS, Grouping, read_samples

LOADS = {"list of 10 locks": "get", "acquire + release": "cycle",
         "renewal": "renew"}
FREQUENCY = 997
FUNCTIONS = 25


def _side(name, world):
    figure = next(row for row in catalogue.FIGURES if row.name == name)
    return figure.sides(world)[0]


def _generator():
    """The process of the wrk that this one has started."""
    for process in Path("/proc").glob("[0-9]*"):
        if parent_of(process) == os.getpid():
            with suppress(OSError):
                if (process / "comm").read_text() == "wrk\n":
                    return int(process.name)
    return None


def _record(side, seconds, path):
    """Samples of the middle of a run. Returns the load generator's process."""
    side.run(1)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(side.run, seconds + 2)
        generator = eventually(_generator)
        subprocess.run(
            [program("perf"), "record", "-q", "-a", "-g", "-F",
             str(FREQUENCY), "-o", path, "--", "sleep", str(seconds)],
            check=True, capture_output=True)
        run.result()
    return generator


def profile(seconds):
    """The counts of groups and functions for each load."""
    counted = {}
    with catalogue.start("event") as world:
        site = world.site
        for title, name in LOADS.items():
            path = world.folder / f"{name}.perf"
            generator = _record(_side(name, world), seconds, path)
            grouping = Grouping(site.httpd.children(), site.store.pid,
                                generator)
            counted[title] = grouping.count(read_samples(path))
            path.unlink()
    return counted


def _shares(counted):
    totals = {title: sum(groups[name] for name in GROUPS)
              for title, (groups, _) in counted.items()}
    rows = [[name, *(f"{groups[name] / totals[title]:.1%}"
                     for title, (groups, _) in counted.items())]
            for name in GROUPS]
    rows.append(["samples", *(f"{total:,}" for total in totals.values())])
    rows.append([f"for comparison: {GENERATOR}",
                 *(f"{groups[GENERATOR] / totals[title]:.1%}"
                   for title, (groups, _) in counted.items())])
    return table.rows(["", *counted], rows)


def _functions(title, groups, functions):
    total = sum(groups[name] for name in GROUPS)
    lines = [[f"`{symbol}`", library, group, f"{count / total:.1%}"]
             for (group, symbol, library), count
             in functions.most_common(FUNCTIONS)]
    return (f"### {title}\n\n"
            + table.rows(["function", "where", "counts as", "share"], lines))


def page(counted, seconds, here):
    parts = ["<!-- Written by tests/bench/profile.sh -->",
             "Shares of the processor time that httpd and memcached used,"
             f" in {seconds} s of each load, at {FREQUENCY} samples a second"
             " and core. The load generator is no part of the whole.",
             _shares(counted),
             "The functions of httpd's processes with the largest shares,"
             " the kernel's left out:",
             *(_functions(title, *both) for title, both in counted.items()),
             "Machine:", table.facts(here),
             "Versions:", table.facts(machine.versions())]
    return "\n\n".join(parts) + "\n"


def main(arguments):
    parser = argparse.ArgumentParser(prog="sh tests/bench/profile.sh",
                                     description=__doc__)
    parser.add_argument("--seconds", type=int, default=10,
                        help="under each load")
    options = parser.parse_args(arguments)
    end_in_order()
    here = machine.machine()
    text = page(profile(options.seconds), options.seconds, here)
    (RESULTS / "profile.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
