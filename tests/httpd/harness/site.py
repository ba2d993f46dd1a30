# SPDX-License-Identifier: Apache-2.0
"""A site: httpd, the store, the course database and the people."""

import itertools
import json
import secrets
from collections import namedtuple
from contextlib import ExitStack, contextmanager

from . import contract
from .client import Client
from .database import Sqlite
from .httpd import Httpd
from .memcached import Memcached
from .proxy import FaultProxy
from .system import temporary_folder

Course = namedtuple("Course", "id internal gadgets")

LOCATION = """
<Location "/locks">
    SetHandler locks
</Location>
"""
# A way to be any httpd user: X-User says whom.
NAMED = """
LuaHookCheckUserID {folder}/user.lua check
<Location "/named/locks">
    SetHandler locks
    LocksBase /named/locks
    AuthType Test
    AuthName "The site"
    Require valid-user
</Location>
"""
USER_LUA = """
function check(r)
    if r.headers_in["X-User"] == nil then return 401 end
    r.user = r.headers_in["X-User"]
    return apache2.OK
end
"""
BASIC = """
<Location "/basic/locks">
    SetHandler locks
    LocksBase /basic/locks
    AuthType Basic
    AuthName "The site"
    AuthBasicProvider file
    AuthUserFile users
    Require valid-user
</Location>
"""
# Shared over all sites: nobody meets somebody else's course or user.
_numbers = itertools.count(1)


class Site:
    """`config` and `vhosts` as for Httpd; "{folder}" in `config` and
    `location` is the server's folder. `store` is where sessions are
    written, by default the same memcached as the locks. `database` is an
    SQLite of its own unless one is given."""

    def __init__(self, folder, store, address=None, config="",
                 location=LOCATION, timeout="1s", database=None, **httpd):
        self.store = store
        self.sids = []
        self.database = database or Sqlite(folder / "courses.db")
        settings = [self.database.directives, location, config]
        if address is not None:
            settings.insert(0, f"LocksStore memcached:{address}")
        if timeout is not None:
            settings.insert(0, f"LocksStoreTimeout {timeout}")
        text = "\n".join(settings).replace("{folder}", str(folder))
        self.httpd = Httpd(folder, text, **httpd)
        (folder / "user.lua").write_text(USER_LUA)

    # ---- Courses ----

    def course(self, *gadgets, course_id=None, internal=None):
        """A new course with these gadgets."""
        number = next(_numbers)
        course = Course(course_id or f"course{number:05d}",
                        internal or str(10_000_000 + number),
                        gadgets or ("g1", "g2", "g3"))
        self.database.add_course(course.id, course.internal)
        self.database.add_gadgets(course.id, *course.gadgets)
        return course

    def used_course(self, *gadgets):
        """A course whose last gadget had a lock before."""
        course = self.course(*gadgets)
        user = self.user(course)
        lock = contract.granted(user.lock(course, gadgets[-1]))
        contract.released(user.unlock(lock["id"]))
        return course

    def permit(self, course, *principals):
        self.database.permit(course.id, *principals)

    def withdraw(self, course, principal):
        self.database.withdraw(course.id, principal)

    # ---- People ----

    def client(self, sid=None, vhost="", **client):
        return Client(self.httpd.addresses[vhost], sid=sid, **client)

    def session(self, record, key="session:%s", store=None, lifetime=0):
        """Stores a session's record; returns its SID."""
        sid = secrets.token_hex(8)
        self.sids.append(sid)
        self.write_session(sid, record, key, store, lifetime)
        return sid

    def write_session(self, sid, record, key="session:%s", store=None,
                      lifetime=0):
        if not isinstance(record, bytes):
            record = json.dumps(record).encode()
        with (store or self.store).client() as client:
            assert client.set(key % sid, record, lifetime) == "STORED"

    def visitor(self, record, vhost=""):
        """Someone with a session of this record."""
        return self.client(self.session(record), vhost)

    def user(self, *courses, user_id=None, kind="PlainUserSession",
             vhost=""):
        """A new user who may update the courses."""
        user_id = user_id or str(next(_numbers))
        for course in courses:
            self.permit(course, user_id)
        sid = self.session({"sessionType": kind, "userId": user_id})
        return self.client(sid, vhost, user_id=user_id)

    def users(self, count, *courses, vhost=""):
        """Many users, with one write to the database a course."""
        names = [str(next(_numbers)) for _ in range(count)]
        for course in courses:
            self.permit(course, *names)
        return [self.user(user_id=name, vhost=vhost) for name in names]

    def partner(self, vhost=""):
        """A PartnerKey: may list every course."""
        return self.visitor({"sessionType": "PartnerKey"}, vhost)

    def sign_in_again(self, *clients):
        """Writes the users' sessions anew, after the store forgot them."""
        for client in clients:
            record = {"sessionType": "PlainUserSession",
                      "userId": client.user_id}
            if client.user_id is None:
                record = {"sessionType": "PartnerKey"}
            self.write_session(client.sid, record)


def _checked(site):
    """Runs the site's httpd; at the end reads its log."""
    try:
        yield site
        assert site.httpd.running(), site.httpd.log()
    finally:
        site.httpd.stop()
    site.httpd.check_log(site.sids)


@contextmanager
def running_site(store=None, arguments=(), **settings):
    """A site that runs, with a memcached of its own unless one is given."""
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        if store is None:
            store = Memcached(folder, *arguments)
            stack.callback(store.stop)
            store.start()
        settings.setdefault("address", store.name)
        site = Site(folder, store, **settings)
        site.httpd.start()
        yield from _checked(site)


@contextmanager
def broken_site(arguments=(), timeout="250ms", **settings):
    """A site whose way to memcached leads through a FaultProxy, site.proxy.
    site.direct is a virtual host's name that has no proxy before it."""
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        store = Memcached(folder, *arguments)
        stack.callback(store.stop)
        store.start()
        proxy = FaultProxy(store.address)
        stack.callback(proxy.close)
        vhosts = {"direct": f"LocksStore memcached:{store.name}",
                  **settings.pop("vhosts", {})}
        site = Site(folder, store, address=proxy.name, timeout=timeout,
                    vhosts=vhosts, **settings)
        site.proxy = proxy
        site.httpd.start()
        yield from _checked(site)
