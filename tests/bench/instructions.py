#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: instructions.py PROGRAM FILE COMPILER FLAGS [--update]

Has callgrind count the instructions of each piece of work that PROGRAM knows,
and compares them with those in FILE, or writes them there. `make
bench-instructions` and `make bench-instructions-update` call it.
"""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

TOLERANCE = 10  # per cent
RUNS = 3
FLAGS = "-g -O2"
PACKAGES = ("libc6", "libapr1", "libaprutil1", "libjson-c5", "valgrind")

# glibc picks its string functions by the processor, json-c's parser looks
# through the environment: both are the same everywhere.
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps="
    "-AVX,-AVX2,-AVX_Fast_Unaligned_Load,-BMI2,-ERMS,-EVEX,-FSRM,-SSSE3",
}
CALLGRIND = (
    "valgrind --tool=callgrind --instr-atstart=no --collect-atstart=no"
    " --callgrind-out-file=/dev/null"
).split()

HEADER = f"""\
# Instructions that one piece of the core's work takes: its name, the count.
# Made by make bench-instructions-update, of a build with {FLAGS}, with
# {{tools}}.
# Other compilers and libraries may need others. tests/README.md says more.
"""


def output(*command):
    if not shutil.which(command[0]):
        sys.exit(f"FAIL: {command[0]} not found: install it")
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=ENVIRONMENT
    )
    if done.returncode != 0:
        sys.exit(f"FAIL: {' '.join(command)}\n{done.stderr}")
    return done


def count_once(program, name):
    done = output(*CALLGRIND, program, name)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    return round(int(collected[1]) / int(done.stdout))


def count(program, name):
    """The instructions that doing it takes: the least of some runs, as json-c
    salts its hash tables in each process anew, which is 2 % of a parse."""
    return min(count_once(program, name) for _ in range(RUNS))


def tools(compiler):
    """What counts depend on beside the sources."""
    lines = output(*compiler.split(), "--version").stdout.splitlines()[:1]
    if shutil.which("dpkg-query"):
        query = ("dpkg-query", "-W", "-f", "${Package} ${Version}\\n")
        lines += output(*query, *PACKAGES).stdout.splitlines()
    return ", ".join(lines)


def read(path):
    """The counts in a file, and what they were made with."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    made_with = re.search(r"with\n# (.*)\.\n", text)
    lines = [line.split() for line in text.splitlines() if line[:1] != "#"]
    counts = {name: int(number) for name, number in lines}
    return counts, made_with and made_with[1]


def write(path, counts, made_with):
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEADER.format(tools=made_with))
        for name, number in counts.items():
            file.write(f"{name:<20}{number:>10}\n")


def judge(name, old, new):
    """What is wrong with a count; None if nothing is."""
    if old is None:
        return f"{name} takes {new:,} instructions and has no count in the file"
    if new is None:
        return f"{name} stands in the file, but there is no such work"
    change = 100 * (new - old) / old
    if abs(change) <= TOLERANCE:
        return None
    return (
        f"{name} takes {new:,} instructions, {abs(change):.1f} %"
        f" {'more' if change > 0 else 'less'} than the {old:,} in the file"
    )


def compare(path, counts, made_with):
    """Prints all counts, then what is wrong; 1 if anything is."""
    kept, kept_with = read(path)
    for name, new in counts.items():
        old = kept.get(name)
        change = f"{100 * (new - old) / old:+6.1f} %" if old else ""
        print(f"{name:<20}{new:>12,}{change:>10}")
    names = list(counts) + [name for name in kept if name not in counts]
    faults = [judge(name, kept.get(name), counts.get(name)) for name in names]
    faults = [fault for fault in faults if fault]
    for fault in faults:
        print(f"FAIL: {fault}")
    if not faults:
        return 0
    if kept_with != made_with:
        print(f"The file was made with {kept_with};\nthese with {made_with}.")
    print(
        f"Allowed are {TOLERANCE} % more or less: a count that is too high"
        " would hide what comes later.\nMend what made it dearer; or, where"
        " that is meant, write the file anew and commit it with the reason:\n"
        f"make -C {os.getcwd()} bench-instructions-update"
        f" INSTRUCTIONS={os.path.abspath(path)}"
    )
    return 1


def main():
    program, path, compiler, flags, *update = sys.argv[1:]
    flags = " ".join(flags.split())
    if flags != FLAGS:
        sys.exit(f"FAIL: counts are of a build with {FLAGS}, not with {flags}")
    names = output(program).stdout.split()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        numbers = pool.map(lambda name: count(program, name), names)
        counts = dict(zip(names, numbers))
    made_with = tools(compiler)
    if update:
        write(path, counts, made_with)
        return 0
    return compare(path, counts, made_with)


if __name__ == "__main__":
    sys.exit(main())
