# SPDX-License-Identifier: Apache-2.0
"""The course database, on SQLite."""

import sqlite3
from contextlib import closing

from .system import ROOT

PERMISSION = "InsertConfigureDeleteYourOwnGadgetInstances"


class Database:
    def __init__(self, path):
        self.path = path

    def create(self):
        schema = (ROOT / "conf" / "schema.sql").read_text()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(schema)
        self.path.chmod(0o644)

    def execute(self, sql, values=()):
        self.execute_for_each(sql, [values])

    def execute_for_each(self, sql, rows):
        with closing(sqlite3.connect(self.path, timeout=20)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            with connection:
                connection.executemany(sql, rows)

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
