# SPDX-License-Identifier: Apache-2.0
"""What the tests need of the operating system."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# How much later things may happen on a busy machine, in seconds.
SLACK = int(os.environ.get("LOCKS_TEST_SLACK_MS", "400")) / 1000
AS_ROOT = os.geteuid() == 0
UNPRIVILEGED = "nobody"
MYSELF = pwd.getpwuid(os.geteuid()).pw_name


def program(*names):
    """The path of a program, by the first of its names that is there, also
    where an ordinary user's PATH ends."""
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    found = next(filter(None, (shutil.which(name, path=path)
                               for name in names)), None)
    assert found, f"{names[0]} is not installed"
    return found


_given_out = set()


def free_port(family=socket.AF_INET):
    """A port that nobody uses, and no other caller was told: the kernel may
    name one twice as long as nobody listens there."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            port = probe.getsockname()[1]
        if port not in _given_out:
            _given_out.add(port)
            return port


@contextmanager
def temporary_folder():
    """A folder that an unprivileged server may enter too."""
    folder = Path(tempfile.mkdtemp(prefix="mod_locks-"))
    folder.chmod(0o777 | 0o1000)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def eventually(condition, seconds=10, pause=0.02):
    """Waits until the condition holds and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"never true: {condition}"
        time.sleep(pause)


def parent_of(process):
    """The parent of a process in /proc; None if it is gone."""
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def resident(pid):
    """Bytes of memory that a process has for itself."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


class Process:
    """A server process that is ended by its own id. `settings` are for
    subprocess."""

    def __init__(self, arguments, output, environment=None, **settings):
        with open(output, "ab") as log:
            self._popen = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True, **settings)
        self.pid = self._popen.pid

    def running(self):
        return self._popen.poll() is None

    def send(self, number):
        os.kill(self.pid, number)

    def pause(self):
        """Stops it. The signal is first only noted, and a thread of a busy
        server may answer once more: so waits until all have stopped."""
        self.send(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self):
        self.send(signal.SIGCONT)

    def end(self, number=signal.SIGTERM, seconds=20):
        """Sends the signal; returns the exit status."""
        if self.running():
            self.send(number)
            self.resume()
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()
            raise
