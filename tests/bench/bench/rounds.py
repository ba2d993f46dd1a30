# SPDX-License-Identifier: Apache-2.0
"""Measures figures in alternated rounds."""

from statistics import median

from .wrk import WrongAnswer

WARM_UP_SECONDS = 1
# Of a peer that is there for comparison: in so many runs, of all, it may be in
# its own way for as long as they last.
SILENT_RUNS = 10


def spread(values):
    return {"values": values, "median": median(values),
            "least": min(values), "most": max(values)}


def _measured(side, runs):
    costs = list(map(side.cost, runs))
    stores = [cost * run["store_us"] / run["processor_us"]
              for cost, run in zip(costs, runs)]
    return {"title": side.title, **spread(list(map(side.value, runs))),
            "cost": spread(costs), "store_cost": spread(stores)}


def _ratio(numerators, denominators):
    return spread([one / other
                   for one, other in zip(numerators, denominators)])


def _ratios(figure, ours, other):
    """Of the figures, and of the processor time, which is put the same way
    up: where more is better, it is the other's that counts more."""
    ratios = _ratio(ours["values"], other["values"])
    costs = ours["cost"]["values"], other["cost"]["values"]
    return ratios, _ratio(*(costs if figure.less else reversed(costs)))


def measure_figure(figure, world, rounds, seconds, warm_up=True, say=print):
    """Each round runs ours and then the other, and has a ratio of its own:
    what else the machine does meanwhile falls on both."""
    sides = figure.sides(world)
    if warm_up:
        for side in sides:
            side.run(WARM_UP_SECONDS)
    runs = [[side.run(seconds, world.processes()) for side in sides]
            for _ in range(rounds)]
    ours, other = map(_measured, sides, zip(*runs))
    ratios, costs = _ratios(figure, ours, other)
    row = {"name": figure.name, "title": figure.title, "unit": figure.unit,
           "ours": ours, "other": other, "ratio": ratios,
           "cost_ratio": costs, "target": figure.target,
           "limit": figure.limit, "less": figure.less,
           "met": figure.met(ratios["median"])}
    say(f"{figure.name}: {ratios['median']:.3f} ({ratios['least']:.3f} to"
        f" {ratios['most']:.3f}), by processor time {costs['median']:.3f},"
        f" ours {ours['median']:.1f}, other {other['median']:.1f}"
        f" {figure.unit}")
    return row


COUNTED = ("requests", "granted", "refused_locked", "refused_otherwise")


def _kinds(total):
    """How often each status, or loss of an answer, was the refusal."""
    kinds = {name.removeprefix("status_"): number
             for name, number in total.items() if name.startswith("status_")}
    lost = {f"no answer ({name.removeprefix('lost_')})": number
            for name, number in total.items()
            if name.startswith("lost_") and number}
    return kinds | lost, sum(lost.values())


def measure_refusals(refusals, world, requests, seconds, say=print):
    """Runs the load until so many requests are answered."""
    side = refusals.side(world)
    total = {}
    silent = 0
    while total.get("requests", 0) < requests:
        run = side.run(seconds)
        silent += not run["requests"]
        if silent > (0 if refusals.target is not None else SILENT_RUNS):
            raise WrongAnswer(f"{refusals.name}: no answer at all")
        for name, number in run.items():
            total[name] = total.get(name, 0) + int(number)
    kinds, lost = _kinds(total)
    counted = {name: total.get(name, 0) for name in COUNTED}
    counted["requests"] += lost
    counted["refused_otherwise"] += lost
    row = {"name": refusals.name, "title": refusals.title, **counted,
           "kinds": kinds, "target": refusals.target,
           "met": None if refusals.target is None
           else counted["refused_otherwise"] <= refusals.target}
    say(f"{refusals.name}: {counted} {kinds}")
    return row
