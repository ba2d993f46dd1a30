# SPDX-License-Identifier: Apache-2.0
"""Stands between httpd and memcached, and does to the traffic what a test
says."""
import socket
import threading
import time

from .processes import free_port


class Proxy:
    """Forwards one request of memcached's text protocol at a time.

    `rule(line)` sees a request's first line and says what becomes of it:
    None to forward it, or one of the functions below. `delay` holds every
    request back for so many seconds."""

    def __init__(self, target):
        self.target = target
        self.port = free_port()
        self.delay = 0
        self.rule = lambda line: None
        self.requests = []
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def store(self):
        return f"memcached:127.0.0.1:{self.port}"

    def close(self):
        self.listener.close()
        for connection in self.connections:
            connection.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(client)
            threading.Thread(target=self._serve, args=(client,),
                             daemon=True).start()

    def _serve(self, client):
        try:
            with client, socket.create_connection(self.target) as server:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                reader = client.makefile("rb")
                answers = server.makefile("rb")
                while self._forward(client, server, reader, answers):
                    pass
        except OSError:
            pass

    def _forward(self, client, server, reader, answers):
        line = reader.readline()
        if not line:
            return False
        words = line.split()
        data = b""
        if words[0] in (b"add", b"cas", b"set"):
            data = reader.read(int(words[4]) + 2)
        if words[0] == b"quit":
            return False
        self.requests.append(line.decode().strip())
        time.sleep(self.delay)
        fault = self.rule(line.decode())
        exchange = Exchange(client, server, answers, line + data)
        if fault is None:
            client.sendall(exchange.answer())
            return True
        return fault(exchange)


class Exchange:
    """One request on its way."""

    def __init__(self, client, server, answers, request):
        self.client = client
        self.server = server
        self.answers = answers
        self.request = request

    def answer(self):
        """Has the server do it, and returns what it says."""
        self.server.sendall(self.request)
        if not self.request.startswith((b"get ", b"gets ")):
            return self.answers.readline()
        answer = b""
        while True:
            line = self.answers.readline()
            answer += line
            if not line.startswith(b"VALUE"):
                return answer
            answer += self.answers.read(int(line.split()[3]) + 2)


def drop(exchange):
    """The connection ends, nothing is done."""
    exchange.client.shutdown(socket.SHUT_RDWR)
    return False


def lose_answer(exchange):
    """It is done, and the connection ends before the answer."""
    exchange.answer()
    return drop(exchange)


def swallow(exchange):
    """Nothing is done and nothing is answered."""
    time.sleep(2)
    return False


def answer_late(exchange):
    """It is done, and answered after any patience has ended."""
    answer = exchange.answer()
    time.sleep(1)
    try:
        exchange.client.sendall(answer)
    except OSError:
        pass
    return False


def do_late(exchange):
    """It is done after any patience has ended."""
    time.sleep(1)
    exchange.answer()
    return False


def cut_answer(exchange):
    """Half of the answer arrives."""
    answer = exchange.answer()
    exchange.client.sendall(answer[:max(1, len(answer) // 2)])
    return drop(exchange)


def trickle(exchange):
    """A byte of the answer arrives now and then."""
    for byte in exchange.answer():
        time.sleep(0.1)
        exchange.client.sendall(bytes([byte]))
    return True


def say(text):
    """Something else is answered."""
    def fault(exchange):
        exchange.client.sendall(text.encode() + b"\r\n")
        return True
    return fault
