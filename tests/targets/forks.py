# SPDX-License-Identifier: MIT
"""A tree of processes.

    forks.py [seconds] [children]      children that work, and grandchildren of the first
    forks.py [seconds] [children] mixed   also one that exits at once, one that is no Python, one that
                                          leaves the family (double fork, new session)

Parent: main > tend. Child i: main > child_work. Grandchild: main > grandchild_work. After "ready" it
prints one line "child PID" or "grandchild PID" each.
"""
import os
import sys
import time

from board import ready


def spin(end):
    while time.perf_counter() < end:
        total = 0
        for i in range(1000):
            total += i


def child_work(end):
    spin(end)


def grandchild_work(end):
    spin(end)


def tell(kind):
    os.write(1, ("%s %d\n" % (kind, os.getpid())).encode())


def fork(function, *args):
    pid = os.fork()
    if pid == 0:
        try:
            function(*args)
        finally:
            os._exit(0)
    return pid


def child(end, has_child):
    tell("child")
    if has_child:
        fork(grandchild, end)
    child_work(end)


def grandchild(end):
    tell("grandchild")
    grandchild_work(end)


def leave(end):
    os.setsid()
    fork(child, end, False)


def other(seconds):
    os.execv("/bin/sleep", ["sleep", str(seconds)])


def tend(end):
    while time.perf_counter() < end:
        time.sleep(0.01)


def main(seconds, count, mixed):
    end = time.perf_counter() + seconds
    ready()
    for index in range(count):
        fork(child, end, index == 0)
    if mixed:
        fork(os._exit, 0)
        fork(other, seconds)
        fork(leave, end)
    tend(end)


main(
    float(sys.argv[1]) if len(sys.argv) > 1 else 60.0,
    int(sys.argv[2]) if len(sys.argv) > 2 else 2,
    "mixed" in sys.argv,
)
