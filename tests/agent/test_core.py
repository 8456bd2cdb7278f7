# SPDX-License-Identifier: MIT
"""The extension in every interpreter: stand-ins, leaves and coroutines."""

from support.core import core_program


def test_core_stand_in__asked_about_itself__answers_like_the_function(agent_python):
    core_program(agent_python, """
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
    core_program(agent_python, """
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
    core_program(agent_python, """
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


def test_core_leaf__below_another__is_not_counted_again(agent_python):
    core_program(agent_python, """
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
    core_program(agent_python, """
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
    core_program(agent_python, """
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
    core_program(agent_python, """
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
    core_program(agent_python, """
import gc, threading
gc.disable()  # long pauses would be records, too
_core.count(_core.KIND_USER, "makes the region", "", 0)
before = read_region().header["ring_next"]
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
assert read_region().header["ring_next"] - before == 40000 + 8 * 3
assert all(record.values["statements"] == 5000 and record.values["repeated"] == 5000 for record in records("PARTS"))
assert not read_region().requests()
""")


def test_core_coroutine__interleaved_tasks__each_is_a_leaf_of_its_request(agent_python):
    core_program(agent_python, """
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
    core_program(agent_python, """
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
    core_program(agent_python, """
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
