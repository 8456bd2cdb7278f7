# SPDX-License-Identifier: MIT
"""pitviper watch: what the agent counted, as tables, as JSON, and on a terminal.

The programs count with `pitviper._core` itself, so that every figure is known beforehand.
"""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from support.terminal import Terminal, tmux_path

USAGE, GONE, NO_AGENT, DENIED = 2, 66, 69, 77
SIZES = [(80, 24), (140, 40), (40, 12)]
needs_tmux = pytest.mark.skipif(not tmux_path(), reason="tmux is not on this machine")

# 1000 calls of 1 to 1000 ms: the percentiles are the numbers. A route that runs one statement 7 times.
COUNTED = """
import sys, time
from pitviper import _core
for i in range(1000):
    _core.count(_core.KIND_OUTBOUND, "api.example.org", "GET", (i + 1) / 1000.0, i % 100 == 0, 2 if i % 100 else 5)
for i in range(10):
    _core.count(_core.KIND_CACHE, "GET", "redis", 0.0001)
for i in range(20):
    request = _core.begin(_core.KIND_REQUEST, "/orders/<id>", "GET")
    request.status = 500 if i < 3 else 200
    if i < 3:
        try:
            raise ValueError("secret")
        except ValueError as error:
            request.error(error)
    request.end()
task = _core.begin(_core.KIND_TASK, "mail.send", "celery")
task.end()
waiting = _core.begin(_core.KIND_REQUEST, "/slow", "POST")
print("ready", flush=True)
time.sleep(120)
"""

STATEMENTS = """
import sqlite3, time
import pitviper.auto
from pitviper import _core
database = sqlite3.connect(":memory:")
database.execute("CREATE TABLE t (a)")
for i in range(30):
    request = _core.begin(_core.KIND_REQUEST, "/list", "GET")
    for n in range(7):
        database.execute("SELECT a FROM t WHERE a = %d" % n).fetchall()
    request.status = 200
    request.end()
print("ready", flush=True)
time.sleep(120)
"""

# A parent with two workers, as servers have them. Each works on a request for ever.
WORKERS = """
import os, sys, time
from pitviper import _core
def work(number):
    for _ in range(5):
        done = _core.begin(_core.KIND_REQUEST, "/quick", "GET")
        done.status = 200
        done.end()
    request = _core.begin(_core.KIND_REQUEST, "/stuck/%d" % number, "GET")
    os.write(1, b"%d\\n" % os.getpid())  # in one piece
    while os.getppid() == parent:
        time.sleep(0.05)
    os._exit(0)
parent = os.getpid()
for number in range(2):
    if os.fork() == 0:
        work(number)
os.write(1, b"ready\\n")
time.sleep(120)
"""


@pytest.fixture
def program(pitviper, package, start_process):
    """program(code, *options): the process, once it says "ready"; its other lines are in .lines."""

    def begin(code, *options):
        words = [pitviper, "run", "-q", *options, "--", sys.executable, "-c", code]
        process = start_process(words, stdout=subprocess.PIPE, text=True)
        process.lines = []
        wanted = 3 if code is WORKERS else 1
        while len(process.lines) < wanted:
            line = process.stdout.readline()
            assert line, "it ended early"
            process.lines.append(line.strip())
        return process

    return begin


@pytest.fixture
def watch(pitviper):
    """watch(*words): the CompletedProcess, as text."""

    def go(*words):
        return subprocess.run(
            [str(word) for word in (pitviper, "watch", *words)], capture_output=True, text=True, timeout=60
        )

    return go


@pytest.fixture
def look(watch):
    """look(pid, *options): the JSON document."""

    def go(pid, *options):
        done = watch("-p", pid, "-j", "--interval", "200ms", *options)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return json.loads(done.stdout)

    return go


@pytest.fixture
def live(pitviper):
    """live(pid, *options, columns, rows, env): a terminal in which watch runs."""
    opened = []

    def begin(pid, *options, columns=80, rows=24, env=None):
        screen = Terminal(columns, rows, env)
        opened.append(screen)
        screen.run(pitviper, "watch", "-p", pid, *options, ";", "echo", "status=$?")
        screen.wait_for("pitviper watch" if columns >= 20 else "1")
        return screen

    yield begin
    for screen in opened:
        screen.close()


def only(rows, **wanted):
    found = [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]
    assert len(found) == 1, (wanted, rows)
    return found[0]


def close(value, truth, part=0.01):
    return math.isclose(value, truth, rel_tol=part)


# ---- JSON ---------------------------------------------------------------------------------------


def test_watch__known_durations__percentiles_are_within_one_percent(program, look):
    outbound = only(look(program(COUNTED).pid)["outbound"], host="api.example.org")
    figures = outbound["all"]
    assert figures["count"] == 1000 and figures["errors"] == 10
    assert close(figures["p50_seconds"], 0.500) and close(figures["p90_seconds"], 0.900)
    assert close(figures["p95_seconds"], 0.950) and close(figures["p99_seconds"], 0.990)
    assert close(figures["max_seconds"], 1.0, 1e-6) and close(figures["total_seconds"], 500.5, 1e-6)
    assert outbound["status"] == {"2xx": 990, "5xx": 10}
    assert outbound["method"] == "GET" and outbound["is_other"] is False
    assert outbound["now"]["count"] == 0


def test_watch__document__has_every_list_and_the_process(program, look):
    process = program(COUNTED, "--service", "shop", "--release", "1.4")
    document = look(process.pid)
    assert set(document) >= {
        "pitviper", "time", "all_seconds", "now_seconds", "processes", "endpoints", "statements", "outbound", "cache",
        "tasks", "errors", "requests", "rest", "requests_in_flight", "refused",
    }  # fmt: skip
    assert abs(document["time"] - time.time()) < 60 and 0.1 < document["now_seconds"] < 5
    assert document["all_seconds"] > document["now_seconds"]
    one = only(document["processes"], pid=process.pid)
    assert (one["state"], one["service"], one["release"]) == ("counting", "shop", "1.4")
    assert one["python"] == "%d.%d.%d" % sys.version_info[:3]
    assert 1 << 20 < one["rss_bytes"] < 1 << 30 and one["threads"] == 1 and one["fds"] > 2
    assert one["cpu"] < 0.5 and one["cpu_seconds"] > 0
    assert one["agent"]["records"] == one["agent"]["records_read"] > 0
    assert one["agent"]["records_lost"] == one["agent"]["hook_errors"] == 0
    assert only(document["cache"], command="GET")["system"] == "redis"
    assert only(document["tasks"], task="mail.send")["all"]["count"] == 1
    assert {row["service"] for row in document["endpoints"]} == {"shop"}
    assert document["refused"] == 0


def test_watch__endpoint__status_classes_are_one_row_and_errors_know_their_endpoint(program, look):
    document = look(program(COUNTED).pid)
    orders = only(document["endpoints"], route="/orders/<id>")
    assert orders["method"] == "GET" and orders["status"] == {"2xx": 17, "5xx": 3}
    assert (orders["all"]["count"], orders["all"]["errors"]) == (20, 3)
    assert orders["all"]["parts"]["requests"] == 20
    error = only(document["errors"], type="ValueError")
    assert error["all"]["count"] == 3 and "<string>" in error["where"]
    assert error["endpoints"] == [{"route": "/orders/<id>", "method": "GET", "count": 3}]
    assert "secret" not in json.dumps(document)


def test_watch__request_in_flight__is_listed_with_its_age(program, look):
    process = program(COUNTED)
    document = look(process.pid)
    assert document["requests_in_flight"] == 1
    request = document["requests"][0]
    assert (request["pid"], request["died"]) == (process.pid, False)
    assert request["request"]["endpoint"] == "POST /slow" and request["request"]["in_flight"] is True
    assert 0 < request["request"]["seconds"] < 60


def test_watch__repeated_statement__is_named_as_n_plus_one_of_its_endpoint(program, look):
    document = look(program(STATEMENTS).pid)
    statement = only(document["statements"], text="SELECT a FROM t WHERE a = ?")
    assert statement["system"] == "sqlite" and statement["summary"] == "SELECT t"
    assert statement["all"]["count"] == 210
    assert (statement["n_plus_one"], statement["n_plus_one_most"]) == (30, 7)
    assert statement["endpoints"] == [{"route": "/list", "method": "GET", "count": 30}]
    parts = only(document["endpoints"], route="/list")["all"]["parts"]
    assert (parts["statements"], parts["n_plus_one"]) == (210, 30)
    assert 0 < parts["database_seconds"] <= parts["duration_seconds"]


def test_watch__stream__one_document_per_interval_whose_now_is_that_interval(program, watch):
    code = """
import time
from pitviper import _core
print("ready", flush=True)
while True:
    _core.count(_core.KIND_USER, "step", "", 0.001)
    time.sleep(0.005)
"""
    process = program(code)
    done = watch("-p", process.pid, "-j", "--interval", "300ms", "--count", "4")
    assert done.returncode == 0, done.stderr
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(documents) == 4
    steps = [only(document["rest"], name="step") for document in documents]
    for before, after, document in zip(steps, steps[1:], documents[1:]):
        assert after["all"]["count"] - before["all"]["count"] == after["now"]["count"] > 0
        assert 0.25 < document["now_seconds"] < 3
        assert close(after["now"]["rate"], after["now"]["count"] / document["now_seconds"], 0.05)


def test_watch__limit_sort_and_filter__choose_the_rows(program, look):
    pid = program("""
import time
from pitviper import _core
for i in range(50):
    for _ in range(i + 1):
        _core.count(_core.KIND_OUTBOUND, "host%d" % i, "GET", 0.1 / (i + 1) ** 2)
print("ready", flush=True)
time.sleep(120)
""").pid  # fmt: skip
    hosts = lambda *options: [row["host"] for row in look(pid, *options)["outbound"]]  # noqa: E731
    assert hosts("--limit", "3", "--sort", "count") == ["host49", "host48", "host47"]
    assert hosts("--limit", "2", "--sort", "p95") == ["host0", "host1"]
    assert len(hosts()) == 30 and len(hosts("--limit", "0")) == 50
    assert hosts("--filter", "host1$") == ["host1"]
    assert hosts("--limit", "2", "--sort", "name") == ["host0", "host1"]


# ---- processes ----------------------------------------------------------------------------------


def test_watch__workers__are_one_service_and_the_parent_need_not_count(program, look):
    process = program(WORKERS)
    document = look(process.pid)
    workers = sorted(int(line) for line in process.lines if line != "ready")
    states = {one["pid"]: one["state"] for one in document["processes"]}
    assert {pid: states[pid] for pid in workers} == {pid: "counting" for pid in workers}
    assert states[process.pid] in ("idle", "counting")  # the latter after a garbage collection
    assert only(document["endpoints"], route="/quick")["all"]["count"] == 10
    assert sorted(one["pid"] for one in document["requests"]) == workers
    alone = look(process.pid, "--no-subprocesses")
    assert [one["pid"] for one in alone["processes"]] == [process.pid] and alone["endpoints"] == []


def test_watch__worker_killed_at_work__is_shown_with_what_it_was_doing(pitviper, program):
    process = program(WORKERS)
    worker = min(int(line) for line in process.lines if line != "ready")
    words = [pitviper, "watch", "-p", str(process.pid), "-j", "--interval", "200ms", "--count", "0"]
    watcher = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        first = json.loads(watcher.stdout.readline())
        assert [one["died"] for one in first["requests"]] == [False, False]
        os.kill(worker, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while True:
            document = json.loads(watcher.stdout.readline())
            dead = [one for one in document["requests"] if one["died"]]
            if dead or time.monotonic() > deadline:
                break
        assert [one["pid"] for one in dead] == [worker]
        assert re.fullmatch(r"GET /stuck/[01]", dead[0]["request"]["endpoint"])
        age = dead[0]["request"]["seconds"]
        assert only(document["processes"], pid=worker)["state"] == "died"
        assert only(document["endpoints"], route="/quick")["all"]["count"] == 10  # what it counted stays
        later = json.loads(watcher.stdout.readline())
        assert [one["request"]["seconds"] for one in later["requests"] if one["died"]] == [age]
    finally:
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait(timeout=20) == 0


def test_watch__process_ends__the_stream_ends(pitviper, program):
    process = program(STATEMENTS)
    words = [pitviper, "watch", "-p", str(process.pid), "-j", "--interval", "100ms", "--count", "0"]
    watcher = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    watcher.stdout.readline()
    process.terminate()
    process.wait()
    out, _ = watcher.communicate(timeout=30)
    assert watcher.returncode == 0
    assert json.loads(out.splitlines()[-1])["statements"][0]["all"]["count"] >= 210 or len(out.splitlines()) > 1


def test_watch__two_services__are_not_added_up(program, watch):
    marker = "pv-watch-%d" % os.getpid()
    code = "# %s\n%s" % (marker, COUNTED)
    for name in ["one", "two"]:
        program(code, "--service", name)
    done = watch("--name", marker, "-j", "--interval", "200ms")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    rows = [row for row in document["endpoints"] if row["route"] == "/orders/<id>"]
    assert sorted((row["service"], row["all"]["count"]) for row in rows) == [("one", 20), ("two", 20)]


def test_watch__all__names_pythons_without_the_agent(watch, program, start_process):
    process = program(COUNTED)
    bare = start_process([sys.executable, "-c", "import time; time.sleep(60)"])
    time.sleep(0.3)
    done = watch("--all", "-j", "--interval", "200ms")
    assert done.returncode == 0, done.stderr
    processes = json.loads(done.stdout)["processes"]
    assert only(processes, pid=process.pid)["state"] == "counting"
    other = only(processes, pid=bare.pid)
    assert other["state"] == "none" and "pitviper run" in other["meaning"]
    text = watch("--all", "--once", "--interval", "200ms").stdout
    assert re.search(r"%d .*no agent: start it with \"pitviper run" % bare.pid, text)


# ---- what cannot work ---------------------------------------------------------------------------


def test_watch__no_agent__is_said_with_the_remedy(watch, start_process):
    bare = start_process([sys.executable, "-c", "import time; time.sleep(60)"])
    time.sleep(0.3)
    done = watch("-p", bare.pid, "-j")
    assert done.returncode == NO_AGENT and done.stdout == ""
    assert "pitviper run -- " in done.stderr and str(bare.pid) in done.stderr


def test_watch__not_python__is_said(watch, start_process):
    other = start_process(["sleep", "60"])
    done = watch("-p", other.pid, "--once")
    assert done.returncode == NO_AGENT and "not running Python" in done.stderr


def test_watch__no_such_process__is_said(watch):
    done = watch("-p", 2**22 - 3, "--once")
    assert done.returncode == GONE and "there is no process" in done.stderr


@pytest.mark.parametrize(
    "words",
    [[], ["-p", "1", "--all"], ["--all", "--interval", "1ms", "-j"], ["--all"], ["--all", "-j", "--filter", "("],
              ["--name", "(", "-j"], ["--all", "-j", "--sort", "colour"]]
)  # fmt: skip
def test_watch__wrong_usage__is_refused(watch, words):
    done = watch(*words)
    assert done.returncode == USAGE and done.stdout == "" and done.stderr


# ---- tables -------------------------------------------------------------------------------------


def test_watch__once__prints_what_there_is(program, watch):
    process = program(COUNTED)
    done = watch("-p", process.pid, "--once", "--interval", "200ms")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.match(r" *%d  cpu \d+%%  [\d.]+M  1 threads  " % process.pid, lines[0])
    assert re.search(r"^ *[\d.]+ +3 .* GET /orders/<id>$", done.stdout, re.M)
    assert re.search(r" 50\dms +9[45]\dms +9[89]\dms +1\.00s .* GET api\.example\.org$", done.stdout, re.M)
    assert re.search(r"^ +3 .* ValueError in .*<- GET /orders/<id> \(3\)$", done.stdout, re.M)
    assert re.search(r"^ *%d  POST /slow for " % process.pid, done.stdout, re.M)


# ---- the terminal -------------------------------------------------------------------------------


@needs_tmux
@pytest.mark.parametrize("columns, rows", SIZES)
def test_watch__any_size__header_sections_and_keys_fit(program, live, columns, rows):
    screen = live(program(COUNTED).pid, columns=columns, rows=rows)
    screen.press("w")
    lines = screen.wait_for("/orders/")
    assert len(lines) == rows and max(map(len, lines)) <= columns
    assert lines[0].startswith("pitviper watch  1 p") and re.search(r"\d+:\d\d$", lines[0])
    assert lines[1].startswith("req/s ") and "errors 3" in lines[1]
    assert lines[2].startswith("1 endpoints")
    head = next(line for line in lines if "rate/s" in line)
    assert "p95" in head and head.endswith("endpoints")
    assert ("max" in head) == (columns >= 80) and ("total" in head) == (columns >= 120)


@needs_tmux
def test_watch__keys__lead_through_sections_details_and_back(program, live):
    screen = live(program(COUNTED).pid, columns=100)
    screen.press("w", "3")
    lines = screen.wait_for("api.example.org")
    assert re.search(r" 10 +50\dms +9[45]\dms ", next(line for line in lines if "api.example" in line))
    screen.press("Enter")
    lines = screen.wait_for("in all")
    assert "1000 (" in "\n".join(lines) and "10 failed" in "\n".join(lines)
    screen.press("Escape")
    screen.wait_for("rate/s")
    screen.press("6")
    assert re.search(r"ValueError in .*GET /orders/<id> \(3\)", "\n".join(screen.wait_for("ValueError")))
    screen.press("7")
    screen.wait_for("POST /slow for")
    screen.press("9")
    screen.wait_for("sw/s")
    screen.press("Right")
    screen.wait_for("/orders/<id>")
    screen.press("h")
    screen.wait_for("quit; Ctrl-C, too")
    screen.press("h", "4")
    screen.wait_for("redis GET")
    screen.press("q")
    screen.wait_for("status=0")


@needs_tmux
def test_watch__filter_and_reset__work_on_the_picture(program, live):
    screen = live(program(COUNTED).pid)
    screen.press("w")
    screen.wait_for("/orders/<id>")
    screen.press("/", "n", "o", "p", "e", "Enter")
    screen.wait_for("nothing matches the filter")
    screen.press("Escape")
    screen.wait_for("/orders/<id>")
    screen.press("/", "(", "Enter")
    screen.wait_for("filter")
    screen.press("Escape", "r")
    screen.wait_for(lambda lines: "nothing of this kind" in "\n".join(lines) and "errors 0" in lines[1])
    screen.press("C-c")
    screen.wait_for("status=0")


@needs_tmux
def test_watch__resized_and_without_colours__draws_anew(program, live):
    screen = live(program(COUNTED).pid, env={"NO_COLOR": "1", "TERM": "vt100"})
    for columns, rows in [(50, 14), (20, 5), (3, 2), (200, 50), (80, 24)]:
        screen.resize(columns, rows)
        time.sleep(0.3)
        lines = screen.screen()
        assert len(lines) == rows and max(map(len, lines)) <= columns
    screen.wait_for(lambda lines: lines[-1].startswith("q quit"))
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", "\n".join(screen.screen(colours=True)))
    screen.press("q")
    screen.wait_for("status=0")


@needs_tmux
def test_watch__worker_killed__is_red_on_the_screen_until_reset(program, live):
    process = program(WORKERS)
    screen = live(process.pid)
    screen.press("7")
    screen.wait_for("/stuck/1")
    os.kill(min(int(line) for line in process.lines if line != "ready"), signal.SIGKILL)
    lines = screen.wait_for("DIED")
    assert "died at work 1" in lines[1]
    assert re.search(r"DIED .*GET /stuck/[01] for ", "\n".join(lines))
    process.kill()
    screen.wait_for(lambda lines: "DIED" in lines[4])
    screen.press("q")
    screen.wait_for("status=0")
