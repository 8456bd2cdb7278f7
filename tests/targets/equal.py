# truth: {"chains": [["<module>", "main", "left"],
# truth:             ["<module>", "main", "right", "inner", "work_right"]],
# truth:  "measured": ["left", "right"]}
# SPDX-License-Identifier: MIT
"""Two call chains in turn, some 50 microseconds each; the program measures how long exactly."""
import sys
import time

from board import open_board, ready

UNIT = 2000


def work_right():
    total = 0
    for i in LIST:
        total += i
    return total


LIST = list(range(UNIT))


def inner():
    return work_right()


def left():
    total = 0
    for i in LIST:
        total += i
    return total


def right():
    return inner()


def main(seconds):
    board = open_board()
    clock = time.perf_counter
    end = clock() + seconds
    ready()
    while clock() < end:
        t0 = clock()
        left()
        t1 = clock()
        right()
        t2 = clock()
        board[2] += t1 - t0
        board[3] += t2 - t1
        board[0] += 1


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
