# SPDX-License-Identifier: MIT
"""The extension itself, in every interpreter: stand-ins, leaves, requests, and bad days.

Each program runs in an interpreter of its own and looks at its own shared memory, with the reader of
support/region.py put in front of it; what it asserts is told by its traceback.
"""

from pathlib import Path

from support import region as reader
from support.instrumented import run_python

PRELUDE = Path(reader.__file__).read_text().replace("# SPDX-License-Identifier: MIT", "", 1) + """
import sys
from pitviper import _core

def counts(kind):
    return {(key.name, key.detail): key.count for key in read_region().keys(kind)}

def records(*args):
    return read_region().records(*args)
"""


def program(python, code, **options):
    """Runs it; what it printed. It must end well and say nothing on stderr."""
    done = run_python(python, PRELUDE + code, **options)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


# ---- stand-ins ----------------------------------------------------------------------------------


def test_core_stand_in__asked_about_itself__answers_like_the_function(agent_python):
    program(agent_python, """
import copy, functools, inspect, pickle, types, weakref

def plain(a, b: int = 2, *, c=3) -> str:
    "doc"
    return "%s %s %s" % (a, b, c)
async def coroutine(a): return a
async def generator(a): yield a
class Owner:
    def method(self, a): return (self, a)
    @classmethod
    def of_class(cls, a): return (cls, a)
original = plain
original.mark = 1

for name in ("plain", "coroutine", "generator"):
    function = globals()[name]
    make = _core.wrap_async if name == "coroutine" else _core.wrap
    stand_in = globals()[name] = make(function, _core.KIND_CACHE, "x")
    for attribute in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__", "__dict__", "__code__",
                      "__defaults__", "__kwdefaults__", "__globals__", "__class__"):
        assert getattr(stand_in, attribute) is getattr(function, attribute), attribute
    assert stand_in.__wrapped__ is function and _core.unwrap(stand_in) is function
    assert inspect.signature(stand_in) == inspect.signature(function)
    assert isinstance(stand_in, types.FunctionType) and inspect.isfunction(stand_in)
    assert inspect.iscoroutinefunction(stand_in) is (name == "coroutine")
    assert inspect.isasyncgenfunction(stand_in) is (name == "generator")
    assert repr(stand_in) == repr(function) and stand_in == stand_in and stand_in != function
    assert pickle.loads(pickle.dumps(stand_in)) is stand_in
    assert copy.copy(stand_in) is stand_in and copy.deepcopy(stand_in) is stand_in
    assert weakref.ref(stand_in)() is stand_in
    assert inspect.getsourcelines is not None and {stand_in: 1}[stand_in] == 1
assert plain.mark == 1
plain.other = 2
assert original.other == 2
del plain.other
assert not hasattr(original, "other") and not hasattr(plain, "nothing")
assert plain(1) == "1 2 3" and plain(1, c=5, b=4) == "1 4 5" and plain(*[1], **{"b": 7}) == "1 7 3"
assert functools.partial(plain, 9)() == "9 2 3"
wrong = {}
for function in (plain, original):
    try:
        function()
    except TypeError as error:
        wrong[function] = str(error)
assert wrong[plain] == wrong[original]

before = Owner.method
Owner.method = _core.wrap(Owner.method, _core.KIND_CACHE)
owner = Owner()
assert owner.method(1) == (owner, 1) and Owner.method(owner, 2) == (owner, 2)
assert isinstance(owner.method, types.MethodType) and owner.method.__self__ is owner
assert owner.method.__name__ == "method" and inspect.signature(owner.method) == inspect.signature(before.__get__(owner))
assert Owner.__dict__["method"].__get__(owner, Owner)(3) == (owner, 3)

class Holder:
    builtin = _core.wrap(len, _core.KIND_CACHE)
    bound = _core.wrap(owner.method, _core.KIND_CACHE)
    made = _core.wrap(dict, _core.KIND_CACHE)
assert Holder().builtin([1, 2]) == 2, "a builtin function does not bind"
assert Holder().bound(4) == (owner, 4), "nor does a bound method"
assert Holder().made(a=1) == {"a": 1}, "nor does a class"

descriptor = _core.wrap(str.upper, _core.KIND_CACHE)
class Text(str):
    upper = descriptor
assert Text("a").upper() == "A"
try:
    _core.wrap(5, _core.KIND_CACHE)
except TypeError as error:
    assert "5 cannot be called" in str(error)
else:
    assert False
""")


def test_core_stand_in__an_exception__has_the_traceback_that_it_always_had(agent_python):
    program(agent_python, """
import asyncio, traceback

def inner(): raise ValueError("x")
async def inner_async(): raise ValueError("x")
def names(function):
    try:
        function()
    except ValueError as error:
        return [frame.name for frame in traceback.extract_tb(error.__traceback__)], error.__context__, error.__cause__
def outer(function): function()
async def outer_async(function): await function()

for make in (lambda f: _core.wrap(f, _core.KIND_CACHE), lambda f: _core.observe(f, print, print) and _core.observe(f),
             lambda f: _core.rewrite(f, lambda args, kwargs: (args, kwargs)), _core.carry):
    assert names(lambda: outer(make(inner))) == names(lambda: outer(inner))
for make in (lambda f: _core.wrap_async(f, _core.KIND_CACHE), _core.observe_async):
    assert names(lambda: asyncio.run(outer_async(make(inner_async)))) == names(lambda: asyncio.run(outer_async(inner_async)))
errors = {key.name: key.errors for key in read_region().keys("CACHE")}
assert errors == {"": 2}, errors
""")


def test_core_stand_in__made_and_dropped_in_cycles__is_collected(agent_python):
    program(agent_python, """
import gc, weakref

def cycle():
    def function(): return function
    function.me = _core.wrap(function, _core.KIND_CACHE, describe=lambda args, kwargs: function)
    function.me()
    return weakref.ref(function)
gone = [cycle() for _ in range(10)]
gc.collect()
assert all(reference() is None for reference in gone)
""")


# ---- leaves -------------------------------------------------------------------------------------


def test_core_leaf__below_another__is_not_counted_again(agent_python):
    program(agent_python, """
import time
def driver(cursor, statement): time.sleep(0.002); return statement
driver = _core.wrap(driver, _core.KIND_STATEMENT, "sqlite", text=1)
def library(cursor, statement): return driver(cursor, statement)
library = _core.wrap(library, _core.KIND_STATEMENT, "postgresql", text=(1, "statement"))
def render(): driver(None, "SELECT 1"); return nested()
def nested(): return "page"
nested = _core.wrap(nested, _core.KIND_TEMPLATE, "jinja2", name="nested")
render = _core.wrap(render, _core.KIND_TEMPLATE, "jinja2", name="page")

library(None, "SELECT a FROM t WHERE b = 'x'")
library(None, statement="SELECT a FROM t WHERE b = 'y'")
driver(None, b"SELECT a FROM t WHERE b = 'z'")
assert counts("STATEMENT") == {("SELECT a FROM t WHERE b = ?", "postgresql"): 2, ("SELECT a FROM t WHERE b = ?", "sqlite"): 1}
assert render() == "page"
assert counts("TEMPLATE") == {("page", "jinja2"): 1}, "rendering below rendering is not"
assert counts("STATEMENT")[("SELECT ?", "sqlite")] == 1, "a query below rendering is counted"
key = next(key for key in read_region().keys("STATEMENT") if key.detail == "postgresql")
assert key.summary == "SELECT t" and key.total_ns > 4e6 and key.max_ns >= 2e6 and key.fingerprint
assert sum(read_region().histogram(key).values()) == 2
""")


def test_core_leaf__what_the_hook_asks_for__is_in_the_key_and_the_record(agent_python):
    program(agent_python, """
class Cursor:
    rowcount = -1
    def execute(self, statement):
        self.rowcount = 7
        return [1, 2, 3]
class Response:
    def __init__(self, status): self.status = status
Cursor.execute = _core.wrap(Cursor.execute, _core.KIND_STATEMENT, "sqlite", text=1, rows="rowcount")
Cursor().execute("SELECT 1")
assert records("SPAN")[-1].values["rows"] == 7
fetch = _core.wrap(lambda: [1, 2, 3], _core.KIND_STATEMENT, "sqlite", name="SELECT 2", rows="len()")
fetch()
assert records("SPAN")[-1].values["rows"] == 3

send = _core.wrap(lambda status: Response(status), _core.KIND_OUTBOUND, describe=lambda args, kwargs: ("host:81", "GET"),
                  status="status")
for status in (200, 204, 404, 503):
    send(status)
found = {key.group: (key.name, key.detail, key.count, key.errors) for key in read_region().keys("OUTBOUND")}
assert found == {2: ("host:81", "GET", 2, 0), 4: ("host:81", "GET", 1, 1), 5: ("host:81", "GET", 1, 1)}, found
assert records("SPAN")[-1].values["status"] == 503

command = _core.wrap(lambda *words: None, _core.KIND_CACHE, "redis", text=0)
command("get", "planted"); command("GET"); command("CONFIG SET planted"); command(b"Get"); command(5)
assert counts("CACHE") == {("GET", "redis"): 3, ("CONFIG", "redis"): 1, ("", "redis"): 1}, counts("CACHE")

class Composed:
    def __str__(self): raise RuntimeError
execute = _core.wrap(lambda statement: None, _core.KIND_STATEMENT, "sqlite", text=0)
execute(Composed())
execute("SELECT 'never ends")
execute("\\ud800")
assert counts("STATEMENT")[("(text withheld)", "sqlite")] == 2
assert read_region().counters["sql_withheld"] == 3
""")


def test_core_leaf__a_hook_that_raises__is_counted_and_changes_nothing(agent_python):
    program(agent_python, """
import asyncio
def bad(*args): raise RuntimeError("hook")
def work(a): return a
async def work_async(a): return a
class Strange:
    @property
    def rowcount(self): raise RuntimeError
kind = _core.KIND_OUTBOUND
assert _core.wrap(work, kind, describe=bad)(1) == 1
assert _core.observe(work, bad, bad)(2) == 2
assert _core.rewrite(work, bad)(3) == 3
assert _core.rewrite(work, lambda args, kwargs: "nonsense")(3) == 3
assert _core.supply(lambda a, b=1: (a, b), 1, "b", 5, bad)(4, 2) == (4, 2)
assert asyncio.run(_core.wrap_async(work_async, kind, describe=bad)(5)) == 5
assert asyncio.run(_core.observe_async(work_async, bad, bad)(6)) == 6
assert read_region().counters["hook_errors"] == 8, read_region().counters
assert isinstance(_core.wrap(work, _core.KIND_STATEMENT, text=0, rows="rowcount")(Strange()), Strange)
""")


def test_core_observe__around_a_call__told_arguments_and_outcome(agent_python):
    program(agent_python, """
import asyncio
seen = []
def before(args, kwargs): seen.append(("before", args, kwargs))
def after(args, kwargs, result, exception): seen.append(("after", result, type(exception).__name__))
def work(a, b=0):
    if a: raise KeyError(a)
    return b
async def work_async(a, b=0):
    await asyncio.sleep(0)
    return work(a, b)
for call in (_core.observe(work, before, after), lambda *a, **k: asyncio.run(_core.observe_async(work_async, before, after)(*a, **k))):
    del seen[:]
    assert call(0, b=3) == 3
    try:
        call(1)
    except KeyError as error:
        assert error.args == (1,)
    else:
        assert False
    assert seen == [("before", (0,), {"b": 3}), ("after", 3, "NoneType"), ("before", (1,), {}), ("after", None, "KeyError")], seen
adopted = []
make = _core.supply(lambda a, factory=None: (a, factory), 1, "factory", dict, adopted.append)
assert make(1) == (1, dict) and make(1, list) == (1, list) and make(1, factory=set) == (1, set)
assert adopted == [list, set]
""")


def test_core_leaf__in_many_threads__counted_exactly(agent_python):
    program(agent_python, """
import threading
work = _core.wrap(lambda statement: None, _core.KIND_STATEMENT, "sqlite", text=0)
def run(number):
    with _core.begin(_core.KIND_TASK, "task %d" % number, "q"):
        for turn in range(5000):
            work("SELECT %d" % turn)
        assert _core.current().route == "task %d" % number
    assert _core.current() is None
threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert counts("STATEMENT") == {("SELECT ?", "sqlite"): 40000}
assert counts("TASK") == {("task %d" % number, "q"): 1 for number in range(8)}
assert read_region().header["ring_next"] == 40000 + 8 * 3
assert all(record.values["statements"] == 5000 and record.values["repeated"] == 5000 for record in records("PARTS"))
assert not read_region().requests()
""")


# ---- coroutines ---------------------------------------------------------------------------------


def test_core_coroutine__interleaved_tasks__each_is_a_leaf_of_its_request(agent_python):
    program(agent_python, """
import asyncio, inspect
async def query(connection, statement):
    await asyncio.sleep(0.02)
    driver(statement)
    return statement
def driver(statement): pass
driver = _core.wrap(driver, _core.KIND_STATEMENT, "below", text=0)
query = _core.wrap_async(query, _core.KIND_STATEMENT, "postgresql", text=1)
async def request(number):
    with _core.begin(_core.KIND_REQUEST, "/%d" % number, "GET") as mine:
        await asyncio.gather(*[query(None, "SELECT %d" % turn) for turn in range(6)])
        assert _core.current() is mine
        mine.status = 200
        return mine.id
async def main():
    return await asyncio.gather(*[request(number) for number in range(20)])
ids = asyncio.run(main())
assert len(set(ids)) == 20
assert counts("STATEMENT") == {("SELECT ?", "postgresql"): 120}, counts("STATEMENT")
key = read_region().keys("STATEMENT")[0]
assert 120 * 19e6 < key.total_ns, "from the first step to the last"
spans = [record.request for record in records("SPAN", "STATEMENT")]
assert sorted(spans) == sorted(ids * 6)
for record in records("PARTS"):
    assert record.values["statements"] == 6 and record.values["repeated"] == 6 and record.flags & FLAGS["REPEATED"]
coroutine = query(None, "x")
assert inspect.iscoroutine(coroutine) and inspect.isawaitable(coroutine) and asyncio.iscoroutine(coroutine)
assert coroutine.__name__ == "query" and coroutine.cr_frame is not None and inspect.getcoroutinestate(coroutine) == "CORO_CREATED"
coroutine.close()
""")


def test_core_coroutine__cancelled_thrown_into_dropped__ends_like_the_coroutine(agent_python):
    program(agent_python, """
import asyncio, gc, warnings
async def wait(seconds):
    try:
        await asyncio.sleep(seconds)
    except RuntimeError:
        return "caught"
    return "done"
wait = _core.wrap_async(wait, _core.KIND_OUTBOUND, name="x")
async def main():
    task = asyncio.ensure_future(wait(10))
    await asyncio.sleep(0.01)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    else:
        assert False
    try:
        await asyncio.wait_for(wait(10), 0.01)
    except asyncio.TimeoutError:
        pass
    return await wait(0)
assert asyncio.run(main()) == "done"
class Yield:
    def __await__(self): return (yield 5)
async def manual():
    try:
        return await Yield()
    except RuntimeError:
        return "caught"
manual = _core.wrap_async(manual, _core.KIND_OUTBOUND, name="x")
for value in (None, (1, 2), StopIteration(3), "text"):
    coroutine = manual()
    assert coroutine.send(None) == 5
    try:
        coroutine.send(value)
    except StopIteration as end:
        assert end.value is value
coroutine = manual()
coroutine.send(None)
try:
    coroutine.throw(RuntimeError())
except StopIteration as end:
    assert end.value == "caught"
coroutine = manual()
coroutine.send(None)
coroutine.close()
coroutine = manual()
coroutine.send(None)
del coroutine
gc.collect()
key, = read_region().keys("OUTBOUND")
assert (key.count, key.errors) == (10, 2), key
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    manual()
    gc.collect()
assert len(caught) == 1 and "coroutine 'manual' was never awaited" in str(caught[0].message)
async def nothing(): return 1
def plain(): return 7
assert _core.wrap_async(plain, _core.KIND_OUTBOUND)() == 7, "what is no coroutine is left alone"
def generator():
    got = yield 1
    yield got
    return 9
generator = _core.wrap_async(generator, _core.KIND_OUTBOUND, name="x")
def outer(): return (yield from generator())
steps = outer()
assert next(steps) == 1 and steps.send(4) == 4
try:
    next(steps)
except StopIteration as end:
    assert end.value == 9
assert list(generator()) == [1, None]
""")


def test_core_coroutine__steps__count_as_the_requests_own_time(agent_python):
    program(agent_python, """
import asyncio, time
async def busy():
    end = time.perf_counter() + 0.03
    while time.perf_counter() < end: pass
    await asyncio.sleep(0.05)
busy = _core.wrap_async(busy, _core.KIND_USER, name="busy")
request = None
async def main():
    global request
    request = _core.begin(_core.KIND_REQUEST, "/x", "GET", asynchronous=True)
    await asyncio.gather(busy(), busy())
    request.end()
asyncio.run(main())
parts, = records("PARTS")
assert 60000 <= parts.values["cpu_us"]
""")


# ---- requests and spans -------------------------------------------------------------------------


def test_core_request__with_queries_and_an_error__is_three_records(agent_python):
    program(agent_python, """
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
    program(agent_python, """
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
    program(agent_python, code % (False, False))
    program(agent_python, code % (True, True), PITVIPER_ERROR_MESSAGES="1")


def test_core_span__nested_reused_and_async__keep_their_parents(agent_python):
    program(agent_python, """
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
    program(agent_python, """
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
    program(agent_python, """
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
    program(agent_python, """
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


# ---- processes ----------------------------------------------------------------------------------


def test_core_fork__with_and_without_exec__each_process_has_its_own(agent_python):
    program(agent_python, """
import os, subprocess
work = _core.wrap(lambda: None, _core.KIND_CACHE, name="X")
request = _core.begin(_core.KIND_REQUEST, "/x", "GET")
work()
def in_child(body):
    pid = os.fork()
    if not pid:
        status = 1
        try:
            body()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
def child():
    assert _core.current() is None and not request.live
    request.end()
    for turn in range(3): work()
    region = read_region()
    assert region.header["pid"] == os.getpid()
    assert counts("CACHE") == {("X", ""): 3} and not region.requests() and not region.keys("REQUEST")
    in_child(lambda: work() or exec("assert counts('CACHE') == {('X', ''): 1}"))
    assert counts("CACHE") == {("X", ""): 3}
in_child(child)
in_child(lambda: None)
assert counts("CACHE") == {("X", ""): 1} and request.live and len(read_region().requests()) == 1
words = [sys.executable, "-c", "import os; print([os.readlink('/proc/self/fd/' + n) for n in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + n)])"]
assert "pitviper-agent" not in subprocess.run(words, stdout=subprocess.PIPE, close_fds=False).stdout.decode()
request.end()
""")


def test_core_exit__without_any_cleaning_up__leaves_what_was_going_on(agent_python):
    program(agent_python, """
import os, time
ends = os.pipe()
pid = os.fork()
if not pid:
    request = _core.begin(_core.KIND_REQUEST, "/unfinished", "GET")
    os.write(ends[1], b"x")
    time.sleep(60)
os.read(ends[0], 1)
region = read_region(pid)
os.kill(pid, 9)
os.waitpid(pid, 0)
slot, = region.requests()
assert slot.route == "/unfinished"
""")


def test_core_disabled__by_the_environment_or_by_call__everything_passes(agent_python):
    code = """
import asyncio
import pitviper._core as _core  # the package leaves it out when disabled
%s
work = _core.wrap(lambda a: a, _core.KIND_CACHE, name="X")
async def coroutine(a): return a
assert work(1) == 1 and asyncio.run(_core.wrap_async(coroutine, _core.KIND_CACHE)(2)) == 2
assert _core.observe(len, print, print)("abc") == 3 and _core.supply(dict, 0, "a", 1)() == {}
assert _core.begin(_core.KIND_REQUEST, "/x") is None and _core.current() is None
with _core.span("x") as span: pass
async def main():
    async with _core.span("y"): pass
asyncio.run(main())
_core.count(_core.KIND_USER, "x", "", 1.0)
region = read_region()
assert region is None or not [key for key in region.keys() if key.kind != "GC"]
_core.enable()
work(1)
assert counts("CACHE") == {("X", ""): 1}
"""
    program(agent_python, code % "assert not _core.enabled()", PITVIPER_DISABLED="1")
    program(agent_python, code % "_core.disable()")


INTERPRETERS = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import os
def run(code, **options):
    number = interpreters.create(**options)
    try:
        interpreters.run_string(number, code)
    finally:
        interpreters.destroy(number)
code = '''
import sys
sys.path[:] = %r
try:
    import pitviper._core
except ImportError as error:
    print("refused")
else:
    print("accepted")
''' % (sys.path,)
work = _core.wrap(lambda: None, _core.KIND_CACHE, name="X")
for turn in range(3):
    run(code)
    work()
if sys.version_info[:2] == (3, 12):
    run(code, isolated=False)
assert counts("CACHE") == {("X", ""): 3}
"""


def test_core_interpreters__a_second_one__is_refused_and_the_first_goes_on(agent_python):
    done = run_python(agent_python, PRELUDE + INTERPRETERS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() and set(done.stdout.split()) == {"refused"}
    said = {line for line in done.stderr.splitlines() if "another interpreter of this process" not in line}
    assert not said


def test_core_signal__handled_inside_a_leaf__breaks_nothing(agent_python):
    program(agent_python, """
import signal, time
work = _core.wrap(lambda seconds: time.sleep(seconds), _core.KIND_CACHE, name="work")
handled = 0
def handler(*args):
    global handled
    handled += 1
    work(0)
    with _core.span("in handler"): pass
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
with _core.begin(_core.KIND_TASK, "t", "q") as request:
    for turn in range(50): work(0.002)
    for turn in range(20000):
        with _core.span("busy"): pass
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert _core.current() is request
assert handled > 10 and not read_region().requests()
assert counts("CACHE")[("work", "")] >= 50 and counts("USER")[("in handler", "")] == handled
assert counts("USER")[("busy", "")] == 20000
""")


def test_core_gc__collections__are_counted_and_charged(agent_python):
    program(agent_python, """
import gc
keep = [[] for _ in range(400000)]
with _core.begin(_core.KIND_TASK, "t", "q"):
    gc.collect()
key = [key for key in read_region().keys("GC") if key.group == 2][0]
assert key.name == "generation 2" and key.max_ns > 1e6
assert records("PARTS")[0].values["gc_us"] > 1000
assert records("SPAN", "GC")[-1].request == records("REQUEST")[0].request
""")


CONTEXT_OFFSETS = {8: 240, 9: 240, 10: 240, 11: 224, 12: 208, 13: 208}


def test_core_header__says_where_the_join_begins(agent_python):
    said = program(agent_python, """
_core.begin(_core.KIND_TASK, "t", "q").end()
header = read_region().header
assert header["python_hex"] >> 16 == sys.hexversion >> 16 and header["request_type"] == id(_core.Request)
assert header["context_variable"] and header["object_header_bytes"] == object.__basicsize__
print(header["tstate_context"])
""")
    expected = None if agent_python.free_threaded else CONTEXT_OFFSETS.get(agent_python.minor)
    assert int(said) == expected if expected else int(said) > 0


def test_core_memory__a_hundred_thousand_of_each__leave_nothing_behind(agent_python):
    program(agent_python, """
import asyncio, gc, resource
work = _core.wrap(lambda a: a, _core.KIND_STATEMENT, "sqlite", text=0, describe=lambda args, kwargs: "SELECT 1")
observed = _core.observe(lambda a: a, lambda args, kwargs: None, lambda *args: None)
async def coroutine(a): return a
waits = _core.wrap_async(coroutine, _core.KIND_CACHE, "redis", text=0)
async def steps(turns):
    for turn in range(turns): await waits("GET")
def resident():
    gc.collect()
    with open("/proc/self/statm") as file: return int(file.read().split()[1]) * 4096
def use(turns):
    for turn in range(turns):
        work("SELECT %d" % turn)
        work(turn)
        observed(turn)
        with _core.span("span"): pass
        with _core.begin(_core.KIND_REQUEST, "/x", "GET") as request: request.traceparent
        try:
            work()
        except TypeError: pass
    asyncio.run(steps(turns))
use(30000)  # the ring has been written once over
before, objects = resident(), len(gc.get_objects())
use(30000)
assert resident() - before < 1 << 20, resident() - before
assert len(gc.get_objects()) - objects < 100
""", timeout_s=120)
