# SPDX-License-Identifier: MIT
"""Struct pyabi against real interpreters.

A process that stands still, read from outside, must say what it says itself.
"""

import collections
import contextlib
import json
import signal
import subprocess
import time
from pathlib import Path

from support.recorder import binary_path

DRIVERS = Path(binary_path()).parent / "tests" / "drivers"

# Threads block in calls of many shapes; the main thread prints what each of them is doing.
TARGET = '''
import ctypes, json, sys, threading, time

gate = threading.Lock()
gate.acquire()

def block(*args, **kwargs):
    gate.acquire()

def multi_line_call():
    return block(
        1,
        2,
        key=
        gate
    )

class Box:
    def method(self, a, b=2, *, only=3):
        local = a
        for item in [
            1,
        ]:
            block(local,
                  item)
        return local

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        multi_line_call()

    @property
    def value(self):
        return self.method(
            1)

def generator():
    yield 1
    with Box():
        pass
    yield 2

def through_c():
    return sorted(
        [3, 1, 2],
        key=lambda item:
            block(item))

def through_generator():
    return sum(
        item
        for item in generator())

def raising():
    try:
        raise ValueError(
            1)
    except ValueError:
        Box().value
    finally:
        pass

def evaluated():
    eval(compile("(\\n\\nblock(1))", "file_\u0444\u0430\u0439\u043b.py", "eval"))

def latin_\u00e9t\u00e9():
    smile_\U00020000()

def smile_\U00020000(a=0):
    global used
    used = 1
    block(
        [x for x in (
            1, 2)])

def recursive(n):
    if n:
        return recursive(
            n - 1)
    return block(
        n)

def finish():
    for thread in threads:
        frame = frames[thread.ident]
        stack = []
        while frame:
            code = frame.f_code
            stack.append([code.co_name, getattr(code, "co_qualname", ""), code.co_filename,
                          frame.f_lineno, code.co_flags, code.co_argcount,
                          code.co_kwonlyargcount, code.co_nlocals, "code"])
            frame = frame.f_back
        told["stacks"][str(thread.ident)] = stack
        told["native"][str(thread.ident)] = getattr(thread, "native_id", 0)

threads = [threading.Thread(target=work, args=args, daemon=True) for work, args in [
    (multi_line_call, ()), (through_c, ()), (through_generator, ()), (raising, ()),
    (evaluated, ()), (latin_\u00e9t\u00e9, ()), (recursive, (40,)), (lambda: Box().method(1), ())]]
for thread in threads:
    thread.start()
time.sleep(0.3)
python = ctypes.pythonapi
python.PyInterpreterState_Head.restype = ctypes.c_void_p
told = {"version": sys.hexversion, "interp": python.PyInterpreterState_Head(),
        "runtime": 0, "modules": len(sys.modules), "stacks": {}, "native": {}}
if sys.version_info >= (3, 7):
    told["runtime"] = ctypes.addressof(ctypes.c_char.in_dll(python, "_PyRuntime"))
frames = sys._current_frames()
finish()
print(json.dumps(told), flush=True)
sys.stdin.read()
'''

# One thread that is always somewhere between calls; the lines of its callers are known.
SPINNER = '''
import ctypes, json, sys

calls = {}

def leaf(x):
    y = x + 1
    z = [y,
         x]
    return (y *
            2)

def middle(n):
    total = 0
    for i in range(n):
        total += leaf(
            i)
    return total

def outer():
    while True:
        middle(
            200)

def note(frame, event, argument):
    if event == "call" and frame.f_back:
        calls[frame.f_back.f_code.co_name] = frame.f_back.f_lineno
        if frame.f_code is leaf.__code__:
            sys.settrace(None)
            tell()

def tell():
    python = ctypes.pythonapi
    python.PyInterpreterState_Head.restype = ctypes.c_void_p
    told = {"version": sys.hexversion, "interp": python.PyInterpreterState_Head(),
            "runtime": 0, "calls": calls}
    if sys.version_info >= (3, 7):
        told["runtime"] = ctypes.addressof(ctypes.c_char.in_dll(python, "_PyRuntime"))
    print(json.dumps(told), flush=True)

sys.settrace(note)
outer()
'''
SPINNER_STACK = ["<module>", "outer", "middle", "leaf"]
SPINNER_LINES = {"leaf": range(6, 12), "middle": range(13, 19), "outer": range(20, 24)}
STOPS = 60

START = """
import json, sys
exec(compile(json.loads(sys.stdin.readline()), "<target>", "exec"))
"""


@contextlib.contextmanager
def started(python, source):
    """A target that runs `source`: (process, what it told about itself)."""
    words = python.command() + ["-c", START]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        process.stdin.write(json.dumps(source).encode() + b"\n")
        process.stdin.flush()
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=30)


def walk(process, told):
    words = [DRIVERS / "abi_walk", process.pid, hex(told["version"]), hex(told["runtime"]),
             hex(told["interp"])]
    done = subprocess.run([str(word) for word in words], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return [line.split("\t") for line in done.stdout.decode().splitlines()]


def stacks_of(rows):
    """{thread id: (its row, [frame rows])}"""
    stacks = {}
    for row in rows:
        if row[0] == "thread":
            stacks[row[1]] = (row, [])
            current = row[1]
        elif row[0] == "frame":
            stacks[current][1].append(row[1:])
    return stacks


def test_pyabi__blocked_threads__read_as_they_say(python):
    with started(python, TARGET) as (process, told):
        rows = walk(process, told)
    assert rows[0] == ["interp", "0", str(told["modules"]), "0"]
    stacks = stacks_of(rows)
    assert len(stacks) == 1 + len(told["stacks"])
    for ident, expected in told["stacks"].items():
        row, frames = stacks[ident]
        assert row[4] == "ok"
        assert python.minor < 11 or row[2] == str(told["native"][ident])
        assert frames == [[str(part) for part in frame] for frame in expected]


def stopped_state(process):
    """Waits until the kernel has stopped it."""
    while Path("/proc/%d/stat" % process.pid).read_text().rsplit(")", 1)[1].split()[0] != "T":
        time.sleep(0.001)


def test_pyabi__stopped_anywhere__lines_are_those_being_run(python):
    seen = collections.Counter()
    with started(python, SPINNER) as (process, told):
        time.sleep(0.1)  # out of tell()
        for _ in range(STOPS):
            process.send_signal(signal.SIGSTOP)
            stopped_state(process)
            rows = walk(process, told)
            process.send_signal(signal.SIGCONT)
            frames = [row for row in rows if row[0] == "frame" and row[3] == "<target>"][::-1]
            names = [row[1] for row in frames]
            assert names == SPINNER_STACK[:len(names)]
            for row in frames[:-1]:
                assert int(row[4]) == told["calls"][row[1]], row
            assert int(frames[-1][4]) in SPINNER_LINES[names[-1]]
            seen[names[-1], frames[-1][4]] += 1
            time.sleep(0.002)
    assert len(seen) >= 4  # it really was in different places
