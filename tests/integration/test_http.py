# SPDX-License-Identifier: MIT
"""The HTTP server, asked by real clients and by hostile ones. Answers are made up by the driver, where
what is tested is not them."""

import contextlib
import gzip
import http.client
import json
import os
import select
import shutil
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.http_server import DRIVERS, Server, refusal, serving, start
from support.openapi import check

TOKEN = "0123456789abcdef0123456789abcdef"
MIB = 1 << 20


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def server(data):
    with serving(data) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(data):
    """With a token, and names of its own."""
    with serving(data, "127.0.0.1:0", "token=" + TOKEN, "hosts=pit.example other.example") as running:
        yield running


# -- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("listen", ["", "7117", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "example.org:1", "::1:1"])
def test_http__listen_address_that_is_none__is_refused_with_what_to_write(data, listen):
    status, sentence = refusal(data, listen)
    assert status == 2
    assert "no address to listen on" in sentence and "127.0.0.1:7117" in sentence


@pytest.mark.parametrize("listen", [":0", "0.0.0.0:0", "[::]:0"])
def test_http__listening_beyond_loopback__demands_a_token_and_says_how(data, listen):
    status, sentence = refusal(data, listen)
    assert status == 2
    assert "openssl rand -hex 32" in sentence and "--token-file" in sentence
    with serving(data, listen, "token=" + TOKEN) as running:
        assert running.ask("/api/v1/status").status == 401
        assert running.ask("/api/v1/status", Authorization="Bearer " + TOKEN).status == 200


def test_http__a_short_token__is_refused(data):
    status, sentence = refusal(data, "127.0.0.1:0", "token=short")
    assert status == 2 and "openssl" in sentence


def test_http__taken_port__says_so(server, data):
    status, sentence = refusal(data, "127.0.0.1:%d" % server.port)
    assert status == 75
    assert "another program has it" in sentence


def test_http__localhost_and_ipv6__are_listened_on(data):
    with serving(data, "localhost:0") as running:
        assert running.is_healthy()
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with serving(data, "[::1]:0") as running:
        connection = http.client.HTTPConnection("::1", running.port, timeout=10)
        connection.request("GET", "/-/healthy")
        assert connection.getresponse().status == 200


# -- who may ask ---------------------------------------------------------------------------------


@pytest.mark.parametrize("host", [
    "evil.example", "evil.example:7117", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1",
    "127.0.0.1@evil.example", "127.0.0.1:7117:1", "[::1", "", "localhost:80a", "2130706433", "a" * 300,
])
def test_http__host_that_is_not_ours__is_refused(server, host):
    for path in ("/", "/api/v1/status", "/metrics", "/-/healthy", "/nowhere"):
        assert server.ask(path, Host=host).status == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9:1", "localhost", "LOCALHOST:7117", "[::1]:7117"])
def test_http__loopback_names__are_answered(server, host):
    assert server.ask("/api/v1/status", Host=host).status == 200


def test_http__allowed_hosts__are_whole_names(guarded):
    for host, status in [
        ("pit.example", 200), ("OTHER.example:443", 200), ("example", 403), ("pit.exampl", 403), ("pit.example.", 403),
    ]:
        assert guarded.ask("/-/healthy", Host=host).status == status


def test_http__no_host_or_two__is_a_bad_request(server):
    assert b" 400 " in server.raw(b"GET / HTTP/1.1\r\n\r\n").split(b"\n")[0]
    assert b" 400 " in server.raw(b"GET / HTTP/1.0\r\n\r\n").split(b"\n")[0]
    two = b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    assert b" 400 " in server.raw(two).split(b"\n")[0]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://localhost", "http://localhost:1", "file://"])
def test_http__foreign_origin__is_refused(server, origin):
    assert server.ask("/api/v1/status", Origin=origin).status == 403
    assert server.post("/api/v1/deploys", {"service": "shop"}, Origin=origin).status == 403


def test_http__own_origin__is_answered(server):
    for host in ("localhost:%d" % server.port, "127.0.0.1:%d" % server.port):
        assert server.ask("/api/v1/status", Host=host, Origin="http://" + host).status == 200
        assert server.ask("/api/v1/status", Host=host, Origin="http://other:1").status == 403


def test_http__another_sites_request__is_refused_but_not_its_link(server):
    assert server.ask("/api/v1/status", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403
    assert server.ask("/api/v1/status", Sec_Fetch_Site="same-origin").status == 200
    assert server.ask("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status == 200


def test_http__token__is_demanded_for_all_but_the_page_and_probes(guarded):
    for path in ("/api/v1/status", "/api/v1/echo", "/metrics", "/api/v1/openapi.json", "/api/v1/live", "/nowhere"):
        answer = guarded.ask(path)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert guarded.post("/api/v1/deploys", {"service": "shop"}).status == 401
    for path in ("/", "/app.js", "/app.css", "/-/healthy", "/-/ready"):
        assert guarded.ask(path).status == 200


@pytest.mark.parametrize("words, status", [
    ("Bearer " + TOKEN, 200), ("bearer " + TOKEN, 200), ("Bearer " + TOKEN[:-1], 401), ("Bearer " + TOKEN + "0", 401),
    ("Bearer " + TOKEN * 2, 401), ("Bearer ", 401), ("Bearer", 401), ("Basic " + TOKEN, 401), (TOKEN, 401), ("", 401),
])
def test_http__token__must_be_the_whole_one(guarded, words, status):
    assert guarded.ask("/api/v1/status", Authorization=words).status == status


# -- paths, methods, parameters ------------------------------------------------------------------


@pytest.mark.parametrize("path", [
    "/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2fetc%2fpasswd", "//etc/passwd", "/app.js/../../x", "/app.js/",
    "/./", "/api/v1/../v1/status", "/api/v1/", "/api/v1", "/api/v1/status/", "/api/v1/slow/1", "/api/v1/echo/", "/api/v2/status",
    "/API/v1/status", "/web/", "/index.html", "/api/v1/" + "x" * 500,
])
def test_http__paths_that_are_none__are_not_found(server, path):
    answer = server.ask(path)
    assert answer.status == 404
    assert answer.json["status"] == 404


@pytest.mark.parametrize("path", [
    "/%", "/%4", "/%zz", "/%00", "/api/v1/echo?x=%0", "/api/v1/echo?x=%00y", "/api/v1/echo?x", "/api/v1/echo?=1",
    "/api/v1/echo?a=1&a=2", "/api/v1/echo?a=1&%61=2", "/api/v1/echo?a=1#b", "/metrics?x=1", "/-/healthy?x=1",
    "/api/v1/status?verbose=1", "/api/v1/echo?" + "&".join("p%d=1" % i for i in range(33)),
])
def test_http__malformed_targets__are_a_sentence(server, path):
    answer = server.ask(path)
    assert answer.status == 400
    assert answer.json["error"] and answer.json["status"] == 400


def test_http__foreign_targets__are_refused(server):
    for target in (b"http://evil.example/api/v1/status", b"*", b"evil.example:443", b"x"):
        line = server.raw(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n").split(b"\n")[0]
        assert b" 400 " in line


def test_http__parameters__arrive_decoded(server):
    answer = server.ask("/api/v1/echo/7f?endpoint=GET%20/a/%3Cint:id%3E&plus=a+b%2Bc&empty=&%E2%82%AC=%C3%A9&eq=a=b&&")
    assert answer.json == {"endpoint": "GET /a/<int:id>", "plus": "a b+c", "empty": "", "€": "é", "eq": "a=b", "id": "7f"}


def test_http__methods__are_those_of_the_row(server):
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST", "BREW"):
        answer = server.ask("/api/v1/status", method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    answer = server.ask("/api/v1/deploys")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_http__head__has_the_headers_and_no_body(server):
    for path in ("/", "/api/v1/echo?service=shop", "/metrics", "/-/healthy"):
        get, head = server.ask(path), server.ask(path, "HEAD")
        assert head.status == 200 and head.body == b""
        for name in ("content-length", "content-type", "etag"):
            assert head.headers.get(name) == get.headers.get(name)
    assert server.ask("/api/v1/live", "HEAD").status == 200
    assert server.is_healthy()


# -- forms ---------------------------------------------------------------------------------------


def test_http__etag__saves_the_second_body(server):
    first = server.ask("/api/v1/echo?service=shop")
    tag = first.headers["etag"]
    for sent in (tag, '"x", ' + tag, "W/" + tag, "*"):
        again = server.ask("/api/v1/echo?service=shop", If_None_Match=sent)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    for sent in ('"x"', tag[:-2] + '"', ""):
        assert server.ask("/api/v1/echo?service=shop", If_None_Match=sent).body == first.body
    assert server.ask("/api/v1/echo?service=other", If_None_Match=tag).status == 200
    page = server.ask("/app.js").headers["etag"]
    assert server.ask("/app.js", If_None_Match=page).status == 304


@pytest.mark.parametrize("accepted, packed", [
    ("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("deflate", False), ("gzip;q=0", False),
    ("*;q=0", False), ("gzip;q=0, *", False), ("identity", False), (";;,,q=", False), ("xgzip", False),
])
def test_http__gzip__where_it_is_accepted(server, accepted, packed):
    path = "/api/v1/echo?x=" + "y" * 2000
    plain, answer = server.ask(path), server.ask(path, Accept_Encoding=accepted)
    assert "content-encoding" not in plain.headers
    assert (answer.headers.get("content-encoding") == "gzip") == packed
    assert (gzip.decompress(answer.body) if packed else answer.body) == plain.body
    if packed:
        assert len(answer.body) < len(plain.body)
        assert answer.headers["etag"] != plain.headers["etag"]
        tag = answer.headers["etag"]
        assert server.ask(path, Accept_Encoding=accepted, If_None_Match=tag).status == 304
    assert "Accept-Encoding" in answer.headers["vary"]


def test_http__small_and_binary_answers__are_not_packed(server):
    assert "content-encoding" not in server.ask("/api/v1/echo?x=1", Accept_Encoding="gzip").headers
    answer = server.ask("/api/v1/big?megabytes=1", Accept_Encoding="gzip")
    assert len(answer.body) == MIB and "content-encoding" not in answer.headers


def test_http__page__is_packed_and_may_load_only_itself(server):
    for path, kind in (("/", "text/html"), ("/app.js", "text/javascript"), ("/app.css", "text/css")):
        plain, packed = server.ask(path), server.ask(path, Accept_Encoding="gzip")
        assert plain.headers["content-type"].startswith(kind)
        if packed.headers.get("content-encoding") == "gzip":
            assert gzip.decompress(packed.body) == plain.body
        policy = plain.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/", "/nowhere", "/metrics", "/api/v1/status", "/api/v1/echo?x=%3Cscript%3E", "/api/v1/page", "/%"])
def test_http__headers_of_safety__are_on_every_answer(server, path):
    headers = server.ask(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "private, no-cache"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


def test_http__documents_of_profiles__run_in_a_sandbox(server):
    answer = server.ask("/api/v1/page")
    assert answer.headers["content-type"].startswith("text/html")
    directives = answer.headers["content-security-policy"].split("; ")
    assert "sandbox allow-scripts allow-downloads" in directives  # and so without this origin
    assert not any(d.startswith("connect-src") for d in directives)


XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def test_http__what_is_sent__never_comes_back_as_html(server):
    from urllib.parse import quote

    word = quote(XSS, safe="")
    for path in ("/" + word, "/api/v1/" + word, "/api/v1/echo?refuse=" + word, "/api/v1/echo?x=" + word,
                 "/api/v1/echo?%s=1&%s=2" % (word, word), "/api/v1/echo/" + word, "/metrics?" + word + "=1"):
        answer = server.ask(path)
        assert answer.headers["content-type"] == "application/json"
        assert isinstance(answer.json, dict)
    for headers in ({"Host": XSS}, {"Origin": XSS}, {"Authorization": XSS}, {"If-None-Match": XSS}):
        answer = server.ask("/api/v1/echo", **{name.replace("-", "_"): value for name, value in headers.items()})
        assert answer.headers["content-type"] == "application/json"
        assert b"<script>" not in answer.body
    answer = server.post("/api/v1/deploys", {"service": "shop", XSS: 1})
    assert answer.status == 400 and answer.headers["content-type"] == "application/json"


def test_http__metrics__come_in_the_form_that_is_asked_for(server):
    old, new = "text/plain; version=0.0.4; charset=utf-8", "application/openmetrics-text; version=1.0.0; charset=utf-8"
    prometheus = ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                  "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1")
    for accept, form in [(prometheus, new), ("application/openmetrics-text", new), ("*/*", new), ("text/plain", old),
                         ("text/plain, application/openmetrics-text;q=0.5", old), ("text/html", old)]:
        answer = server.ask("/metrics", Accept=accept)
        assert answer.headers["content-type"] == form, accept
        assert answer.body.endswith(b"# EOF\n") == (form == new)
    assert server.ask("/metrics").headers["content-type"] == old


def test_http__an_answers_errors__keep_sentence_and_status(server):
    answer = server.ask("/api/v1/failing")
    assert (answer.status, answer.json["error"]) == (507, 'the disk <b>says</b> "no"')
    answer = server.ask("/api/v1/echo?refuse=7")
    assert (answer.status, answer.json["error"]) == (400, "refuse=7 makes no sense")
    assert server.ask("/api/v1/big?megabytes=300").status == 413


def test_http__history_that_is_not_there__is_said_and_health_stays(tmp_path):
    with serving(tmp_path / "none") as running:
        answer = running.ask("/api/v1/echo")
        assert answer.status == 503 and "history" in answer.json["error"] and answer.headers["retry-after"]
        assert running.is_healthy()
        (tmp_path / "none").mkdir()
        assert running.ask("/api/v1/echo").status == 200


# -- POST ----------------------------------------------------------------------------------------


def test_http__deploy__is_taken(server):
    assert server.post("/api/v1/deploys", {"service": "shop", "version": "1.2", "text": "by hand"}).status == 201
    assert server.post("/api/v1/deploys", {"service": "shop"}, Content_Type="application/json; charset=utf-8").status == 201
    assert server.post("/api/v1/boost", {"service": "shop", "rate_hz": 1000, "seconds": 30}).status == 202
    assert server.post("/api/v1/boost", {"service": "nobody", "rate_hz": 1000, "seconds": 30}).status == 404


@pytest.mark.parametrize("body", [
    "", "{", "[]", "null", '"x"', "{}", '{"service": ""}', '{"service": 1}', '{"service": null}', '{"service": "a", "service": "b"}',
    '{"service": "a", "other": 1}', '{"service": "a\\u0000b"}', b'{"service": "\xff"}', '{"service": "a"} x', '{"service": "a", "text": []}',
    json.dumps({"service": "a" * 201}), json.dumps({"service": "a", "text": "b" * 2001}), "[" * 5000, '{"service": ' * 5000,
])
def test_http__bad_bodies__are_a_sentence(server, body):
    answer = server.post("/api/v1/deploys", body)
    assert answer.status == 400
    assert answer.json["error"]


@pytest.mark.parametrize("boost", [
    {"service": "a", "rate_hz": 0, "seconds": 1}, {"service": "a", "rate_hz": 1001, "seconds": 1}, {"service": "a", "rate_hz": 100},
    {"service": "a", "rate_hz": 1e2, "seconds": 1}, {"service": "a", "rate_hz": 100, "seconds": 31}, {"service": "a", "rate_hz": -1, "seconds": 1},
    {"service": "a", "rate_hz": 100, "seconds": 4294967297}, {"rate_hz": 100, "seconds": 1}, {"service": "a", "rate_hz": True, "seconds": 1},
])
def test_http__boost_beyond_its_bounds__is_refused(server, boost):
    assert server.post("/api/v1/boost", boost).status == 400


def test_http__posts_of_another_type__are_refused(server):
    """A form of another page can send these without asking first."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", ""):
        assert server.post("/api/v1/deploys", {"service": "shop"}, Content_Type=kind).status == 415
    assert server.ask("/api/v1/deploys", "POST", "{}").status == 415


def test_http__large_bodies__are_refused_whether_announced_or_not(server):
    assert server.post("/api/v1/deploys", '{"service": "%s"}' % ("x" * 70000)).status == 413
    head = b"POST /api/v1/deploys HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    assert b" 413 " in server.raw(head + b"Content-Length: 99999999999999\r\n\r\n").split(b"\n")[0]
    assert b" 413 " in server.raw(head + b"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n").split(b"\n")[0]
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    assert b" 413 " in server.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 40 + b"0\r\n\r\n").split(b"\n")[0]
    assert server.is_healthy()


# -- server-sent events --------------------------------------------------------------------------


class Stream:
    """GET live, read message by message."""

    def __init__(self, server, **headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)
        self.connection.request("GET", "/api/v1/live", headers={k.replace("_", "-"): v for k, v in headers.items()})
        self.response = self.connection.getresponse()

    def message(self):
        """{"event": …, "id": …, "data": …}"""
        fields = {}
        while line := self.response.readline().decode().rstrip("\n"):
            name, value = line.split(": ", 1)
            fields[name] = fields[name] + "\n" + value if name in fields else value
        return fields

    def next(self, name):
        while (message := self.message()).get("event") != name:
            pass
        return message

    def close(self):
        self.response.close()
        self.connection.close()


def test_http__live__says_the_status_at_once_and_events_as_they_happen(data):
    with serving(data) as running, contextlib.closing(Stream(running)) as stream:
        assert stream.response.getheader("Content-Type") == "text/event-stream"
        first = stream.message()
        assert first["event"] == "status" and json.loads(first["data"])["rate_hz"] == 100
        running.post("/api/v1/deploys", {"service": "shop", "text": "line\nevent: status\n\n"})
        began = time.monotonic()
        event = stream.next("event")
        assert json.loads(event["data"])["text"] == "line\nevent: status\n\n"
        assert time.monotonic() - began < 3
        with contextlib.closing(Stream(running)) as late, contextlib.closing(Stream(running, Last_Event_ID="0")) as back:
            running.post("/api/v1/deploys", {"service": "second"})
            assert json.loads(late.next("event")["data"])["service"] == "second"  # nothing from before
            assert json.loads(back.next("event")["data"])["service"] == "shop"
        assert running.is_healthy()
        began = time.monotonic()
        assert stream.next("status") and time.monotonic() - began < 8


def test_http__live__has_a_limit_and_gives_places_back(data):
    with serving(data) as running:
        streams = [Stream(running) for _ in range(33)]
        assert [s.response.status for s in streams] == [200] * 32 + [503]
        for stream in streams:
            stream.close()
        deadline = time.monotonic() + 15
        while (again := Stream(running)).response.status == 503 and time.monotonic() < deadline:
            again.close()
            time.sleep(0.5)
        assert again.response.status == 200
        again.close()


# -- limits --------------------------------------------------------------------------------------


def test_http__head_beyond_its_limit__is_refused(server):
    for size in (9000, 20000, 100000):
        line = server.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * size + b"\r\n\r\n").split(b"\r\n")[0]
        assert b" 431 " in line or b" 413 " in line or line == b"", line
        line = server.raw(b"GET /?" + b"y=" * (size // 2) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n").split(b"\r\n")[0]
        assert b" 4" in line or line == b"", line
    many = b"".join(b"X%d: y\r\n" % i for i in range(2000))
    server.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + many + b"\r\n")
    assert server.is_healthy()


@pytest.mark.parametrize("junk", [
    b"", b"\r\n" * 1000, b"\x00" * 1000, b"GET", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", b"GET / HTTP/1.1\nHost: localhost\n\n",
    b"POST /api/v1/deploys HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /api/v1/deploys HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
    b"GET /api/v1/echo?x=\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n: x\r\n\x01: y\r\n\r\n",
])
def test_http__junk__harms_nobody(server, junk):
    server.raw(junk)
    assert server.is_healthy()


def test_http__clients_that_send_no_more__are_answered_and_closed(server):
    began = time.monotonic()
    assert server.raw(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n").endswith(b"healthy\n")
    assert time.monotonic() - began < 5


def test_http__pipelined_requests__are_answered_in_order(server):
    asked = b"".join(b"GET /api/v1/echo?n=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % i for i in range(20))
    last = b"GET /api/v1/echo?n=last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(asked + last)
        found = b""
        while piece := connection.recv(65536):
            found += piece
    bodies = [part.split(b"\r\n\r\n")[1] for part in found.split(b"HTTP/1.1 200")[1:]]
    assert [json.loads(body)["n"] for body in bodies] == [str(i) for i in range(20)] + ["last"]


def test_http__a_slow_answer__holds_up_nobody_and_ends_in_time(data):
    with serving(data) as running, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(running.ask, "/api/v1/slow?seconds=12")
        began = time.monotonic()
        for _ in range(20):
            assert running.is_healthy() and running.ask("/api/v1/echo").status == 200
        assert time.monotonic() - began < 5
        answer = slow.result()
        assert answer.status == 503 and "10 s" in answer.json["error"]
        assert 9 < time.monotonic() - began < 13
        assert running.is_healthy()  # and the end waits for what is still running


def test_http__more_answers_than_the_limit__are_told_to_come_again(data):
    with serving(data) as running, ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: running.ask("/api/v1/slow?seconds=1"), range(40)))
        count = [answer.status for answer in answers].count(200)
        assert 16 <= count < 40
        refused = next(answer for answer in answers if answer.status == 503)
        assert refused.headers["retry-after"] == "1"
        assert running.is_healthy()


def test_http__answers_that_nobody_takes__do_not_pile_up(data):
    with serving(data) as running, contextlib.ExitStack() as stack:
        waiting = []
        for _ in range(12):
            waiting.append(stack.enter_context(running.connect()))
            waiting[-1].sendall(b"GET /api/v1/big?megabytes=60 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        heads = [connection.recv(12) for connection in waiting]
        assert set(heads) == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
        assert heads.count(b"HTTP/1.1 200") <= 4  # 256 MiB and no more
        assert running.rss_bytes() < 350 * MIB
        assert running.ask("/api/v1/echo").status == 200


def test_http__large_answers__leave_no_memory_behind(data):
    with serving(data) as running:
        running.ask("/api/v1/echo")
        before = running.rss_bytes()
        for megabytes in (1, 10, 20, 30, 30, 10):
            assert len(running.ask("/api/v1/big?megabytes=%d" % megabytes).body) == megabytes * MIB
        deadline = time.monotonic() + 10  # the connection's end frees the last one
        while running.rss_bytes() > before + 8 * MIB:
            assert time.monotonic() < deadline, running.rss_bytes()
            time.sleep(0.2)


def expect_closed(connection, within_s):
    """Seconds until the other side closed."""
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        if select.select([connection], [], [], 0.2)[0]:
            try:
                if not connection.recv(65536):
                    return time.monotonic() - began
            except ConnectionError:
                return time.monotonic() - began
    raise AssertionError("still open after %d s" % within_s)


def drip(connection, pieces, stop):
    """One byte every half a second: the library's own time limit never ends."""
    with contextlib.suppress(OSError):
        for piece in pieces:
            if stop.wait(0.5):
                return
            connection.sendall(piece)


@pytest.mark.parametrize("start_of", [
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
    b"POST /api/v1/deploys HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n",
    b"",
], ids=["head", "body", "silence"])
def test_http__clients_that_drip__are_ended(server, start_of):
    stop = threading.Event()
    with server.connect() as connection:
        connection.sendall(start_of)
        thread = threading.Thread(target=drip, args=(connection, [b"x"] * 100 if start_of else [], stop))
        thread.start()
        try:
            assert 8 < expect_closed(connection, 14)
        finally:
            stop.set()
            thread.join()
    assert server.is_healthy()


def test_http__a_crowd_of_slow_clients__does_not_keep_others_out(data):
    with serving(data) as running, contextlib.ExitStack() as stack:
        for _ in range(400):  # more than there are connections
            connection = stack.enter_context(running.connect())
            with contextlib.suppress(OSError):
                connection.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        began = time.monotonic()
        assert running.is_healthy()
        assert time.monotonic() - began < 8


def test_http__thousands_of_requests_at_once__are_all_answered(data):
    """10,000 requests over 200 clients: each has an answer, whole and its own; then nothing is left of them."""
    clients, each = 200, 50
    with serving(data) as running:
        for i in range(50):
            running.ask("/api/v1/echo?n=%d" % i)
        before = running.rss_bytes()

        def client(number):
            connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
            seen = []
            for i in range(each):
                word = "%d.%d" % (number, i)
                connection.request("GET", "/api/v1/echo?word=" + word, headers={"Accept-Encoding": "gzip"})
                response = connection.getresponse()
                body = json.loads(response.read())
                assert response.status == 503 or body == {"word": word}
                seen.append(response.status)
            connection.close()
            return seen

        with ThreadPoolExecutor(clients) as pool:
            statuses = [status for seen in pool.map(client, range(clients)) for status in seen]
        assert len(statuses) == clients * each and set(statuses) <= {200, 503}
        assert statuses.count(200) >= clients
        assert running.is_healthy()
        assert running.rss_bytes() < before + 24 * MIB


def test_http__clients_that_vanish__leave_nothing_behind(data):
    with serving(data) as running:
        for i in range(60):
            with running.connect() as connection:
                path = (b"/api/v1/slow?seconds=0.2", b"/api/v1/big?megabytes=8", b"/api/v1/live")[i % 3]
                connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        deadline = time.monotonic() + 20
        while running.ask("/api/v1/echo").status != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_http__end_while_much_is_under_way__is_clean(data):
    process, line = start(data)
    running = Server(int(line), process)
    with ThreadPoolExecutor(30) as pool:
        for i in range(24):
            pool.submit(running.ask, "/api/v1/slow?seconds=3")
        stream = Stream(running)
        time.sleep(0.5)
        began = time.monotonic()
        _, errors = process.communicate(timeout=20)
        assert time.monotonic() - began < 8
    assert (process.returncode, errors) == (0, "")
    stream.close()


# -- TLS -----------------------------------------------------------------------------------------


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """ca, server (by ca), client (by ca), stranger (by itself)."""
    folder = tmp_path_factory.mktemp("tls")
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    for name in ("ca", "stranger"):
        openssl(folder, "req", "-x509", *new, "-keyout", name + ".key", "-out", name + ".pem", "-subj", "/CN=" + name)
    for name in ("server", "client"):
        openssl(folder, "req", *new[:-2], "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=localhost")
        (folder / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl(folder, "x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-out", name + ".pem", "-extfile", "ext")
    return folder


def ask_tls(port, certificates, client=None):
    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    if client:
        context.load_cert_chain(certificates / (client + ".pem"), certificates / (client + ".key"))
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    with contextlib.closing(connection):
        connection.request("GET", "/api/v1/status")
        return connection.getresponse().status


def test_http__tls__serves_and_knows_its_clients(data, certificates):
    pair = ["cert=%s" % (certificates / "server.pem"), "key=%s" % (certificates / "server.key")]
    with serving(data, "127.0.0.1:0", *pair) as running:
        assert ask_tls(running.port, certificates) == 200
        assert running.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP") is False
    with serving(data, ":0", *pair, "ca=%s" % (certificates / "ca.pem")) as running:
        assert ask_tls(running.port, certificates, "client") == 200
        assert ask_tls(running.port, certificates) == 401
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            assert ask_tls(running.port, certificates, "stranger") == 401


def test_http__tls_with_half_of_what_it_needs__is_refused(data, certificates):
    cert, key = certificates / "server.pem", certificates / "server.key"
    for words, told in [(["cert=%s" % cert], "both"), (["cert=%s" % cert, "key=/nowhere"], "/nowhere"),
                        (["cert=%s" % cert, "key=%s" % (certificates / "client.key")], "pair"),
                        (["cert=%s" % key, "key=%s" % cert], "pair"), (["ca=%s" % cert], "both")]:
        status, sentence = refusal(data, "127.0.0.1:0", *words)
        assert status in (2, 75) and told in sentence, (words, sentence)


# -- OpenAPI -------------------------------------------------------------------------------------


def test_http__openapi__is_a_whole_document_of_what_is_answered(server):
    document = server.ask("/api/v1/openapi.json").json
    assert document["openapi"] == "3.1.0"
    for word in ("echo", "echo/{id}", "slow", "status", "live", "deploys", "boost", "openapi.json"):
        assert "/api/v1/" + word in document["paths"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            answer = server.ask(path.replace("{id}", "1"), method.upper() if method != "get" else "HEAD")
            assert answer.status not in (404, 405), path
            assert operation["summary"] and operation["responses"]["default"]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """The real answers, over a store that has something of everything."""
    folder = tmp_path_factory.mktemp("filled") / "data"
    subprocess.run([DRIVERS / "answers_store", folder], check=True)
    with serving(folder, driver="http_server") as running:
        yield running


def answers_of(document):
    """Paths of JSON answers that are about the history, without an id."""
    for path, item in document["paths"].items():
        if "get" in item and item["get"].get("parameters") and "{" not in path:
            yield path


def question(path):
    """With what it needs at least."""
    return path + ("?from=1m&base_from=2m&base_to=1m" if path.endswith("/diff") else "?from=5m")


def test_http__openapi__describes_exactly_what_is_answered(filled):
    document = filled.ask("/api/v1/openapi.json").json
    paths = list(answers_of(document))
    assert len(paths) >= 15
    for path in paths:
        answer = filled.ask(question(path))
        assert answer.status == 200, (path, answer.body)
        check(document, path, answer.json)
        assert answer.json.get("rows", True), path  # something is in each, else this proves nothing
    trace = filled.ask("/api/v1/traces").json["rows"][0]["trace"]
    check(document, "/api/v1/traces/{id}", filled.ask("/api/v1/traces/" + trace).json)
    check(document, "/api/v1/status", filled.ask("/api/v1/status").json)


def test_http__openapi__names_every_parameter_that_is_taken(filled):
    document = filled.ask("/api/v1/openapi.json").json
    for path in answers_of(document):
        for parameter in document["paths"][path]["get"]["parameters"]:
            assert parameter["description"], (path, parameter["name"])
            choices = parameter["schema"].get("enum")
            for choice in choices or []:
                answer = filled.ask("%s&%s=%s" % (question(path), parameter["name"], choice))
                assert answer.status == 200, (path, parameter["name"], choice, answer.body)
            if choices:
                assert filled.ask("%s&%s=x" % (question(path), parameter["name"])).status == 400
        answer = filled.ask(path + "?nothing_of_this_name=1")
        assert answer.status == 400 and "nothing_of_this_name" in answer.json["error"]


def test_http__hostile_names__stay_text_in_every_format(filled):
    for form in ("json", "flamegraph", "html", "speedscope", "folded"):
        answer = filled.ask("/api/v1/profile?from=5m&format=" + form)
        if form == "html" and answer.status == 400:
            continue  # built without Node.js
        assert answer.status == 200
        assert b"<script>alert" not in answer.body or not answer.headers["content-type"].startswith(("text/html", "image/svg")), form
    services = filled.ask("/api/v1/services?from=5m")
    assert services.headers["content-type"] == "application/json"
    assert any("<script>" in row["service"] for row in services.json["rows"])


def test_http__a_hostile_name__can_be_asked_for(filled):
    from urllib.parse import quote

    rows = filled.ask("/api/v1/services?from=5m").json["rows"]
    name = next(row["service"] for row in rows if "<script>" in row["service"])
    found = filled.ask("/api/v1/services?from=5m&service=" + quote(name, safe="")).json["rows"]
    assert [row["service"] for row in found] == [name]


def test_http__pprof__is_what_go_tool_pprof_reads(filled, tmp_path):
    if not shutil.which("go"):
        pytest.skip("go is not installed")
    url = "http://127.0.0.1:%d/api/v1/profile?service=worker&format=pprof" % filled.port
    for extra in ([], ["-seconds=300"]):
        done = subprocess.run(
            ["go", "tool", "pprof", *extra, "-top", "-sample_index=samples", url], capture_output=True, text=True,
            timeout=100, env={**os.environ, "PPROF_TMPDIR": str(tmp_path)},
        )
        assert done.returncode == 0, done.stderr
        assert "1000" in done.stdout.replace(",", "")  # ten windows of a hundred samples


APP = """
import sqlite3, time

def app(environ, start):
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for number in range(8):
        connection.execute("SELECT %d" % number).fetchall()
    end = time.perf_counter() + 0.2
    while time.perf_counter() < end:
        pass
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("no")
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"x"]
"""


def test_http__openapi__holds_for_a_running_serve(pitviper, tmp_path):
    """With an instrumented application: a kept trace with its stacks, what the daemon says of itself, live."""
    pytest.importorskip("gunicorn")
    from support.serve import Serve
    from support.web_servers import server as application

    words = ["gunicorn", "-w", "1", "-b", "{address}", "app:app"]
    with Serve(pitviper, tmp_path / "data", "--budget", "100%", "--process-budget", "50%", "--include", "gunicorn") as serve:
        running = Server(int(serve.address.rsplit(":", 1)[1]), serve.process)
        with application(tmp_path, words, APP, PITVIPER_SERVICE="shop") as site, contextlib.closing(Stream(running)) as live:
            for path in ("/", "/fail", "/") * 4:
                site.get(path)
            time.sleep(12)  # a window is whole, its traces are kept
            document = running.ask("/api/v1/openapi.json").json
            for path in answers_of(document):
                answer = running.ask(question(path))
                assert answer.status == 200, (path, answer.body)
                check(document, path, answer.json)
            traces = running.ask("/api/v1/traces").json["rows"]
            assert traces
            for row in traces:
                check(document, "/api/v1/traces/{id}", running.ask("/api/v1/traces/" + row["trace"]).json)
            check(document, "/api/v1/status", running.ask("/api/v1/status").json)
            assert running.post("/api/v1/deploys", {"service": "shop", "version": "2"}).status == 201
            event = json.loads(live.next("event")["data"])
            while event["kind"] != "deploy":
                event = json.loads(live.next("event")["data"])
            schema = document["components"]["schemas"]["Event"]
            assert set(event) == set(schema["required"])
            assert running.post("/api/v1/boost", {"service": "shop", "rate_hz": 500, "seconds": 1}).status == 202
            assert running.post("/api/v1/boost", {"service": "nobody", "rate_hz": 500, "seconds": 1}).status == 404
