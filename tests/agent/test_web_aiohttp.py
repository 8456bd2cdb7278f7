# SPDX-License-Identifier: MIT
"""aiohttp's server: requests over a real connection, answered by applications, sub-applications and plain handlers."""

from support.webs import errors, requests, routes, web_program

APP = """
import aiohttp
from aiohttp import web
routes = web.RouteTableDef()
@routes.get("/")
async def home(request): return web.Response(text="home")
@routes.view("/users/{user}/orders/{order:[0-9]+}")
class Orders(web.View):
    async def get(self): return web.Response(text="order")
    async def post(self): return web.Response(status=201)
@routes.get("/fail")
async def fail(request): raise ValueError("planted-5")
@routes.get("/gone")
async def gone(request): raise web.HTTPGone()
@routes.get("/moved")
async def moved(request): raise web.HTTPFound("/")
@routes.get("/wait/{number}")
async def wait(request):
    import sqlite3
    conn = sqlite3.connect(":memory:")
    for _ in range(int(request.match_info["number"])):
        conn.execute("SELECT 1").fetchone()
        await asyncio.sleep(0.005)
    return web.Response(text="waited")
@routes.get("/stream")
async def stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for number in range(3):
        await response.write(b"%d" % number)
    return response
@routes.get("/ws")
async def socket(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket
async def leaf(request): return web.Response(text=request.match_info["x"])
def make():
    app = web.Application()
    app.add_routes(routes)
    sub = web.Application(); sub.router.add_get("/leaf/{x}", leaf)
    nested = web.Application(); nested.add_subapp("/nested", sub)
    app.add_subapp("/sub", nested)
    return app
async def serve(work):
    runner = web.AppRunner(make()); await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0); await site.start()
    base = "http://127.0.0.1:%d" % site._server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session:
        await work(session, base)
    await runner.cleanup()
import logging; logging.disable(logging.CRITICAL)
"""


def test_web_aiohttp__routes_of_every_kind__canonical(package):
    with web_program(APP + """
async def work(session, base):
    for path, method in (("/", "GET"), ("/users/a/orders/5", "GET"), ("/users/a/orders/5", "POST"), ("/users/a/orders/5", "PUT"),
        ("/users/a/orders/x", "GET"), ("/fail", "GET"), ("/gone", "GET"), ("/moved", "GET"), ("/stream", "GET"), ("/sub/nested/leaf/1", "GET"),
        ("/sub/nested/nothing", "GET"), ("/", "HEAD"), ("/", "PROPFIND")):
        async with session.request(method, base + path, allow_redirects=False) as response:
            say(response.status)
asyncio.run(serve(work))
""", PITVIPER_DISABLE="aiohttp_client") as done:
        assert done.said == [200, 200, 201, 405, 404, 500, 410, 302, 200, 200, 404, 200, 405]
        assert routes(done.region) == {
            ("GET", "/", 2): 1,
            ("GET", "/users/{user}/orders/{order}", 2): 1,
            ("POST", "/users/{user}/orders/{order}", 2): 1,
            ("PUT", "/users/{user}/orders/{order}", 4): 1,
            ("GET", "(unmatched)", 4): 2,
            ("GET", "/fail", 5): 1,
            ("GET", "/gone", 4): 1,
            ("GET", "/moved", 3): 1,
            ("GET", "/stream", 2): 1,
            ("GET", "/sub/nested/leaf/{x}", 2): 1,
            ("HEAD", "/", 2): 1,
            ("_OTHER", "(unmatched)", 4): 1,
        }
        assert errors(done.region) == {("ValueError", False): 1}
        assert done.region.counters["hook_errors"] == 0


def test_web_aiohttp__interleaved_and_traced__each_its_own(package):
    with web_program(APP + """
async def work(session, base):
    async def one(number):
        headers = {"traceparent": "00-%032x-%016x-01" % (number + 1, 7)}
        async with session.get(base + "/wait/%d" % number, headers=headers) as response:
            return await response.text()
    say(await asyncio.gather(*(one(number) for number in range(12))))
    async with session.ws_connect(base + "/ws") as socket:
        await socket.send_str("echo")
        say((await socket.receive()).data)
asyncio.run(serve(work))
""", PITVIPER_DISABLE="aiohttp_client") as done:
        assert done.said == [["waited"] * 12, "echo"]
        waited = [request for request in requests(done.region) if request["route"] == "/wait/{number}"]
        assert {(int(request["trace"], 16) - 1, request["statements"]) for request in waited} == {(n, n) for n in range(12)}
        assert routes(done.region)["GET", "/ws", 1] == 1


SEEN = APP + """
import inspect
method = web.Application._handle
said = [[method.__qualname__, str(inspect.signature(method)), inspect.iscoroutinefunction(method)]]
async def work(session, base):
    for path in ("/", "/gone", "/fail", "/stream", "/sub/nested/leaf/3"):
        async with session.get(base + path) as response:
            said.append([response.status, await response.text()])
asyncio.run(serve(work))
say(said)
"""


def test_web_aiohttp__what_the_application_sees__as_without(package):
    with web_program(SEEN) as done:
        with web_program(SEEN, PITVIPER_DISABLE="aiohttp") as plain:
            assert done.said == plain.said
