# truth: {"chains": [["<module>", "main", "half", "work_half"],
# truth:             ["<module>", "main", "third", "middle", "work_third"],
# truth:             ["<module>", "main", "seventh", "middle", "lower", "work_seventh"],
# truth:             ["<module>", "main", "twentieth", "work_twentieth"]],
# truth:  "measured": ["half", "third", "seventh", "twentieth"]}
# SPDX-License-Identifier: MIT
"""Four call chains that take 50, 30, 15 and 5 % of the time; the program measures how much exactly."""
import sys
import time

from board import open_board, ready

# 2000: the shortest chain takes some 20 us; a reading takes 1 to 10
UNIT = int(sys.argv[2]) if len(sys.argv) > 2 else 2000


def work_half():
    total = 0
    for i in range(50 * UNIT // 10):
        total += i
    return total


def work_third():
    total = 0
    for i in range(30 * UNIT // 10):
        total += i
    return total


def work_seventh():
    total = 0
    for i in range(15 * UNIT // 10):
        total += i
    return total


def work_twentieth():
    total = 0
    for i in range(5 * UNIT // 10):
        total += i
    return total


def lower(function):
    return function()  # work_seventh


def middle(function):
    if function is work_seventh:
        return lower(work_seventh)
    return work_third()


def half():
    return work_half()


def third():
    return middle(work_third)


def seventh():
    return middle(work_seventh)


def twentieth():
    return work_twentieth()


def main(seconds):
    board = open_board()
    clock = time.perf_counter
    end = clock() + seconds
    ready()
    while clock() < end:
        t0 = clock()
        half()
        t1 = clock()
        third()
        t2 = clock()
        seventh()
        t3 = clock()
        twentieth()
        t4 = clock()
        board[0] += 1
        board[2] += t1 - t0
        board[3] += t2 - t1
        board[4] += t3 - t2
        board[5] += t4 - t3


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
