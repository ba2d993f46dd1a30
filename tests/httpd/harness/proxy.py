# SPDX-License-Identifier: Apache-2.0
"""A proxy before memcached that counts, delays and breaks.

It reads the text protocol command by command. Each command and its reply are
an Exchange, which a fault may treat as it likes; without one the exchange is
passed on.
"""

import queue
import socket
import threading
import time
from contextlib import contextmanager

from .system import free_port

WRITES = {"set", "add", "replace", "append", "prepend", "cas"}
READS = {"get", "gets"}
CHANGES = WRITES | {"delete", "incr", "decr", "touch", "flush_all"}

# Long against what httpd needs between two trips.
LATENCY = 0.03


class HungUp(Exception):
    """One of the two sides closed its connection."""


def _connect(address):
    family = (socket.AF_INET if isinstance(address, tuple)
              else socket.AF_UNIX)
    connected = socket.socket(family, socket.SOCK_STREAM)
    connected.connect(address)
    if family == socket.AF_INET:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def _line(stream):
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise HungUp
    return line


def _read(stream, length):
    data = stream.read(length)
    if len(data) != length:
        raise HungUp
    return data


class Exchange:
    """One command of a client, and what becomes of it."""

    def __init__(self, link, raw):
        self.link = link
        self.raw = raw
        self.arrived = time.monotonic()
        self.answered = None
        words = raw.split(b"\r\n", 1)[0].split()
        self.name = words[0].decode("ascii", "replace")
        self.no_reply = words[-1] == b"noreply"
        keys = words[1:] if self.name in READS else words[1:2]
        self.keys = [key.decode("latin-1") for key in keys]

    def is_of_nobody(self):
        """httpd looks at its servers now and then, whoever asks or not, and
        takes its leave of them."""
        return (self.name in ("stats", "version", "quit")
                or bool(self.keys) and all(":epoch:" in key
                                           for key in self.keys))

    # ---- What a fault can do ----

    def forward(self):
        """Has memcached do it; returns the reply."""
        self.link.upstream.write(self.raw)
        self.link.upstream.flush()
        return b"" if self.no_reply else self._reply()

    def reply(self, data, pause=0.0):
        """Sends bytes to the client, one by one if there is a pause."""
        pieces = ([data[i:i + 1] for i in range(len(data))] if pause
                  else [data])
        try:
            for piece in pieces:
                time.sleep(pause)
                # Noted first: whoever has the answer may look at once.
                self.answered = time.monotonic()
                self.link.client.sendall(piece)
        except OSError as error:
            self.answered = None
            raise HungUp from error

    def cut(self):
        """Closes the client's connection."""
        raise HungUp

    def pass_on(self):
        data = self.forward()
        latency = self.link.proxy.latency
        time.sleep(max(0.0, self.arrived + latency - time.monotonic()))
        self.reply(data)

    def _reply(self):
        stream = self.link.upstream
        lines = [_line(stream)]
        while self.name in READS and lines[-1].startswith(b"VALUE "):
            lines.append(_read(stream, int(lines[-1].split()[3]) + 2))
            lines.append(_line(stream))
        while self.name == "stats" and lines[-1].startswith(b"STAT "):
            lines.append(_line(stream))
        return b"".join(lines)


class Link:
    """A client's connection and its counterpart to memcached. One thread
    reads commands, so that each is stamped when it comes; another works."""

    def __init__(self, proxy, client):
        self.proxy = proxy
        self.client = client
        self._upstream = _connect(proxy.upstream)
        self.upstream = self._upstream.makefile("rwb")
        self._commands = queue.Queue()
        for task in (self._listen, self._work):
            threading.Thread(target=task, daemon=True).start()

    def close(self):
        for connected in (self.client, self._upstream):
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connected.close()

    def _listen(self):
        stream = self.client.makefile("rb")
        try:
            while True:
                exchange = Exchange(self, self._command(stream))
                self.proxy.saw(exchange)
                self._commands.put(exchange)
        except (HungUp, OSError, ValueError):
            self._commands.put(None)

    def _command(self, stream):
        line = _line(stream)
        words = line.split()
        if not words or line[:1] >= b"\x80":
            self.proxy.complaints.append(f"not the text protocol: {line!r}")
            raise HungUp
        if words[0].decode("latin-1") in WRITES:
            line += _read(stream, int(words[4]) + 2)
        return line

    def _work(self):
        try:
            while True:
                exchange = self._commands.get()
                if exchange is None or exchange.name == "quit":
                    break
                self.proxy.handle(exchange)
        except (HungUp, OSError, ValueError):
            pass
        self.close()


class Fault:
    """What befalls the exchanges that it matches, after `skip` and at most
    `times` of them."""

    def __init__(self, action, match, skip, times):
        self.action = action
        self.match = match
        self.skip = skip
        self.times = times
        self.hits = 0

    def claims(self, exchange):
        if not self.match(exchange):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.hits += 1
        return True


class FaultProxy:
    def __init__(self, upstream):
        self.upstream = upstream
        self.address = ("127.0.0.1", free_port())
        self.latency = 0.0
        self.complaints = []
        self._faults = []
        self._links = []
        self._seen = []
        self._lock = threading.Lock()
        self._listener = None
        self.accept()

    @property
    def name(self):
        return f"{self.address[0]}:{self.address[1]}"

    # ---- Connections ----

    def accept(self):
        """Takes connections, as after `refuse`."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self.address)
        listener.listen(128)
        self._listener = listener
        threading.Thread(target=self._serve, args=(listener,),
                         daemon=True).start()

    def refuse(self):
        """Takes no connection and hangs up on those that there are."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        self.cut_all()

    def cut_all(self):
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            link.close()

    def _serve(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                link = Link(self, client)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._links.append(link)

    def close(self):
        self.refuse()
        assert not self.complaints, self.complaints

    # ---- Exchanges ----

    def saw(self, exchange):
        with self._lock:
            self._seen.append(exchange)

    def handle(self, exchange):
        with self._lock:
            fault = next((fault for fault in self._faults
                          if fault.claims(exchange)), None)
        if fault is None:
            exchange.pass_on()
        else:
            fault.action(exchange)

    @contextmanager
    def fault(self, action, match=lambda exchange: True, skip=0, times=None):
        fault = Fault(action, match, skip, times)
        with self._lock:
            self._faults.append(fault)
        try:
            yield fault
        finally:
            with self._lock:
                self._faults.remove(fault)

    # ---- Counting ----

    @contextmanager
    def recording(self):
        """Gives a list that is filled with the exchanges made inside, but
        those that no request is the cause of."""
        with self._lock:
            start = len(self._seen)
        record = []
        yield record
        with self._lock:
            record.extend(exchange for exchange in self._seen[start:]
                          if not exchange.is_of_nobody())

    def trips(self, request):
        """The request's answer and its sequential round trips."""
        self.latency = LATENCY
        try:
            with self.recording() as exchanges:
                answer = request()
        finally:
            self.latency = 0.0
        return answer, sequential_trips(exchanges)


def sequential_trips(exchanges):
    """How many exchanges followed one another: the most that do not
    overlap in time."""
    trips, end = 0, 0.0
    finished = [exchange for exchange in exchanges if exchange.answered]
    for exchange in sorted(finished, key=lambda each: each.answered):
        if exchange.arrived >= end:
            trips += 1
            end = exchange.answered
    return trips


# ---- What to match ----

def writes(exchange):
    return exchange.name in CHANGES


def reads(exchange):
    return exchange.name in READS


def named(*names):
    return lambda exchange: exchange.name in names


def key_begins(prefix):
    return lambda exchange: any(key.startswith(prefix)
                                for key in exchange.keys)


# ---- What befalls a command ----

def swallow(exchange):
    """It never arrives, and nobody says so."""


def lose_reply(exchange):
    """It takes effect; the reply never comes."""
    exchange.forward()


def cut_before(exchange):
    """The connection breaks before it arrived."""
    exchange.cut()


def cut_after(exchange):
    """It takes effect, and the connection breaks."""
    exchange.forward()
    exchange.cut()


def cut_within_reply(exchange):
    data = exchange.forward()
    exchange.reply(data[:max(1, len(data) // 2)])
    exchange.cut()


def answer(text):
    """It is refused with this line."""
    return lambda exchange: exchange.reply(text + b"\r\n")


def late_effect(seconds):
    """It arrives late, and nobody says so."""
    def act(exchange):
        time.sleep(seconds)
        exchange.forward()
    return act


def late_reply(seconds):
    def act(exchange):
        data = exchange.forward()
        time.sleep(seconds)
        exchange.reply(data)
    return act


def trickle(pause):
    def act(exchange):
        exchange.reply(exchange.forward(), pause)
    return act
