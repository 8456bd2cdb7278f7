# SPDX-License-Identifier: MIT
"""`pitviper serve`, started by a test on a free loopback port with a store of its own."""

import contextlib
import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from .target import clean_environment, end_with_parent

START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 20
LISTENS = re.compile(r"http://127\.0\.0\.1:(\d+)")


class Serve:
    """One running daemon. `address` is its URL without a slash at the end."""

    def __init__(self, pitviper, data, *words, listen="127.0.0.1:0", **env):
        self.pitviper, self.data = pitviper, Path(data)
        self.log = Path(str(data) + ".log")
        with self.log.open("a") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [pitviper, "serve", "--listen", listen, "--data", str(data), *map(str, words)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=clean_environment(**env), preexec_fn=end_with_parent,
            )
        self.pid = self.process.pid
        try:
            found = self._wait(lambda: LISTENS.search(self.log.read_text()[begin:]))
            self.address = "http://127.0.0.1:" + found[1]
            self._wait(self.is_ready)
        except BaseException:
            self.kill()
            raise

    def _wait(self, found):
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end:
            result = found()
            if result:
                return result
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError("serve did not get ready: " + self.log.read_text())

    def is_ready(self):
        with contextlib.suppress(OSError):
            return self.get("/-/ready", timeout=2)[0] == 200
        return False

    def get(self, path, timeout=20, **headers):
        """(status, headers, body)"""
        request = urllib.request.Request(self.address + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def answer(self, name, **params):
        """The JSON of /api/v1/NAME."""
        status, _, body = self.get("/api/v1/%s?%s" % (name, urllib.parse.urlencode(params)))
        assert status == 200, body
        return json.loads(body)

    def rss_bytes(self):
        found = re.search(r"^VmRSS:\s+(\d+) kB", Path("/proc/%d/status" % self.pid).read_text(), re.MULTILINE)
        return int(found[1]) * 1024

    def kill(self):
        """As a power cut: kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """As systemd does it; all that it saw is on the disk then."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError("serve did not end: " + self.log.read_text()) from None
        assert self.process.returncode == 0, self.log.read_text()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.kill()


def ask_at_rest(pitviper, data, *words):
    """The JSON of `pitviper query WORDS --data DATA`."""
    done = subprocess.run(
        [pitviper, "query", *words, "--data", str(data), "--json"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
