# SPDX-License-Identifier: Apache-2.0
"""What httpd says of its memcached by itself, and when."""

import re
import time

from .system import eventually

EPOCH = "locks:epoch:0"
# Nobody asks: a child looks once a minute, and the next second at most; every
# ten seconds while a server is known to be away.
IDLE = 63
AWAY = 13
# Requests read along once a second, and a child looks the second after.
BUSY = 4

# What is said, with its cure.
DOWN = r"\[locks:error\].*memcached {}: .+: requests that need it .*503 until"
BACK = r"\[locks:notice\].*memcached {} is back"
NO_CAS = (r"\[locks:error\].*memcached {} gives no CAS values.*"
          r"start it without -C")
CAS = r"\[locks:notice\].*memcached {} gives CAS values now"
MAY_EVICT = r"\[locks:warn\].*memcached {} may drop locks.*start it with -M"
EVICTED = r"\[locks:error\].*memcached {} has dropped items.*\(-m\).*-M"
LOST = r"\[locks:error\].*memcached {} has lost its data, and every lock"
FRESH = r"\[locks:info\].*memcached {} is used for the first time"


def said(site, news, server=None):
    """How often it was said."""
    name = re.escape((server or site.store).name)
    return len(re.findall(news.format(name), site.httpd.log()))


def eventually_said(site, news, times=1, server=None, seconds=BUSY, ask=None):
    """`ask` is called now and then meanwhile."""
    def is_said():
        if ask is not None:
            ask()
        return said(site, news, server) >= times

    eventually(is_said, seconds, pause=0.1)
    assert said(site, news, server) == times, site.httpd.log()


def all_said(site):
    """How often anything was said."""
    return {news: said(site, news) for news in (
        DOWN, BACK, NO_CAS, CAS, MAY_EVICT, EVICTED, LOST)
        if said(site, news) > 0}


def settle(site):
    """All children had their turn to say it again."""
    assert len(site.httpd.children()) > 1
    time.sleep(2.5)
