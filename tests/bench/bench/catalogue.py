# SPDX-License-Identifier: Apache-2.0
"""All figures, and the worlds that they need."""

from . import (against_itself, against_limit, against_peers,
               against_trivial)
from .world import running_world

FIGURES = (*against_trivial.FIGURES, *against_itself.FIGURES,
           *against_peers.FIGURES, *against_limit.FIGURES)
REFUSALS = against_peers.REFUSALS
# Those whose other side needs a package that the tests do not install.
WITH_PEERS = {"php", "etcd"}
NAMES = [row.name for row in (*FIGURES, *REFUSALS)]
UNCACHED = {"uncached": against_itself.VHOSTS["uncached"]}


def start(kind):
    """A world of this kind."""
    if kind == "prefork":
        return running_world("prefork", against_peers.php_directives(),
                             UNCACHED)
    return running_world("event", against_itself.GUARD + against_limit.GUARD
                         + against_peers.DAV, against_itself.VHOSTS,
                         against_limit.TRIPS)
