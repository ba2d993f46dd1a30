# SPDX-License-Identifier: Apache-2.0
"""The course database: what all kinds of it have in common, and SQLite.

PostgreSQL and MariaDB are in files of their own; databases.py starts them.
"""

import sqlite3
from abc import ABC, abstractmethod
from contextlib import closing

from .system import ROOT

SCHEMA = ROOT / "conf" / "schema.sql"
PERMISSION = "InsertConfigureDeleteYourOwnGadgetInstances"


class Database(ABC):
    """A database with the tables of schema.sql. SQL has a "?" for each value,
    whatever the driver takes. `driver` and `parameters` are what DBDriver
    and DBDParams take; who uses those may only read."""

    kind: str
    driver: str
    parameters: str

    @abstractmethod
    def execute_for_each(self, sql, rows):
        """Executes it for each row of values, all or nothing."""

    @property
    def directives(self):
        return f'DBDriver {self.driver}\nDBDParams "{self.parameters}"'

    def execute(self, sql, values=()):
        self.execute_for_each(sql, [values])

    def add_course(self, course_id, internal_id=None):
        self.execute("INSERT INTO course VALUES (?, ?)",
                     (course_id, internal_id))

    def add_gadgets(self, course_id, *gadgets):
        self.execute_for_each("INSERT INTO gadget VALUES (?, ?)",
                              [(course_id, gadget) for gadget in gadgets])

    def permit(self, course_id, *principals, permission=PERMISSION):
        self.execute_for_each(
            "INSERT INTO course_permission VALUES (?, ?, ?)",
            [(course_id, name, permission) for name in principals])

    def withdraw(self, course_id, principal):
        self.execute("DELETE FROM course_permission"
                     " WHERE course_id = ? AND principal = ?",
                     (course_id, principal))


class Sqlite(Database):
    kind = "sqlite"
    driver = "sqlite3"

    def __init__(self, path):
        """Makes the file."""
        self.path = path
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(SCHEMA.read_text())
        path.chmod(0o644)

    @property
    def parameters(self):
        return str(self.path)

    def execute_for_each(self, sql, rows):
        with closing(sqlite3.connect(self.path, timeout=20)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            with connection:
                connection.executemany(sql, rows)
