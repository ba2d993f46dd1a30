# SPDX-License-Identifier: Apache-2.0
"""A whole site: httpd, memcached, a course database, sessions, clients."""
import http.client
import itertools
import json
import os
import sqlite3

from .httpd import ROOT, Httpd
from .memcached import Memcached

PERMISSION = "InsertConfigureDeleteYourOwnGadgetInstances"
_numbers = itertools.count(1)

LOCATION = """
<Location "/locks">
    SetHandler locks
</Location>
"""


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def message(self):
        return self.json["message"]

    def is_error(self, status, message=None):
        """Is this that error, in full form?"""
        assert self.status == status, (self.status, self.body)
        assert self.headers["Content-Type"] == "application/json"
        assert "no-store" in self.headers["Cache-Control"]
        assert sorted(self.json) == ["error", "message"]
        assert self.json["error"] == status
        if message is not None:
            assert self.json["message"] == message
        if status == 503:
            assert int(self.headers["Retry-After"]) > 0
        return True


class Database:
    """Courses, gadgets and permissions in SQLite."""

    def __init__(self, path):
        self.path = path

    def create(self):
        self.run((ROOT / "conf/schema.sql").read_text())
        os.chmod(self.path, 0o666)
        return self

    def run(self, script):
        with sqlite3.connect(self.path) as connection:
            connection.executescript(script)

    def insert(self, table, *values):
        places = ", ".join("?" * len(values))
        with sqlite3.connect(self.path) as connection:
            connection.execute(f"INSERT INTO {table} VALUES ({places})",
                               values)

    def course(self, course, internal_id=None, gadgets=("g1", "g2", "g3"),
               users=()):
        self.insert("course", course, internal_id)
        for gadget in gadgets:
            self.insert("gadget", course, gadget)
        for user in users:
            self.allow(course, user)

    def allow(self, course, principal):
        self.insert("course_permission", course, principal, PERMISSION)

    def forbid(self, course, principal):
        with sqlite3.connect(self.path) as connection:
            connection.execute("DELETE FROM course_permission WHERE "
                               "course_id = ? AND principal = ?",
                               (course, principal))


class Client:
    """Requests to one httpd; `sid` is sent with each unless it is None."""

    def __init__(self, site, sid=None, port=None, headers=None, base="/locks"):
        self.site = site
        self.sid = sid
        self.port = port or site.httpd.port
        self.headers = headers or {}
        self.base = base

    def request(self, method, path, body=None, headers=None, timeout=20):
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=timeout)
        try:
            return self.on(connection, method, path, body, headers)
        finally:
            connection.close()

    def on(self, connection, method, path, body=None, headers=None):
        """The same on a connection that stays open."""
        sent = dict(self.headers)
        if self.sid is not None:
            sent["SID"] = self.sid
        sent.update(headers or {})
        connection.request(method, path, body=body, headers=sent)
        response = connection.getresponse()
        return Answer(response, response.read())

    def locks(self, course):
        return self.request("GET",
                            f"{self.base}?subject.courseId={course}")

    def lock(self, course, gadget="g1", headers=None):
        body = {"type": "gadget",
                "subject": {"courseId": course, "gadgetId": gadget}}
        return self.post(json.dumps(body), headers)

    def post(self, body, headers=None):
        return self.request("POST", self.base, body, headers)

    def unlock(self, lock_id):
        return self.request("DELETE", f"{self.base}/{lock_id}")


class Site:
    """Directives come before the location, which may be another one."""

    def __init__(self, folder, directives="", location=LOCATION, mpm="event",
                 store=None, memcached=None, database=True):
        self.folder = folder
        self.memcached = memcached or Memcached().start()
        self.database = Database(f"{folder}/courses.db")
        if database:
            self.database.create()
        self.store = store or self.memcached.store
        self.httpd = Httpd(folder, self.body(directives, location), mpm)
        self.httpd.start()

    def body(self, directives="", location=LOCATION):
        return f"""
DBDriver sqlite3
DBDParams "{self.database.path}"
LocksStore {self.store}
{directives}
{location}
"""

    def stop(self):
        self.httpd.stop()
        self.memcached.stop()

    # Every test works with names of its own.

    def new_course(self, *users, gadgets=("g1", "g2", "g3"), internal=None):
        course = f"course{next(_numbers)}"
        self.database.course(course, internal, gadgets,
                             [user.user for user in users])
        return course

    def session(self, record, prefix="session:"):
        sid = f"sid-{next(_numbers)}"
        self.memcached.set(prefix + sid, record)
        return Client(self, sid)

    def new_user(self, kind="PlainUserSession", user=None):
        user = user or str(next(_numbers))
        client = self.session({"sessionType": kind, "userId": user})
        client.user = user
        return client

    def partner(self):
        return self.session({"sessionType": "PartnerKey"})

    def anonymous(self):
        return Client(self)
