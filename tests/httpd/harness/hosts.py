# SPDX-License-Identifier: Apache-2.0
"""Two httpd hosts that share one memcached for their locks."""

from contextlib import ExitStack, contextmanager

from .memcached import memcached
from .proxy import FaultProxy
from .site import running_site


class Hosts:
    """`sites` are the hosts; `store` holds the locks, `proxies` are the hosts'
    ways to it, if these are not direct. Sessions live in a memcached that
    nothing befalls, so nobody has to sign in anew."""

    def __init__(self, store, sites, proxies):
        self.store = store
        self.sites = sites
        self.proxies = proxies

    @property
    def site(self):
        """The host that is asked for courses and people."""
        return self.sites[0]

    @property
    def addresses(self):
        return [site.httpd.address for site in self.sites]


@contextmanager
def two_hosts(config="", timeout="1s", with_proxies=False,
              clocks=(None, None), **settings):
    """`clocks` are how far those of the two httpd are off, such as "+3s"."""
    with ExitStack() as stack:
        sessions = stack.enter_context(memcached())
        store = stack.enter_context(memcached())
        sites, proxies = [], []
        for clock in clocks:
            address = store.name
            if with_proxies:
                proxies.append(FaultProxy(store.address))
                stack.callback(proxies[-1].close)
                address = proxies[-1].name
            sites.append(stack.enter_context(running_site(
                store=sessions, address=address, timeout=timeout,
                config=f"LocksSessionStore memcached:{sessions.name}\n"
                + config, clock=clock,
                database=sites[0].database if sites else None, **settings)))
        yield Hosts(store, sites, proxies)
