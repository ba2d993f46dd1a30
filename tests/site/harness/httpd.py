# SPDX-License-Identifier: Apache-2.0
"""An httpd with a configuration of its own."""
import os
import pathlib
import shutil
import signal
import subprocess

from .processes import Process, free_port, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
MODULE = os.environ.get("LOCKS_MODULE",
                        str(ROOT / "mod_locks/.libs/mod_locks.so"))
PATH = os.environ["PATH"] + ":/usr/sbin:/usr/bin"
BINARY = shutil.which("apache2", path=PATH) or shutil.which("httpd", path=PATH)
APXS = shutil.which("apxs", path=PATH) or shutil.which("apxs2", path=PATH)
MODULES = subprocess.run([APXS, "-q", "LIBEXECDIR"], check=True, text=True,
                         capture_output=True).stdout.strip()
STANDARD = ["authn_core", "authz_core", "authz_user", "authz_host",
            "auth_basic", "authn_file", "unixd", "log_config", "alias", "dir",
            "mime", "headers", "rewrite", "http2", "setenvif", "reqtimeout",
            "dbd"]

SIZES = {
    "event": """
        StartServers 2
        MinSpareThreads 8
        MaxSpareThreads 64
        ThreadsPerChild 16
        MaxRequestWorkers 64
    """,
    "worker": """
        StartServers 2
        ThreadsPerChild 16
        MaxRequestWorkers 64
    """,
    "prefork": """
        StartServers 8
        MinSpareServers 4
        MaxRequestWorkers 32
    """,
}


# A module built with sanitizers needs their library loaded before it:
# LOCKS_PRELOAD=$(gcc -print-file-name=libasan.so)
ENVIRONMENT = {"PATH": PATH, "LANG": "C"}
if "LOCKS_PRELOAD" in os.environ:
    ENVIRONMENT.update(LD_PRELOAD=os.environ["LOCKS_PRELOAD"],
                       ASAN_OPTIONS="detect_leaks=0")


def configuration(folder, port, mpm, body):
    loads = "\n".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so"
        for name in [f"mpm_{mpm}", *STANDARD]
        if os.path.exists(f"{MODULES}/mod_{name}.so"))
    user = ("User nobody\nGroup " + ("nogroup" if has_group("nogroup")
                                     else "nobody")
            if os.geteuid() == 0 else "")
    return f"""
ServerRoot "{folder}"
{loads}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile "{folder}/httpd.pid"
DefaultRuntimeDir "{folder}"
ErrorLog "{folder}/error.log"
LogLevel warn
DocumentRoot "{folder}/htdocs"
TypesConfig "{folder}/mime.types"
AddEncoding x-gzip .gz
KeepAliveTimeout 30
LoadModule locks_module "{MODULE}"
{user}
{SIZES[mpm]}
Protocols h2c http/1.1
<Directory />
    Require all denied
</Directory>
<Directory "{folder}/htdocs">
    Require all granted
    AllowOverride All
</Directory>
{body}
"""


def has_group(name):
    import grp
    return any(group.gr_name == name for group in grp.getgrall())


class Httpd(Process):
    def __init__(self, folder, body, mpm="event"):
        self.folder = pathlib.Path(folder)
        (self.folder / "htdocs").mkdir(exist_ok=True, parents=True)
        (self.folder / "mime.types").write_text("text/html html\n")
        os.chmod(self.folder, 0o777)
        self.port = free_port()
        self.mpm = mpm
        self.config = self.folder / "httpd.conf"
        self.write(body)
        super().__init__([BINARY, "-f", str(self.config), "-DFOREGROUND"],
                         ("127.0.0.1", self.port),
                         env=ENVIRONMENT)

    def write(self, body):
        self.config.write_text(
            configuration(self.folder, self.port, self.mpm, body))

    def check(self):
        """What `httpd -t` says, and whether it is content."""
        done = subprocess.run([BINARY, "-f", str(self.config), "-t"],
                              capture_output=True, text=True,
                              env=ENVIRONMENT)
        return done.returncode == 0, done.stdout + done.stderr

    def reload(self):
        before = self.log().count("resuming normal operations")
        self.send(signal.SIGUSR1)
        wait_until(lambda: self.log().count("resuming normal operations") >
                   before or "AH00493" in self.log(), what="graceful restart")

    def log(self):
        log = self.folder / "error.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def stop(self, number=signal.SIGTERM):
        # What is logged later is httpd's own: its event MPM now and then
        # crashes a child that it ends while connections close.
        log = self.log()
        super().stop(number)
        for bad in ("exit signal", "AddressSanitizer", "runtime error",
                    "Assertion"):
            assert bad not in log, log
