# SPDX-License-Identifier: Apache-2.0
"""perf's samples, each given to the part of the whole that it was taken in.

What the kernel does is told by the system call that it does it for: httpd
reads and writes its clients with read() and writev() and waits with
epoll_wait(), libmemcached with send(), recv() and poll()."""

import re
import subprocess
from collections import Counter, namedtuple
from pathlib import Path

from harness.httpd import locks_module

Sample = namedtuple("Sample", "pid frames")
Frame = namedtuple("Frame", "symbol library")

FRAME = re.compile(r"\s+[0-9a-f]+ (.+) \((.+)\)$")
CALL = re.compile(r"__x64_sys_(\w+)$")
MEMCACHED, LIBMEMCACHED = "store: memcached", "store: libmemcached"
WAY = "store: the kernel on the way"
JSON, LOCKS, DATABASE = "JSON", "locks", "database"
HTTPD, CLIENTS = "httpd", "httpd: the kernel below it"
LIBRARY, GENERATOR = "C library, for whomever", "load generator"
GROUPS = (MEMCACHED, LIBMEMCACHED, WAY, JSON, LOCKS, DATABASE, HTTPD,
          CLIENTS, LIBRARY)
OF_STORE = {"sendto", "sendmsg", "recvfrom", "recvmsg", "poll", "ppoll"}
OF_DATABASE = {"pread64", "fcntl", "openat", "newfstatat", "newfstat",
               "access", "lseek", "geteuid"}
LIBRARIES = (("libmemcached", LIBMEMCACHED), ("libhashkit", LIBMEMCACHED),
             ("libjson-c", JSON), ("libsqlite3", DATABASE),
             ("apr_dbd", DATABASE), ("mod_dbd", DATABASE),
             ("apache2", HTTPD), ("libapr", HTTPD), ("mod_", HTTPD),
             ("libpcre", HTTPD), ("[vdso]", LIBRARY))
SOURCES = (("locks_memcached", LIBMEMCACHED), ("locks_json", JSON),
           ("locks_reply", JSON), ("mod_locks_dbd", DATABASE))


def read_samples(path):
    """Those in a file of perf's."""
    answer = subprocess.run(
        ["perf", "script", "-i", path, "-F", "pid,ip,sym,dso"],
        text=True, errors="replace", capture_output=True, check=True)
    for paragraph in answer.stdout.split("\n\n"):
        head, *lines = paragraph.strip("\n").split("\n")
        frames = [Frame(*match.groups())
                  for match in map(FRAME.match, lines) if match]
        if frames:
            yield Sample(int(head), frames)


def sources_of_symbols():
    """From which source file of the module each function comes."""
    found = {}
    for path in locks_module().parent.glob("*.o"):
        names = subprocess.run(["nm", "--defined-only", "-f", "posix", path],
                               text=True, capture_output=True, check=True)
        source = path.stem.partition("-")[2]
        for line in names.stdout.splitlines():
            found[line.split()[0]] = source
    assert found, "no object files beside the module"
    return found


def _first(pairs, name, otherwise):
    return next((group for start, group in pairs if name.startswith(start)),
                otherwise)


class Grouping:
    """Knows which processes are ours: those of httpd, and one each of the
    others."""

    def __init__(self, httpd, memcached, generator):
        self._httpd = set(httpd)
        self._others = {memcached: MEMCACHED, generator: GENERATOR}
        self._sources = sources_of_symbols()

    def _in_module(self, symbol):
        # The compiler appends .constprop.0 and the like.
        source = self._sources.get(symbol.partition(".")[0], "")
        return _first(SOURCES, source, LOCKS)

    def _in_httpd(self, frames):
        symbol, library = frames[0]
        if library == "[kernel.kallsyms]":
            calls = {match[1] for match in
                     (CALL.match(frame.symbol) for frame in frames) if match}
            if calls & OF_STORE:
                return WAY
            return DATABASE if calls & OF_DATABASE else CLIENTS
        name = Path(library).name
        if name == "mod_locks.so":
            return self._in_module(symbol)
        return _first(LIBRARIES, name, LIBRARY)

    def group(self, sample):
        """None for what other processes do."""
        if sample.pid in self._httpd:
            return self._in_httpd(sample.frames)
        return self._others.get(sample.pid)

    def count(self, samples):
        """How many in each group, and in each function of httpd's children
        outside of the kernel."""
        groups, functions = Counter(), Counter()
        for sample in samples:
            group = self.group(sample)
            groups[group] += 1
            symbol, library = sample.frames[0]
            if sample.pid in self._httpd and library != "[kernel.kallsyms]":
                functions[(group, symbol, Path(library).name)] += 1
        return groups, functions
