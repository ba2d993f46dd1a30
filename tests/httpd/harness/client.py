# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 down to the bytes, and clients of the locking endpoints."""

import http.client
import json
import socket
import time

from . import contract


class Answer:
    """What a server sent back."""

    def __init__(self, status, headers, body, elapsed=0.0):
        self.status = status
        self.headers = headers
        self.body = body
        self.elapsed = elapsed

    @classmethod
    def read(cls, response, started):
        body = response.read()
        return cls(response.status, response.getheaders(), body,
                   time.monotonic() - started)

    def all(self, name):
        return [value for key, value in self.headers
                if key.lower() == name.lower()]

    def header(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    @property
    def json(self):
        return json.loads(self.body.decode("utf-8", "strict"))

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body!r}>"


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


class Wire:
    """One connection on which requests are written byte by byte."""

    def __init__(self, address, timeout=30):
        self._socket = socket.create_connection(address, timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self._socket.close()

    def send(self, data):
        self._socket.sendall(data)

    def end_sending(self):
        self._socket.shutdown(socket.SHUT_WR)

    def request(self, method, path, headers=(), body=None):
        """Writes a whole request; `body` gets a Content-Length."""
        lines = [_bytes(method) + b" " + _bytes(path) + b" HTTP/1.1"]
        headers = [("Host", "localhost"), *headers]
        if body is not None:
            headers.append(("Content-Length", str(len(body))))
        lines += [_bytes(name) + b": " + _bytes(value)
                  for name, value in headers]
        self.send(b"\r\n".join(lines) + b"\r\n\r\n" + (body or b""))

    def answer(self, method="GET"):
        started = time.monotonic()
        # One byte at a time from the socket: the response must not take
        # bytes of the next one into its buffer.
        response = http.client.HTTPResponse(_Unbuffered(self._socket),
                                            method=method)
        response.begin()
        return Answer.read(response, started)

    def rest(self):
        """All that the server still sends until it hangs up."""
        data = b""
        try:
            while piece := self._socket.recv(65536):
                data += piece
        except ConnectionResetError:
            pass
        return data


class _Unbuffered:
    """A socket whose files read no further than they are asked to."""

    def __init__(self, connected):
        self._socket = connected

    def makefile(self, mode):
        return self._socket.makefile(mode, buffering=0)


class Client:
    """Someone who sends requests with the same headers each time."""

    def __init__(self, address, base="/locks", sid=None, user_id=None,
                 headers=()):
        self.address = address
        self.base = base
        self.sid = sid
        self.user_id = user_id
        self.headers = list(headers)
        self._kept = None
        self._keep = False

    def at(self, address=None, base=None):
        """The same person at another server or path."""
        return Client(address or self.address, base or self.base, self.sid,
                      self.user_id, self.headers)

    def keeping_connection(self):
        """The same person, for one thread, on one connection."""
        client = self.at()
        client._keep = True
        return client

    def raw(self, method, path, headers=(), body=None, checked=True):
        """Sends a request; `path` is what stands in the request line."""
        headers = [*self.headers, *headers]
        if self.sid is not None:
            headers.append(("SID", self.sid))
        started = time.monotonic()
        connection = self._kept or http.client.HTTPConnection(
            *self.address, timeout=30)
        try:
            connection.putrequest(
                method, path, skip_accept_encoding=True,
                skip_host=any(name == "Host" for name, _ in headers))
            for name, value in headers:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = Answer.read(connection.getresponse(), started)
        finally:
            if not self._keep:
                connection.close()
        if self._keep:
            self._kept = connection
        if checked:
            contract.check(method, answer)
        return answer

    def close(self):
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def post(self, body, headers=(), path=None):
        """POSTs a body: bytes as they are, anything else as JSON."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers = [*headers, ("Content-Type", "application/json")]
        return self.raw("POST", path or self.base, headers, body)

    def lock(self, course, gadget):
        key = getattr(course, "id", course)
        return self.post({"type": "gadget",
                          "subject": {"courseId": key, "gadgetId": gadget}})

    def take(self, course, gadget, headers=(), **wish):
        """The same, with more members than the subject."""
        key = getattr(course, "id", course)
        return self.post({"type": "gadget", "subject": {
            "courseId": key, "gadgetId": gadget}, **wish}, headers)

    def locks(self, course, *headers):
        key = getattr(course, "id", course)
        return self.raw("GET", f"{self.base}?subject.courseId={key}", headers)

    def own(self, method="GET", headers=()):
        """The own locks, whatever the course."""
        return self.raw(method, f"{self.base}?ownerId=me", headers)

    def look(self, lock_id, method="GET"):
        return self.raw(method, f"{self.base}/{lock_id}")

    def renew(self, lock_id, headers=(), **wish):
        """Renews a lock; without a body if nothing is wished for."""
        if not wish:
            return self.raw("PUT", f"{self.base}/{lock_id}", headers)
        return self.raw("PUT", f"{self.base}/{lock_id}",
                        [("Content-Type", "application/json"), *headers],
                        json.dumps(wish).encode())

    def unlock(self, lock_id):
        return self.raw("DELETE", f"{self.base}/{lock_id}")
