# SPDX-License-Identifier: MIT
"""The HTTP server of src/httpd, started by a driver of the tests, and ways to talk to it."""

import contextlib
import http.client
import json
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from .recorder import binary_path

DRIVERS = Path(binary_path()).parent / "tests" / "drivers"
TIMEOUT_S = 30


@dataclass
class Answer:
    status: int
    headers: dict = field(repr=False)  # names in lower case
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Server:
    port: int
    process: subprocess.Popen

    def ask(self, path, method="GET", body=None, timeout_s=TIMEOUT_S, **headers):
        """One request on a connection of its own. Accept_Encoding="gzip" is a header."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        with contextlib.closing(connection):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers=named)
            return read_answer(connection.getresponse())

    def post(self, path, value, **headers):
        headers.setdefault("Content_Type", "application/json")
        body = value if isinstance(value, (str, bytes)) else json.dumps(value)
        return self.ask(path, "POST", body, **headers)

    def connect(self, timeout_s=TIMEOUT_S):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s)

    def raw(self, data):
        """What comes back for these bytes until the server closes."""
        with self.connect() as connection:
            connection.sendall(data)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

    def is_healthy(self):
        return self.ask("/-/healthy").status == 200

    def rss_bytes(self):
        """0 under a sanitizer, whose memory it would be."""
        maps = Path("/proc/%d/maps" % self.process.pid).read_text()
        if "libasan" in maps or "libtsan" in maps:
            return 0
        for line in Path("/proc/%d/status" % self.process.pid).read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the server is gone")


def read_answer(response):
    body = response.read()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def read_all(connection):
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            data += piece
    return data


def start(data, *words, driver="http_server_made_up"):
    """(process, first line): the line is "" when it refused to start."""
    process = subprocess.Popen(
        [DRIVERS / driver, data, *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    return process, process.stdout.readline().strip()


@contextlib.contextmanager
def serving(data, *words, driver="http_server_made_up"):
    process, line = start(data, *words, driver=driver)
    assert line, process.stderr.read()
    try:
        yield Server(int(line), process)
    finally:
        _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, errors


def refusal(data, *words):
    """Exit status and sentence of a server that does not start."""
    process, line = start(data, *words)
    _, errors = process.communicate(timeout=TIMEOUT_S)
    assert not line
    return process.returncode, errors
