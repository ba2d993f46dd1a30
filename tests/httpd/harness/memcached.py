# SPDX-License-Identifier: Apache-2.0
"""memcached: the server, and a client of its text protocol."""

import hashlib
import itertools
import signal
import socket
import sys
from bisect import bisect_left
from contextlib import contextmanager
from urllib.parse import unquote

from .system import (AS_ROOT, UNPRIVILEGED, Process, eventually, free_port,
                     program, temporary_folder)


class TextClient:
    """One connection that speaks memcached's text protocol."""

    def __init__(self, address):
        family = socket.AF_UNIX
        if isinstance(address, tuple):
            family = (socket.AF_INET6 if ":" in address[0]
                      else socket.AF_INET)
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(10)
        self._socket.connect(address)
        self._stream = self._socket.makefile("rwb")

    def close(self):
        self._stream.close()
        self._socket.close()

    def command(self, line, data=None):
        """Sends a command; returns the first line of the reply."""
        self._stream.write(line.encode() + b"\r\n")
        if data is not None:
            self._stream.write(data + b"\r\n")
        self._stream.flush()
        return self.line()

    def line(self):
        line = self._stream.readline()
        assert line.endswith(b"\n"), "memcached hung up"
        return line.rstrip(b"\r\n").decode()

    def set(self, key, value, lifetime=0):
        return self.command(f"set {key} 0 {lifetime} {len(value)}", value)

    def delete(self, key):
        return self.command(f"delete {key}")

    def flush_all(self):
        assert self.command("flush_all") == "OK"

    def get(self, key):
        line = self.command(f"get {key}")
        if line == "END":
            return None
        value = self._stream.read(int(line.split()[3]))
        assert self.line() == "" and self.line() == "END"
        return value

    def keys(self):
        """All keys, as the server's crawler tells them."""
        lines = [self.command("lru_crawler metadump all")]
        while lines[-1] != "END":
            lines.append(self.line())
        return [unquote(line.split()[0].removeprefix("key="))
                for line in lines[:-1]]

    def fill(self, size, most=sys.maxsize):
        """Stores values of this size until the server has no room. Returns
        how many keys, fill:SIZE:NUMBER, it tried."""
        value = b"x" * size
        for start in itertools.count(step=100):
            for number in range(start, start + 100):
                self._stream.write(b"set fill:%d:%d 0 0 %d\r\n%s\r\n"
                                   % (size, number, size, value))
            self._stream.flush()
            stored = {self.line() for _ in range(100)}
            if "STORED" not in stored or start + 100 >= most:
                return start + 100

    def empty(self, size, count):
        """Deletes what filled it."""
        for number in range(count):
            self._stream.write(b"delete fill:%d:%d\r\n" % (size, number))
        self._stream.flush()
        for _ in range(count):
            self.line()


class Memcached:
    """A memcached of its own, on a loopback port or a socket."""

    def __init__(self, folder, *arguments, path=None, host="127.0.0.1"):
        self._folder = folder
        self._arguments = arguments
        self._process = None
        if path is None:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.address = (host, free_port(family))
        else:
            self.address = str(path)

    @property
    def name(self):
        """The server as LocksStore takes it."""
        if isinstance(self.address, str):
            return f"unix:{self.address}"
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def pid(self):
        return self._process.pid

    def start(self):
        where = (["-s", self.address, "-a", "0777"]
                 if isinstance(self.address, str)
                 else ["-l", self.address[0], "-p", self.address[1],
                       "-U", 0])
        user = ["-u", UNPRIVILEGED] if AS_ROOT else []
        self._process = Process(
            [program("memcached"), *where, *user, "-t", 2, *self._arguments],
            self._folder / "memcached.log")
        eventually(self._answers)
        return self

    def _answers(self):
        assert self._process.running(), "memcached ended"
        try:
            with self.client() as client:
                return client.command("version").startswith("VERSION")
        except OSError:
            return False

    @contextmanager
    def client(self):
        client = TextClient(self.address)
        try:
            yield client
        finally:
            client.close()

    def pause(self):
        self._process.pause()

    def resume(self):
        self._process.resume()

    def stop(self):
        if self._process is not None and self._process.running():
            self._process.end(signal.SIGKILL)

    def restart(self, *arguments):
        """Comes back empty, and runs with these arguments if any are
        given."""
        self.stop()
        self._arguments = arguments or self._arguments
        self.start()


@contextmanager
def memcached(*arguments, **place):
    with temporary_folder() as folder:
        server = Memcached(folder, *arguments, **place)
        try:
            yield server.start()
        finally:
            server.stop()


@contextmanager
def memcached_on_socket():
    with temporary_folder() as folder:
        with memcached(path=folder / "store.sock") as server:
            yield server


def ketama_owner(key, addresses):
    """Which server of a pool has the key, as every client computes it that
    follows libmemcached's weighted ketama with equal weights."""
    points = []
    for number, (host, port) in enumerate(addresses):
        name = host if port == 11211 else f"{host}:{port}"
        for index in range(40):
            digest = hashlib.md5(f"{name}-{index}".encode()).digest()
            for part in range(0, 16, 4):
                value = int.from_bytes(digest[part:part + 4], "little")
                points.append((value, number))
    points.sort()
    wanted = int.from_bytes(hashlib.md5(key.encode()).digest()[:4], "little")
    position = bisect_left(points, (wanted, -1))
    return points[position % len(points)][1]


class Pool:
    """Several servers. Who writes to it finds the right one."""

    def __init__(self, servers):
        self.servers = servers

    @property
    def name(self):
        return ",".join(server.name for server in self.servers)

    @contextmanager
    def client(self):
        yield self

    def set(self, key, value, lifetime=0):
        with self.owner(key).client() as client:
            return client.set(key, value, lifetime)

    def owner(self, key):
        addresses = [server.address for server in self.servers]
        return self.servers[ketama_owner(key, addresses)]
