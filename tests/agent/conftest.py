# SPDX-License-Identifier: MIT
"""Fixtures of the agent's tests, beside those of tests/conftest.py.

$PITVIPER          the binary; the package is looked for beside it
$PITVIPER_PACKAGE  the folder that PYTHONPATH must name, where that is somewhere else
"""

import os
import subprocess

import pytest

from support.instrumented import package_folder, run_python
from support.servers import mariadb, postgresql, redis_cluster, redis_server  # noqa: F401  fixtures

OLDEST_MINOR = 8


@pytest.fixture(scope="session")
def package():
    """The folder with the package; the tests fail where it was not built."""
    folder = package_folder()
    if not any(name.startswith("_core.") for name in os.listdir(os.path.join(folder, "pitviper"))):
        pytest.fail("%s/pitviper has no extension" % folder)
    return folder


@pytest.fixture
def agent_python(python, package):
    """Every interpreter that the agent is for, one per test."""
    if python.minor < OLDEST_MINOR:
        pytest.skip("the agent is for 3.%d and newer" % OLDEST_MINOR)
    probe = run_python(python, "import pitviper._core")
    if python.free_threaded and "No module named" in probe.stderr:
        pytest.skip("the extension was not built for free-threaded Python")
    return python


@pytest.fixture
def start_process():
    """start_process(words, **Popen options); ended after the test, by pid."""
    started = []

    def begin(words, **options):
        process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, **options)
        started.append(process)
        return process

    yield begin
    for process in reversed(started):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
