# truth: {"chains": [["<module>", "main", ["down", 22], "leaf"]]}
# SPDX-License-Identifier: MIT
"""One busy thread, 25 frames deep, that stays there. The standard load of the cost figures.

    busy.py [seconds] [frames]
"""
import sys
import time

from board import open_board, ready


def leaf(seconds):
    board = open_board()
    clock, cpu = time.perf_counter, time.process_time
    end = clock() + seconds
    ready()
    done = 0.0
    while clock() < end:
        total = 0
        for i in range(50000):
            total += i
        done += 1
        board[1] = cpu()
        board[0] = done


def down(depth, seconds):
    if depth:
        down(depth - 1, seconds)
    else:
        leaf(seconds)


def main(seconds, frames):
    down(frames - 4, seconds)


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, int(sys.argv[2]) if len(sys.argv) > 2 else 25)
