# SPDX-License-Identifier: Apache-2.0
"""httpd with a configuration of its own, in a temporary folder."""

import base64
import hashlib
import os
import random
import signal
import socket
import subprocess
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from .system import (AS_ROOT, ROOT, UNPRIVILEGED, Process, eventually,
                     free_port, parent_of, program)

MODULES = ("authz_core", "authz_user", "authz_host", "auth_basic",
           "authn_core", "authn_file", "dir", "headers", "alias",
           "rewrite", "env", "setenvif", "reqtimeout", "http2", "lua", "dbd")
# Everybody's password in the password file.
PASSWORD = "secret"
# The signs of a child that crashed, in httpd's error log.
CRASHES = ("exit signal", "AddressSanitizer", "runtime error:", "assertion",
           "LeakSanitizer", "stack smashing", "corrupted", "free():",
           "Invalid read", "Invalid write", "uninitialised")
THREADS = """
    StartServers 2
    ServerLimit 4
    ThreadsPerChild 25
    MinSpareThreads 25
    MaxSpareThreads 75
    MaxRequestWorkers 100
"""
MPM_SETTINGS = {
    "event": THREADS,
    "worker": THREADS,
    "prefork": """
    StartServers 10
    MinSpareServers 10
    MaxSpareServers 20
    MaxRequestWorkers 60
""",
    # One child, so that all threads share what a child knows.
    "one child": """
    StartServers 1
    ServerLimit 1
    ThreadsPerChild 16
    MaxRequestWorkers 16
    MinSpareThreads 1
    MaxSpareThreads 16
""",
    # One worker alone, so that requests are served with the same handles.
    "single": """
    StartServers 1
    ServerLimit 1
    MinSpareServers 1
    MaxSpareServers 1
    MaxRequestWorkers 1
""",
}


@lru_cache(None)
def module_folder():
    answer = subprocess.run(["apxs", "-q", "LIBEXECDIR"], text=True,
                            capture_output=True, check=True)
    return Path(answer.stdout.strip())


@lru_cache(None)
def built_in():
    answer = subprocess.run([program("apache2"), "-l"], text=True,
                            capture_output=True, check=True)
    return set(answer.stdout.split())


def locks_module():
    path = Path(os.environ.get(
        "LOCKS_MODULE", ROOT / "mod_locks" / ".libs" / "mod_locks.so"))
    assert path.exists(), f"{path} is not there: build it, or LOCKS_MODULE"
    return path.resolve()


@lru_cache(None)
def faketime():
    """The library that sets a process's clock off."""
    found = sorted(Path("/usr/lib").glob("**/libfaketimeMT.so.1"))
    assert found, "libfaketime is not there: install faketime (Debian)"
    return str(found[0])


class Httpd:
    """One server. `config` is appended to the server's configuration;
    `vhosts` maps names to the insides of virtual hosts, each on a port of
    its own. `clock` is how far its clock is off, such as "+3s", or the path of
    a file that says so and may change."""

    def __init__(self, folder, config="", vhosts=None, mpm="event",
                 modules=MODULES, with_locks=True, clock=None):
        self.folder = folder
        self.config = config
        self.vhosts = vhosts or {}
        self.mpm = mpm
        self.modules = modules
        self.with_locks = with_locks
        self.clock = clock
        self.addresses = {name: ("127.0.0.1", free_port())
                          for name in ["", *self.vhosts]}
        self._process = None
        self._killed = []
        (folder / "htdocs").mkdir(exist_ok=True)
        (folder / "htdocs" / "index.html").write_text("It works.\n")
        (folder / "htdocs" / "x.html").write_text("<p>The site's own</p>\n")

    @property
    def address(self):
        return self.addresses[""]

    @property
    def pid(self):
        return self._process.pid

    @property
    def _config_path(self):
        return self.folder / "httpd.conf"

    @property
    def _error_log(self):
        return self.folder / "error.log"

    # ---- Configuration ----

    def _load_modules(self):
        mpm = {"single": "prefork", "one child": "event"}.get(self.mpm,
                                                              self.mpm)
        for name in (f"mpm_{mpm}", *self.modules):
            if f"mod_{name}.c" not in built_in():
                yield (f"LoadModule {name}_module"
                       f" {module_folder()}/mod_{name}.so")
        if self.with_locks:
            yield f"LoadModule locks_module {locks_module()}"

    def _config_text(self):
        lines = [f"ServerRoot {self.folder}",
                 "ServerName localhost",
                 "PidFile httpd.pid",
                 f"DefaultRuntimeDir {self.folder}",
                 f"ErrorLog {self._error_log}",
                 "LogLevel info",
                 f"DocumentRoot {self.folder}/htdocs",
                 *self._load_modules(),
                 MPM_SETTINGS[self.mpm],
                 "GracefulShutdownTimeout 5"]
        if AS_ROOT:
            lines += [f"User {UNPRIVILEGED}", "Group nogroup"]
        lines += [f"Listen {host}:{port}"
                  for host, port in self.addresses.values()]
        lines.append(self.config)
        for name, inside in self.vhosts.items():
            host, port = self.addresses[name]
            lines += [f"<VirtualHost {host}:{port}>", inside,
                      "</VirtualHost>"]
        return "\n".join(lines) + "\n"

    def write_config(self):
        self._config_path.write_text(self._config_text())

    def write_users(self, *users):
        """Makes the password file."""
        digest = base64.b64encode(
            hashlib.sha1(PASSWORD.encode()).digest()).decode()
        (self.folder / "users").write_text(
            "".join(f"{user}:{{SHA}}{digest}\n" for user in users))

    def test_config(self):
        """`apache2 -t`: the exit status and what it said."""
        self.write_config()
        answer = subprocess.run(
            [program("apache2"), "-t", "-f", self._config_path],
            text=True, capture_output=True, env=self._environment())
        return answer.returncode, answer.stdout + answer.stderr

    def _environment(self):
        # What a module that was built with sanitizers needs loaded first.
        preload = [os.environ.get("LOCKS_PRELOAD")]
        environment = {**os.environ}
        if self.clock is not None:
            # First of all: the sanitizers' start asks for the time.
            preload.insert(0, faketime())
            if isinstance(self.clock, Path):
                environment |= {"FAKETIME_TIMESTAMP_FILE": str(self.clock),
                                "FAKETIME_NO_CACHE": "1"}
            else:
                environment["FAKETIME"] = self.clock
            environment |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1",
                            "DONT_FAKE_MONOTONIC": "1"}
        if any(preload):
            environment["LD_PRELOAD"] = " ".join(filter(None, preload))
        return environment

    # ---- Running ----

    def start(self):
        self.write_config()
        # A tool that httpd is to run under.
        wrapper = os.environ.get("LOCKS_WRAPPER", "").split()
        self._process = Process(
            [*wrapper, program("apache2"), "-f", self._config_path,
             "-DFOREGROUND"],
            self._error_log, self._environment())
        eventually(self._answers, 20)
        return self

    def _answers(self):
        assert self._process.running(), self.log()
        try:
            with socket.create_connection(self.address, 5) as connection:
                connection.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
                return connection.recv(12).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def restart_gracefully(self):
        """Reads the configuration again and waits until that is done, and
        the children that know the old one are gone."""
        old = set(self.children())
        before = self.log().count("resuming normal operations")
        self._process.send(signal.SIGUSR1)
        eventually(lambda: self.log().count("resuming normal operations")
                   > before)
        eventually(lambda: not old & set(self.children()), 30)
        eventually(self._answers)

    def children(self):
        """The process IDs of its children."""
        return [int(entry.name) for entry in Path("/proc").iterdir()
                if entry.name.isdigit()
                and parent_of(entry) == self._process.pid]

    def kill_child(self, choose=random.choice):
        """Ends one of httpd's children as a crash or the kernel would, if
        there is one just now."""
        children = self.children()
        if children:
            child = choose(children)
            self._killed.append(child)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def running(self):
        return self._process.running()

    def stop(self):
        if self._process is not None and self._process.running():
            # Gracefully: told to stop at once, the event MPM of httpd itself
            # crashes a child now and then while its connections close.
            status = self._process.end(signal.SIGWINCH)
            assert status == 0, f"httpd ended with {status}: {self.log()}"

    def log(self):
        if not self._error_log.exists():
            return ""
        return self._error_log.read_text(errors="replace")

    def check_log(self, secrets=()):
        """No child crashed, and nothing secret was written down."""
        log = self.log()
        for sign in CRASHES:
            lines = [line for line in log.splitlines() if sign in line
                     and not any(f"child pid {pid} exit signal Killed" in line
                                 for pid in self._killed)]
            assert not lines, lines
        for secret in secrets:
            assert secret not in log, f"a SID is in the log: {secret}"

    def log_after(self, action, seconds=0.3):
        """What was logged while the action ran and shortly after."""
        before = len(self.log())
        action()
        time.sleep(seconds)
        return self.log()[before:]
