# SPDX-License-Identifier: Apache-2.0
"""What was measured, and on what."""

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from harness.system import ROOT

# What they are called, by the pattern of their package's name in Debian.
PACKAGES = {
    "httpd": "apache2-bin", "APR": "libapr1", "memcached": "memcached",
    "libmemcached": "libmemcached11*", "json-c": "libjson-c5",
    "SQLite": "libsqlite3-0", "PHP": "libapache2-mod-php[0-9]*",
    "php-memcached": "php-memcached", "etcd": "etcd-server", "wrk": "wrk",
    "glibc": "libc6",
}


def _said(*command):
    """What a command prints; nothing if it is not there or fails."""
    try:
        answer = subprocess.run(command, text=True, capture_output=True)
    except OSError:
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _version(pattern):
    lines = _said("dpkg-query", "-W", "-f", "${Version}\n", pattern)
    return next(filter(None, lines.splitlines()), "unknown")


def _commit():
    """The last that changed the module; those of the tests do not count."""
    git, module = ("git", "-C", str(ROOT)), ("--", "mod_locks", "include")
    commit = _said(*git, "log", "-1", "--format=%h", "--abbrev=12", *module)
    changed = _said(*git, "status", "--porcelain", *module)
    return (commit or "unknown") + (" with changes" if changed else "")


def versions():
    found = {name: _version(pattern) for name, pattern in PACKAGES.items()}
    return {"mod_locks": _commit(), **found}


def load():
    """How many threads wanted to run in the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def machine():
    cpu = re.search(r"^model name\s*: (.*)$",
                    Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    system = platform.freedesktop_os_release()
    return {"CPU": cpu[1] if cpu else platform.machine(),
            "cores": os.cpu_count(),
            "memory": f"{memory / 2 ** 30:.1f} GiB",
            "kernel": platform.release(),
            "system": system["PRETTY_NAME"],
            "load before": load(),
            "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")}
