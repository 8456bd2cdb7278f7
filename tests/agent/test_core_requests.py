# SPDX-License-Identifier: MIT
"""Requests, spans and errors, in every interpreter."""

from support.core import core_program


def test_core_request__with_queries_and_an_error__is_three_records(agent_python):
    core_program(agent_python, """
import threading, time
query = _core.wrap(lambda statement: time.sleep(0.001), _core.KIND_STATEMENT, "sqlite", text=0)
cache = _core.wrap(lambda word: None, _core.KIND_CACHE, "redis", text=0)
def view():
    for number in range(5):
        query("SELECT * FROM t WHERE a = %d" % number)
    query("SELECT 1")
    cache("GET")
    raise LookupError("planted")
request = _core.begin(_core.KIND_REQUEST, "", "GET", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                      tracestate="a=b", queued_since=time.monotonic() - 0.25)
assert _core.current() is request and request.live and request.route is None
slot, = read_region().requests()
assert (slot.id, slot.kind, slot.method, slot.trace) == (request.id, "REQUEST", "GET", request.trace_id)
try:
    view()
except LookupError as error:
    request.error(error)
    request.error(error)
request.route = "/items/<id>"
assert read_region().requests()[0].route == request.route == "/items/<id>"
request.status = 500
assert request.traceparent == "00-%s-%s-01" % (request.trace_id, request.span_id)
assert request.trace_id == "0af7651916cd43dd8448eb211c80319c" and request.tracestate == "a=b"
end = request.end
end(); end()
assert _core.current() is None and not request.live and not read_region().requests()

whole, parts, trace = records()[-3:]
assert (whole.kind, parts.kind, trace.kind) == ("REQUEST", "PARTS", "TRACE")
assert whole.request == parts.request == trace.request == request.id
assert whole.flags & FLAGS["ERROR"] and whole.flags & FLAGS["SAMPLED"] and whole.flags & FLAGS["REMOTE_PARENT"]
assert whole.flags & FLAGS["REPEATED"] and whole.flags & FLAGS["FIRST"]
assert whole.values["status"] == 500 and "%016x" % whole.values["parent"] == "b7ad6b7169203331"
assert trace.values == {"trace": request.trace_id, "remote_parent": 0xB7AD6B7169203331, "state": "a=b"}
assert 250000 <= parts.values["queue_us"] < 300000 + 1e6
assert parts.values["statements"] == 6 and parts.values["repeated"] == 5 and parts.values["database_us"] >= 6000
repeated = read_region().key(parts.values["repeated_key"])
assert repeated.name == "SELECT * FROM t WHERE a = ?" and repeated.repeats == 4
key, = read_region().keys("REQUEST")
assert (key.name, key.detail, key.group, key.count, key.errors) == ("/items/<id>", "GET", 5, 1, 1)
key, = read_region().keys("QUEUE")
assert key.name == "/items/<id>" and key.total_ns > 2.5e8
key, = read_region().keys("EXCEPTION")
assert (key.name, key.count, key.group) == ("LookupError", 1, 0) and key.detail.startswith("view (")
error, = records("ERROR")
assert error.request == request.id and error.values["message"] == ""
spans = [record for record in records("SPAN") if record.request == request.id]
assert len(spans) == 7 and {"%016x" % record.values["parent"] for record in spans} == {request.span_id}
assert all(record.values["thread"] == threading.get_native_id() for record in spans)
""")


def test_core_error__its_place__is_the_innermost_frame_of_the_application(agent_python):
    core_program(agent_python, """
import json, os, sys, tempfile
folder = os.path.realpath(tempfile.mkdtemp())
os.makedirs(folder + "/site-packages")
open(folder + "/site-packages/lib_of_others.py", "w").write("import json\\ndef load(text): return json.loads(text)\\n")
open(folder + "/shop.py", "w").write("import lib_of_others\\ndef order(text):\\n    return lib_of_others.load(text)\\n")
sys.path[:0] = [folder, folder + "/site-packages"]
import shop
class Own(Exception): pass
def recurse(depth):
    if depth: recurse(depth - 1)
    raise Own
with _core.begin(_core.KIND_REQUEST, "/x", "GET") as request:
    try:
        shop.order("{")
    except ValueError as error:
        request.error(error)
        request.error(error, handled=True)
    try:
        json.loads("{")
    except ValueError as error:
        request.error(error, handled=True)
    request.error(KeyError("never raised"), handled=True)
    try:
        recurse(200)
    except Own as error:
        request.error(error, True)
    request.error("no exception")
found = {(key.name, key.detail.replace(folder, "…"), key.group): key.count for key in read_region().keys("EXCEPTION")}
assert found.pop(("json.decoder.JSONDecodeError", "order (…/shop.py:3)", 0)) == 1
places = sorted(found)
assert ("json.decoder.JSONDecodeError", "order (…/shop.py:3)", 1) not in places, "one exception, seen twice"
assert ("KeyError", "", 1) in places
assert [place for place in places if place[0] == "__main__.Own"][0][1].startswith("recurse (")
assert [place for place in places if "raw_decode" in place[1] or "decode (" in place[1]], "no frame of ours: the innermost"
assert records("REQUEST")[0].flags & FLAGS["ERROR"]
""")


def test_core_error__messages__are_kept_only_when_asked_for(agent_python):
    code = """
with _core.begin(_core.KIND_REQUEST, "/x", "GET") as request:
    request.error(ValueError("planted message"))
assert ("planted" in records("ERROR")[0].values["message"]) is %s
assert (b"planted" in bytes(read_region().data)) is %s
"""
    core_program(agent_python, code % (False, False))
    core_program(agent_python, code % (True, True), PITVIPER_ERROR_MESSAGES="1")


def test_core_span__nested_reused_and_async__keep_their_parents(agent_python):
    core_program(agent_python, """
import asyncio
leaf = _core.wrap(lambda: None, _core.KIND_CACHE, name="X")
with _core.begin(_core.KIND_REQUEST, "/x", "GET") as request:
    with _core.span("outer"):
        outer = _core.current()
        assert outer.route == "outer" and outer.trace_id == request.trace_id and outer.id == request.id
        with _core.span("inner"):
            inner = _core.current()
            leaf()
        assert _core.current() is outer
        leaf()
    assert _core.current() is request
    again = _core.span("again")
    with again:
        with again:
            deep = _core.current()
            assert deep.outer.route == "again"
        assert _core.current() is deep.outer
    assert _core.current() is request
by_name = lambda name: [r for r in records("SPAN") if r.values["key"].name == name]
parents = [record.values["parent"] for record in by_name("X")]
assert ["%016x" % parent for parent in parents] == [inner.span_id, outer.span_id]
assert "%016x" % by_name("inner")[0].values["parent"] == outer.span_id
assert "%016x" % by_name("outer")[0].values["parent"] == request.span_id
assert len(by_name("again")) == 2 and counts("USER")[("again", "")] == 2
try:
    with _core.span("fails"): raise ValueError
except ValueError: pass
alone = records("REQUEST", "USER")
assert len(alone) == 1 and alone[0].flags & FLAGS["ERROR"] and alone[0].values["key"].errors == 1

shared = _core.span("shared")
async def one(number):
    async with shared:
        mine = _core.current()
        await asyncio.sleep(0.001 * (number % 3))
        assert _core.current() is mine
        leaf()
    assert _core.current() is request
async def main():
    await asyncio.gather(*[one(number) for number in range(30)])
request = _core.begin(_core.KIND_TASK, "t", "q")
asyncio.run(main())
request.end()
spans = {record.values["span"] for record in by_name("shared")}
assert len(spans) == 30 and {record.values["parent"] for record in by_name("X")[2:]} == spans
try:
    _core.span(5)
except TypeError:
    pass
else:
    assert False
""")


def test_core_span__a_generator_closed_elsewhere__ends_without_a_word(agent_python):
    core_program(agent_python, """
import asyncio, contextvars, threading
def generate():
    with _core.span("generator"):
        yield _core.current()
        yield _core.current()
async def generate_async():
    async with _core.span("generator"):
        yield 1
generator = contextvars.copy_context().run(lambda: (lambda g: (next(g), g))(generate()))[1]
generator.close()
assert counts("USER") == {("generator", ""): 1} and _core.current() is None
generator = generate()
first = next(generator)
assert _core.current() is first
thread = threading.Thread(target=generator.close)
thread.start(); thread.join()
assert _core.current() is None and not first.live
async def main():
    generator = generate_async()
    await generator.__anext__()
    await asyncio.ensure_future(generator.aclose())
    lost = generate_async()
    await lost.__anext__()
asyncio.run(main())
assert counts("USER") == {("generator", ""): 4} and not read_region().requests()
dropped = _core.begin(_core.KIND_TASK, "dropped", "q")
del dropped
contextvars.copy_context().run(_core.begin, _core.KIND_TASK, "lost", "q")
_core.current().end()
assert counts("TASK") == {("dropped", "q"): 1, ("lost", "q"): 1} and not read_region().requests()
""")


def test_core_carry__into_a_thread__is_the_same_request_there(agent_python):
    core_program(agent_python, """
import threading
seen = []
with _core.begin(_core.KIND_REQUEST, "/x", "GET") as request:
    carried = _core.carry(lambda: seen.append(_core.current()))
    thread = threading.Thread(target=lambda: (carried(), seen.append(_core.current())))
    thread.start(); thread.join()
carried()
assert seen == [request, None, None]
""")


def test_core_request__more_than_slots__are_counted_all_the_same(agent_python):
    core_program(agent_python, """
import contextvars
requests = [contextvars.Context().run(_core.begin, _core.KIND_TASK, "t", "q") for _ in range(4100)]
assert len(read_region().requests()) == 4096 and read_region().counters["slots_full"] == 4
for request in requests: request.end()
assert counts("TASK") == {("t", "q"): 4100} and not read_region().requests()
for number in range(3000):
    with _core.begin(_core.KIND_REQUEST, "/url/%d" % number, "GET"): pass
keys = read_region().keys("REQUEST")
assert len(keys) == 1001 and keys[0].name == "(other)" and keys[0].count == 2000
assert read_region().counters["keys_full"]["REQUEST"] == 2000
""")
