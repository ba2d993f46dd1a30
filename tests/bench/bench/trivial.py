# SPDX-License-Identifier: Apache-2.0
"""The trivial handler: its module, and the answer that it gives."""

import shutil
import subprocess
from pathlib import Path

from harness.system import program

SOURCE = Path(__file__).resolve().parents[1] / "mod_bench_trivial.c"
ANSWER = ('{"id": "1795454234519660495", "type": "gadget",'
          ' "subject": {"courseId": "algebra", "gadgetId": "quiz"},'
          ' "ownerId": "42", "expiresIn": 299999}')


def build(folder):
    """Builds the module in this folder; returns the directive that loads
    it."""
    shutil.copy(SOURCE, folder)
    answer = subprocess.run(
        [program("apxs", "apxs2"), "-c", "-Wc,-O2", SOURCE.name], cwd=folder,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert answer.returncode == 0, answer.stdout
    module = folder / ".libs" / f"{SOURCE.stem}.so"
    return f"LoadModule bench_trivial_module {module}"
