# SPDX-License-Identifier: MIT
"""What pitviper's spans cost in this interpreter, as JSON: nanoseconds over the same call without them.

    python spans.py FOLDER_OF_THE_PACKAGE CALLS ROUNDS

bare      a Python function
leaf      the same function, counted as a leaf (a query, an outbound call) inside a request
track     the same function behind pitviper.track
span      `with span(name): pass` over `with` of an object that does nothing
request   begin and end of a request of one's own, all told

Rounds take turns, so that a slow moment of the machine hits all; the median of each is taken.
"""
import json
import statistics
import sys
import time

sys.path.insert(0, sys.argv[1])
from pitviper import _core  # noqa: E402

CALLS, ROUNDS = int(sys.argv[2]), int(sys.argv[3])


def work(value):
    return value


class Nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def call(function):
    span = range(CALLS)
    start = time.perf_counter_ns()
    for _ in span:
        function(1)
    return (time.perf_counter_ns() - start) / CALLS


def enter(make):
    span = range(CALLS)
    start = time.perf_counter_ns()
    for _ in span:
        with make("step"):
            pass
    return (time.perf_counter_ns() - start) / CALLS


def requests(_):
    span = range(CALLS // 10)
    start = time.perf_counter_ns()
    for _ in span:
        _core.begin(_core.KIND_USER, "job").end()
    return (time.perf_counter_ns() - start) / (CALLS // 10)


def main():
    nothing = Nothing()
    leaf = _core.wrap(work, _core.KIND_CACHE, "redis", name="GET")
    measured = {
        "bare": (call, work),
        "leaf": (call, leaf),
        "track": (call, _core.track("work")(work)),
        "with": (enter, lambda name: nothing),
        "span": (enter, _core.span),
        "request": (requests, None),
    }
    values = {name: [] for name in measured}
    request = _core.begin(_core.KIND_REQUEST, "/bench")
    for _ in range(ROUNDS):
        for name, (function, what) in measured.items():
            values[name].append(function(what))
    request.end()
    median = {name: statistics.median(numbers) for name, numbers in values.items()}
    print(json.dumps(median))


main()
