# SPDX-License-Identifier: MIT
"""Outbound HTTP: urllib3 and requests, httpx, aiohttp, urllib, http.client, against a real server."""

import re
import sys

import pytest

from support.instrumented_data import data_program
from support.peer import http_peer
from support.servers import free_port

SECRETS = ("planted-7431", "planted_path", "planted_header", "hunter2")
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")

# Each defines call(method, path, headers) → status, raising what the client raises, and `dead` where nobody listens.
CLIENTS = {
    "urllib3": """
import urllib3
pool = urllib3.PoolManager(retries=False)
def call(method, path, headers=None, base=base):
    return pool.request(method, base + path, headers=headers, redirect=True, retries=3 if "redirect" in path else False).status
""",
    "requests": """
import requests
session = requests.Session()
def call(method, path, headers=None, base=base):
    return session.request(method, base + path, headers=headers).status_code
""",
    "httpx": """
import httpx
client = httpx.Client(follow_redirects=True)
def call(method, path, headers=None, base=base):
    return client.request(method, base + path, headers=headers).status_code
""",
    "httpx async": """
import asyncio, httpx
loop = asyncio.new_event_loop()
client = httpx.AsyncClient(follow_redirects=True)
def call(method, path, headers=None, base=base):
    return loop.run_until_complete(client.request(method, base + path, headers=headers)).status_code
""",
    "aiohttp": """
import asyncio, aiohttp
loop = asyncio.new_event_loop()
async def make(): return aiohttp.ClientSession()
session = loop.run_until_complete(make())
def call(method, path, headers=None, base=base):
    async def one():
        async with session.request(method, base + path, headers=headers) as response:
            await response.read()
            return response.status
    return loop.run_until_complete(one())
""",
    "urllib": """
import urllib.request, urllib.error
def call(method, path, headers=None, base=base):
    try:
        with urllib.request.urlopen(urllib.request.Request(base + path, method=method, headers=headers or {})) as response:
            return response.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
""",
    "http.client": """
import http.client
def call(method, path, headers=None, base=base):
    conn = http.client.HTTPConnection(base[7:])
    conn.request(method, path, headers=headers or {})
    response = conn.getresponse()
    response.read()
    conn.close()
    return response.status
""",
}

# How many outbound calls one redirected call is: clients that follow by calling their transport again count each.
REDIRECTED = {"urllib3": 3, "requests": 3, "httpx": 3, "httpx async": 3, "aiohttp": 1, "urllib": 1, "http.client": 1}


def client_program(client, port, code, **env):
    return data_program(sys.executable, "base = 'http://127.0.0.1:%d'\n%s\n%s" % (port, CLIENTS[client], code), **env)


@pytest.mark.parametrize("client", CLIENTS)
def test_data_http__calls__named_by_host_method_and_status_class(client):
    with http_peer() as peer, client_program(client, peer.port, """
page = request()
for number in range(6):
    call("GET", "/planted_path/%d?q=planted-7431" % number, {"x-h": "planted_header"})
call("POST", "/planted_path")
call("PLANTED", "/planted_path")
say([call("GET", "/status/404"), call("GET", "/status/503")])
call("GET", "/redirect/2")
try:
    call("GET", "/planted_path?hunter2", base="http://127.0.0.1:DEAD")
except Exception as error:
    say(type(error).__name__)
page.end()
""".replace("DEAD", str(free_port()))) as done:
        keys = {(key.name, key.detail, key.group): key for key in done.keys("OUTBOUND")}
        host = "127.0.0.1:%d" % peer.port
        assert done.said[0] == [404, 503]
        assert keys[host, "POST", 2].count == keys[host, "_OTHER", 2].count == 1, keys
        redirected = REDIRECTED[client]
        last = 0 if client == "http.client" else 1
        assert keys[host, "GET", 2].count == 6 + last, keys
        assert keys.get((host, "GET", 3), [0] * 7)[6] == redirected - last, keys
        assert (keys[host, "GET", 4].count, keys[host, "GET", 4].errors) == (1, 1), keys
        assert (keys[host, "GET", 5].count, keys[host, "GET", 5].errors) == (1, 1), keys
        (dead,) = [key for key in keys.values() if key.name != host]
        assert (dead.detail, dead.group, dead.count, dead.errors) == ("GET", 0, 1, 1)
        parts = done.region.records("PARTS")[0].values
        assert parts["outbound"] == sum(key.count for key in keys.values())
        assert done.has(*SECRETS) == []
        assert done.region.counters["hook_errors"] == 0


@pytest.mark.parametrize("client", CLIENTS)
def test_data_http__trace__sent_along_unless_set_or_switched_off(client):
    code = """
call("GET", "/outside")
page = request()
say(page.trace_id)
call("GET", "/inside")
call("GET", "/own", {"traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"})
call("GET", "/again")
page.end()
"""
    with http_peer() as peer, client_program(client, peer.port, code) as done:
        sent = {path: headers.get("traceparent") for _, path, headers in peer.seen}
        assert sent["/outside"] is None
        assert TRACEPARENT.fullmatch(sent["/inside"]).group(1) == done.said[0]
        assert sent["/own"].startswith("00-0123456789abcdef0123456789abcdef")
        assert sent["/again"] == sent["/inside"]
    with http_peer() as peer, client_program(client, peer.port, code, PITVIPER_PROPAGATE="0") as done:
        assert [headers.get("traceparent") for _, path, headers in peer.seen if path != "/own"] == [None] * 3
        assert sum(done.counts("OUTBOUND").values()) == 4


def test_data_http__tracestate__goes_along(agent_python):
    with http_peer() as peer, data_program(agent_python, """
import sys, urllib.request
page = _core.begin(_core.KIND_REQUEST, "/page", "GET", traceparent="00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", tracestate="vendor=1")
urllib.request.urlopen("http://127.0.0.1:%s/" % sys.argv[1]).read()
page.end()
""", peer.port) as done:
        (_, _, headers), = peer.seen
        assert headers["tracestate"] == "vendor=1"
        assert headers["traceparent"].startswith("00-0123456789abcdef0123456789abcdef-")
        assert sum(done.counts("OUTBOUND").values()) == 1


def test_data_http__httpx_request_object__as_the_application_made_it():
    with http_peer() as peer, client_program("httpx", peer.port, """
page = request()
made = client.build_request("GET", base + "/twice")
before = dict(made.headers)
response = client.send(made)
say(dict(made.headers) == before)
client.send(made)
transport = httpx.MockTransport(lambda request: httpx.Response(200, headers=dict(request.headers)))
say("traceparent" in httpx.Client(transport=transport).get("http://planted-7431/").headers)
page.end()
""") as done:
        assert done.said == [True, False]
        assert len(peer.seen) == 2 and all("traceparent" in headers for _, _, headers in peer.seen)
        assert done.has("planted-7431") == []


def test_data_http__aiohttp_interleaved__each_request_has_its_own():
    with http_peer() as peer, data_program(sys.executable, """
import asyncio, aiohttp, sys
base = "http://127.0.0.1:%s" % sys.argv[1]
async def page(session, number):
    own = request("/page/%d" % number)
    for _ in range(number):
        async with session.get(base + "/from/%d" % number) as response:
            await response.read()
    say([number, own.trace_id])
    own.end()
async def main():
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(page(session, number) for number in range(1, 8)))
asyncio.run(main())
""", peer.port) as done:
        traces = dict(map(tuple, done.said))
        assert len(peer.seen) == 28
        for _, path, headers in peer.seen:
            assert headers["traceparent"].split("-")[1] == traces[int(path.rpartition("/")[2])]
        assert sorted(record.values["outbound"] for record in done.region.records("PARTS")) == list(range(1, 8))


@pytest.mark.parametrize("client", CLIENTS)
def test_data_http__nobody_listens__counted_by_type_and_the_traceback_is_the_same(client):
    code = """
import traceback
def names(error):
    found = []
    while error is not None:
        found.append([type(error).__name__] + [frame.name for frame in traceback.extract_tb(error.__traceback__)])
        error = error.__cause__ or error.__context__
    return found
for number in range(3):
    try:
        call("GET", "/planted_path?hunter2", base="http://127.0.0.1:DEAD")
    except Exception as error:
        frames = names(error)
say(frames)
""".replace("DEAD", str(free_port()))
    with client_program(client, 1, code, PITVIPER_DISABLE="urllib3,urllib,http,httpx,aiohttp") as done:
        plain = done.said[0]
        assert done.keys("OUTBOUND") == []
    with client_program(client, 1, code) as done:
        assert done.said[0] == plain
        (key,) = done.keys("OUTBOUND")
        assert (key.count, key.errors) == (3, 3)
        (exception,) = done.keys("EXCEPTION")
        assert exception.name.rpartition(".")[2] in {row[0] for row in plain}
        assert (exception.detail, exception.group, exception.count) == (key.name, 1, 3)
        assert done.has(*SECRETS) == []
