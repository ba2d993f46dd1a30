# SPDX-License-Identifier: Apache-2.0
"""MariaDB."""

import subprocess
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pymysql

from .database import SCHEMA
from .server import PASSWORD, USER, Server, run_unprivileged
from .system import MYSELF, eventually, program

# Data that outlive the server but not the machine will do here.
SETTINGS = {"bind-address": "127.0.0.1", "innodb-log-file-size": "8M",
            "innodb-buffer-pool-size": "16M", "max-connections": "200",
            "innodb-flush-log-at-trx-commit": "2", "innodb-doublewrite": "0",
            "innodb-fast-shutdown": "2", "performance-schema": "0"}
# Byte by byte, as schema.sql asks for.
COLLATION = "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"


class MariadbServer(Server):
    kind = "mariadb"
    driver = "mysql"
    LOGGING = "--general-log"
    STATEMENTS = ("(SELECT concat('n', variable_value)"
                  " FROM information_schema.global_status"
                  " WHERE variable_name = 'PREPARED_STMT_COUNT')")
    SLOW = "SLEEP(10) = 0"
    errors = (pymysql.err.OperationalError,)

    @staticmethod
    def initialise(data):
        # Who runs the tests is the administrator, by the socket.
        run_unprivileged(
            program("mariadb-install-db"), "--no-defaults",
            f"--datadir={data}", "--skip-test-db", "--skip-name-resolve",
            "--auth-root-authentication-method=socket",
            f"--auth-root-socket-user={MYSELF}",
            "--innodb-log-file-size=8M")

    @property
    def _socket(self):
        return f"{self.folder}/socket"

    def _command(self):
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        return [program("mariadbd"), "--no-defaults",
                f"--datadir={self.folder}", f"--socket={self._socket}",
                f"--port={self.port}", f"--pid-file={self.folder}/pid",
                f"--general-log-file={self._general_log}",
                "--skip-name-resolve", *settings]

    def parameters(self, name, password=PASSWORD):
        return (f"host=127.0.0.1 port={self.port} dbname={name}"
                f" user={USER} pass={password}")

    def connect(self, name=None):
        return pymysql.connect(unix_socket=self._socket, database=name,
                               user=MYSELF, charset="utf8mb4",
                               connect_timeout=10)

    def connect_as_user(self, name):
        return pymysql.connect(host="127.0.0.1", port=self.port, user=USER,
                               password=PASSWORD, database=name)

    def _prepare(self):
        self.administer(f"CREATE USER {USER}@'127.0.0.1'"
                        f" IDENTIFIED BY '{PASSWORD}'",
                        f"GRANT SELECT ON *.* TO {USER}@'127.0.0.1'")

    def create_database(self, name):
        self.administer(f"CREATE DATABASE {name} {COLLATION}")
        with open(SCHEMA, "rb") as schema:
            subprocess.run([program("mariadb"), "--no-defaults",
                            f"--socket={self._socket}", name],
                           stdin=schema, check=True)

    def connections(self, name=None):
        return [number for number, database in self.ask(
            "SELECT id, db FROM information_schema.processlist"
            f" WHERE user = '{USER}'") if name in (None, database)]

    @property
    def _general_log(self):
        return Path(f"{self.folder}.queries")

    def connected(self, name):
        return self._general_log.read_text().count(
            f"\t{USER}@127.0.0.1 on {name} using")

    def kill_connections(self):
        old = self.connections()
        with closing(self.connect()) as connection:
            for number in old:
                with suppress(*self.errors):
                    connection.cursor().execute(f"KILL {number}")
        eventually(lambda: not set(old) & set(self.connections()))

    def waiting(self):
        return self.ask("SELECT 1 FROM information_schema.processlist"
                        f" WHERE user = '{USER}' AND state LIKE 'Waiting%'")

    @contextmanager
    def locked(self, database, table):
        with closing(self.connect(database.name)) as connection:
            connection.cursor().execute(f"LOCK TABLES {table} WRITE")
            yield

    @contextmanager
    def setting(self, name, value):
        name = {"idle timeout": "wait_timeout"}.get(name, name)
        [[before]] = self.ask(f"SELECT @@GLOBAL.{name}")
        with closing(self.connect()) as connection:
            with connection.cursor() as cursor:
                cursor.execute(f"SET GLOBAL {name} = %s", (value,))
                yield
                cursor.execute(f"SET GLOBAL {name} = %s", (before,))

    def make_internal_ids_numeric(self, database):
        database.execute("ALTER TABLE course MODIFY internal_id BIGINT")

    def retype_gadgets(self, database, column):
        # Of a TEXT, an index takes no more than it is told to.
        database.execute("ALTER TABLE gadget DROP PRIMARY KEY,"
                         " ADD PRIMARY KEY (course_id, id(100)),"
                         f" MODIFY id {column} NOT NULL")

    def set_password(self, password):
        self.administer(f"ALTER USER {USER}@'127.0.0.1'"
                        f" IDENTIFIED BY '{password}'")

    def stop(self):
        self._process.end()
