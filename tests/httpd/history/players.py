# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, whose requests and answers are recorded."""

import http.client
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness.system import eventually

from .operation import LIST, LOCK, UNLOCK, Entry, Operation

# What may be answered, with the messages of errors.
ANSWERS = {
    (LOCK, 201): None,
    (LOCK, 403): "Resource locked",
    (UNLOCK, 200): None,
    (UNLOCK, 403): "Insufficient permissions",
    (UNLOCK, 404): "Lock '{}' not found",
    (LIST, 200): None,
}
UNAVAILABLE = "Lock store unavailable"


class Unexpected(Exception):
    """An answer that is none of the contract's."""


class Board:
    """What all players know, and the history that they make."""

    def __init__(self, courses):
        self.places = [(course.id, gadget) for course in courses
                       for gadget in course.gadgets]
        self.operations = []
        self.ids = []
        self.stop = threading.Event()

    def learn(self, number):
        self.ids = [*self.ids[-5:], number]


class Player:
    """One tab of a user, with a connection to each host."""

    def __init__(self, board, person, addresses, seed, idle=0.0):
        self._board = board
        self._user = person.user_id
        self._chance = random.Random(seed)
        self._idle = idle
        self._hosts = [(f"host {number + 1}",
                        person.at(address).keeping_connection())
                       for number, address in enumerate(addresses)]
        self._mine = None

    def play(self):
        try:
            while not self._board.stop.is_set():
                self._turn()
                if self._chance.random() < self._idle:
                    time.sleep(self._chance.uniform(0, 1.3))
        except BaseException:
            self._board.stop.set()
            raise
        finally:
            for _, client in self._hosts:
                client.close()

    def _turn(self):
        turn, = self._chance.choices(
            (self._take, self._renew, self._give_up, self._meddle, self.list),
            (40, 15, 20, 10, 15))
        if turn().unknown:
            # Who was told to come back later does.
            time.sleep(self._chance.uniform(0.02, 0.1))

    # ---- What a player does ----

    def _take(self, place=None):
        course, gadget = place or self._chance.choice(self._board.places)
        host, client = self._chance.choice(self._hosts)
        operation = self._done(
            Operation(LOCK, 0, 0, user=self._user, host=host, course=course,
                      gadget=gadget),
            lambda: client.lock(course, gadget))
        if operation.status == 201:
            self._mine = ((course, gadget), operation.id)
            self._board.learn(operation.id)
        return operation

    def _renew(self):
        return self._take(self._mine and self._mine[0])

    def _give_up(self):
        return self._unlock(self._mine[1] if self._mine else 1)

    def _meddle(self):
        return self._unlock(self._chance.choice(self._board.ids or [1]))

    def _unlock(self, number):
        host, client = self._chance.choice(self._hosts)
        return self._done(Operation(UNLOCK, 0, 0, user=self._user, host=host,
                             id=number),
                          lambda: client.unlock(number))

    def list(self, course=None, host=None):
        course = course or self._chance.choice(self._board.places)[0]
        host, client = (self._chance.choice(self._hosts) if host is None
                        else self._hosts[host])
        return self._done(Operation(LIST, 0, 0, user=self._user, host=host,
                                    course=course),
                          lambda: client.locks(course))

    # ---- Recording ----

    def _done(self, operation, send):
        """Sends a request and records it."""
        operation.start = time.monotonic_ns()
        try:
            answer = send()
        except (http.client.HTTPException, OSError):
            answer = None
        operation.end = time.monotonic_ns()
        self._note(operation, answer)
        self._board.operations.append(operation)
        return operation

    def _note(self, operation, answer):
        if answer is None:
            for _, client in self._hosts:
                client.close()
            return
        operation.status = answer.status
        if answer.status == 503:
            message = UNAVAILABLE
        elif (operation.kind, answer.status) in ANSWERS:
            message = ANSWERS[operation.kind, answer.status]
        else:
            raise Unexpected(f"{operation.told()}: {answer}")
        if message is not None:
            if answer.json["message"] != message.format(operation.id):
                raise Unexpected(f"{operation.told()}: {answer}")
        elif operation.kind == LOCK:
            operation.id = int(answer.json["id"])
            operation.expires = answer.json["expiresIn"]
        elif operation.kind == LIST:
            operation.entries = [
                Entry(lock["ownerId"], lock["subject"]["gadgetId"],
                      int(lock["id"])) for lock in answer.json]


def play(hosts, seed, seconds, trouble=None, users=6, tabs=(1, 2), idle=0.0):
    """A history of users, each with one of these numbers of tabs, on courses
    of their own; `trouble(hosts, chance, board)` happens over and over again
    meanwhile. It ends with lists from both hosts, when all is well again."""
    site = hosts.site
    chance = random.Random(seed)
    board = Board([site.course("g1", "g2"), site.course("g1", "g2")])
    courses = sorted({course for course, _ in board.places})
    people = site.users(users)
    for course in courses:
        site.database.permit(course, *[each.user_id for each in people])
    players = [Player(board, person, hosts.addresses, chance.random(), idle)
               for number, person in enumerate(people)
               for _ in range(tabs[number % len(tabs)])]
    with ThreadPoolExecutor(len(players)) as pool:
        running = [pool.submit(player.play) for player in players]
        try:
            end = time.monotonic() + seconds
            while time.monotonic() < end and not board.stop.is_set():
                if trouble is None:
                    board.stop.wait(end - time.monotonic())
                else:
                    trouble(hosts, chance, board)
        finally:
            board.stop.set()
        for each in running:
            each.result()
    for course in courses:
        for host in range(len(hosts.sites)):
            eventually(lambda: players[0].list(course, host).status == 200)
    return board.operations
