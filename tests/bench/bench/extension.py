# SPDX-License-Identifier: Apache-2.0
"""The modules of httpd that only measuring needs."""

import shutil
import subprocess
from pathlib import Path

from harness.system import program

SOURCES = Path(__file__).resolve().parents[1]


def build(folder, name, *options):
    """Builds the module of this name in this folder, with options of apxs;
    returns the directive that loads it."""
    source = SOURCES / f"mod_{name}.c"
    shutil.copy(source, folder)
    answer = subprocess.run(
        [program("apxs", "apxs2"), "-c", "-Wc,-O2", *options, source.name],
        cwd=folder, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert answer.returncode == 0, answer.stdout
    return f"LoadModule {name}_module {folder}/.libs/{source.stem}.so\n"
