# SPDX-License-Identifier: Apache-2.0
"""Loads, which wrk makes, and whose every answer its scripts check."""

import json
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.system import program

SCRIPTS = Path(__file__).resolve().parents[1] / "lua"
CONNECTIONS = 32


class WrongAnswer(Exception):
    """A server answered what it must not. The whole run counts for nothing:
    a fast error is no speed."""


@dataclass(frozen=True)
class Load:
    """What is asked of a server. `options` go to the script; of `threads`
    each has a share of the connections and a state of its own. A `tolerant`
    one counts requests without an answer, as its script counts refusals; that
    there is none at all is for the caller to judge."""

    script: str
    address: tuple
    options: dict = field(default_factory=dict)
    threads: int = CONNECTIONS
    connections: int = CONNECTIONS
    tolerant: bool = False

    def command(self, seconds):
        host, port = self.address
        return [program("wrk"), f"-t{self.threads}", f"-c{self.connections}",
                f"-d{seconds}s", "--timeout", "10s",
                "-s", f"{self.script}.lua", f"http://{host}:{port}", "--",
                *(f"{name}={value}" for name, value in self.options.items())]


def processor_time(processes):
    """Microseconds that all threads of these processes have run."""
    nanoseconds = 0
    for pid in processes:
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            # Threads may end while one looks.
            with suppress(OSError):
                nanoseconds += int(path.read_text().split()[0])
    return nanoseconds / 1000


def measure(load, seconds, processes=None):
    """Runs the load; returns what was counted, as numbers by name, and the
    time that processes ran meanwhile: lists of their IDs, by kind."""
    processes = processes or {}
    before = {kind: processor_time(processes[kind]) for kind in processes}
    answer = subprocess.run(load.command(seconds), cwd=SCRIPTS, text=True,
                            capture_output=True, timeout=seconds + 60)
    lines = [line for line in answer.stdout.splitlines()
             if line.startswith("BENCH ")]
    if answer.returncode or not lines or "PANIC" in answer.stderr:
        raise WrongAnswer(f"{load.script}: {answer.stdout}{answer.stderr}")
    counted = json.loads(lines[-1].removeprefix("BENCH "))
    ran = {f"{kind}_us": processor_time(processes[kind]) - before[kind]
           for kind in processes}
    counted |= ran | {"processor_us": sum(ran.values())}
    _check(load, counted, counted.pop("first_wrong"))
    return counted


def _check(load, counted, first_wrong):
    lost = {name: number for name, number in counted.items()
            if name.startswith("lost_") and number}
    if counted["wrong"]:
        raise WrongAnswer(f"{load.script}, {counted['wrong']:.0f} answers of"
                          f" {counted['requests']:.0f}: {first_wrong}")
    if lost and not load.tolerant:
        raise WrongAnswer(f"{load.script}: requests without an answer: {lost}")
    if not counted["requests"] and not load.tolerant:
        raise WrongAnswer(f"{load.script}: no answer at all")


# ---- What a run comes to ----

def requests_per_second(counted):
    return counted["requests"] / counted["duration_us"] * 1e6


def cycles_per_second(counted):
    return counted["cycles"] / counted["duration_us"] * 1e6


def microseconds_per_acquire(counted):
    return counted["acquire_us"] / counted["acquired"]


def processor_per_request(counted):
    return counted["processor_us"] / counted["requests"]


def processor_per_cycle(counted):
    return counted["processor_us"] / counted["cycles"]
