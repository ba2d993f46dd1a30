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


def _table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _side(row, name, unit):
    side = row[name]
    return f"{side['title']}: {with_spread(side, number)} {unit}"


def figures(rows):
    return _table(
        ["figure", "ours", "beside it", "ratio", "target", ""],
        [[f"`{row['name']}`", _side(row, "ours", row["unit"]),
          _side(row, "other", row["unit"]),
          with_spread(row["ratio"], ratio), target(row),
          VERDICTS[row["met"]]] for row in rows])


def _refused(row):
    refused = row["refused_otherwise"]
    if not refused:
        return "0"
    kinds = ", ".join(f"{count:,} of {status}" for status, count
                      in sorted(row["statuses"].items()))
    return f"{refused:,} ({refused / row['requests']:.3%}: {kinds})"


def refusals(rows):
    return _table(
        ["figure", "what", "requests", "granted", "refused for a lock",
         "refused otherwise", "target", ""],
        [[f"`{row['name']}`", row["title"], f"{row['requests']:,}",
          f"{row['granted']:,}", f"{row['refused_locked']:,}",
          _refused(row), "" if row["target"] is None else str(row["target"]),
          VERDICTS[row["met"]]] for row in rows])


def facts(values):
    return "\n".join(f"- {name}: {value}" for name, value in values.items())


def page(results):
    """The whole of table.md."""
    settings = results["settings"]
    parts = [
        "<!-- Written by tests/bench/run.sh -->",
        f"Medians of {settings['rounds']} rounds of {settings['seconds']} s"
        " (least to most); each round has a ratio of its own.",
        figures(results["figures"]), refusals(results["refusals"]),
        "Machine:", facts(results["machine"]),
        "Versions:", facts(results["versions"])]
    return "\n\n".join(parts) + "\n"
