# SPDX-License-Identifier: MIT
"""On the word "go" has COUNT children, one after another, that work for 100 ms each.

    brood.py fork|exec [count]

A forked child goes on in child_work; an exec'd one is a new interpreter that runs child_work. Board: slot
0 children done, slot 2 the seconds they lived, from before the fork until they were waited for. Says "done".
"""
import os
import sys
import time

from board import open_board, ready

LIFE_S = 0.1


def child_work():
    end = time.perf_counter() + LIFE_S
    while time.perf_counter() < end:
        pass


def bear(how):
    pid = os.fork()
    if pid == 0:
        if how == "exec":
            os.execv(sys.executable, [sys.executable, "-S", "-E", os.path.abspath(__file__), "child"])
        child_work()
        os._exit(0)
    os.waitpid(pid, 0)


def main(how, count):
    board = open_board()
    ready()
    sys.stdin.readline()
    for _ in range(count):
        start = time.perf_counter()
        bear(how)
        board[2] += time.perf_counter() - start
        board[0] += 1
        time.sleep(0.05)
    sys.stdout.write("done\n")
    sys.stdout.flush()
    sys.stdin.readline()


if sys.argv[1] == "child":
    child_work()
else:
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20)
