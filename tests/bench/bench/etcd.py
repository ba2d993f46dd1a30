# SPDX-License-Identifier: Apache-2.0
"""etcd: one member alone, with its defaults, on loopback."""

import json
import urllib.request
from contextlib import contextmanager

from harness.system import (Process, eventually, free_port, program,
                            temporary_folder)


def _healthy(url):
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return json.load(answer)["health"] == "true"
    except OSError:
        return False


@contextmanager
def running_etcd():
    """Its address for clients, and its process."""
    with temporary_folder() as folder:
        address = ("127.0.0.1", free_port())
        clients = f"http://127.0.0.1:{address[1]}"
        peers = f"http://127.0.0.1:{free_port()}"
        process = Process(
            [program("etcd"), "--name", "bench",
             "--data-dir", folder / "data",
             "--listen-client-urls", clients,
             "--advertise-client-urls", clients,
             "--listen-peer-urls", peers,
             "--initial-advertise-peer-urls", peers,
             "--initial-cluster", f"bench={peers}",
             "--log-level", "error"],
            folder / "etcd.log")
        try:
            eventually(lambda: _healthy(clients), 30)
            yield address, process.pid
        finally:
            process.end()
