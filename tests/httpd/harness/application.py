# SPDX-License-Identifier: Apache-2.0
"""A site's application, which knows its courses itself."""

import json
import time
from collections import namedtuple
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

from .database import PERMISSION

Question = namedtuple("Question", "method target headers body")
# `length` is what the answer says of itself, if not the truth; `delay` is in
# seconds.
Reply = namedtuple("Reply", "status body type length delay",
                   defaults=(b"", "application/json", None, 0))


def as_json(value, status=200):
    return Reply(status, json.dumps(value).encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while (size := int(self.rfile.readline(), 16)) > 0:
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def do_GET(self):
        question = Question(self.command, self.path, self.headers,
                            self._body())
        application = self.server.application
        application.questions.append(question)
        reply = application.reply(self.path)
        time.sleep(reply.delay)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.type)
        self.send_header("Content-Length", str(len(reply.body)
                                               if reply.length is None
                                               else reply.length))
        self.send_header("Set-Cookie", "seen=1")
        with suppress(ConnectionError):
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)
        self.close_connection = reply.length is not None

    def __getattr__(self, name):
        """Any method is served alike."""
        if name.startswith("do_"):
            return self.do_GET
        raise AttributeError(name)

    def log_message(self, *_):
        pass


class Application:
    """Serves the customer's endpoints below /api. Stands in for a database
    in Site. `replies` overrules what it answers, by the path's beginning;
    `questions` is what it was asked."""

    kind = "application"
    directives = ""

    def __init__(self):
        self.courses = {}
        self.gadgets = {}
        self.permitted = set()
        self.replies = {}
        self.questions = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.application = self
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def port(self):
        return self._server.server_address[1]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # ---- As a database ----

    def add_course(self, course_id, internal_id=None):
        self.courses[course_id] = self.courses[internal_id] = course_id

    def add_gadgets(self, course_id, *gadgets):
        for gadget in gadgets:
            self.gadgets[course_id, gadget] = gadget

    def permit(self, course_id, *principals):
        self.permitted.update((course_id, name) for name in principals)

    def withdraw(self, course_id, principal):
        self.permitted.discard((course_id, principal))

    # ---- As a server ----

    def asked(self):
        """What it was asked since the last time, without the headers."""
        targets = [question.target for question in self.questions]
        self.questions.clear()
        return targets

    def reply(self, target):
        for start, reply in self.replies.items():
            if target.startswith(start):
                return reply
        url = urlsplit(target)
        path = [unquote(part) for part in url.path.split("/")[2:]]
        if path[0] == "permissions":
            query = parse_qs(url.query)
            may = (query["id"][0], query["user"][0]) in self.permitted
            return as_json({"permissions": ["View", PERMISSION] if may
                            else ["View"]})
        course = self.courses.get(path[1])
        if course is None:
            return as_json({"error": 404}, 404)
        if len(path) == 2:
            return as_json({"id": course, "title": "A course"})
        gadget = self.gadgets.get((course, path[3]))
        if gadget is None:
            return as_json({"error": 404}, 404)
        return as_json({"id": gadget, "type": "timeline"})


class Recorder(Application):
    """An application that takes whatever comes."""

    def reply(self, target):
        return Reply(200, b"done", "text/plain")
