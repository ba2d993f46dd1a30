# SPDX-License-Identifier: Apache-2.0
"""Measures figures in alternated rounds."""

from statistics import median

WARM_UP_SECONDS = 1


def spread(values):
    return {"median": median(values), "least": min(values),
            "most": max(values)}


def measure_figure(figure, world, rounds, seconds, warm_up=True, say=print):
    """Each round runs ours and then the other, and has a ratio of its own:
    what else the machine does meanwhile falls on both."""
    ours, other = figure.sides(world)
    if warm_up:
        ours.run(WARM_UP_SECONDS)
        other.run(WARM_UP_SECONDS)
    values, others = [], []
    for _ in range(rounds):
        values.append(ours.value(ours.run(seconds)))
        others.append(other.value(other.run(seconds)))
    ratios = [value / reference for value, reference in zip(values, others)]
    row = {"name": figure.name, "title": figure.title, "unit": figure.unit,
           "ours": {"title": ours.title, "values": values, **spread(values)},
           "other": {"title": other.title, "values": others,
                     **spread(others)},
           "ratio": {"values": ratios, **spread(ratios)},
           "target": figure.target, "limit": figure.limit,
           "less": figure.less, "met": figure.met(median(ratios))}
    say(f"{figure.name}: {row['ratio']['median']:.3f}"
        f" ({min(ratios):.3f} to {max(ratios):.3f}), ours"
        f" {median(values):.1f}, other {median(others):.1f} {figure.unit}")
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
    while total.get("requests", 0) < requests:
        for name, number in side.run(seconds).items():
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
