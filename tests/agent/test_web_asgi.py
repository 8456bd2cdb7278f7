# SPDX-License-Identifier: MIT
"""Requests of any ASGI application, of Starlette and of FastAPI, driven by hand."""

from support.webs import errors, plain_program, requests, routes, web_program

PLAIN = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})
"""


def test_web_asgi__plain_application__counted_once(agent_python):
    with plain_program(agent_python, PLAIN + """
wrapped = _core.asgi(app)
async def main():
    say(await asgi(wrapped, "/"))
    say(await asgi(_core.asgi(wrapped), "/", "POST"))
    say(_core.current() is None)
asyncio.run(main())
""") as done:
        assert done.said == [[200, "x"], [200, "x"], True]
        assert routes(done.region) == {("GET", "(unmatched)", 2): 1, ("POST", "(unmatched)", 2): 1}
        assert done.region.requests() == []


def test_web_asgi__websocket_and_lifespan__untouched(agent_python):
    with plain_program(agent_python, """
seen = []
async def app(scope, receive, send):
    seen.append([scope["type"], send is given, _core.current() is None])
async def given(message): pass
wrapped = _core.asgi(app)
async def main():
    for kind in ("websocket", "lifespan"):
        coroutine = wrapped({"type": kind}, None, given)
        seen.append(type(coroutine).__name__)
        await coroutine
asyncio.run(main())
say(seen)
""") as done:
        assert done.said == [["coroutine", ["websocket", True, True], "coroutine", ["lifespan", True, True]]]
        assert done.region is None or done.keys("REQUEST") == []


def test_web_asgi__headers__trace_and_queue(agent_python):
    with plain_program(agent_python, PLAIN + """
import time
async def main():
    await asgi(_core.asgi(app), "/", headers=[("TraceParent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "a=1"), ("x-request-start", "t=%.3f" % (time.time() - 2))])
    await asgi(_core.asgi(app), "/", headers=(("x-queue-start", "%d" % ((time.time() - 3) * 1000)),))
asyncio.run(main())
""") as done:
        first, second = requests(done.region)
        assert (first["trace"], first["state"]) == ("0af7651916cd43dd8448eb211c80319c", "a=1")
        assert 1_990_000 <= first["queue_us"] < 2_900_000 <= second["queue_us"]


def test_web_asgi__interleaved__each_its_own(agent_python):
    with plain_program(agent_python, """
import sqlite3
async def app(scope, receive, send):
    conn = sqlite3.connect(":memory:")
    mine = _core.current().trace_id
    for _ in range(int(scope["path"][1:])):
        conn.execute("SELECT 1").fetchone()
        await asyncio.sleep(0.001)
        assert _core.current().trace_id == mine
    await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(2)))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
wrapped = _core.asgi(app)
async def main():
    await asyncio.gather(*(asgi(wrapped, "/%d" % (number % 7)) for number in range(50)))
    say(_core.current() is None)
asyncio.run(main())
""") as done:
        assert done.said == [True]
        assert sorted(r["statements"] for r in requests(done.region)) == sorted(number % 7 for number in range(50))
        assert len({request["trace"] for request in requests(done.region)}) == 50
        assert done.region.requests() == []


def test_web_asgi__background_work__not_latency(agent_python):
    with plain_program(agent_python, """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x", "more_body": True})
    await asyncio.sleep(0.05)
    await send({"type": "http.response.body", "body": b"y"})
    await asyncio.sleep(0.3)
async def main():
    say(await asgi(_core.asgi(app), "/"))
asyncio.run(main())
""") as done:
        (request,) = requests(done.region)
        assert 50_000_000 <= request["duration_ns"] < 250_000_000


def test_web_asgi__loop_held_up__counted_and_charged(agent_python):
    with plain_program(agent_python, """
import time
async def app(scope, receive, send):
    if scope["path"] == "/hog":
        await asyncio.sleep(0.02)
        time.sleep(0.15)
    else:
        await asyncio.sleep(0.03)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
wrapped = _core.asgi(app)
async def main():
    await asyncio.gather(asgi(wrapped, "/victim"), asgi(wrapped, "/hog"))
asyncio.run(main())
""") as done:
        (key,) = done.keys("LOOP")
        assert (key.name, key.count) == ("(unmatched)", 1) and key.total_ns >= 150_000_000
        hog, victim = sorted(requests(done.region), key=lambda request: request["loop_us"])
        assert hog["loop_us"] == 0 and victim["loop_us"] >= 150_000
        assert hog["cpu_us"] >= 150_000 > victim["cpu_us"]


def test_web_asgi__failures_and_cancellation__unchanged(agent_python):
    with plain_program(agent_python, """
def inner(): raise ValueError("planted-9")
async def fails(scope, receive, send): inner()
async def fails_late(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await asyncio.sleep(0)
    inner()
async def waits(scope, receive, send): await asyncio.sleep(3600)
def cancelled(app):
    async def main():
        task = asyncio.ensure_future(asgi(app, "/"))
        await asyncio.sleep(0.01)
        task.cancel()
        await task
    asyncio.run(main())
def run(app): asyncio.run(asgi(app, "/"))
say([error(run, _core.asgi(fails)), error(run, _core.asgi(fails_late)), error(cancelled, _core.asgi(waits))])
say([error(run, fails), error(run, fails_late), error(cancelled, waits)])
async def pauses(scope, receive, send): await asyncio.sleep(0)
coroutine = _core.asgi(pauses)({"type": "http", "method": "GET", "headers": []}, None, None)
coroutine.send(None); coroutine.close()
try:
    coroutine.send(None)
except RuntimeError as again:
    say(str(again))
""") as done:
        assert done.said[0] == done.said[1]
        assert done.said[2] == "cannot reuse already awaited coroutine"
        assert [request["status"] for request in requests(done.region)] == [500, 200, 0, 0]
        assert [request["flags"] & 1 for request in requests(done.region)] == [1, 1, 0, 0]
        assert errors(done.region) == {("ValueError", False): 2}
        assert done.has("planted-9") == []
        assert done.region.requests() == []


def test_web_asgi__pipelined_in_one_context__requests_of_their_own(agent_python):
    with plain_program(agent_python, """
tasks = []
async def app(scope, receive, send):
    if scope["path"] == "/first":  # as a server does that begins the next request while it sends the response
        tasks.append(asyncio.ensure_future(asgi(wrapped, "/second")))
        await asyncio.sleep(0.02)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
wrapped = _core.asgi(app)
async def main():
    await asgi(wrapped, "/first")
    await tasks[0]
asyncio.run(main())
""") as done:
        assert len(requests(done.region)) == 2
        assert len({request["trace"] for request in requests(done.region)}) == 2


def test_web_asgi__awaitable__is_a_coroutine_for_everybody(agent_python):
    with plain_program(agent_python, PLAIN + """
import inspect, collections.abc
wrapped = _core.asgi(app)
say([inspect.iscoroutinefunction(wrapped), asyncio.iscoroutinefunction(wrapped), str(inspect.signature(wrapped)), wrapped.__name__])
scope = {"type": "http", "method": "GET", "headers": []}
async def send(message): pass
flight = wrapped(scope, None, send)
say([inspect.iscoroutine(flight), asyncio.iscoroutine(flight), inspect.isawaitable(flight), flight.cr_code.co_name,
    isinstance(flight, collections.abc.Coroutine), flight.__name__])
async def main():
    say(await asyncio.get_running_loop().create_task(flight))
asyncio.run(main())
class App:
    async def __call__(self, scope, receive, send): await send({"type": "http.response.start", "status": 204})
App.__call__ = _core.asgi(App.__call__)
say([inspect.iscoroutinefunction(App.__call__), inspect.iscoroutinefunction(App().__call__)])
say(asyncio.run(asgi(App(), "/"))[0])
class Plain:
    async def __call__(self, scope, receive, send): await send({"type": "http.response.start", "status": 203})
wrapped = _core.asgi(_core.wsgi(Plain()))
say([inspect.iscoroutinefunction(wrapped.__call__), asyncio.run(asgi(wrapped.__call__, "/"))[0], isinstance(wrapped, Plain)])
""") as done:
        assert done.said[0] == [True, True, "(scope, receive, send)", "app"]
        assert done.said[1] == [True, True, True, "app", True, "app"]
        assert done.said[2:] == [None, [True, True], 204, [True, 203, True]]
        assert sum(routes(done.region).values()) == 3


STARLETTE = """
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.wsgi import WSGIMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse, RedirectResponse
from starlette.routing import Route, Mount, Router, Host, WebSocketRoute
from starlette.staticfiles import StaticFiles
import os, flask
os.mkdir("files"); open("files/a.txt", "w").write("file")
def ok(request): return PlainTextResponse(repr(sorted(request.path_params.items())))
async def coroutine(request): return PlainTextResponse("async")
def fail(request): raise ValueError("planted-5")
class Known(Exception): pass
async def raises_known(request): raise Known()
async def teapot(request): raise HTTPException(418)
def stream(request): return StreamingResponse(str(n) for n in range(3))
class Passing(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next): return await call_next(request)
legacy = flask.Flask("legacy")
@legacy.route("/page/<int:number>")
def page(number): return "page"
async def raw(scope, receive, send):
    await PlainTextResponse("raw")(scope, receive, send)
inner = Starlette(routes=[Route("/leaf/{id:uuid}", ok), Route("/", ok)])
app = Starlette(routes=[
    Route("/", ok), Route("/users/{user:int}/orders/{rest:path}", ok, methods=["GET", "POST"]), Route("/coroutine", coroutine),
    Route("/fail", fail), Route("/known", raises_known), Route("/teapot", teapot), Route("/stream", stream), Route("/slash/", ok),
    Mount("/api/{version}", routes=[Route("/items/{item}", ok), Mount("/deep", app=inner)]),
    Mount("/files", StaticFiles(directory="files")), Mount("/legacy", WSGIMiddleware(legacy)), Mount("/raw", raw),
    Host("other.example", Router([Route("/hosted/{x}", ok)])),
], middleware=[Middleware(Passing)], exception_handlers={Known: lambda request, error: PlainTextResponse("known", 409)})
"""


def test_web_starlette__routes_of_every_kind__composed(package):
    with web_program(STARLETTE + """
async def main():
    for path, method in (("/", "GET"), ("/users/7/orders/a/b", "POST"), ("/coroutine", "GET"), ("/coroutine", "HEAD"), ("/coroutine", "POST"),
        ("/nothing", "GET"), ("/slash", "GET"), ("/stream", "GET"), ("/teapot", "GET"), ("/api/v2/items/9", "GET"), ("/api/v2/nothing", "GET"),
        ("/api/v2/deep/", "GET"), ("/api/v2/deep/leaf/00000000-0000-0000-0000-000000000000", "GET"), ("/files/a.txt", "GET"),
        ("/legacy/page/3", "GET"), ("/raw/anything", "GET")):
        say((await asgi(app, path, method))[0])
    say((await asgi(app, "/hosted/1", headers=[("host", "other.example")]))[0])
    say(_core.current() is None)
asyncio.run(main())
""") as done:
        assert done.said[:-1] == [200] * 4 + [405, 404, 307, 200, 418, 200, 404] + [200] * 6 and done.said[-1]
        assert routes(done.region) == {
            ("GET", "/", 2): 1,
            ("POST", "/users/{user:int}/orders/{rest:path}", 2): 1,
            ("GET", "/coroutine", 2): 1,
            ("HEAD", "/coroutine", 2): 1,
            ("POST", "/coroutine", 4): 1,
            ("GET", "(unmatched)", 4): 1,
            ("GET", "(unmatched)", 3): 1,
            ("GET", "/stream", 2): 1,
            ("GET", "/teapot", 4): 1,
            ("GET", "/api/{version}/items/{item}", 2): 1,
            ("GET", "/api/{version}/{path}", 4): 1,
            ("GET", "/api/{version}/deep/", 2): 1,
            ("GET", "/api/{version}/deep/leaf/{id:uuid}", 2): 1,
            ("GET", "/files/{path}", 2): 1,
            ("GET", "/legacy/page/<int:number>", 2): 1,
            ("GET", "/raw/{path}", 2): 1,
            ("GET", "/hosted/{x}", 2): 1,
        }
        assert errors(done.region) == {}
        assert done.region.counters["hook_errors"] == 0


def test_web_starlette__errors__handled_or_not(package):
    with web_program(STARLETTE + """
say(asyncio.run(asgi(app, "/known")))
said = error(asyncio.run, asgi(app, "/fail"))
say([said[0], said[2][-1], [name for name in said[2] if "pitviper" in name]])
""") as done:
        assert done.said == [[409, "known"], ["ValueError", "fail", []]]
        assert errors(done.region) == {("__main__.Known", True): 1, ("ValueError", False): 1}
        assert routes(done.region) == {("GET", "/known", 4): 1, ("GET", "/fail", 5): 1}


FASTAPI = """
from fastapi import FastAPI, APIRouter, Depends, BackgroundTasks, HTTPException, WebSocket
app = FastAPI()
@app.get("/items/{item_id}")
async def item(item_id: int): return item_id
@app.get("/sync/{name}")
def sync(name: str): return name
@app.post("/items/{item_id}")
async def create(item_id: int, background: BackgroundTasks):
    async def work(): await asyncio.sleep(0.3)
    background.add_task(work)
    return item_id
@app.get("/fail")
async def fail(): raise ValueError("planted-5")
@app.get("/absent")
async def absent(): raise HTTPException(404)
leaf = APIRouter(prefix="/leaf")
@leaf.get("/{leaf_id}")
async def read_leaf(tenant: str, leaf_id: str): return tenant + leaf_id
branch = APIRouter(prefix="/branch/{tenant}")
branch.include_router(leaf)
app.include_router(branch, prefix="/v1")
app.include_router(leaf, prefix="/{tenant}")
sub = FastAPI()
@sub.get("/inside/{thing}")
async def inside(thing: str): return thing
app.mount("/sub/{part}", sub)
"""


def test_web_fastapi__routes_of_every_kind__composed(package):
    with web_program(FASTAPI + """
async def main():
    for path, method in (("/items/7", "GET"), ("/items/x", "GET"), ("/items/7", "POST"), ("/items/7", "DELETE"), ("/sync/a", "GET"),
        ("/absent", "GET"), ("/nothing", "GET"), ("/v1/branch/t/leaf/5", "GET"), ("/t2/leaf/5", "GET"), ("/sub/p/inside/x", "GET"),
        ("/sub/p/nothing", "GET"), ("/openapi.json", "GET"), ("/items/7/", "GET")):
        say((await asgi(app, path, method))[0])
    say(error(lambda: None))
asyncio.run(main())
said = error(asyncio.run, asgi(app, "/fail"))
say([said[0], said[2][-1]])
""") as done:
        assert done.said == [200, 422, 200, 405, 200, 404, 404, 200, 200, 200, 404, 200, 307, None, ["ValueError", "fail"]]
        assert routes(done.region) == {
            ("GET", "/items/{item_id}", 2): 1,
            ("GET", "/items/{item_id}", 4): 1,
            ("POST", "/items/{item_id}", 2): 1,
            ("DELETE", "/items/{item_id}", 4): 1,
            ("GET", "/sync/{name}", 2): 1,
            ("GET", "/absent", 4): 1,
            ("GET", "(unmatched)", 4): 1,
            ("GET", "/v1/branch/{tenant}/leaf/{leaf_id}", 2): 1,
            ("GET", "/{tenant}/leaf/{leaf_id}", 2): 1,
            ("GET", "/sub/{part}/inside/{thing}", 2): 1,
            ("GET", "/sub/{part}/{path}", 4): 1,
            ("GET", "/openapi.json", 2): 1,
            ("GET", "(unmatched)", 3): 1,
            ("GET", "/fail", 5): 1,
        }
        assert errors(done.region)["ValueError", False] == 1
        created = [request for request in requests(done.region) if request["method"] == "POST"]
        assert created[0]["duration_ns"] < 250_000_000  # without the background task
        assert done.region.counters["hook_errors"] == 0


SEEN = FASTAPI + STARLETTE.replace("app = Starlette(", "star = Starlette(") + """
import inspect, logging
from starlette.testclient import TestClient
said = []
for owner, name in ((FastAPI, "__call__"), (Starlette, "__call__"), (Route, "handle"), (Mount, "handle")):
    method = getattr(owner, name)
    said.append([method.__qualname__, str(inspect.signature(method)), inspect.iscoroutinefunction(method)])
said.append([inspect.iscoroutinefunction(app.__call__), isinstance(app, Starlette)])
@app.websocket("/ws/{name}")
async def socket(websocket: WebSocket, name: str):
    await websocket.accept()
    await websocket.send_text(name + await websocket.receive_text())
    await websocket.close()
client = TestClient(app, raise_server_exceptions=False)
with client.websocket_connect("/ws/a") as connection:
    connection.send_text("b")
    said.append(connection.receive_text())
said.append([client.get("/items/7").json(), client.get("/fail").status_code, client.get("/docs").status_code])
said.append(error(TestClient(app).get, "/fail"))
client = TestClient(star)
said.append([client.get(path).text for path in ("/", "/known", "/files/a.txt", "/legacy/page/1", "/api/v1/items/x", "/stream")])
say(said)
"""


def test_web_fastapi__what_the_application_sees__as_without(package):
    with web_program(SEEN) as done:
        with web_program(SEEN, PITVIPER_DISABLE="fastapi,starlette,flask,uvicorn") as plain:
            assert done.said == plain.said
        assert done.region.counters["hook_errors"] == 0
