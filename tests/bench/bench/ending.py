# SPDX-License-Identifier: Apache-2.0
"""How the programs of this folder end."""

import signal
import sys


def _end(number, _):
    sys.exit(f"ended by {signal.Signals(number).name}")


def end_in_order():
    """Whoever is told to end stops the own servers first."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
