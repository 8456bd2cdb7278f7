# SPDX-License-Identifier: MIT
"""Profiles by endpoint of real servers under load: no endpoint's code under another endpoint's root."""

import contextlib
import threading

import pytest
from support.recorder import record
from support.web_servers import server

SECONDS = 3
RATE_HZ = 200
UNKNOWN_MAX = 0.05  # requests are short here, and met for the first time

WORK = '''
import asyncio, time

def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
'''

FLASK = WORK + '''
from flask import Flask
app = Flask(__name__)

@app.route("/users/<int:id>")
def user(id):
    spin(0.003)
    return "x"

@app.route("/report")
def report():
    spin(0.03)
    return "x"
'''

FASTAPI = WORK + '''
from fastapi import FastAPI
app = FastAPI()

@app.get("/users/{id}")
async def user(id: int):
    for _ in range(4):
        spin(0.001)
        await asyncio.sleep(0)
    return "x"

@app.get("/report")
async def report():
    for _ in range(20):
        spin(0.001)
        await asyncio.sleep(0)
    return "x"
'''


@contextlib.contextmanager
def load(site):
    """Three clients, each asking for one after the other."""
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            for path in ("/users/7", "/report"):
                with contextlib.suppress(OSError):
                    site.get(path)

    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        stop.set()
        for client in clients:
            client.join()


def code_by_root(recording):
    """root → {endpoint function: samples}"""
    found = {}
    for stack, count in recording.stacks.items():
        of_root = found.setdefault(stack[0].name, {"": 0})
        of_root[""] += count
        for name in {frame.last_name for frame in stack if frame.base == "app.py"} & {"user", "report"}:
            of_root[name] = of_root.get(name, 0) + count
    return found


@pytest.mark.parametrize(
    "words, code, user",
    [
        (["gunicorn", "-w", "2", "--threads", "2", "-b", "{address}", "app:app"], FLASK, "GET /users/<int:id>"),
        (["uvicorn", "--port", "{port}", "--loop", "asyncio", "app:app"], FASTAPI, "GET /users/{id}"),
        (["uvicorn", "--port", "{port}", "--loop", "uvloop", "app:app"], FASTAPI, "GET /users/{id}"),
    ],
    ids=["gunicorn", "asyncio", "uvloop"],
)
def test_record__server_under_load__endpoints_do_not_mix(tmp_path, words, code, user):
    with server(tmp_path, words, code, check="/users/1") as site, load(site):
        recording = record(site.process.pid, SECONDS, RATE_HZ, ["--by-endpoint", "-s", "--merge"])
    found = code_by_root(recording)
    print(found)
    total = sum(of_root[""] for of_root in found.values())
    assert found[user]["user"] > 0 and "report" not in found[user], found
    assert found["GET /report"]["report"] > 0 and "user" not in found["GET /report"], found
    assert not {"user", "report"} & set(found.get("(no request)", {})), found
    assert found.get("(request not known)", {"": 0})[""] <= UNKNOWN_MAX * total, found
