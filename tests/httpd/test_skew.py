# SPDX-License-Identifier: Apache-2.0
"""Two hosts that know that their clocks differ, whichever of them is asked."""

import time
from email.utils import parsedate_to_datetime

import pytest

from harness import contract
from harness.hosts import two_hosts

# How much later than it could something may happen on a busy machine.
SLACK = 5.0
LEASE = 1
SKEW = 3
OFF = 2


def check_clock(client, course, off):
    """Is the server's clock ahead by so many seconds? Its Date says so."""
    before = time.time()
    answer = client.locks(course)
    date = parsedate_to_datetime(answer.header("Date")).timestamp()
    # A Date is of whole seconds.
    assert before - 1.1 <= date - off <= time.time() + 0.1


class Clocks:
    """Ann and Ben at a host that is right and at one that is not."""

    def __init__(self, hosts, off):
        self.course = hosts.site.course()
        people = hosts.site.users(2, self.course)
        (self.ann, self.ann_off), (self.ben, self.ben_off) = (
            (one, one.at(hosts.addresses[1])) for one in people)
        check_clock(self.ann, self.course, 0)
        check_clock(self.ann_off, self.course, off)

    def tried_by(self, client, since):
        """Asks for g1 until it is granted; after how many seconds it was
        asked for, and the lock."""
        while True:
            asked = time.monotonic() - since
            answer = client.lock(self.course, "g1")
            if answer.status == 201:
                return asked, answer.json
            contract.taken(answer)
            assert asked < LEASE + SKEW + 2 * OFF + SLACK, "never granted"
            time.sleep(0.05)


@pytest.fixture(scope="module", params=[OFF, -OFF],
                ids=["ahead", "behind"])
def with_skew(request):
    """Two hosts, one of them off by so many seconds, which know that."""
    settings = f"LocksTTL {LEASE}s\nLocksClockSkew {SKEW}s"
    with two_hosts(settings, clocks=(None, f"{request.param:+d}s")) as (
            hosts):
        yield hosts, request.param


@pytest.mark.parametrize("owner_is_off", [False, True])
def test_with_skew_set_the_owner_alone_takes_it_until_that_has_passed(
        with_skew, owner_is_off):
    """Whoever's clock is wrong: the lease is never cut short, and it is not
    longer than lease, skew and difference together."""
    hosts, off = with_skew
    scene = Clocks(hosts, off)
    owner, other, ahead = ((scene.ann_off, scene.ben, -off) if owner_is_off
                           else (scene.ann, scene.ben_off, off))
    before = time.monotonic()
    lock = contract.granted(owner.lock(scene.course, "g1"),
                            lease=LEASE * 1000)
    after = time.monotonic()
    asked, taken = scene.tried_by(other, before)
    # By the clock of the one who takes it: deadline and skew have passed.
    assert time.monotonic() - before >= LEASE + SKEW - ahead
    assert asked <= LEASE + SKEW - ahead + (after - before) + SLACK
    assert int(taken["id"]) > int(lock["id"])


@pytest.mark.parametrize("owner_is_off", [False, True])
def test_between_deadline_and_skew_a_lock_is_the_owners_to_take_again(
        with_skew, owner_is_off):
    hosts, off = with_skew
    scene = Clocks(hosts, off)
    owner, other = ((scene.ann_off, scene.ben_off) if owner_is_off
                    else (scene.ann, scene.ben))
    lock = contract.granted(owner.lock(scene.course, "g1"),
                            lease=LEASE * 1000)
    time.sleep(LEASE + 0.1)
    assert contract.listed(other.locks(scene.course)) == []
    contract.no_lock(owner.unlock(lock["id"]), lock["id"])
    contract.no_lock(other.unlock(lock["id"]), lock["id"])
    contract.taken(other.lock(scene.course, "g1"))
    again = contract.granted(owner.lock(scene.course, "g1"),
                             lease=LEASE * 1000)
    assert int(again["id"]) > int(lock["id"])


def test_ids_grow_from_a_clock_ahead_to_one_behind(with_skew):
    hosts, off = with_skew
    scene = Clocks(hosts, off)
    last = 0
    for _ in range(4):
        for client in (scene.ann, scene.ben_off, scene.ben, scene.ann_off):
            # Its answer tells the time that is left by another clock.
            answer = client.lock(scene.course, "g1")
            assert answer.status == 201, answer
            assert int(answer.json["id"]) > last
            last = int(answer.json["id"])
            contract.released(client.unlock(last))
