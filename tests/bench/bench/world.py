# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured: a site with mod_locks, memcached on a
socket, and a server that has the trivial handler and not mod_locks."""

from contextlib import ExitStack, contextmanager

from harness.httpd import Httpd
from harness.memcached import Memcached
from harness.site import Site
from harness.system import temporary_folder

from . import extension
from .people import People

# What a small site loads. Both servers load the same.
MODULES = ("authz_core", "alias", "env", "dbd", "proxy", "proxy_http", "dav",
           "dav_fs")
# From the start on, more workers than there are connections in any load, and
# in each child: the event MPM closes kept connections when all threads of a
# child are busy, just when the next request may be on its way.
WORKERS = {
    "event": """
    StartServers 2
    ServerLimit 2
    ThreadsPerChild 48
    MinSpareThreads 1
    MaxSpareThreads 96
    MaxRequestWorkers 96
""",
    "prefork": """
    StartServers 40
    MinSpareServers 1
    MaxSpareServers 64
    MaxRequestWorkers 64
""",
}
# As Debian has it: nobody looks for .htaccess below documents.
QUIET = """
LogLevel error
MaxKeepAliveRequests 0
KeepAliveTimeout 60
<Directory "/">
    AllowOverride None
</Directory>
"""
# Leases outlive all measuring, and in a list each takes as many digits. The
# store may take long: what else the machine does must not end a run.
LOCKS = """
LocksStoreTimeout 1s
LocksTTL 24h
LocksCatalogCache 60s
DBDMin 1
DBDKeep 32
DBDMax 32
"""
# What a bare round trip reads: as long as a lease is, about.
VALUE_KEY, VALUE_LENGTH = "bench:value", 120


class World:
    """`site` has a memcached of its own; `trivial` is the
    address of the server that knows only the trivial handler."""

    def __init__(self, site, people, plain, folder, mpm):
        self.site = site
        self.people = people
        self._plain = plain
        self.trivial = plain.address
        self.folder = folder
        self.mpm = mpm

    def processes(self):
        """Those of all servers, by kind."""
        return {"store": [self.site.store.pid],
                "httpd": [pid for httpd in (self.site.httpd, self._plain)
                          for pid in (httpd.pid, *httpd.children())]}

    def address(self, vhost=""):
        return self.site.httpd.addresses[vhost]


def _plain_server(folder, mpm, config):
    folder.mkdir()
    folder.chmod(0o755)
    return Httpd(folder, WORKERS[mpm] + QUIET + config, mpm=mpm,
                 modules=MODULES, with_locks=False)


def _trips(folder, store):
    """What lets a server's locations make bare round trips."""
    load = extension.build(folder, "bench_trips", "-lmemcached")
    with store.client() as client:
        client.set(VALUE_KEY, b"v" * VALUE_LENGTH)
    return f"{load}BenchStore {store.address} {VALUE_KEY}\n"


@contextmanager
def running_world(mpm, config="", vhosts=None, plain_config=""):
    """`config` and `vhosts` are for the site's server; "{folder}" is its
    folder, "{backend}" the URL of the trivial handler's server, "{store}"
    memcached's socket. `plain_config` is for the other server."""
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        store = Memcached(folder, "-M", "-m", 256, "-c", 4096,
                          path=folder / "store.sock")
        stack.callback(store.stop)
        store.start()
        trips = _trips(folder, store)
        plain = _plain_server(
            folder / "plain", mpm,
            extension.build(folder, "bench_trivial") + trips + plain_config)
        stack.callback(plain.stop)
        plain.start()
        host, port = plain.address
        config = (WORKERS[mpm] + QUIET + LOCKS + trips + config).replace(
            "{backend}", f"http://{host}:{port}").replace(
            "{store}", store.address)
        site = Site(folder, store, address=store.name, config=config,
                    timeout=None, mpm=mpm, modules=MODULES, vhosts=vhosts)
        stack.callback(site.httpd.stop)
        site.httpd.start()
        yield World(site, People(site), plain, folder, mpm)
        assert site.httpd.running(), site.httpd.log()
        site.httpd.check_log()
