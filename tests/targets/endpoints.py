# SPDX-License-Identifier: MIT
"""A WSGI application under constant load, with known shares of time per endpoint.

Per turn of 40 ms: GET /report 20 ms in one request (50 %), GET /users/<int:id> 3 times 4 ms (30 %), nobody's 8 ms (20 %).
What it really took, in seconds so far, is on the board: report, users, nobody's, and of the first two what was in requests
that took SLOW_S or more (a busy machine stretches short work).
The routes are known only when a request's work is done, as with many frameworks.

    endpoints.py             needs pitviper._core on the path; "ready", then one line: the trace id of every GET /report
"""
import mmap
import os
import sys
import threading
import time

from pitviper import _core

with open(os.environ["PITVIPER_BOARD"], "r+b") as file:
    board = memoryview(mmap.mmap(file.fileno(), 0)).cast("d")

SLOW_S = 0.015
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def work(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def report():
    work(0.020)
    return "/report"


def user():
    work(0.004)
    return "/users/<int:id>"


def housekeeping():
    work(0.008)


def application(environ, start_response):
    route = {"report": report, "user": user}[environ["PATH_INFO"]]()
    _core.current().route = route
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]


wrapped = _core.wsgi(application)


def ask(at, path, **headers):
    begin = time.perf_counter()
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_PROTOCOL": "HTTP/1.1", **headers}
    body = wrapped(environ, lambda status, headers, exc_info=None: None)
    for _ in body:
        pass
    if hasattr(body, "close"):
        body.close()
    took = time.perf_counter() - begin
    board[at] += took
    if took >= SLOW_S:
        board[at + 3] += took


def serve():
    while True:
        ask(0, "report", HTTP_TRACEPARENT="00-%s-b7ad6b7169203331-01" % TRACE_ID)
        for _ in range(3):
            ask(1, "user")
        begin = time.perf_counter()
        housekeeping()
        board[2] += time.perf_counter() - begin


def main():
    threading.Thread(target=serve, name="server", daemon=True).start()
    time.sleep(0.1)
    print("ready", flush=True)
    print(TRACE_ID, flush=True)
    sys.stdin.read()
    os._exit(0)


main()
