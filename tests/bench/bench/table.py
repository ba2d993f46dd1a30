# SPDX-License-Identifier: Apache-2.0
"""Results as tables in Markdown."""

VERDICTS = {True: "met", False: "**missed**", None: ""}


def number(value):
    """Three digits that count, and no fewer before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(value):
    return f"{value:.3f}" if value < 1 else number(value)


def with_spread(values, form):
    return (f"{form(values['median'])} ({form(values['least'])} to"
            f" {form(values['most'])})")


def target(row):
    if row["target"] is None:
        return ""
    sign = "≤" if row["less"] else "≥"
    limit = f", limit {row['limit']:g}" if row["limit"] is not None else ""
    return f"{sign} {row['target']:g}{limit}"


def rows(header, lines):
    lines = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _side(row, name, unit):
    side = row[name]
    return f"{side['title']}: {with_spread(side, number)} {unit}"


def figures(results):
    return rows(
        ["figure", "ours", "beside it", "ratio", "target", "",
         "by processor time"],
        [[f"`{row['name']}`", _side(row, "ours", row["unit"]),
          _side(row, "other", row["unit"]),
          with_spread(row["ratio"], ratio), target(row),
          VERDICTS[row["met"]], with_spread(row["cost_ratio"], ratio)]
         for row in results])


def _refused(row):
    refused = row["refused_otherwise"]
    if not refused:
        return "0"
    kinds = ", ".join(f"{kind}: {count:,}" for kind, count
                      in sorted(row["kinds"].items()))
    return f"{refused:,} ({refused / row['requests']:.3%}; {kinds})"


def refusals(results):
    return rows(
        ["figure", "what", "requests", "granted", "refused for a lock",
         "refused otherwise", "target", ""],
        [[f"`{row['name']}`", row["title"], f"{row['requests']:,}",
          f"{row['granted']:,}", f"{row['refused_locked']:,}",
          _refused(row), "" if row["target"] is None else str(row["target"]),
          VERDICTS[row["met"]]] for row in results])


def facts(values):
    return "\n".join(f"- {name}: {value}" for name, value in values.items())


def tables(results):
    """What the README shows."""
    settings, here = results["settings"], results["machine"]
    return "\n\n".join([
        f"Medians of {settings['rounds']} rounds of {settings['seconds']} s"
        " (least to most); each round has a ratio of its own."
        f" {here['CPU']}, {here['cores']} cores, {here['system']};"
        f" mod_locks at {results['versions']['mod_locks']}.",
        figures(results["figures"]), refusals(results["refusals"])])


def page(results):
    """The whole of table.md."""
    return "\n\n".join([
        "<!-- Written by tests/bench/run.sh -->", tables(results),
        "Machine:", facts(results["machine"]),
        "Versions:", facts(results["versions"])]) + "\n"
