# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL."""

import signal
import subprocess
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path

import psycopg2

from .database import SCHEMA
from .server import PASSWORD, USER, Server, run_unprivileged
from .system import MYSELF, program

# Who runs the tests is the administrator; nobody else gets in without a
# password.
HBA = """
local all all peer map=tests
host all {user} 127.0.0.1/32 scram-sha-256
"""
# Data that outlive the server but not the machine will do here.
SETTINGS = {"listen_addresses": "127.0.0.1", "fsync": "off",
            "full_page_writes": "off", "max_connections": "200",
            "shared_buffers": "16MB", "jit": "off"}
# The database that others are copies of.
TEMPLATE = "with_schema"


@lru_cache(None)
def tool(name):
    """A program of the newest PostgreSQL: Debian has them outside of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
                   key=lambda path: int(path.parts[4]))
    return found[-1] if found else program(name)


class PostgresqlServer(Server):
    kind = "postgresql"
    driver = "pgsql"
    LOGGING = "--log_connections=on"
    STATEMENTS = "(SELECT 'n' || count(*) FROM pg_prepared_statements)"
    SLOW = "(SELECT count(pg_sleep(10))) = 1"
    errors = (psycopg2.OperationalError,)

    @staticmethod
    def initialise(data):
        run_unprivileged(tool("initdb"), "--pgdata", data, "--no-sync",
                         "--encoding=UTF8", "--locale=C.UTF-8",
                         "--username=postgres", "--auth=peer")
        (data / "pg_hba.conf").write_text(HBA.format(user=USER))
        (data / "pg_ident.conf").write_text(
            f"tests {MYSELF} postgres\n")

    def _command(self):
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        return [tool("postgres"), "-D", self.folder, "-k", self.folder,
                "-p", self.port, *settings]

    def parameters(self, name, password=PASSWORD):
        return (f"host=127.0.0.1 port={self.port} dbname={name}"
                f" user={USER} password={password}")

    def connect(self, name="postgres"):
        return psycopg2.connect(host=str(self.folder), port=self.port,
                                dbname=name, user="postgres",
                                connect_timeout=10)

    def connect_as_user(self, name):
        return psycopg2.connect(self.parameters(name))

    def _prepare(self):
        self.administer(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'",
                        f"CREATE DATABASE {TEMPLATE}")
        subprocess.run([program("psql"), "--quiet", "--no-psqlrc",
                        "--set=ON_ERROR_STOP=1", f"--host={self.folder}",
                        f"--port={self.port}", "--username=postgres",
                        f"--dbname={TEMPLATE}", f"--file={SCHEMA}"],
                       check=True)
        with self.connect(TEMPLATE) as connection:
            connection.cursor().execute(
                f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {USER};"
                "ALTER DEFAULT PRIVILEGES IN SCHEMA public"
                f" GRANT SELECT ON TABLES TO {USER}")
        connection.close()

    def create_database(self, name):
        self.administer(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")

    def connections(self, name=None):
        return [pid for pid, database in self.ask(
            "SELECT pid, datname FROM pg_stat_activity"
            f" WHERE usename = '{USER}'") if name in (None, database)]

    def connected(self, name):
        return Path(f"{self.folder}.log").read_text().count(
            f"connection authorized: user={USER} database={name} ")

    def kill_connections(self):
        self.ask("SELECT pg_terminate_backend(pid, 5000)"
                 f" FROM pg_stat_activity WHERE usename = '{USER}'")

    def waiting(self):
        return self.ask("SELECT 1 FROM pg_stat_activity WHERE usename ="
                        f" '{USER}' AND wait_event_type = 'Lock'")

    @contextmanager
    def locked(self, database, table):
        with closing(self.connect(database.name)) as connection:
            connection.cursor().execute(
                f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
            connection.rollback()

    @contextmanager
    def setting(self, name, value):
        name = {"idle timeout": "idle_session_timeout"}.get(name, name)
        self.administer(f"ALTER ROLE {USER} SET {name} = '{value}s'")
        yield
        self.administer(f"ALTER ROLE {USER} RESET {name}")

    def make_internal_ids_numeric(self, database):
        database.execute("ALTER TABLE course ALTER COLUMN internal_id"
                         " TYPE BIGINT USING CAST(internal_id AS BIGINT)")

    def retype_gadgets(self, database, column):
        database.execute(f"ALTER TABLE gadget ALTER COLUMN id TYPE {column}")

    def set_password(self, password):
        self.administer(f"ALTER ROLE {USER} PASSWORD '{password}'")

    def stop(self):
        # At once, whoever is connected.
        self._process.end(signal.SIGINT)
