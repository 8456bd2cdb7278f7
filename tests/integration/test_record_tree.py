# SPDX-License-Identifier: MIT
"""`pitviper record` with more than one process, and recordings that are cut short."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict

import pytest

from support.measured import Running, run_measured
from support.stacks import parse_folded

LIMIT_S = 60
WSGI = """
def crunch():
    return sum(i * i for i in range(200))

def app(environ, start_response):
    for _ in range(40):
        crunch()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"""
CELERY = """
from celery import Celery
app = Celery("tasks", broker="memory://", backend="cache+memory://")
app.conf.update(broker_url="filesystem://", broker_transport_options={
    "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"},
    worker_prefetch_multiplier=1, result_backend=None)

@app.task(ignore_result=True)
def crunch():
    total = 0
    for i in range(300000):
        total += i
"""
POOL = """
import multiprocessing, sys, time

def crunch(n):
    end = time.perf_counter() + 0.02
    while time.perf_counter() < end:
        n += 1
    return n

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    with multiprocessing.Pool(2) as pool:
        pool.map(crunch, range(100), chunksize=5)
"""
SHELL = """
sleep 0.3
exec "$0" -c '
import time
def after_exec():
    end = time.perf_counter() + 1
    while time.perf_counter() < end:
        pass
after_exec()
'
"""


def by_process(stacks):
    """{label of the root frame: {names of functions}}"""
    found = defaultdict(set)
    for stack in stacks:
        found[stack[0].name].update(frame.last_name for frame in stack)
    return found


@pytest.fixture
def record(pitviper, tmp_path):
    """record(*words) → (stacks, what it said)."""

    def run(*words):
        out = tmp_path / "out.folded"
        done = run_measured([pitviper, "record", "-o", out, *words], LIMIT_S)
        assert done.status == 0, done.stderr
        return parse_folded(out.read_text(encoding="utf-8")), done

    return run


def read_folded(pitviper, path):
    done = run_measured([pitviper, "convert", path, "-f", "folded", "-o", "-"], LIMIT_S)
    assert done.status == 0, done.stderr
    return parse_folded(done.stdout)


# Trees


def test_record__subprocesses__children_and_grandchildren_of_each_kind(record, start_target, python):
    target = start_target(python, "forks", [8, 2, "mixed"])
    stacks, _ = record("-p", target.pid, "-s", "-d", 2, "-r", 200)
    trees = by_process(stacks)
    assert all(label.startswith("process ") for label in trees), trees.keys()
    functions = list(trees.values())
    assert sum("child_work" in names for names in functions) >= 2
    assert sum("grandchild_work" in names for names in functions) == 1


def test_record__merge__one_tree(record, start_target, local_python):
    target = start_target(local_python, "forks", [6, 2])
    stacks, _ = record("-p", target.pid, "-s", "--merge", "-d", 1, "-r", 200)
    assert not any(frame.name.startswith("process ") for stack in stacks for frame in stack)
    assert any(frame.last_name == "child_work" for stack in stacks for frame in stack)


def test_record__shell_that_becomes_python__is_recorded_from_its_exec(record):
    stacks, _ = record("-s", "-r", 200, "--", "sh", "-c", SHELL, sys.executable)
    assert any(frame.last_name == "after_exec" for stack in stacks for frame in stack)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_record__multiprocessing__workers(record, tmp_path, method):
    program = tmp_path / "pool.py"
    program.write_text(POOL)
    stacks, _ = record("-s", "-r", 200, "--", sys.executable, program, method)
    workers = [names for names in by_process(stacks).values() if "crunch" in names]
    assert len(workers) == 2, by_process(stacks)


def test_record__several_pids_and_name__both_found(record, start_target, local_python):
    first = start_target(local_python, "busy", [20, 5])
    second = start_target(local_python, "busy", [20, 5])
    first.wait_working()
    second.wait_working()
    stacks, _ = record("-p", first.pid, "-p", second.pid, "-d", 1)
    assert {int(label.split()[1].rstrip(":")) for label in by_process(stacks)} == {
        first.pid, second.pid}
    stacks, _ = record("--name", "%s/p/busy" % second.folder, "-d", 1)
    assert [int(label.split()[1].rstrip(":")) for label in by_process(stacks)] == [second.pid]


def test_record__all__at_least_ours(record, start_target, local_python):
    target = start_target(local_python, "busy", [20, 5])
    target.wait_working()
    stacks, _ = record("--all", "-d", 1)
    assert any(label.startswith("process %d:" % target.pid) for label in by_process(stacks))


def test_record__pattern_that_is_none__usage_error(pitviper):
    done = run_measured([pitviper, "record", "--name", "(", "-d", 1], LIMIT_S)
    assert done.status == 2
    assert "regular expression" in done.stderr


# Servers


def wait_http(port, process):
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        try:
            return urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=2).read()
        except OSError:
            time.sleep(0.05)
    pytest.fail("the server did not come up")


def load(port, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=5).read()


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("kind", ["sync", "gthread", "gevent"])
def test_record__gunicorn__its_workers(pitviper, tmp_path, kind):
    pytest.importorskip("gunicorn", reason="gunicorn is not installed here")
    (tmp_path / "service.py").write_text(WSGI)
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-k", kind, "-w", "2", "-b", "127.0.0.1:%d" % port,
         "--log-level", "error", "service:app"], cwd=tmp_path)
    out = tmp_path / "tree.folded"
    try:
        wait_http(port, server)
        recording = Running([pitviper, "record", "-s", "-p", server.pid, "-d", 3, "-o", out])
        load(port, 2.5)
        done = recording.finish(LIMIT_S)
    finally:
        server.terminate()
        server.wait(20)
    assert done.status == 0, done.stderr
    trees = by_process(parse_folded(out.read_text(encoding="utf-8")))
    assert any("crunch" in names for names in trees.values()), trees


def test_record__celery_prefork__its_children(pitviper, tmp_path):
    pytest.importorskip("celery", reason="celery is not installed here")
    (tmp_path / "tasks.py").write_text(CELERY)
    (tmp_path / "queue").mkdir()
    (tmp_path / "control").mkdir()
    send = "import tasks\nfor _ in range(200): tasks.crunch.delay()"
    subprocess.run([sys.executable, "-c", send], cwd=tmp_path, check=True, timeout=LIMIT_S)
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-c", "2", "-l", "error",
         "--without-gossip", "--without-mingle"], cwd=tmp_path,
        env={**os.environ, "C_FORCE_ROOT": "1"}, stdout=subprocess.DEVNULL)
    out = tmp_path / "tree.folded"
    try:
        done = run_measured([pitviper, "record", "-s", "-p", worker.pid, "-d", 6, "-o", out],
                            LIMIT_S)
    finally:
        worker.terminate()
        worker.wait(30)
    assert done.status == 0, done.stderr
    trees = by_process(parse_folded(out.read_text(encoding="utf-8")))
    assert any("crunch" in names for names in trees.values()), trees.keys()


# Cut short


def test_record__killed__capture_keeps_all_but_the_last_second(pitviper, start_target,
                                                              local_python, tmp_path):
    target = start_target(local_python, "busy", [30, 5])
    target.wait_working()
    out = tmp_path / "cut.pv"
    recording = Running([pitviper, "record", "-p", target.pid, "-r", 1000, "-o", out])
    time.sleep(4)
    os.kill(recording.pid, signal.SIGKILL)
    assert recording.finish(LIMIT_S).status == -signal.SIGKILL
    total = sum(read_folded(pitviper, out).values())
    assert total >= 1000 * (4 - 1) * 0.5, "at 1 kHz; half for a machine that has other work"


def test_record__usr1__a_snapshot_while_it_goes_on(pitviper, start_target, local_python, tmp_path):
    target = start_target(local_python, "busy", [30, 5])
    target.wait_working()
    out = tmp_path / "so_far.folded"
    recording = Running([pitviper, "record", "-p", target.pid, "-r", 500, "-d", 4, "-o", out])
    time.sleep(2)
    assert not out.exists()
    os.kill(recording.pid, signal.SIGUSR1)
    time.sleep(1)
    early = sum(parse_folded(out.read_text(encoding="utf-8")).values())
    done = recording.finish(LIMIT_S)
    late = sum(parse_folded(out.read_text(encoding="utf-8")).values())
    assert done.status == 0, done.stderr
    assert 0 < early < late
