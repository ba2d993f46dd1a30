# SPDX-License-Identifier: Apache-2.0
"""What every server process has in common."""
import os
import signal
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds=10.0, what="condition"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


def accepts(address):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(1)
        try:
            probe.connect(address)
        except OSError:
            return False
    return True


class Process:
    """A server that is ended by its pid and never outlives its test."""

    def __init__(self, command, address, **options):
        self.command = command
        self.address = address
        self.options = options
        self.process = None

    def start(self):
        # A session of its own: httpd ends its whole process group.
        self.process = subprocess.Popen(self.command, start_new_session=True,
                                        **self.options)
        wait_until(lambda: self._is_up(), what=self.command[0])
        return self

    def _is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.command} ended with "
                                 f"{self.process.returncode}")
        return accepts(self.address)

    def send(self, number):
        os.kill(self.process.pid, number)

    def freeze(self):
        self.send(signal.SIGSTOP)

    def thaw(self):
        self.send(signal.SIGCONT)

    def stop(self, number=signal.SIGTERM):
        if self.process is None or self.process.poll() is not None:
            return
        self.thaw()
        self.send(number)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self):
        self.stop(signal.SIGKILL)
