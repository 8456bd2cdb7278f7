# SPDX-License-Identifier: MIT
"""Fixtures of the end-to-end tests: the binary, the interpreters, running truth programs.

$PITVIPER               the binary (default build/pitviper)
$PITVIPER_TEST_PYTHONS  only these versions ("3.8,3.12")
$PITVIPER_TEST_FULL     1: full sample counts and tolerances, for a quiet machine
$PITVIPER_SID_ROOT      the newer release's root (default build/sid, made by scripts/sid_root)
"""

import os
import signal

import pytest

from support.pythons import find_pythons, missing_pythons, newest_local, sid_root
from support.recorder import binary_path
from support.target import start_target as start

TEST_TIMEOUT_S = 120


def pytest_generate_tests(metafunc):
    """A test with a `python` argument runs once per interpreter; missing ones show as skipped."""
    own = any("python" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if own or "python" not in metafunc.fixturenames:
        return
    rows = [pytest.param(python, id=python.name) for python in find_pythons()]
    for name in missing_pythons():
        reason = "Python %s is not on this machine" % name
        rows.append(pytest.param(None, id=name, marks=pytest.mark.skip(reason=reason)))
    metafunc.parametrize("python", rows)


def pytest_terminal_summary(terminalreporter):
    found = ", ".join(
        "%s (%d.%d.%d%s)" % (p.name, *p.version, ", newer release's root" if p.root else "")
        for p in find_pythons()
    )
    terminalreporter.write_line("Pythons tested: " + (found or "none"))
    missing = missing_pythons()
    if missing:
        terminalreporter.write_line("Pythons MISSING here, skipped: " + ", ".join(missing))
    if not sid_root():
        terminalreporter.write_line("No newer release's root: scripts/sid_root makes it (root only)")


@pytest.fixture(autouse=True)
def time_limit(request):
    """No test hangs: after its time, it fails where it stands."""
    mark = request.node.get_closest_marker("time_limit")
    seconds = mark.args[0] if mark else TEST_TIMEOUT_S

    def late(*_):
        raise TimeoutError("the test took more than %d s" % seconds)

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def pitviper():
    """Path of the binary."""
    path = binary_path()
    if not os.access(path, os.X_OK):
        pytest.fail("%s is not built; run make, or set PITVIPER" % path)
    return path


@pytest.fixture(scope="session")
def local_python():
    """One interpreter of the machine's own root, the newest: for what does not depend on the version."""
    return newest_local()


@pytest.fixture
def start_target():
    """start_target(python, program, args=(), own_pid_namespace=False, env=None, ready=True).

    Starts tests/targets/<program>.py, waits for its "ready" and ends it after the test, by pid.
    """
    started = []

    def begin(python, program, args=(), **options):
        target = start(python, program, args, **options)
        started.append(target)
        return target

    yield begin
    for target in reversed(started):
        target.stop()
