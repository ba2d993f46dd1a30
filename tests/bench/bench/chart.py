# SPDX-License-Identifier: Apache-2.0
"""Results as a chart: each ratio beside its target.

Ratios of very different sizes share one axis, as shares of their targets;
where less is better, upside down. So right of the line is better than asked,
whatever the figure."""

import math
from xml.sax.saxutils import escape

from .table import ratio, target

WIDTH, LABELS, RIGHT = 820, 190, 130
TOP, STEP, BAR, BOTTOM = 62, 34, 14, 40
# The axis: from a quarter of the target to as far as is needed.
LEAST = 0.25
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 16px; font-weight: 600; }
  .value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
  .small { font-size: 11px; fill: #57606a; }
  .grid { stroke: #d8dee4; }
  .target { stroke: #24292f; stroke-width: 2; }
  .limit { stroke: #8250df; stroke-width: 2; stroke-dasharray: 3 2; }
  .met { fill: #1a7f37; } .missed { fill: #bc4c00; }
  .spread { stroke: #24292f; stroke-width: 1.5; }
  .paper { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9da7b3; }
    .value { stroke: #0d1117; }
    .grid { stroke: #30363d; } .target, .spread { stroke: #e6edf3; }
    .limit { stroke: #c297ff; }
    .met { fill: #2ea043; } .missed { fill: #db6d28; }
    .paper { fill: #0d1117; }
  }
"""


def _share(row, value):
    """How many times as good as the target."""
    return row["target"] / value if row["less"] else value / row["target"]


class _Axis:
    """Logarithmic, so that half and double are as far from the line."""

    def __init__(self, most):
        self.most = 2 ** math.ceil(math.log2(max(most, 2)))
        self._steps = math.log2(self.most / LEAST)

    def x(self, share):
        share = min(max(share, LEAST), self.most)
        return (LABELS + (WIDTH - LABELS - RIGHT)
                * math.log2(share / LEAST) / self._steps)

    def marks(self):
        mark = LEAST
        while mark <= self.most:
            yield mark
            mark *= 2


def _line(kind, x1, y1, x2, y2):
    return (f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}"'
            f' x2="{x2:.1f}" y2="{y2:.1f}"/>')


def _text(x, y, words, kind="", anchor="start"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}"'
            f' text-anchor="{anchor}">{escape(words)}</text>')


def _grid(axis, height):
    for mark in axis.marks():
        x = axis.x(mark)
        yield _line("target" if mark == 1 else "grid", x, TOP - 12, x,
                    height - BOTTOM + 8)
        yield _text(x, height - BOTTOM + 24,
                    "target" if mark == 1 else f"{mark:g} x", "small",
                    "middle")


def _row(axis, row, y):
    start, end = axis.x(LEAST), axis.x(_share(row, row["ratio"]["median"]))
    spread = sorted(axis.x(_share(row, row["ratio"][name]))
                    for name in ("least", "most"))
    middle = y + BAR / 2
    yield _text(LABELS - 12, middle, row["name"], anchor="end")
    yield _text(LABELS - 12, middle + 13, target(row), "small", "end")
    yield (f'<rect class="{"met" if row["met"] else "missed"}" x="{start:.1f}"'
           f' y="{y}" width="{max(end - start, 1):.1f}" height="{BAR}"'
           ' rx="2"/>')
    yield _line("spread", spread[0], middle, spread[1], middle)
    if row["limit"] is not None:
        x = axis.x(_share(row, row["limit"]))
        yield _line("limit", x, y - 4, x, y + BAR + 4)
    said = ratio(row["ratio"]["median"])
    if _share(row, row["ratio"]["median"]) < LEAST:
        said += ", left of all this"
    yield _text(max(end, spread[1]) + 8, middle + 5, said, "value")


def draw(results):
    """An SVG, for light and for dark pages."""
    rows = [row for row in results["figures"] if row["target"] is not None]
    axis = _Axis(max(_share(row, row["ratio"]["median"]) for row in rows)
                 if rows else 2)
    height = TOP + STEP * len(rows) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}"'
        f' height="{height}" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' aria-label="Ratios beside their targets">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        _text(16, 26, "Ratios beside their targets", "title"),
        _text(16, 44, "Right of the line is better than asked; a thin line"
              " is the spread of the rounds, a dashed one a limit.",
              "small"),
        *_grid(axis, height)]
    for number, row in enumerate(rows):
        parts += _row(axis, row, TOP + STEP * number)
    return "\n".join([*parts, "</svg>"]) + "\n"
