# SPDX-License-Identifier: Apache-2.0
"""A strict reader of what Prometheus scrapes: its text format 0.0.4, and
OpenMetrics 1.0. It takes what the module may send, and nothing else."""

import math
import re
from collections import namedtuple

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
HELP_LINE = re.compile(rf"# HELP ({NAME}) ((?:[^\\\n]|\\\\|\\n)+)")
TYPE_LINE = re.compile(rf"# TYPE ({NAME}) (counter|gauge|histogram)")
SAMPLE_LINE = re.compile(
    rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([0-9]+(?:\.[0-9]+)?)")
# As every client library writes bounds, so that queries find them.
BOUND = re.compile(r"\+Inf|[1-9]e-0[5-9]|0\.0{0,3}[1-9]\d*|[1-9]\d*(\.\d+)?")
LABELS = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}

Family = namedtuple("Family", "name type help samples")
Sample = namedtuple("Sample", "name labels value")


def _labels(text):
    pairs = [(name, re.sub(r"\\.", lambda found: UNESCAPED[found[0]], value))
             for name, value in LABELS.findall(text or "")]
    assert len(dict(pairs)) == len(pairs), f"a label twice: {text}"
    return dict(pairs)


def _suffixes(kind, is_open):
    if kind == "histogram":
        return ("_bucket", "_sum", "_count")
    return ("_total",) if kind == "counter" and is_open else ("",)


def _families(lines, is_open):
    """Each family is a HELP line, a TYPE line, and its samples."""
    families = []
    for line in lines:
        if line.startswith("# HELP "):
            name, text = HELP_LINE.fullmatch(line).groups()
            families.append(Family(name, None, text, []))
        elif line.startswith("#"):
            name, kind = TYPE_LINE.fullmatch(line).groups()
            assert families[-1].name == name and not families[-1].samples
            assert families[-1].type is None, f"two types: {line}"
            families[-1] = families[-1]._replace(type=kind)
        else:
            found = SAMPLE_LINE.fullmatch(line)
            assert found, f"no sample: {line!r}"
            family = families[-1]
            suffix = found[1].removeprefix(family.name)
            assert suffix in _suffixes(family.type, is_open), line
            family.samples.append(
                Sample(found[1], _labels(found[2]), float(found[3])))
    return families


def _check_histogram(family):
    """Buckets are cumulative and end with all that was counted."""
    series = {}
    for name, labels, value in family.samples:
        rest = tuple(sorted(item for item in labels.items()
                            if item[0] != "le"))
        buckets, numbers = series.setdefault(rest, ([], {}))
        if name.endswith("_bucket"):
            assert BOUND.fullmatch(labels["le"]), labels
            buckets.append((float(labels["le"].replace("+Inf", "inf")), value))
        else:
            assert "le" not in labels
            numbers[name.removeprefix(family.name)] = value
    for buckets, numbers in series.values():
        bounds = [bound for bound, _ in buckets]
        counts = [count for _, count in buckets]
        assert bounds == sorted(set(bounds)) and bounds[-1] == math.inf
        assert counts == sorted(counts), family
        assert set(numbers) == {"_sum", "_count"}
        assert numbers["_count"] == counts[-1], family
        assert numbers["_sum"] > 0 or counts[-1] == 0, family
        # All lie between their bounds, the open last one but for its end.
        least = sum(count * bound for count, bound in zip(
            [now - then for then, now in zip(counts, counts[1:])], bounds))
        assert numbers["_sum"] >= least * 0.999999, family


def _check_family(family, is_open):
    assert family.type is not None and family.help, family
    names = [(sample.name, tuple(sorted(sample.labels.items())))
             for sample in family.samples]
    assert len(set(names)) == len(names), f"a sample twice: {family}"
    assert family.name.startswith("mod_locks_")
    if family.type == "counter":
        assert family.name.endswith("_total") != is_open, family
    else:
        assert not family.name.endswith("_total"), family
    if family.type == "histogram":
        _check_histogram(family)


def families(text, is_open=False):
    """The families, in their order."""
    assert text.endswith("\n") and "\r" not in text
    lines = text[:-1].split("\n")
    if is_open:
        assert lines.pop() == "# EOF"
    found = _families(lines, is_open)
    names = [family.name for family in found]
    assert len(set(names)) == len(names), f"a family twice: {names}"
    for family in found:
        _check_family(family, is_open)
    return found


def key(sample):
    """A sample's name and what its labels say, such as
    "requests_total acquire done"."""
    return " ".join([sample.name.removeprefix("mod_locks_"),
                     *sample.labels.values()])


def samples(text, is_open=False):
    """All samples by their key."""
    return {key(sample): sample.value
            for family in families(text, is_open)
            for sample in family.samples}
