# SPDX-License-Identifier: MIT
"""What an instrumented application did, as serve tells it: the numbers of the load, exactly.

A real Flask under gunicorn, two workers, sqlite; serve is there before the application is. What is asked at rest afterwards
is what the load sent: endpoints, statements with their N+1, exceptions, traces with the stacks of their requests.
"""

import contextlib
import os
import re
import signal
import threading
import time

import pytest
from support.serve import Serve, ask_at_rest
from support.web_servers import family, server

pytest.importorskip("flask", reason="Flask is not installed: tests/agent/requirements.txt")

APP = '''
import sqlite3, time
from flask import Flask
app = Flask(__name__)

def database():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE users (id INTEGER)")
    return connection

@app.route("/health")
def health():
    return "x"

@app.route("/users/<int:id>")
def user(id):
    database().execute("SELECT id FROM users WHERE id = %d" % id).fetchone()
    return "x"

@app.route("/list")
def many():
    connection = database()
    for id in range(7):
        connection.execute("SELECT id FROM users WHERE id = %d" % id)
    return "x"

@app.route("/orders", methods=["POST"])
def order():
    database().execute("INSERT INTO users VALUES (1)")
    return "x", 201

@app.route("/handled")
def handled():
    try:
        {}["nothing"]
    except KeyError:
        return "x"

def explode():
    raise ValueError("secret-of-a-customer")

@app.route("/fail")
def fail():
    explode()

def burn(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass

@app.route("/slow")
def slow():
    burn(0.4)
    return "x"
'''
LOAD = [
    ("GET", "/users/%d", "GET /users/<int:id>", 60),
    ("GET", "/list", "GET /list", 12),
    ("POST", "/orders", "POST /orders", 25),
    ("GET", "/handled", "GET /handled", 9),
    ("GET", "/fail", "GET /fail", 8),
    ("GET", "/slow", "GET /slow", 4),
    ("GET", "/nowhere/%d", "GET (unmatched)", 11),
]
CLIENTS = 3
SEEN_SHARE = 0.3  # of a request's time: the machine may have been elsewhere
SETTLE_S = 4  # traces wait 2.5 s for their stacks


def send(site):
    """All of the load by several clients at once."""
    todo = [(method, path % number if "%d" in path else path) for method, path, _, count in LOAD for number in range(count)]
    lock = threading.Lock()

    def client():
        while True:
            with lock:
                if not todo:
                    return
                method, path = todo.pop()
            site.get(path, method=method)

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()


@pytest.fixture(scope="module")
def shop(pitviper, tmp_path_factory):
    """The store after all of it."""
    folder, data = tmp_path_factory.mktemp("shop"), tmp_path_factory.mktemp("data") / "store"
    words = ["gunicorn", "-w", "2", "--threads", "2", "-b", "{address}", "app:app"]
    options = ["--rate", "100", "--budget", "100%", "--process-budget", "50%", "--include", "gunicorn"]
    with Serve(pitviper, data, *options) as serve:
        with server(folder, words, APP, check="/health", PITVIPER_SERVICE="shop", PITVIPER_VERSION="1.2") as site:
            send(site)
            time.sleep(SETTLE_S)
            assert serve.answer("status")["lost"] == 0
    return data


def ask(pitviper, data, *words):
    return ask_at_rest(pitviper, data, *words)["rows"]


def test_serve_requests__load__is_counted_exactly_by_endpoint(pitviper, shop):
    rows = {row["endpoint"]: row for row in ask(pitviper, shop, "endpoints", "--service", "shop")}
    print(rows)
    expected = {label: count for _, _, label, count in LOAD}
    assert {label: row["requests"] for label, row in rows.items()} == {**expected, "GET /health": 1}
    assert {label: row["errors"] for label, row in rows.items() if row["errors"]} == {"GET /fail": 8}
    assert rows["GET /list"]["repeated"] == 12
    assert not rows["GET /users/<int:id>"]["repeated"]
    slow, users = rows["GET /slow"], rows["GET /users/<int:id>"]
    assert slow["p50_s"] >= 0.4 and slow["total_s"] >= 1.6
    assert slow["parts"]["cpu_s"] > 0  # how much, the machine's other work decides
    assert 0 < users["parts"]["database_s"] < users["total_s"]
    assert slow["parts"]["database_s"] == 0


def test_serve_requests__statements__belong_to_their_endpoints(pitviper, shop):
    rows = {row["statement"]: row for row in ask(pitviper, shop, "queries", "--service", "shop")}
    print(rows)
    select = rows["SELECT id FROM users WHERE id = ?"]
    assert select["count"] == 60 + 7 * 12
    endpoints = {entry["endpoint"]: entry for entry in select["endpoints"]}
    assert endpoints["GET /users/<int:id>"]["count"] == 60
    assert endpoints["GET /list"]["count"] == 7 * 12
    assert endpoints["GET /list"]["repeated"] == 12
    assert not endpoints["GET /users/<int:id>"]["repeated"]
    insert = next(row for text, row in rows.items() if text.startswith("INSERT"))
    assert insert["count"] == 25
    assert [entry["endpoint"] for entry in insert["endpoints"]] == ["POST /orders"]
    create = next(row for text, row in rows.items() if text.startswith("CREATE"))
    assert create["count"] == 60 + 12 + 25 == sum(entry["count"] for entry in create["endpoints"])


def test_serve_requests__exceptions__are_counted_where_they_were_raised(pitviper, shop):
    rows = ask(pitviper, shop, "errors", "--service", "shop")
    print(rows)
    raised = next(row for row in rows if row["type"] == "ValueError")
    assert raised["count"] == 8
    assert re.fullmatch(r"explode \(.*app\.py:\d+\)", raised["where"])
    assert raised["endpoints"] == [{"endpoint": "GET /fail", "count": 8}]
    assert not any("secret-of-a-customer" in str(row) for row in rows)


def test_serve_requests__failed_requests__have_traces_with_spans_and_errors(pitviper, shop):
    rows = ask(pitviper, shop, "traces", "--service", "shop")
    failed = [row for row in rows if row["endpoint"] == "GET /fail"]
    assert len(failed) == 8 and all(row["error"] and row["status"] == 500 and "error" in row["reasons"] for row in failed)
    trace = ask_at_rest(pitviper, shop, "traces", failed[0]["trace"])
    assert trace["errors"][0]["type"] == "ValueError"
    assert trace["spans"][0]["name"] == "GET /fail" and trace["service"] == "shop" and trace["version"] == "1.2"
    assert "secret-of-a-customer" not in str(trace)
    listed = next(row for row in rows if row["endpoint"] == "GET /list")
    assert "repeated" in listed["reasons"]
    spans = ask_at_rest(pitviper, shop, "traces", listed["trace"])["spans"]
    assert len(spans) == listed["spans"]
    selects = [span for span in spans if span["detail"] == "SELECT id FROM users WHERE id = ?"]
    assert len(selects) == 7 and all(span["parent"] == spans[0]["span"] for span in selects)
    assert all(0 <= span["start_s"] <= listed["duration_s"] for span in spans)


def names_of(profile):
    """Names of each sample's stack, innermost first, with its time."""
    strings, frames, nodes = profile["strings"], profile["frames"], profile["nodes"]
    found = []
    for node, weight_ns in zip(profile["samples"]["node"], profile["samples"]["weight_ns"]):
        names = []
        while node:
            names.append(strings[frames["name"][nodes["frame"][node]]])
            node = nodes["parent"][node]
        found.append((names, weight_ns / 1e9))
    return found


def test_serve_requests__slow_requests__have_their_stacks_in_their_traces(pitviper, shop):
    rows = [row for row in ask(pitviper, shop, "traces", "--service", "shop") if row["endpoint"] == "GET /slow"]
    assert rows  # the first of its kind at least
    for row in rows:
        profile = ask_at_rest(pitviper, shop, "traces", row["trace"])["profile"]
        stacks = names_of(profile)
        burning = sum(seconds for names, seconds in stacks if "burn" in names)
        total = sum(seconds for _, seconds in stacks)
        print("%.3f s of %.3f s burning, request %.3f s" % (burning, total, row["duration_s"]))
        assert burning > 0.9 * total
        assert SEEN_SHARE * row["duration_s"] < total <= 1.05 * row["duration_s"]
        assert profile["timeline"]["threads"]


LOOP = '''
import asyncio, time
from fastapi import FastAPI
app = FastAPI()

def load_all():
    end = time.perf_counter() + 0.3
    while time.perf_counter() < end:
        sum(range(100))

@app.get("/report")
async def report():
    load_all()
    return "x"

@app.get("/quick")
async def quick():
    for _ in range(20):
        await asyncio.sleep(0.01)
    return "x"

@app.get("/health")
async def health():
    return "x"
'''
WINDOW_S = 10
BLOCKED = re.compile(r"GET /report held up the event loop \d+ times?, for \d+\.\d\d s at most, in load_all \(.*app\.py:\d+\)")


def test_serve_requests__event_loop_held_up__the_function_is_named(pitviper, tmp_path):
    pytest.importorskip("fastapi", reason="FastAPI is not installed: tests/agent/requirements.txt")
    words = ["uvicorn", "--port", "{port}", "app:app"]
    options = ["--rate", "100", "--budget", "100%", "--process-budget", "50%", "--include", "uvicorn"]
    with Serve(pitviper, tmp_path / "store", *options) as serve:
        with server(tmp_path, words, LOOP, check="/health", PITVIPER_SERVICE="async") as site:
            end = time.monotonic() + WINDOW_S + 3
            while time.monotonic() < end and not serve.answer("events", kind="blocked")["rows"]:
                site.get("/report")
                site.get("/quick")
            site.get("/report")
        time.sleep(1)
    rows = ask(pitviper, tmp_path / "store", "events", "--kind", "blocked")
    print(rows)
    assert [row["service"] for row in rows] == ["async"]
    assert BLOCKED.fullmatch(rows[0]["text"])
    lag = ask_at_rest(pitviper, tmp_path / "store", "series", "--what", "runtime", "--service", "async")
    print(lag)
    longest = next(line for line in lag["series"] if line["name"] == "asyncio.loop.lag")
    assert max(value for value in longest["values"] if value is not None) >= 0.3


HANG = '''
import time
from flask import Flask
app = Flask(__name__)

@app.route("/health")
def health():
    return "x"

@app.route("/hang/<name>")
def hang(name):
    time.sleep(60)
    return "x"
'''


def test_serve_requests__worker_killed_at_work__what_it_was_doing_is_told(pitviper, tmp_path):
    words = ["gunicorn", "-w", "1", "--threads", "2", "-b", "{address}", "app:app"]
    with Serve(pitviper, tmp_path / "store", "--include", "gunicorn") as serve:
        with server(tmp_path, words, HANG, check="/health", PITVIPER_SERVICE="hanging") as site:

            def ask_once():
                with contextlib.suppress(OSError):
                    site.get("/hang/x")

            client = threading.Thread(target=ask_once)
            client.start()
            worker = int(family(site.process.pid)[1])
            end = time.monotonic() + 20
            while not any(row["pid"] == worker and row["has_agent"] for row in serve.answer("processes")["rows"]):
                assert time.monotonic() < end
                time.sleep(0.2)
            time.sleep(2)
            os.kill(worker, signal.SIGKILL)
            client.join()
            time.sleep(2)
    rows = ask(pitviper, tmp_path / "store", "events", "--kind", "cut")
    print(rows)
    assert [row["service"] for row in rows] == ["hanging"] and rows[0]["pid"] == worker
    assert re.fullmatch(r"GET /hang/<name> had run for \d+\.\d s when its process ended", rows[0]["text"])
