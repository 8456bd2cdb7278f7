# SPDX-License-Identifier: MIT
"""Database servers for the tests: their own, in a temporary directory, on a free port of loopback.

Run as an unprivileged user (they refuse root), without syncing to disk, ended by pid. A server that is not
installed skips its tests by name; scripts/deps/check.txt has the packages.
"""

import contextlib
import glob
import os
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

from .target import clean_environment, end_with_parent

START_TIMEOUT_S = 60
END_TIMEOUT_S = 20
USER = "nobody"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _program(*names):
    """Full path of the first that is installed."""
    for name in names:
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        if path:
            return path
        versions = sorted(glob.glob("/usr/lib/postgresql/*/bin/" + name))
        if versions:
            return versions[-1]
    pytest.skip("%s is not installed: apt-get install, see scripts/deps/check.txt" % names[0])


def _as_user():
    return {"user": USER, "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


@contextlib.contextmanager
def _folder():
    with tempfile.TemporaryDirectory(prefix="pitviper-server-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, USER, "nogroup")
        yield folder


@contextlib.contextmanager
def _running(words, folder, port, is_up=None):
    """The server process, once it answers at its port."""
    with open(folder + "/log", "w+") as log:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env=clean_environment(),
            preexec_fn=end_with_parent, **_as_user(),
        )  # fmt: skip
        try:
            end = time.monotonic() + START_TIMEOUT_S
            while not (is_up() if is_up else _answers(port)):
                if process.poll() is not None or time.monotonic() > end:
                    log.seek(0)
                    pytest.fail("%s did not start:\n%s" % (words[0], log.read()[-2000:]))
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(port):
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def _run(words, folder):
    done = subprocess.run(
        words, cwd=folder, env=clean_environment(), capture_output=True, text=True, timeout=START_TIMEOUT_S, **_as_user()
    )
    if done.returncode:
        pytest.fail("%s failed:\n%s" % (words[0], (done.stdout + done.stderr)[-2000:]))


@pytest.fixture(scope="session")
def postgresql():
    """Its port; user postgres, database postgres, no password."""
    initdb, server, ready = _program("initdb"), _program("postgres"), _program("pg_isready")
    with _folder() as folder:
        data, port = folder + "/data", free_port()
        _run([initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"], folder)
        words = [server, "-D", data, "-k", folder, "-p", str(port)]
        for setting in ("listen_addresses=127.0.0.1", "fsync=off", "shared_buffers=16MB", "max_connections=40"):
            words += ["-c", setting]
        probe = [ready, "-q", "-h", "127.0.0.1", "-p", str(port)]
        with _running(words, folder, port, lambda: subprocess.run(probe, env=clean_environment()).returncode == 0):
            yield port


@pytest.fixture(scope="session")
def mariadb():
    """Its port; user root over TCP, database test, no password."""
    install, server = _program("mariadb-install-db"), _program("mariadbd")
    with _folder() as folder:
        data, port = folder + "/data", free_port()
        options = ["--no-defaults", "--datadir=" + data]
        _run([install, *options, "--auth-root-authentication-method=normal", "--skip-name-resolve"], folder)
        words = [server, *options, "--port=%d" % port, "--bind-address=127.0.0.1", "--socket=" + folder + "/socket"]
        words += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M", "--skip-log-bin"]
        with _running(words, folder, port):
            yield port


@pytest.fixture(scope="session")
def redis_server():
    """Its port."""
    with _folder() as folder:
        port = free_port()
        with _running(_redis(folder, port), folder, port):
            yield port


@pytest.fixture(scope="session")
def redis_cluster():
    """The port of a cluster of one node."""
    with _folder() as folder:
        port = free_port()
        words = _redis(folder, port) + ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
        with _running(words, folder, port):
            _redis_command(port, "CLUSTER ADDSLOTSRANGE 0 16383")
            end = time.monotonic() + START_TIMEOUT_S
            while "cluster_state:ok" not in _redis_command(port, "CLUSTER INFO"):
                assert time.monotonic() < end, "the cluster does not come up"
                time.sleep(0.05)
            yield port


def _redis(folder, port):
    return [_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]


def _redis_command(port, line):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(line.encode() + b"\r\n")
        return client.recv(65536).decode()
