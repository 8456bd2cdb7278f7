# truth: {"chains": [["<module>", "main", "collect"], ["<module>", "main", "litter"]], "gc": true}
# SPDX-License-Identifier: MIT
"""Spends most of its time in the garbage collector, over a large heap full of cycles."""
import gc
import sys
import time

from board import open_board, ready


def litter(n):
    for _ in range(n):
        cycle = []
        cycle.append(cycle)


def collect():
    gc.collect()


def main(seconds):
    board = open_board()
    keep = [[i] for i in range(300000)]
    end = time.perf_counter() + seconds
    ready()
    while time.perf_counter() < end:
        litter(1000)
        collect()
        board[0] += 1
    del keep


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
