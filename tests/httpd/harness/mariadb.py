# SPDX-License-Identifier: Apache-2.0
"""MariaDB."""

import subprocess
from contextlib import closing

import pymysql

from .database import SCHEMA
from .server import PASSWORD, USER, Server, run_unprivileged
from .system import MYSELF, eventually, program

# Data that are gone after a power cut will do here.
SETTINGS = {"bind-address": "127.0.0.1", "innodb-log-file-size": "8M",
            "innodb-buffer-pool-size": "16M", "max-connections": "200",
            "innodb-flush-log-at-trx-commit": "0", "innodb-doublewrite": "0",
            "innodb-fast-shutdown": "2", "performance-schema": "0"}
# Byte by byte, as schema.sql asks for.
COLLATION = "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"


class MariadbServer(Server):
    kind = "mariadb"
    driver = "mysql"

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
                "--skip-name-resolve", *settings]

    def parameters(self, name, password=PASSWORD):
        return (f"host=127.0.0.1 port={self.port} dbname={name}"
                f" user={USER} pass={password}")

    def connect(self, name=None):
        return pymysql.connect(unix_socket=self._socket, database=name,
                               user=MYSELF, charset="utf8mb4",
                               connect_timeout=10)

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

    def connections(self):
        return [number for number, in self.ask(
            "SELECT id FROM information_schema.processlist"
            f" WHERE user = '{USER}'")]

    def kill_connections(self):
        with closing(self.connect()) as connection:
            for number in self.connections():
                connection.cursor().execute(f"KILL {number}")
        eventually(lambda: not self.connections())

    def set_password(self, password):
        self.administer(f"ALTER USER {USER}@'127.0.0.1'"
                        f" IDENTIFIED BY '{password}'")

    def stop(self):
        self._process.end()
