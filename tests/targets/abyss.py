# truth: {"chains": [["<module>", "main"], ["dive", ["down", 5000], "leaf"]],
# truth:  "own_only": true, "rate": 500}
# SPDX-License-Identifier: MIT
"""A recursion of 5,000 calls, built up and left again all the time."""
import sys
import threading
import time

from board import open_board, ready

DEPTH = 5000


def leaf():
    end = time.perf_counter() + 0.1
    while time.perf_counter() < end:
        pass


def down(depth):
    if depth == 1:
        leaf()
    else:
        down(depth - 1)


def dive(seconds, board):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        down(DEPTH)
        board[0] += 1


def main(seconds):
    board = open_board()
    sys.setrecursionlimit(DEPTH + 1000)
    threading.stack_size(512 << 20)
    thread = threading.Thread(target=dive, args=(seconds, board))
    thread.daemon = True
    thread.start()
    ready()
    thread.join()


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
