# SPDX-License-Identifier: MIT
"""Real servers with an instrumented application, and their processes' shared memory.

    with server(tmp_path, ["gunicorn", "-b", "{address}", "app:app"], APP) as site:
        site.get("/users/7")          # (status, body)
        site.wait(lambda regions: ...)  # regions: {pid: Region} of the server and all below it, also of those that ended
"""

import contextlib
import http.client
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .instrumented import instrumented_environment, package_folder
from .region import Region, read_region
from .servers import free_port
from .target import end_with_parent

START_TIMEOUT_S = 40


class Site:
    def __init__(self, process, port, log):
        self.process, self.port, self.log = process, port, log
        self._seen = {}

    def get(self, path, method="GET", timeout_s=20, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def regions(self):
        """As they are now."""
        for pid in family(self.process.pid):
            region = read_region(pid)
            if region is not None and region.header["pid"] == int(pid):  # a child has its parent's open, too
                self._seen[pid] = region
        return {pid: Region(region.data) for pid, region in self._seen.items()}

    def wait(self, satisfied, timeout_s=20):
        """The regions once `satisfied(regions)`."""
        end = time.monotonic() + timeout_s
        while True:
            regions = self.regions()
            if satisfied(regions):
                return regions
            if time.monotonic() > end:
                found = {pid: [key[1:8] for key in region.keys()] for pid, region in regions.items()}
                raise AssertionError("not what was waited for: %s\n%s" % (found, self.log.read_text()[-3000:]))
            time.sleep(0.02)

    def counted(self, wanted, timeout_s=20):
        """{(method, route, status class): count} over all processes, once that many requests have ended."""
        regions = self.wait(lambda regions: sum(total(regions).values()) >= wanted, timeout_s)
        return total(regions)


def family(pid):
    """A process and all below it, by number as text."""
    found, todo = [], [str(pid)]
    while todo:
        pid = todo.pop()
        found.append(pid)
        for children in Path("/proc/%s/task" % pid).glob("*/children"):
            with contextlib.suppress(OSError):
                todo += children.read_text().split()
    return found


def total(regions):
    found = {}
    for region in regions.values():
        for key in region.keys("REQUEST"):
            name = (key.detail, key.name, key.group)
            found[name] = found.get(name, 0) + key.count
    return found


@contextlib.contextmanager
def server(folder, words, code, check="/", **env):
    """The words may have {address}, {port}; a program of the tests' environment comes first. Instrumented by PYTHONPATH."""
    program = Path(sys.executable).parent / words[0]
    if not program.exists():
        pytest.skip("%s is not installed: tests/agent/requirements.txt" % words[0])
    (folder / "app.py").write_text(code)
    port, log = free_port(), folder / "log"
    words = [str(program), *(word.format(port=port, address="127.0.0.1:%d" % port) for word in words[1:])]
    path = [package_folder() + "/pitviper/bootstrap", package_folder(), str(folder)]
    environment = instrumented_environment(PYTHONPATH=os.pathsep.join(path), PYTHONUNBUFFERED="1", **env)
    with open(log, "w") as out:
        process = subprocess.Popen(
            words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=end_with_parent
        )
    site = Site(process, port, log)
    try:
        _wait_until_up(site, check)
        yield site
    finally:
        below = family(process.pid)[1:]
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in below:
            with contextlib.suppress(OSError):
                os.kill(int(pid), 9)


def _wait_until_up(site, check):
    end = time.monotonic() + START_TIMEOUT_S
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            site.get(check)
            return
        if site.process.poll() is not None or time.monotonic() > end:
            pytest.fail("the server does not answer:\n%s" % site.log.read_text()[-3000:])
        time.sleep(0.05)
