# SPDX-License-Identifier: Apache-2.0
"""Requests that wait, and what is expected of them."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

INTERVAL = 0.2
ON = f"LocksWaitMax 10s\nLocksWaitInterval {int(INTERVAL * 1000)}ms\n"
# Of a child with 16 threads.
MOST = 4
# From a change to the answer of who waits for it, and then some.
SOON = INTERVAL + 0.6


def etag(client, course):
    return client.locks(course).header("ETag")


def wait(client, course, seconds, value=None):
    """Asks for a list other than the present one."""
    return client.locks(course, ("Prefer", f"wait={seconds}"),
                        ("If-None-Match", value or etag(client, course)))


def ask(client, course, seconds, gadget="g1", **wish):
    return client.take(course, gadget, [("Prefer", f"wait={seconds}")], **wish)


@contextmanager
def waiting(*actions):
    """Has others wait meanwhile; gives their futures."""
    with ThreadPoolExecutor(max(1, len(actions))) as pool:
        futures = [pool.submit(action) for action in actions]
        time.sleep(0.3)
        yield futures


def applied(answer, seconds):
    assert answer.header("Preference-Applied") == f"wait={seconds}", answer


def at_once(answer):
    assert answer.header("Preference-Applied") is None, answer
    assert answer.elapsed < 0.5, answer.elapsed


def later(answer, least, most):
    assert least <= answer.elapsed < most, answer.elapsed
