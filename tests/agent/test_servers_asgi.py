# SPDX-License-Identifier: MIT
"""uvicorn, its workers under gunicorn with uvloop, gunicorn's own ASGI worker, and Hypercorn."""

import socket
import threading

import pytest

from support.web_servers import server

FASTAPI = """
import asyncio, os
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def home(): return type(asyncio.get_running_loop()).__module__
@app.get("/users/{user}")
async def user(user: int):
    await asyncio.sleep(0.005)
    return user
@app.get("/sync/{name}")
def sync(name: str): return name
sub = FastAPI()
@sub.get("/inside/{x}")
async def inside(x: str): return x
app.mount("/sub", sub)
"""

FLASK = """
import flask
app = flask.Flask("app")
@app.route("/users/<int:user>")
def user(user): return "user"
"""

PLAIN = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"plain"})
"""


def exercise(site):
    threads = [threading.Thread(target=site.get, args=("/users/%d" % number,)) for number in range(10)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert [site.get(path)[0] for path in ("/sync/a", "/sub/inside/b", "/nothing", "/users/x")] == [200, 200, 404, 422]


def assert_exercised(site):
    counted = site.counted(15)
    assert counted == {
        ("GET", "/", 2): 1,
        ("GET", "/users/{user}", 2): 10,
        ("GET", "/users/{user}", 4): 1,
        ("GET", "/sync/{name}", 2): 1,
        ("GET", "/sub/inside/{x}", 2): 1,
        ("GET", "(unmatched)", 4): 1,
    }
    for region in site.regions().values():
        assert region.counters["hook_errors"] == 0
        assert region.requests() == []


@pytest.mark.parametrize("words", [
    ["uvicorn", "--port", "{port}", "--loop", "asyncio", "--http", "h11", "app:app"],
    ["uvicorn", "--port", "{port}", "--loop", "uvloop", "app:app"],
    ["uvicorn", "--port", "{port}", "--workers", "2", "app:app"],
    ["gunicorn", "-b", "{address}", "--workers", "2", "-k", "uvicorn.workers.UvicornWorker", "app:app"],
    ["gunicorn", "-b", "{address}", "-k", "asgi", "app:app"],
    ["hypercorn", "-b", "{address}", "app:app"],
    ["hypercorn", "-b", "{address}", "--workers", "2", "app:app"],
], ids=lambda words: " ".join(word for word in words if "{" not in word))  # fmt: skip
def test_servers_asgi__every_server__every_request_once(package, tmp_path, words):
    if "asgi" in words:
        pytest.importorskip("gunicorn.workers.gasgi", reason="this gunicorn has no ASGI worker")
    with server(tmp_path, words, FASTAPI) as site:
        exercise(site)
        assert_exercised(site)


@pytest.mark.parametrize("words", [
    ["uvicorn", "--port", "{port}", "app:app"], ["hypercorn", "-b", "{address}", "app:app"],
], ids=lambda words: words[0])  # fmt: skip
def test_servers_asgi__no_framework__every_request_once(package, tmp_path, words):
    with server(tmp_path, words, PLAIN) as site:
        assert [site.get("/any/%d" % number) for number in range(5)] == [(200, "plain")] * 5
        assert site.counted(6) == {("GET", "(unmatched)", 2): 6}


@pytest.mark.parametrize("words", [
    ["uvicorn", "--port", "{port}", "--interface", "wsgi", "app:app"], ["hypercorn", "-b", "{address}", "wsgi:app:app"],
], ids=lambda words: words[0])  # fmt: skip
def test_servers_asgi__wsgi_application__every_request_once(package, tmp_path, words):
    with server(tmp_path, words, FLASK) as site:
        assert [site.get("/users/%d" % number) for number in range(5)] == [(200, "user")] * 5
        assert site.counted(6) == {("GET", "/users/<int:user>", 2): 5, ("GET", "(unmatched)", 4): 1}


def test_servers_asgi__pipelined_requests__each_counted(package, tmp_path):
    with server(tmp_path, ["uvicorn", "--port", "{port}", "--http", "h11", "app:app"], FASTAPI) as site:
        with socket.create_connection(("127.0.0.1", site.port), timeout=10) as client:
            client.sendall(b"".join(b"GET /users/%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(5)))
            got = b""
            while got.count(b"HTTP/1.1 200") < 5:
                got += client.recv(65536)
        assert site.counted(6)["GET", "/users/{user}", 2] == 5
        traces = {r.values["trace"] for region in site.regions().values() for r in region.records("TRACE")}
        assert len(traces) == 6
