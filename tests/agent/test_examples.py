# SPDX-License-Identifier: MIT
"""Each example is started as its first lines say, used, and looked at from outside."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from support.instrumented import wait_for_region
from support.pythons import REPO
from support.region import FLAGS
from support.servers import free_port
from support.target import children, clean_environment

EXAMPLES = REPO / "examples"
BIN = Path(sys.executable).parent
START_TIMEOUT_S = 30
SHELF_QUERIES = {"flask_app": 6, "fastapi_app": 6, "django_app": 6}  # the repeated one

# folder → words of its own docstring, the prefix of its routes, and how it writes /books/3 as a route
SERVERS = {
    "flask_app": (["gunicorn", "--bind", "127.0.0.1:{port}", "--threads", "4", "app:app"], "", "/books/<int:number>"),
    "django_app": (["python", "manage.py", "runserver", "--noreload", "{port}"], "/shop", "/shop/books/<int:number>"),
    "fastapi_app": (["uvicorn", "--port", "{port}", "app:app"], "", "/books/{number}"),
}


def get(url):
    """(status, body)"""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def wait_for_port(process, port, log):
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("nobody listens: " + log.read_text())


def serving_pid(pid):
    """gunicorn's master does not answer requests: its worker."""
    below = children(pid)
    return below[0] if below else pid


@pytest.fixture(params=list(SERVERS))
def server(request, pitviper, package, start_process, tmp_path):
    """(name, base URL, pid that answers, route of /books/3, file of log_metric)"""
    name = request.param
    words, prefix, route = SERVERS[name]
    port = free_port()
    log, metrics = tmp_path / "log", tmp_path / "metrics.jsonl"
    words = [word.format(port=port) for word in words]
    environment = clean_environment(PITVIPER_PERFORMANCE_LOG=str(metrics), PATH="%s:%s" % (BIN, os.environ["PATH"]))
    with log.open("w") as file:
        process = start_process(
            [pitviper, "run", "-q", "--", *words],
            cwd=EXAMPLES / name, env=environment, stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    wait_for_port(process, port, log)
    base = "http://127.0.0.1:%d%s" % (port, prefix)
    yield name, base, serving_pid(process.pid), prefix, route, metrics, log


def test_examples__server__everything_it_promises_is_seen(server):
    name, base, pid, prefix, route, metrics, log = server
    for _ in range(5):
        assert get(base + "/books/3")[0] == 200
    assert get(base + "/books/99")[0] == 404
    assert get(base + "/shelf")[0] == 200
    assert get(base + "/report")[0] == 200
    status, body = get(base + "/recommended")
    assert status == 200 and json.loads(body)["recommended"]["title"]
    assert get(base + "/broken")[0] == 500
    status, body = get(base + "/metrics")
    assert status == 200, log.read_text()
    assert json.loads(body)[prefix + "/report"]["count"] == 1

    def all_there(region):
        return sum(key.count for key in region.keys("REQUEST")) >= 12

    region = wait_for_region(pid, all_there)
    requests = {(key.name, key.group): key for key in region.keys("REQUEST")}
    assert requests[route, 2].count == 6  # one of them asked for by /recommended
    assert requests[route, 4].count == 1
    assert requests[prefix + "/broken", 5].errors == 1
    assert requests[prefix + "/report", 2].max_ns >= 120e6
    errors = [key for key in region.keys("EXCEPTION") if key.group == 0]
    assert [key.detail.split(" ")[0] for key in errors if key.count] != []
    assert {key.name for key in region.keys("USER")} >= {"add up the year", prefix + "/report"}
    outbound = region.keys("OUTBOUND")
    assert sum(key.count for key in outbound) == 1 and outbound[0].name.startswith("127.0.0.1")

    shelf = requests[prefix + "/shelf", 2].index
    ended = [r for r in region.records("REQUEST") if r.values["key"].index == shelf]
    parts = [r for r in region.records("PARTS") if r.request == ended[0].request]
    assert ended[0].flags & FLAGS["REPEATED"]
    assert parts[0].values["repeated"] >= SHELF_QUERIES[name]
    repeated = region.key(parts[0].values["repeated_key"])
    assert repeated.kind == "STATEMENT" and "?" in repeated.name

    asked = json.loads(get(base + "/recommended")[1])["trace"]
    region = wait_for_region(pid, lambda r: sum(x.values["trace"] == asked for x in r.records("TRACE")) >= 2)
    assert asked and len(asked) == 32


def test_examples__server__warns_about_the_slow_part(server):
    _, base, _, _, _, metrics, log = server
    get(base + "/report")
    end = time.monotonic() + 10
    while "slow: add up the year took" not in log.read_text() and time.monotonic() < end:
        time.sleep(0.05)
    assert "slow: add up the year took" in log.read_text()
    row = json.loads(metrics.read_text().splitlines()[-1])
    assert row["duration_ms"] >= 120


def test_examples__plain_script__reports_itself(pitviper, package, tmp_path):
    done = subprocess.run(
        [pitviper, "run", "-q", "--", sys.executable, "nightly.py", "--repeat", "4"],
        cwd=EXAMPLES / "plain_script", capture_output=True, text=True, timeout=60,
        env=clean_environment(PITVIPER_PERFORMANCE_LOG=str(tmp_path / "metrics.jsonl")),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counts = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines() if " times, avg" in line}
    assert counts == {name: "4" for name in ("night", "load", "convert", "rate", "verify")}
    assert "slow: verify took" in done.stderr
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 4
    assert "count" in done.stdout  # the table of pandas


def test_examples__plain_script__seen_from_outside(pitviper, package, start_process, tmp_path):
    process = start_process(
        [pitviper, "run", "-q", "--", sys.executable, "nightly.py", "--repeat", "200"],
        cwd=EXAMPLES / "plain_script", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=clean_environment(PITVIPER_PERFORMANCE_LOG=str(tmp_path / "metrics.jsonl")),
    )  # fmt: skip

    def two_nights(region):
        return any(key.name == "night" and key.count >= 2 for key in region.keys("USER"))

    region = wait_for_region(process.pid, two_nights, timeout_s=20)
    users = {key.name: key for key in region.keys("USER") if not key.detail}
    assert set(users) == {"night", "load", "convert", "rate", "verify"}
    assert users["verify"].errors == users["verify"].count
    assert [key.name.startswith("127.0.0.1") for key in region.keys("OUTBOUND")] == [True]
    nights = [record for record in region.records("REQUEST", "USER")]
    assert nights and all(record.flags & FLAGS["REPEATED"] for record in nights)
