# SPDX-License-Identifier: MIT
"""Running a program that uses a driver, and looking at what it left in its shared memory.

    with data_program(python, '''
        import sqlite3
        say(sqlite3.connect(":memory:").execute("SELECT 1").fetchall())
    ''') as done:
        done.said       # [[[1]]]
        done.counts("STATEMENT")    # {"SELECT ?": 1}

The program is instrumented before it imports anything else, and waits at its end until it has been looked at.
"""

import contextlib
import json
import shutil
import subprocess
import tempfile
import textwrap
import os

from .instrumented import instrumented_environment, package_folder
from .region import read_region
from .target import end_with_parent

END = "-- looked at --"

PRELUDE = """
import json as _json, sys
import pitviper.auto
from pitviper import _core
def say(value):
    sys.stdout.write(_json.dumps(value) + chr(10)); sys.stdout.flush()
def request(name="/page"):
    return _core.begin(_core.KIND_REQUEST, name, "GET")
"""

POSTLUDE = """
say(%r)
sys.stdin.read()
""" % END


class Done:
    """What a data program said and counted."""

    def __init__(self, region, said, errors):
        self.region, self.said, self.errors = region, said, errors

    def keys(self, kind):
        return self.region.keys(kind) if self.region else []

    def counts(self, kind):
        """{name: count}, over all details and groups."""
        found = {}
        for key in self.keys(kind):
            found[key.name] = found.get(key.name, 0) + key.count
        return found

    def key(self, kind, name):
        """The only key of that name."""
        (found,) = [key for key in self.keys(kind) if key.name == name]
        return found

    def has(self, *secrets):
        """Those of the texts that stand anywhere in the shared memory."""
        data = self.region.data if self.region else b""
        return [secret for secret in secrets if data.find(secret if isinstance(secret, bytes) else secret.encode()) >= 0]


@contextlib.contextmanager
def data_program(python, code, *args, timeout_s=60, **env):
    """Runs `code` (its lines may be indented) under an interpreter of support.pythons or a path."""
    root = getattr(python, "root", "")
    words = python.command() if hasattr(python, "command") else [str(python)]
    with tempfile.TemporaryDirectory(prefix="pitviper-data-", dir=root + "/tmp" if root else None) as folder:
        os.chmod(folder, 0o755)
        if root:
            shutil.copytree(package_folder(), folder + "/python")
            env.setdefault("PYTHONPATH", folder[len(root) :] + "/python")
        with open(folder + "/program.py", "w", encoding="utf-8") as file:
            file.write(PRELUDE + textwrap.dedent(code) + POSTLUDE)
        process = subprocess.Popen(
            [*words, folder[len(root) :] + "/program.py", *map(str, args)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=None if root else folder, env=instrumented_environment(**env), preexec_fn=end_with_parent,
        )  # fmt: skip
        try:
            yield _look(process, timeout_s)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


def _look(process, timeout_s):
    said = []
    for line in process.stdout:
        value = json.loads(line)
        if value == END:
            region = read_region(process.pid)
            _, errors = process.communicate("", timeout=timeout_s)
            return Done(region, said, errors)
        said.append(value)
    _, errors = process.communicate(timeout=timeout_s)
    raise AssertionError("the program ended with %s:\n%s" % (process.returncode, errors))
