# SPDX-License-Identifier: MIT
"""Programs with a web framework inside, called without a server: support.instrumented_data with clients.

In such a program
    wsgi(app, path, method="GET", headers={}, **environ) → (status, body), read like a server reads it
    asgi(app, path, method="GET", headers=[], **scope)   → (status, body), awaitable
"""

import sys
import textwrap

from .instrumented_data import data_program

CLIENTS = '''
import io as _io, sys, asyncio
def wsgi(app, path, method="GET", headers={}, close=True, **environ):
    path, _, query = path.partition("?")
    environ = dict({"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "SCRIPT_NAME": "",
        "SERVER_NAME": "testserver", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http", "wsgi.input": _io.BytesIO(), "wsgi.errors": sys.stderr, "wsgi.multithread": True,
        "wsgi.multiprocess": False, "wsgi.run_once": False}, **environ)
    for name, value in headers.items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    seen = []
    result = app(environ, lambda status, headers, exc_info=None: seen.append(int(status[:3])))
    try:
        return (seen or [None])[-1], b"".join(result).decode("latin-1") if seen else b"".join(result).decode("latin-1")
    finally:
        if close and hasattr(result, "close"):
            result.close()
async def asgi(app, path, method="GET", headers=(), type="http", **scope):
    path, _, query = path.partition("?")
    scope = dict({"type": type, "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "scheme": "http",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "client": ("127.0.0.1", 1), "server": ("testserver", 80), "state": {}}, **scope)
    status, body, given = [], [], []
    async def receive():
        if given:
            await asyncio.sleep(3600)
        given.append(1)
        return {"type": "http.request", "body": b"", "more_body": False}
    async def send(message):
        if message["type"] == "http.response.start":
            status.append(message["status"])
        elif message["type"] == "http.response.body":
            body.append(message.get("body", b""))
    await app(scope, receive, send)
    return (status or [None])[0], b"".join(body).decode("latin-1")
def error(function, *args):
    """What a call raises: (type, text, names of the frames of its traceback)."""
    import traceback
    try:
        function(*args)
    except BaseException as exception:
        return [type(exception).__name__, str(exception), [f.name for f in traceback.extract_tb(exception.__traceback__)]]
'''


def web_program(code, *args, **env):
    """Under the interpreter that has the frameworks."""
    return plain_program(sys.executable, code, *args, **env)


def plain_program(python, code, *args, **env):
    return data_program(python, CLIENTS + "\n" + textwrap.dedent(code), *args, **env)


def routes(region):
    """{(method, route, status class): count}"""
    return {(key.detail, key.name, key.group): key.count for key in region.keys("REQUEST")}


def requests(region):
    """One dict per finished request, oldest first: route, method, status, flags, and the fields of PARTS and TRACE."""
    found = {}
    for record in region.records():
        if record.kind == "REQUEST":
            key = record.values["key"]
            found[record.request] = dict(record.values, route=key.name, method=key.detail, flags=record.flags)
        elif record.kind in ("PARTS", "TRACE") and record.request in found:
            found[record.request].update(record.values)
    return list(found.values())


def errors(region):
    """{(type, handled): count}"""
    found = {}
    for key in region.keys("EXCEPTION"):
        found[key.name, bool(key.group)] = found.get((key.name, bool(key.group)), 0) + key.count
    return found
