# SPDX-License-Identifier: MIT
"""Requests of any WSGI application, called by hand: what is counted, and that nothing changes for application or server."""

import time

from support.webs import errors, plain_program, requests, routes


def test_web_wsgi__kinds_of_responses__counted_once_each(agent_python):
    with plain_program(agent_python, """
        class Reader:
            def __init__(self): self.closed = 0
            def __iter__(self): return iter([b"a", b"b"])
            def close(self): self.closed += 1
        reader = Reader()
        def app(environ, start_response):
            kind = environ["PATH_INFO"]
            start_response("201 Created" if kind == "/list" else "200 OK", [])
            if kind == "/list": return [b"x", b"y"]
            if kind == "/tuple": return (b"x",)
            if kind == "/generator": return (b"%d" % n for n in range(3))
            if kind == "/reader": return reader
            if kind == "/empty": return []
        wrapped = _core.wsgi(app)
        for kind in ("/list", "/tuple", "/generator", "/reader", "/empty"):
            say(wsgi(wrapped, kind))
        say(reader.closed)
        say(_core.current() is None)
    """) as done:
        assert done.said == [[201, "xy"], [200, "x"], [200, "012"], [200, "ab"], [200, ""], 1, True]
        assert routes(done.region) == {("GET", "(unmatched)", 2): 5}
        assert [request["status"] for request in requests(done.region)] == [201, 200, 200, 200, 200]
        assert done.region.requests() == []


def test_web_wsgi__server_never_closes__ends_when_released(agent_python):
    with plain_program(agent_python, """
        def app(environ, start_response):
            start_response("200 OK", [])
            return (b"x" for _ in range(2))
        wrapped = _core.wsgi(app)
        say(wsgi(wrapped, "/", close=False))
        say(_core.current() is None)
        result = wrapped({"REQUEST_METHOD": "GET"}, lambda *a: None)
        say(_core.current() is None)
        del result
        say(_core.current() is None)
    """) as done:
        assert done.said == [[200, "xx"], True, False, True]
        assert routes(done.region) == {("GET", "(unmatched)", 2): 2}


def test_web_wsgi__length_and_attributes__those_of_the_iterable(agent_python):
    with plain_program(agent_python, """
        class Sized:
            extra = "kept"
            def __len__(self): return 1
            def __iter__(self): return iter([b"x"])
        def sized(environ, start_response): return Sized()
        def plain(environ, start_response): return iter([b"x"])
        one = _core.wsgi(sized)({}, print)
        say([len(one), one.extra, hasattr(one, "nothing"), list(one)[0].decode()])
        two = _core.wsgi(plain)({}, print)
        say([hasattr(two, "__len__"), next(two).decode(), next(two, "end")])
        try:
            len(two)
        except TypeError as error:
            say(str(error)[-len("has no len()"):])
    """) as done:
        assert done.said == [[1, "kept", False, "x"], [False, "x", "end"], "has no len()"]


def test_web_wsgi__file_wrapper__handed_on_and_timed_to_its_end(agent_python):
    with plain_program(agent_python, """
        import io, time
        from wsgiref.util import FileWrapper
        seen = []
        def app(environ, start_response):
            start_response("200 OK", [])
            seen.append(environ["wsgi.file_wrapper"](io.BytesIO(b"file")))
            return seen[0]
        result = _core.wsgi(app)({"REQUEST_METHOD": "GET", "wsgi.file_wrapper": FileWrapper}, lambda *a: None)
        say([result is seen[0], isinstance(result, FileWrapper), b"".join(result).decode()])
        time.sleep(0.05)
        say(_core.current() is None)
        seen.clear(); del result
        say(_core.current() is None)
    """) as done:
        assert done.said == [[True, True, "file"], False, True]
        (request,) = requests(done.region)
        assert request["duration_ns"] >= 50_000_000


def test_web_wsgi__exceptions__unchanged_counted_and_500(agent_python):
    program = """
        def inner(): raise ValueError("planted-9")
        def fails(environ, start_response):
            inner()
        def fails_late(environ, start_response):
            start_response("200 OK", [])
            yield b"x"
            inner()
        def quits(environ, start_response):
            raise SystemExit(3)
        for app in (fails, fails_late, quits):
            say(error(wsgi, _core.wsgi(app), "/"))
        say([error(wsgi, app, "/") for app in (fails, fails_late, quits)])
        say(_core.current() is None)
    """
    with plain_program(agent_python, program) as done:
        *wrapped, bare, none = done.said
        assert wrapped == bare and none
        assert [request["status"] for request in requests(done.region)] == [500, 200, 500]
        assert all(request["flags"] & 1 for request in requests(done.region))
        assert errors(done.region) == {("ValueError", False): 2, ("SystemExit", False): 1}
        assert done.has("planted-9") == []


def test_web_wsgi__methods__known_ones_and_other(agent_python):
    with plain_program(agent_python, """
        def app(environ, start_response):
            start_response("204 No Content", [])
            return []
        for method in ("GET", "HEAD", "OPTIONS", "POST", "QUERY", "get", "BREW", "x" * 1000):
            wsgi(_core.wsgi(app), "/", method)
    """) as done:
        counted = {method: count for (method, _, _), count in routes(done.region).items()}
        assert counted == {"GET": 1, "HEAD": 1, "OPTIONS": 1, "POST": 1, "QUERY": 1, "_OTHER": 3}


def test_web_wsgi__traceparent__continued(agent_python):
    with plain_program(agent_python, """
        def app(environ, start_response):
            request = _core.current()
            say([request.trace_id, request.traceparent[:36]])
            start_response("200 OK", [])
            return []
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        wsgi(_core.wsgi(app), "/", headers={"traceparent": parent, "tracestate": "a=1,b=2"})
        wsgi(_core.wsgi(app), "/", headers={"traceparent": "00-zz"})
    """) as done:
        trace = "0af7651916cd43dd8448eb211c80319c"
        assert done.said[0] == [trace, "00-%s-" % trace]
        assert done.said[1][0] != trace
        first, second = requests(done.region)
        assert (first["trace"], first["remote_parent"], first["state"]) == (trace, 0xB7AD6B7169203331, "a=1,b=2")
        assert first["flags"] & 16 and first["flags"] & 2
        assert second["remote_parent"] == 0


def test_web_wsgi__queue_headers__every_unit(agent_python):
    with plain_program(agent_python, """
        import time
        def app(environ, start_response):
            start_response("200 OK", [])
            return []
        then = time.time() - 2
        for value in ("%.3f" % then, "t=%.3f" % then, "%d" % (then * 1e3), "t=%d" % (then * 1e6), "%d" % (then * 1e9)):
            wsgi(_core.wsgi(app), "/", headers={"X-Request-Start": value})
        wsgi(_core.wsgi(app), "/", headers={"X-Queue-Start": "t=%.3f" % then})
        for value in ("%.3f" % (then + 100), "nonsense", "t=", "12", "9" * 40, "%.3f" % (then - 1e6)):
            wsgi(_core.wsgi(app), "/", headers={"X-Request-Start": value})
    """) as done:
        queued = [request["queue_us"] for request in requests(done.region)]
        assert all(1_990_000 <= us < 7_000_000 for us in queued[:6]), queued
        assert queued[6:] == [0] * 6
        (key,) = done.keys("QUEUE")
        assert key.count == 6


def test_web_wsgi__same_request_at_several_layers__counted_once(agent_python):
    with plain_program(agent_python, """
        def app(environ, start_response):
            start_response("200 OK", [])
            return [b"x"]
        inner = _core.wsgi(app)
        copying = _core.wsgi(lambda environ, start: inner(dict(environ), start))
        wsgi(_core.wsgi(copying), "/")
        # A request that calls another application is two requests.
        calling = _core.wsgi(lambda environ, start: [wsgi(inner, "/other")[1].encode()])
        say(wsgi(calling, "/")[1])
        say(_core.current() is None)
    """) as done:
        assert done.said == ["x", True]
        assert sum(routes(done.region).values()) == 1 + 2
        assert len({request["trace"] for request in requests(done.region)}) == 3


def test_web_wsgi__application_objects__look_like_themselves(agent_python):
    with plain_program(agent_python, """
        import inspect, pickle, types
        class App:
            "text"
            kind = 1
            def __call__(self, environ, start_response): return []
            def __eq__(self, other): return other is self
        app = App(); wrapped = _core.wsgi(app)
        wrapped.added = 2
        say([isinstance(wrapped, App), wrapped.kind, app.added, wrapped.__doc__, repr(wrapped) == repr(app)])
        def function(environ, start_response, *, option=1): "text"; return []
        wrapped = _core.wsgi(function)
        say([wrapped.__name__, wrapped.__doc__, str(inspect.signature(wrapped)), inspect.isfunction(wrapped)])
        class Base:
            def __call__(self, environ, start_response): return [type(self).__name__.encode()]
        Base.__call__ = _core.wsgi(Base.__call__)
        class Derived(Base): pass
        say([wsgi(Derived(), "/")[1], isinstance(Derived().__call__, types.MethodType)])
        sys.modules["__main__"].function = wrapped
        say(pickle.loads(pickle.dumps(wrapped)) is wrapped)
    """) as done:
        assert done.said[0] == [True, 1, 2, "text", True]
        assert done.said[1] == ["function", "text", "(environ, start_response, *, option=1)", True]
        assert done.said[2:] == [["Derived", True], True]
        assert routes(done.region) == {("GET", "(unmatched)", 0): 1}


def test_web_wsgi__a_million_urls__do_not_grow(agent_python):
    started = time.monotonic()
    with plain_program(agent_python, """
        import resource
        def app(environ, start_response):
            start_response("404 Not Found", [])
            return []
        wrapped = _core.wsgi(app)
        def rss():
            with open("/proc/self/statm") as file: return int(file.read().split()[1]) * 4096
        for number in range(12000): wsgi(wrapped, "/warm/%d" % number)  # the ring is full once
        before = rss()
        for number in range(20000): wsgi(wrapped, "/planted/%d" % number, SCRIPT_NAME="/t%d" % (number % 3000))
        say(rss() - before)
    """) as done:
        assert done.said[0] < 1 << 20, "grew by %d bytes in %.1f s" % (done.said[0], time.monotonic() - started)
        assert done.has("/planted/") == []
        assert sum(routes(done.region).values()) == 32000
        assert len(routes(done.region)) < 100


def test_web_wsgi__switched_off__passes(agent_python):
    with plain_program(agent_python, """
        def app(environ, start_response):
            start_response("200 OK", [])
            return iter([b"x"])
        import pitviper
        wrapped = _core.wsgi(app)
        say(type(wrapped({}, lambda *a: None)).__name__)
        pitviper.disable()
        say(type(wrapped({}, lambda *a: None)).__name__)
    """) as done:
        assert done.said == ["Body", "list_iterator"]
        assert sum(routes(done.region).values()) == 1
