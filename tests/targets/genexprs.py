# truth: {"chains": [["<module>", "main", "joined", "<genexpr>"], ["<module>", "main", "summed", "<genexpr>", "<genexpr>"],
# truth:             ["<module>", "main", "sorted_by", "<lambda>"], ["<module>", "main", "plain"]],
# truth:  "measured": ["joined", "summed", "sorted_by", "plain"]}
# SPDX-License-Identifier: MIT
"""Frames that come and go some ten million times a second, driven from C, beside a call that holds still: neither
may win. The generators are new objects at new places in each call."""
import sys
import time

from board import open_board, ready


def joined():
    return "".join(str(i) for i in range(300))


def summed():
    return sum(i for i in (j + 1 for j in range(300)))


def sorted_by():
    return sorted(range(300), key=lambda i: -i)


def plain():
    total = 0
    for i in range(1500):
        total += i
    return total


def main(seconds):
    board = open_board()
    clock = time.perf_counter
    end = clock() + seconds
    kept = []
    ready()
    while clock() < end:
        t0 = clock()
        joined()
        t1 = clock()
        summed()
        t2 = clock()
        sorted_by()
        t3 = clock()
        plain()
        t4 = clock()
        kept.append((i for i in ()))
        if len(kept) > 50:
            del kept[:17]
        board[0] += 1
        board[2] += t1 - t0
        board[3] += t2 - t1
        board[4] += t3 - t2
        board[5] += t4 - t3


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
