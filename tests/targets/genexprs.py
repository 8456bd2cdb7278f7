# truth: {"chains": [["<module>", "main", "joined", "<genexpr>"], ["<module>", "main", "summed", "<genexpr>", "<genexpr>"],
# truth:             ["<module>", "main", "sorted_by", "<lambda>"], ["<module>", "main", "plain"]],
# truth:  "measured": ["joined", "summed", "sorted_by", "plain"], "max_distance": 0.12}
# SPDX-License-Identifier: MIT
"""Frames that come and go some ten million times a second, driven from C, beside a call that holds still: neither
may win. The generators are new objects at new places in each call.

Reading from outside does not reach 0.02 here: 0.04 to 0.09 (0.13 to 0.39 before readings were held to one instant);
the kernel source does. The heap's end stays where it is: while a program moves it, nobody can look (0001-sampler.md)."""
import ctypes
import sys
import time

from board import open_board, ready


M_TRIM_THRESHOLD = -1  # malloc.h
ctypes.CDLL(None).mallopt(M_TRIM_THRESHOLD, 1 << 30)


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
