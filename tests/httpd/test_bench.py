# SPDX-License-Identifier: Apache-2.0
"""What measures speed works: every answer is right, every figure has its row.
Nothing here is a matter of time."""

import os
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from harness.system import ROOT

sys.path.insert(0, str(ROOT / "tests" / "bench"))

from bench import catalogue, chart, compare, soak, table  # noqa: E402
from bench import rounds, samples, trivial, wrk  # noqa: E402
from bench.against_trivial import trivial_answer  # noqa: E402
from bench.figure import Refusals  # noqa: E402

# Their peers are not installed for the tests.
HERE = [name for name in catalogue.NAMES if name not in catalogue.WITH_PEERS]
pytestmark = pytest.mark.skipif(
    "LOCKS_WRAPPER" in os.environ, reason="a tool makes httpd too slow for it")
NOBODY = {"header:SID": "nobody{n}"}


@pytest.fixture(scope="module")
def results():
    return compare.compare(HERE, rounds=1, seconds=1, requests=1,
                           warm_up=False)


def test_every_figure_has_its_row(results, tmp_path):
    rows = results["figures"] + results["refusals"]
    assert [row["name"] for row in rows] == HERE
    compare.write(results, tmp_path)
    text = (tmp_path / "table.md").read_text()
    assert all(f"| `{name}` |" in text for name in HERE)
    assert "- mod_locks: " in text and "- wrk: " in text
    assert "| 1,000,000 |" in (tmp_path / "capacity.md").read_text()


def test_every_target_has_its_bar(results):
    picture = ElementTree.fromstring(chart.draw(results))
    words = {element.text for element in picture.iter()}
    assert {row["name"] for row in results["figures"]
            if row["target"] is not None} <= words


def test_the_readme_shows_the_tables(results, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"a\n{compare.BEGIN}old\n{compare.END}b\n")
    compare.show(results, readme)
    text = readme.read_text()
    assert text.startswith("a\n") and text.endswith("b\n")
    assert table.tables(results) in text and "old" not in text


@pytest.fixture(scope="module")
def world():
    with catalogue.start("event") as world:
        yield world


def test_the_trivial_answer_is_right(world):
    wrk.measure(trivial_answer(world.trivial, "/trivial", NOBODY), 1)


@pytest.mark.parametrize("expected", [
    {"status": 201}, {"begins": "["}, {"ends": "]"},
    # Of an answer that is too short, the end would be wrong, too.
    {"length": len(trivial.ANSWER) + 1, "ends": ""}])
def test_a_wrong_answer_is_a_failed_run(world, expected):
    load = trivial_answer(world.trivial, "/trivial", NOBODY)
    wrong = replace(load, options={**load.options, **expected})
    with pytest.raises(wrk.WrongAnswer, match="not the same answer: 200 {"):
        wrk.measure(wrong, 1)


@pytest.mark.parametrize("script", ["cycle", "renew", "contended", "mix"])
def test_a_fast_error_is_a_failed_run(world, script):
    options = {**NOBODY, "path": "/locks", "course": "nothere", "owner": "x",
               "gadget": "g1", "gadgets": 1, "users": 1, "method": "POST",
               "courses": 1, "first": 1}
    with pytest.raises(wrk.WrongAnswer, match=": 401 {"):
        wrk.measure(wrk.Load(script, world.address(), options), 1)


def test_a_server_that_is_gone_is_a_failed_run():
    with pytest.raises(wrk.WrongAnswer):
        wrk.measure(trivial_answer(("127.0.0.1", 1), "/trivial", NOBODY), 1)


def test_a_soak_has_its_verdicts():
    results = soak.soak(2, seconds=1, maximum_seconds=1)
    assert [row["minute"] for row in results["minutes"]] == [1, 2]
    assert len(soak.judge(results)) == 4
    assert "| minute | requests/s |" in soak.page(results)


def test_a_soak_tells_growth():
    megabyte = 2 ** 20
    assert soak.grown([100 * megabyte] * 10)["flat"]
    assert not soak.grown([n * megabyte for n in range(100, 200)])["flat"]


def test_a_profile_tells_parts_apart():
    grouping = samples.Grouping({1}, 2, 3)

    def group(pid, *frames):
        frames = [samples.Frame(*frame) for frame in frames]
        return grouping.group(samples.Sample(pid, frames))

    kernel, module = "[kernel.kallsyms]", "/x/mod_locks.so"
    assert group(1, ("locks_acquire", module)) == samples.LOCKS
    assert group(1, ("locks_memcached_fetch.constprop.0", module)
                 ) == samples.LIBMEMCACHED
    assert group(1, ("json_tokener_parse_ex", "/x/libjson-c.so.5")
                 ) == samples.JSON
    assert group(1, ("copy", kernel), ("__x64_sys_sendto", kernel)
                 ) == samples.WAY
    assert group(1, ("copy", kernel), ("__x64_sys_writev", kernel)
                 ) == samples.CLIENTS
    assert group(2, ("copy", kernel)) == samples.MEMCACHED
    assert group(3, ("copy", kernel)) == samples.GENERATOR
    assert group(4, ("copy", kernel)) is None


# ---- Who answers nothing at all ----

class Dumb:
    """A side that answers in some of its runs."""

    def __init__(self, *requests):
        self._requests = iter(requests)

    def run(self, _seconds):
        return {"requests": next(self._requests), "granted": 0}


def count_refusals(target, *requests):
    refusals = Refusals("dumb", "", "event", lambda _world: Dumb(*requests),
                        target)
    return rounds.measure_refusals(refusals, None, 100, 1)


def test_a_peer_may_be_silent_for_a_while():
    assert count_refusals(None, 60, 0, 0, 40)["requests"] == 100


@pytest.mark.parametrize("target, requests", [
    (0, [60, 0, 40]), (None, [60, *[0] * (rounds.SILENT_RUNS + 1), 40])])
def test_silence_is_a_failed_run(target, requests):
    with pytest.raises(wrk.WrongAnswer, match="dumb: no answer at all"):
        count_refusals(target, *requests)
