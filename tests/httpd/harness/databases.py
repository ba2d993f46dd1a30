# SPDX-License-Identifier: Apache-2.0
"""The kinds of databases that the tests run on, and their servers.

LOCKS_DATABASES says which are wanted, for example sqlite,postgresql.
"""

import itertools
import os
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path

from .database import Sqlite
from .mariadb import MariadbServer
from .postgresql import PostgresqlServer
from .system import temporary_folder

SERVERS = {"postgresql": PostgresqlServer, "mariadb": MariadbServer}
ALL = ["sqlite", *SERVERS]


@lru_cache(None)
def wanted():
    """Always the same strings: pytest keeps a fixture while its parameter is
    the same object."""
    names = os.environ.get("LOCKS_DATABASES", ",".join(ALL)).split(",")
    unknown = set(names) - set(ALL)
    assert not unknown, f"LOCKS_DATABASES: {unknown} are none of {ALL}"
    return names


class Databases:
    """Makes databases of every kind; starts a server when it is first needed
    and ends all of them. Initialises each kind of server once."""

    def __init__(self):
        self._stack = ExitStack()
        self._folder = None
        self._servers = {}
        self._numbers = itertools.count(1)

    def __enter__(self):
        self._folder = self._stack.enter_context(temporary_folder())
        return self

    def __exit__(self, *error):
        self._stack.close()

    def _new_folder(self, name):
        return Path(self._folder, f"{name}{next(self._numbers)}")

    def _pristine(self, kind):
        """The data of a server that never ran."""
        data = self._folder / kind
        if not data.exists():
            SERVERS[kind].initialise(data)
        return data

    @contextmanager
    def own_server(self, kind, *arguments):
        """A server of this kind that nobody else uses."""
        server = SERVERS[kind](self._pristine(kind),
                               self._new_folder(kind), *arguments)
        try:
            yield server.start()
        finally:
            server.stop()

    def server(self, kind):
        """The server that all share who do no harm to it."""
        if kind not in self._servers:
            self._servers[kind] = self._stack.enter_context(
                self.own_server(kind))
        return self._servers[kind]

    def maker(self, kind):
        """What makes databases of this kind."""
        return Maker(self, kind)

    def new_database(self, kind):
        if kind == "sqlite":
            return Sqlite(self._new_folder("courses"))
        return self.server(kind).new_database()


class Maker:
    """Called, makes a new database of its kind."""

    def __init__(self, databases, kind):
        self._databases = databases
        self.kind = kind

    def __call__(self):
        return self._databases.new_database(self.kind)
