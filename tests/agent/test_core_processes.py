# SPDX-License-Identifier: MIT
"""Bad days of the extension, in every interpreter: forks, kills, signals, other interpreters, sanitizers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.core import PRELUDE, core_program
from support.instrumented import package_folder, run_python


def test_core_fork__with_and_without_exec__each_process_has_its_own(agent_python):
    core_program(agent_python, """
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
    core_program(agent_python, """
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
    core_program(agent_python, code % "assert not _core.enabled()", PITVIPER_DISABLED="1")
    core_program(agent_python, code % "_core.disable()")


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
    reasons = ("another interpreter of this process", "does not support loading in subinterpreters")
    assert not [line for line in done.stderr.splitlines() if not any(reason in line for reason in reasons)]


def test_core_signal__handled_inside_a_leaf__breaks_nothing(agent_python):
    core_program(agent_python, """
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
    core_program(agent_python, """
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
    said = core_program(agent_python, """
_core.begin(_core.KIND_TASK, "t", "q").end()
header = read_region().header
assert header["python_hex"] >> 16 == sys.hexversion >> 16 and header["request_type"] == id(_core.Request)
assert header["context_variable"] and header["object_header_bytes"] == object.__basicsize__
print(header["tstate_context"])
""")
    expected = None if agent_python.free_threaded else CONTEXT_OFFSETS.get(agent_python.minor)
    assert int(said) == expected if expected else int(said) > 0


def test_core_memory__a_hundred_thousand_of_each__leave_nothing_behind(agent_python):
    core_program(agent_python, """
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


def test_core_gevent__greenlets_of_one_thread__are_each_inside_their_own_leaf():
    pytest.importorskip("gevent")
    code = """
from gevent import monkey; monkey.patch_all()
import gevent, time
below = _core.wrap(lambda statement: time.sleep(0.01), _core.KIND_STATEMENT, "below", text=0)
query = _core.wrap(lambda statement: below(statement), _core.KIND_STATEMENT, "sqlite", text=0)
def request(number):
    with _core.begin(_core.KIND_REQUEST, "/%d" % number, "GET") as mine:
        for turn in range(3):
            gevent.joinall([gevent.spawn(query, "SELECT %d" % turn) for _ in range(4)])
            query("SELECT 1")
            assert _core.current() is mine
requests = [gevent.spawn(request, number) for number in range(30)]
outside = [gevent.spawn(query, "SELECT 2") for _ in range(40)]
gevent.joinall(requests + outside, raise_error=True)
assert counts("STATEMENT") == {("SELECT ?", "sqlite"): 30 * 3 * 5 + 40}, counts("STATEMENT")
assert len(counts("REQUEST")) == 30 and not read_region().requests()
"""
    core_program(sys.executable, code)


SANITIZED = """
import asyncio, sqlite3
from pitviper import _core
work = _core.wrap(lambda a, *rest: a, _core.KIND_STATEMENT, "sqlite", text=0, describe=lambda args, kwargs: "SELECT %s" % (args,))
bad = _core.observe(lambda a: 1 / a, lambda args, kwargs: args[5], lambda *args: args[9])
async def coroutine(a):
    await asyncio.sleep(0)
    return 1 / a
waits = _core.wrap_async(coroutine, _core.KIND_OUTBOUND, describe=lambda args, kwargs: ("host", "GET"))
async def steps():
    await asyncio.gather(*[waits(number % 3) for number in range(60)], return_exceptions=True)
    async with _core.span("x"): pass
    waits(1).close()
for turn in range(300):
    with _core.begin(_core.KIND_REQUEST, "/%d" % turn, "GET", traceparent="00-" + "1" * turn, tracestate="a=%d" % turn) as request:
        for statement in ("SELECT %d" % turn, "SELECT '" + "x" * turn, b"\\xff" * turn, "\\ud800", 5, "a" * 70000):
            work(statement)
        try:
            bad(turn % 2)
        except ZeroDivisionError as error:
            request.error(error, handled=True)
        with _core.span("s" * turn): pass
        request.route = "/route/" + "y" * (turn * 40)
    if turn % 30 == 0: asyncio.run(steps())
print("done")
"""


def test_core_sanitized__driven_with_bad_input__has_nothing_to_say(agent_python):
    """The extension as the sanitizers' build has it, where that is there ($PITVIPER_SANITIZED_PACKAGE)."""
    package = os.environ.get("PITVIPER_SANITIZED_PACKAGE") or str(
        Path(package_folder()).parent.parent / "check-sanitizers" / "python"
    )
    if not os.path.isdir(package):
        pytest.skip("no build with sanitizers at %s" % package)
    if agent_python.root:
        pytest.skip("the sanitizers' library is this system's")
    library = subprocess.run(["gcc", "-print-file-name=libasan.so"], stdout=subprocess.PIPE, text=True).stdout.strip()
    done = run_python(
        agent_python,
        SANITIZED,
        PYTHONPATH=package,
        LD_PRELOAD=os.path.realpath(library),
        ASAN_OPTIONS="detect_leaks=0:abort_on_error=0",
        UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
        PYTHONMALLOC="malloc",
        timeout_s=300,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "done", "")
