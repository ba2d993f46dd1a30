# SPDX-License-Identifier: Apache-2.0
"""Measures all figures and writes what they come to."""

import argparse
import json
import sys
from pathlib import Path

from harness.system import ROOT

from . import capacity, catalogue, chart, machine, table
from .ending import end_in_order
from .rounds import measure_figure, measure_refusals
from .wrk import WrongAnswer

RESULTS = Path(__file__).resolve().parents[1] / "results"
README = ROOT / "README.md"
# Between these lines the README shows the tables.
BEGIN = "<!-- What follows is written by tests/bench/run.sh -->\n"
END = "<!-- What precedes is written by tests/bench/run.sh -->\n"
REQUESTS = 100_000


def compare(names, rounds=7, seconds=3, requests=REQUESTS, warm_up=True,
            start=catalogue.start, say=print):
    """The results of the figures of these names."""
    results = {"machine": machine.machine(), "versions": machine.versions(),
               "settings": {"rounds": rounds, "seconds": seconds},
               "figures": [], "refusals": []}
    figures = [row for row in catalogue.FIGURES if row.name in names]
    refusals = [row for row in catalogue.REFUSALS if row.name in names]
    for kind in ("event", "prefork"):
        here = [row for row in figures if row.world == kind]
        counted = [row for row in refusals if row.world == kind]
        if not here and not counted:
            continue
        with start(kind) as world:
            results["figures"] += [
                measure_figure(row, world, rounds, seconds, warm_up, say)
                for row in here]
            results["refusals"] += [
                measure_refusals(row, world, requests, seconds, say)
                for row in counted]
    results["machine"]["load after"] = machine.load()
    results["figures"].sort(key=lambda row: names.index(row["name"]))
    return results


def write(results, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(
        json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (folder / "table.md").write_text(table.page(results))
    (folder / "chart.svg").write_text(chart.draw(results))
    capacity.write(results, folder)


def show(results, readme=README):
    """Puts the tables where the README has those of the last time."""
    before, _, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{readme} has no place for the tables"
    readme.write_text(f"{before}{BEGIN}\n{table.tables(results)}\n\n"
                      f"{END}{after}")


def _options(arguments):
    parser = argparse.ArgumentParser(
        prog="sh tests/bench/run.sh", description="Measures mod_locks beside"
        " others. README.md beside run.sh explains the figures.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3,
                        help="of each run; whole ones, as wrk takes them")
    parser.add_argument("--requests", type=int, default=REQUESTS,
                        help="among which refusals are counted")
    parser.add_argument("--smoke", action="store_true",
                        help="one round of a second, for a first look")
    parser.add_argument("--only", action="append", metavar="NAME",
                        choices=catalogue.NAMES,
                        help="one figure, as often as wished, of: "
                        + ", ".join(catalogue.NAMES))
    parser.add_argument("--output", type=Path, metavar="FOLDER",
                        help="where the results go; if nothing is said and"
                        " all figures are measured, tests/bench/results and"
                        " README.md, otherwise nowhere")
    return parser.parse_args(arguments)


def main(arguments):
    options = _options(arguments)
    end_in_order()
    settings = {"rounds": options.rounds, "seconds": options.seconds,
                "requests": options.requests}
    if options.smoke:
        settings = {"rounds": 1, "seconds": 1, "requests": 1,
                    "warm_up": False}
    try:
        results = compare(options.only or catalogue.NAMES, **settings)
    except WrongAnswer as wrong:
        sys.exit(f"A wrong answer, so there are no results: {wrong}")
    folder = options.output
    if folder is None and not options.only and not options.smoke:
        folder = RESULTS
        show(results)
    if folder is not None:
        write(results, folder)
    print(table.page(results))


if __name__ == "__main__":
    main(sys.argv[1:])
