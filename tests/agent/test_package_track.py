# SPDX-License-Identifier: MIT
"""track, PerformanceMonitor, log_metric and warnings, on every interpreter."""

import json
import subprocess
import sys
import time

import pytest

from support.instrumented import instrumented_environment, run_python
from support.region import read_region


def answer(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def report(python, body, **env):
    """Runs `body`; what it leaves in `found`, and its logged warnings."""
    program = """
import asyncio, inspect, json, logging, pickle, sys, threading, time, traceback
import pitviper
said, found = [], {}
class Keep(logging.Handler):
    def emit(self, record): said.append(record.getMessage())
logging.getLogger("pitviper").addHandler(Keep())
logging.getLogger("pitviper").propagate = False
monitor = pitviper.PerformanceMonitor(slow_ms=0, deviations=0)
"""
    done = run_python(python, program + body + "\nprint(json.dumps([found, said]))\n", **env)
    return answer(done)


def test_track__decorated__behaves_as_before(agent_python):
    found, _ = report(agent_python, """
def plain(a, b=2, *rest, c=3, **more):
    "what it does"
    return a, b, rest, c, more
@pitviper.track("coroutine")
async def coroutine(a): return a + 1
@pitviper.track("generator")
def generator(count):
    got = yield from range(count)
    return "end"
@pitviper.track("async generator")
async def agenerator(count):
    for number in range(count):
        yield number
class Class:
    @pitviper.track("method")
    def method(self, x): return self, x
    @pitviper.track("static")
    @staticmethod
    def static(x): return x
    @classmethod
    @pitviper.track("class")
    def of(cls): return cls
before = plain
plain = pitviper.track("plain")(plain)
async def collect(): return [number async for number in agenerator(3)]
one = Class()
found.update(
    call=plain(1, 4, 5, c=6, d=7) == (1, 4, (5,), 6, {"d": 7}),
    names=[plain.__name__, plain.__qualname__, plain.__doc__, plain.__module__],
    wrapped=plain.__wrapped__ is before,
    signature=str(inspect.signature(plain)),
    pickled=pickle.loads(pickle.dumps(plain)) is plain,
    kinds=[inspect.iscoroutinefunction(coroutine), inspect.isgeneratorfunction(generator),
           inspect.isasyncgenfunction(agenerator), inspect.isfunction(plain) or isinstance(plain, type(before))],
    results=[asyncio.run(coroutine(1)), list(generator(3)), asyncio.run(collect())],
    methods=[one.method(1)[0] is one, one.static(2), Class.static(3), Class.of() is Class, one.of() is Class],
)
""")
    assert found["call"] and found["wrapped"] and found["pickled"]
    assert found["names"] == ["plain", "plain", "what it does", "__main__"]
    assert found["signature"] == "(a, b=2, *rest, c=3, **more)"
    assert found["kinds"] == [True, True, True, True]
    assert found["results"] == [2, [0, 1, 2], [0, 1, 2]]
    assert found["methods"] == [True, 2, 3, True, True]


def test_track__exceptions__leave_as_they_came_with_the_same_traceback(agent_python):
    found, _ = report(agent_python, """
def inner(): raise ValueError("no")
def frames(function):
    try: function()
    except ValueError as error: return [entry.name for entry in traceback.extract_tb(error.__traceback__)]
tracked = monitor.track("inner")(inner)
found["frames"] = [frames(inner), frames(tracked)]
try:
    with monitor.track("block"): raise KeyError("x")
except KeyError as error: found["block"] = str(error)
async def afail(): raise ValueError("no")
found["coroutine"] = len(frames(lambda: asyncio.run(monitor.track("coroutine")(afail)()))) > 0
@monitor.track("generator")
def fails():
    yield 1
    raise ValueError("no")
found["generator"] = len(frames(lambda: list(fails()))) > 0
@monitor.track("exit")
def leaves(): sys.exit(3)
try: leaves()
except SystemExit as error: found["exit"] = error.code
found["errors"] = {name: [row["count"], row["errors"]] for name, row in monitor.report().items()}
""")
    assert found["frames"][0] == found["frames"][1] == ["frames", "inner"]
    assert found["block"] == "'x'" and found["coroutine"] and found["generator"]
    assert found["exit"] == 3
    assert found["errors"] == {
        "inner": [1, 1], "block": [1, 1], "coroutine": [1, 1], "generator": [1, 1], "exit": [1, 0],
    }  # fmt: skip


def test_track__generator__protocol_passes_through(agent_python):
    found, _ = report(agent_python, """
@monitor.track("g")
def g():
    try:
        got = yield 1
        try: yield got
        except KeyError as error: yield "caught %s" % error
        yield "last"
        return "value"
    finally: found["closed"] = True
x = g()
found["steps"] = [next(x), x.send("sent"), x.throw(KeyError("k")), next(x)]
try: next(x)
except StopIteration as stop: found["value"] = stop.value
y = g(); next(y); y.close()
z = g(); next(z); del z
import gc; gc.collect()
@monitor.track("a")
async def a():
    try:
        got = yield 1
        try: yield got
        except KeyError as error: yield "caught %s" % error
    finally: found["aclosed"] = True
async def drive():
    x = a()
    steps = [await x.asend(None), await x.asend("sent"), await x.athrow(KeyError("k"))]
    try: await x.asend(None)
    except StopAsyncIteration: steps.append("end")
    y = a(); await y.asend(None); await y.aclose()
    return steps
found["asteps"] = asyncio.run(drive())
@monitor.track("slow consumer")
def items():
    yield 1
    yield 2
for _ in items(): time.sleep(0.03)
rows = monitor.report()
found["counts"] = [rows["g"]["count"], rows["a"]["count"]]
found["own time"] = rows["slow consumer"]["max"]
""")
    assert found["steps"] == [1, "sent", "caught 'k'", "last"] and found["value"] == "value"
    assert found["asteps"] == [1, "sent", "caught 'k'", "end"]
    assert found["closed"] and found["aclosed"]
    assert found["counts"] == [3, 2]
    assert found["own time"] < 30  # the consumer's 60 ms are not its own


def test_track__nested_and_interleaved__each_is_measured_by_itself(agent_python):
    found, _ = report(agent_python, """
shared = monitor.track("shared")
async def job(seconds):
    async with shared:
        trace = pitviper.current_trace_id()
        await asyncio.sleep(seconds)
        return trace == pitviper.current_trace_id(), trace
async def main():
    return await asyncio.gather(*[job(0.02 * number) for number in range(1, 6)])
results = asyncio.run(main())
found["same"], found["traces"] = all(same for same, _ in results), len({trace for _, trace in results})
def thread():
    for _ in range(200):
        with shared:
            with shared: pass
threads = [threading.Thread(target=thread) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
@monitor.track("factorial")
def factorial(n): return 1 if n < 2 else n * factorial(n - 1)
factorial(20)
with monitor.track("outer"):
    outer = pitviper.current_trace_id()
    with monitor.track("inner"): found["one trace"] = pitviper.current_trace_id() == outer
found["outside"] = pitviper.current_trace_id()
rows = monitor.report()
found["counts"] = {name: row["count"] for name, row in rows.items()}
found["max"] = rows["shared"]["max"]
""")
    assert found["same"] and found["traces"] == 5
    assert found["counts"] == {"shared": 5 + 1600, "factorial": 20, "outer": 1, "inner": 1}
    assert 100 <= found["max"] < 1000
    assert found["one trace"] and found["outside"] is None


def test_track__wrong_use__is_a_type_error(local_python, package):
    found, _ = report(local_python, """
def fails(function, *args, **kwargs):
    try: function(*args, **kwargs)
    except TypeError as error: return str(error)
def unnamed():
    with pitviper.track(): pass
found["said"] = [fails(pitviper.track, 5), fails(pitviper.track("x"), 5), fails(unnamed),
                 fails(pitviper.track, "x", slow_ms="soon"), fails(pitviper.log_metric, 5, 1.0),
                 fails(pitviper.log_metric, "/", "fast")]
""")
    assert all(found["said"]), found


def test_monitor__report__exact_counts_and_true_percentiles(agent_python):
    found, _ = report(agent_python, """
for number in range(1, 1001): monitor.add("known", number)
monitor.add("one", 12.5)
found["report"] = monitor.report()
monitor.reset()
found["reset"] = monitor.report()
monitor.add("known", 3)
found["again"] = monitor.report()["known"]["count"]
for number in range(3000): monitor.add("name %d" % number, 1)
rows = monitor.report()
found["bounded"] = [len(rows), rows["(other)"]["count"], sum(row["count"] for row in rows.values())]
class Own(pitviper.PerformanceMonitor): pass
own = Own(); own.add("x", 1); own.more = 5
found["own"] = own.report()["x"]["count"]
""")
    row = found["report"]["known"]
    assert row["count"] == 1000 and row["max"] == 1000 and row["avg"] == pytest.approx(500.5)
    for name, truth in (("p50", 500), ("p95", 950), ("p99", 990)):
        assert row[name] == pytest.approx(truth, rel=0.008)
    assert set(row) == {"count", "errors", "avg", "max", "p50", "p95", "p99"}
    one = found["report"]["one"]
    assert one["max"] == 12.5 and one["p99"] == pytest.approx(12.5, rel=0.008)
    assert found["reset"] == {} and found["again"] == 1 and found["own"] == 1
    assert found["bounded"] == [1000, 2002, 3001]  # two names are kept from before


def test_track__in_shared_memory__counts_spans_and_errors(agent_python):
    if agent_python.root:
        pytest.skip("read from this root only")
    process = subprocess.Popen(
        [agent_python.path, "-c", """
import sqlite3, sys
import pitviper.auto
database = sqlite3.connect(":memory:")
for number in range(7):
    with pitviper.track("root"):
        with pitviper.track("part"):
            database.execute("SELECT %d" % number)
@pitviper.track("fails")
def fails(): raise LookupError("nobody sees this text")
try: fails()
except LookupError: pass
pitviper.log_metric("/metric", 3.5)
print("ready", flush=True)
sys.stdin.read()
"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=instrumented_environment(PITVIPER_PERFORMANCE_LOG=""),
    )  # fmt: skip
    try:
        assert process.stdout.readline() == b"ready\n"
        region = read_region(process.pid)
        user = {key.name: (key.count, key.errors, key.detail) for key in region.keys("USER")}
        statements = [(key.name, key.count) for key in region.keys("STATEMENT")]
        exceptions = [(key.name, key.detail.split(" ")[0], key.count) for key in region.keys("EXCEPTION")]
        roots = region.records("REQUEST", "USER")
        parts = {record.values["key"].name: record for record in region.records("SPAN", "USER")}
        in_progress = region.requests()
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()
    assert user == {"root": (7, 0, ""), "part": (7, 0, ""), "fails": (1, 1, ""), "/metric": (1, 0, "metric")}
    assert statements == [("SELECT ?", 7)]
    assert exceptions == [("LookupError", "fails", 1)]
    assert [record.values["key"].name for record in roots] == ["root"] * 7 + ["fails"]
    assert parts["part"].request == roots[6].request
    assert parts["part"].values["parent"] == roots[6].values["span"]
    assert in_progress == []


# ---- warnings -----------------------------------------------------------------------------------------


def test_warnings__slow_and_unusual__said_with_their_figures(agent_python):
    _, said = report(agent_python, """
watched = pitviper.PerformanceMonitor()
for number in range(100): watched.add("usual", 20 + number % 3)
watched.add("usual", 60)
watched.add("slow", 100.1)
watched.add("fast", 99)
strict = pitviper.PerformanceMonitor(slow_ms=5)
strict.add("strict", 5.5)
with strict.track("lenient", slow_ms=50): time.sleep(0.01)
with pitviper.track("block", slow_ms=1): time.sleep(0.005)
""")
    assert len(said) == 4, said
    assert said[0].startswith("unusual: usual took 60.0 ms, the last 100 took 21 ± 0.8")
    assert said[1] == "slow: slow took 100.1 ms, the limit is 100 ms"
    assert said[2] == "slow: strict took 5.5 ms, the limit is 5 ms"
    assert said[3].startswith("slow: block took ") and said[3].endswith("the limit is 1 ms")


def test_warnings__many__limited_and_counted(agent_python):
    _, said = report(agent_python, """
watched = pitviper.PerformanceMonitor()
for _ in range(500): watched.add("slow", 200)
for _ in range(5): watched.add("another", 200)
""", PITVIPER_WARNINGS_PER_MINUTE="3")
    assert len(said) == 6 and said.count("slow: slow took 200.0 ms, the limit is 100 ms") == 3


def test_warnings__settings__from_the_environment(agent_python):
    _, said = report(agent_python, """
watched = pitviper.PerformanceMonitor()
watched.add("slow", 150)
pitviper.log_metric("metric", 250.5)
for number in range(100): watched.add("steady", 20)
watched.add("steady", 90)
""", PITVIPER_SLOW_MS="200", PITVIPER_DEVIATIONS="0", PITVIPER_PERFORMANCE_LOG="")
    assert said == ["slow: metric took 250.5 ms, the limit is 200 ms"]


def test_warnings__handler_that_fails_or_measures__harmless(agent_python):
    found, _ = report(agent_python, """
class Bad(logging.Handler):
    def emit(self, record):
        with pitviper.track("in the handler", slow_ms=0.000001): pass
        raise RuntimeError("bad handler")
logging.getLogger("pitviper").handlers[:] = [Bad()]
def fails(): raise KeyError("own")
try: pitviper.track("x", slow_ms=0.000001)(fails)()
except KeyError as error: found["left"] = str(error)
""")
    assert found == {"left": "'own'"}


# ---- log_metric ---------------------------------------------------------------------------------------


def test_log_metric__odd_texts_and_numbers__valid_json_lines(agent_python, tmp_path):
    log = tmp_path / "log.jsonl" if not agent_python.root else "/dev/stdout"
    done = run_python(agent_python, r"""
import pitviper
for endpoint in ['/plain', 'quote"back\\slash', 'line\nfeed\x00\x7f', 'grüße 蛇 🐍', 'half \ud800', 'x' * 5000, '']:
    pitviper.log_metric(endpoint, 1.5)
for value in (0, 182, 0.1, 1e-9, 1e15, -1.0, float("nan"), float("inf")):
    pitviper.log_metric(endpoint="n", duration_ms=value)
""", PITVIPER_PERFORMANCE_LOG=str(log), PITVIPER_SLOW_MS="0", PITVIPER_DEVIATIONS="0")
    assert done.returncode == 0, done.stderr
    text = done.stdout if agent_python.root else log.read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    assert all(list(row) == ["timestamp", "endpoint", "duration_ms"] for row in rows)
    names = [row["endpoint"] for row in rows[:7]]
    assert names[:4] == ["/plain", 'quote"back\\slash', "line\nfeed\x00\x7f", "grüße 蛇 🐍"]
    assert names[4].startswith("half ") and names[5] == "x" * 1024 and names[6] == ""
    assert [row["duration_ms"] for row in rows[7:]] == [0, 182, 0.1, 1e-9, 1e15, -1, None, None]


def test_log_metric__many_processes_and_threads__no_line_torn(agent_python, tmp_path):
    if agent_python.root:
        pytest.skip("the file is read in this root only")
    log = tmp_path / "log.jsonl"
    code = """
import threading, sys, pitviper
def work(number):
    for i in range(500): pitviper.log_metric("%s-%d-%s" % (sys.argv[1], number, "x" * (i % 300)), float(i))
threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
for t in threads: t.start()
for t in threads: t.join()
import os, signal; os.kill(os.getpid(), signal.SIGKILL)
"""
    env = instrumented_environment(PITVIPER_PERFORMANCE_LOG=str(log), PITVIPER_SLOW_MS="0", PITVIPER_DEVIATIONS="0")
    started = [subprocess.Popen([agent_python.path, "-c", code, str(n)], env=env) for n in range(3)]
    assert [process.wait(timeout=60) for process in started] == [-9] * 3
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(rows) == 4500
    assert {row["endpoint"].split("-")[0] for row in rows} == {"0", "1", "2"}


def test_log_metric__file_renamed_or_not_writable__goes_on(local_python, package, tmp_path):
    log = tmp_path / "log.jsonl"
    done = run_python(local_python, """
import os, sys, time, pitviper
os.chdir(sys.argv[1])
pitviper.log_metric("a", 1)
os.chdir("/")
os.rename(sys.argv[1] + "/log.jsonl", sys.argv[1] + "/log.jsonl.1")
time.sleep(1.1)
pitviper.log_metric("b", 1)
""", tmp_path, PITVIPER_PERFORMANCE_LOG="log.jsonl")
    assert done.returncode == 0 and done.stderr == ""
    assert '"a"' in (tmp_path / "log.jsonl.1").read_text() and '"b"' in log.read_text()
    bad = run_python(local_python, "import pitviper\nfor _ in range(9): pitviper.log_metric('a', 1)",
                     PITVIPER_PERFORMANCE_LOG=str(tmp_path / "none" / "log.jsonl"))
    assert bad.returncode == 0
    assert bad.stderr.count("cannot write") == 1


def test_log_metric__pandas__reads_times_and_numbers(package, tmp_path):
    pandas = pytest.importorskip("pandas")
    log = tmp_path / "log.jsonl"
    done = run_python(sys.executable, """
import pitviper
for value in (10.5, 20.5, 30): pitviper.log_metric("/a", value)
""", PITVIPER_PERFORMANCE_LOG=str(log))
    assert done.returncode == 0
    frame = pandas.read_json(log, lines=True)
    assert list(frame.columns) == ["timestamp", "endpoint", "duration_ms"]
    assert str(frame["timestamp"].dtype).startswith("datetime64")
    assert abs(frame["timestamp"].iloc[0].timestamp() - time.time()) < 60
    assert frame["duration_ms"].sum() == 61


def test_log_metric__after_fork__both_write(local_python, package, tmp_path):
    log = tmp_path / "log.jsonl"
    done = run_python(local_python, """
import os, pitviper
pitviper.log_metric("parent", 1)
pid = os.fork()
pitviper.log_metric("child" if pid == 0 else "parent", 2)
if pid == 0: os._exit(0)
os.waitpid(pid, 0)
""", PITVIPER_PERFORMANCE_LOG=str(log))
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(line)["endpoint"] for line in log.read_text().splitlines()) == ["child", "parent", "parent"]
