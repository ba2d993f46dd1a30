# SPDX-License-Identifier: Apache-2.0
"""A memcached, and the few commands that tests give it themselves."""
import json
import os
import shutil
import socket
import subprocess
from urllib.parse import unquote

from .processes import Process, free_port

BINARY = shutil.which("memcached", path=os.environ["PATH"] + ":/usr/bin")


class Memcached(Process):
    def __init__(self, *options, unix_socket=None, port=None):
        self.port = port or free_port()
        where = (["-s", unix_socket, "-a", "0777"] if unix_socket
                 else ["-l", "127.0.0.1", "-p", str(self.port), "-U", "0"])
        user = ["-u", "root"] if os.geteuid() == 0 else []
        super().__init__([BINARY, *where, *user, *options],
                         unix_socket or ("127.0.0.1", self.port),
                         stderr=subprocess.DEVNULL)
        self.unix_socket = unix_socket

    @property
    def name(self):
        return (f"unix:{self.unix_socket}" if self.unix_socket
                else f"127.0.0.1:{self.port}")

    @property
    def store(self):
        return f"memcached:{self.name}"

    def talk(self, command, end):
        family = socket.AF_UNIX if self.unix_socket else socket.AF_INET
        with socket.socket(family) as connection:
            connection.settimeout(5)
            connection.connect(self.address)
            connection.sendall(command)
            answer = b""
            while not answer.endswith(end):
                part = connection.recv(65536)
                if not part:
                    break
                answer += part
        return answer

    def set(self, key, value, seconds=3600):
        if isinstance(value, dict):
            value = json.dumps(value)
        if isinstance(value, str):
            value = value.encode()
        command = f"set {key} 0 {seconds} {len(value)}\r\n".encode()
        assert self.talk(command + value + b"\r\n", b"\r\n") == b"STORED\r\n"

    def get(self, key):
        answer = self.talk(f"get {key}\r\n".encode(), b"END\r\n")
        if answer == b"END\r\n":
            return None
        head, _, rest = answer.partition(b"\r\n")
        return rest[:int(head.split()[3])]

    def keys(self):
        lines = self.talk(b"lru_crawler metadump all\r\n", b"END\r\n")
        return [unquote(line.split()[0][4:].decode())
                for line in lines.splitlines()
                if line.startswith(b"key=")]

    def delete(self, key):
        self.talk(f"delete {key}\r\n".encode(), b"\r\n")

    def flush(self):
        self.talk(b"flush_all\r\n", b"\r\n")
