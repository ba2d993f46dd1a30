# SPDX-License-Identifier: Apache-2.0
"""What the servers of PostgreSQL and MariaDB have in common."""

import itertools
import os
import signal
import subprocess
from abc import ABC, abstractmethod
from contextlib import closing, suppress
from pathlib import Path

from .database import Database
from .system import (AS_ROOT, UNPRIVILEGED, Process, eventually, free_port,
                     parent_of)

# Whom httpd connects as.
USER = "locks"
PASSWORD = "secret"


def unprivileged():
    """How subprocess starts what refuses to be run by root."""
    if not AS_ROOT:
        return {}
    return {"user": UNPRIVILEGED, "group": "nogroup", "extra_groups": []}


def run_unprivileged(*command):
    answer = subprocess.run([str(word) for word in command], text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, cwd="/",
                            **unprivileged())
    assert answer.returncode == 0, answer.stdout


class ServerDatabase(Database):
    """One database of a server."""

    def __init__(self, server, name):
        self.server = server
        self.name = name
        self.kind = server.kind
        self.driver = server.driver

    @property
    def parameters(self):
        return self.server.parameters(self.name)

    def execute_for_each(self, sql, rows):
        sql = sql.replace("?", "%s")
        with closing(self.server.connect(self.name)) as connection:
            with connection.cursor() as cursor:
                for row in rows:
                    cursor.execute(sql, tuple(row) or None)
            connection.commit()

    def ask(self, sql, values=()):
        """The rows that a query finds."""
        with closing(self.server.connect(self.name)) as connection:
            with connection.cursor() as cursor:
                cursor.execute(sql.replace("?", "%s"), values)
                return cursor.fetchall()


class Server(ABC):
    """A server on loopback with data of its own. `arguments` are appended to
    its command line."""

    kind: str
    driver: str
    # An argument for the server: what connected() counts is logged.
    LOGGING: str
    # SQL: how many prepared statements there are, after an "n".
    STATEMENTS: str
    # SQL: a condition that takes ten seconds to be true.
    SLOW: str
    # What is raised by connections that fail.
    errors: tuple

    def __init__(self, pristine, folder, *arguments):
        self.folder = folder
        self.port = free_port()
        self._arguments = arguments
        self._process = None
        self._numbers = itertools.count(1)
        # With modes and owners: servers refuse data of others.
        subprocess.run(["cp", "-Rp", pristine, folder], check=True)

    # ---- What differs ----

    @staticmethod
    @abstractmethod
    def initialise(data):
        """Makes the data that a first start needs."""

    @abstractmethod
    def parameters(self, name, password=PASSWORD):
        """DBDParams for a database."""

    @abstractmethod
    def connect(self, name=None):
        """A connection of an administrator."""

    @abstractmethod
    def connect_as_user(self, name):
        """A connection such as httpd's."""

    @abstractmethod
    def create_database(self, name):
        """Makes a database and loads schema.sql into it."""

    @abstractmethod
    def connections(self, name=None):
        """The numbers of httpd's connections, all or those to a database."""

    @abstractmethod
    def connected(self, name):
        """How often httpd connected to a database. Needs LOGGING among the
        server's arguments."""

    @abstractmethod
    def kill_connections(self):
        """Ends all of httpd's connections."""

    @abstractmethod
    def waiting(self):
        """Whether one of httpd's connections waits for a table's lock."""

    @abstractmethod
    def locked(self, database, table):
        """Locks a table as long as the context lasts."""

    @abstractmethod
    def setting(self, name, value):
        """Another setting as long as the context lasts, for connections that
        are made meanwhile."""

    @abstractmethod
    def make_internal_ids_numeric(self, database):
        """Gives them the type that a number has."""

    @abstractmethod
    def retype_gadgets(self, database, column):
        """Gives the gadgets' IDs another type."""

    @abstractmethod
    def set_password(self, password):
        """Changes what httpd has to know."""

    @abstractmethod
    def _command(self):
        """The server's command line."""

    def _prepare(self):
        """What a first start has to be followed by."""

    # ---- What does not ----

    def administer(self, *statements):
        """Executes each statement."""
        with closing(self.connect()) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

    def ask(self, sql):
        """The rows that a query finds."""
        with closing(self.connect()) as connection:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()

    def new_database(self):
        name = f"courses{next(self._numbers)}"
        self.create_database(name)
        return ServerDatabase(self, name)

    def start(self):
        first = self._process is None
        self._process = Process([*self._command(), *self._arguments],
                                f"{self.folder}.log", **unprivileged())
        eventually(self._answers, 60)
        if first:
            self._prepare()
        return self

    def running(self):
        return self._process.running()

    def take_connections(self, taken, name):
        """Appends connections of others until there are no more."""
        with suppress(*self.errors):
            while True:
                taken.append(self.connect_as_user(name))

    def _answers(self):
        assert self._process.running(), Path(f"{self.folder}.log").read_text()
        try:
            self.connect().close()
            return True
        except self.errors:
            return False

    @abstractmethod
    def stop(self):
        """Ends it as an administrator does."""

    def processes(self):
        """The server's process and all that it started."""
        found = [self._process.pid]
        for process in Path("/proc").iterdir():
            if (process.name.isdigit()
                    and parent_of(process) == self._process.pid):
                found.append(int(process.name))
        return found

    def _signal(self, number):
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self):
        """Ends it as a power cut does."""
        self._signal(signal.SIGKILL)
        self._process.end(signal.SIGKILL)

    def pause(self):
        """Stops all of it."""
        self._signal(signal.SIGSTOP)
        self._process.pause()

    def resume(self):
        self._signal(signal.SIGCONT)
