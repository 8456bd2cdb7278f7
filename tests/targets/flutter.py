# truth: {"chains": [["<module>", "main", "a1", "a2", "a3", "leaf_a"],
# truth:             ["<module>", "main", "b1", "b2", "b3", "leaf_b"]],
# truth:  "lines_since": [3, 11]}
# SPDX-License-Identifier: MIT
"""Two call chains in turn, a few microseconds each: the same addresses, other functions.

A reader that is not careful sees a1 > b2 > a3. Shares are judged by equal.py, whose calls are longer: a
stack that lives for less than a reading takes is seen less often than it should be.
"""
import sys
import time

from board import open_board, ready


def leaf_a(n):
    total = 0
    for i in range(n):
        total += i
    return total


def a3(n):
    return leaf_a(n) + 1


def a2(n):
    return a3(n) + 1


def a1(n):
    return a2(n) + 1


def leaf_b(n):
    total = 0
    for i in range(n):
        total += i
    return total


def b3(n):
    return leaf_b(n) + 1


def b2(n):
    return b3(n) + 1


def b1(n):
    return b2(n) + 1


def main(seconds, n):
    board = open_board()
    clock = time.perf_counter
    end = clock() + seconds
    spent_a = spent_b = 0.0
    ready()
    while clock() < end:
        for _ in range(200):
            t0 = clock()
            a1(n)
            t1 = clock()
            b1(n)
            t2 = clock()
            spent_a += t1 - t0
            spent_b += t2 - t1
        board[0] += 200
        board[2] = spent_a
        board[3] = spent_b


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, int(sys.argv[2]) if len(sys.argv) > 2 else 10)
