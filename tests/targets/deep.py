# truth: {"chains": [["<module>", "main", ["down", 8], "shallow"],
# truth:             ["<module>", "main", ["down", 16], "halfway"],
# truth:             ["<module>", "main", ["down", 24], "bottom"]],
# truth:  "measured": ["shallow", "halfway", "bottom"]}
# SPDX-License-Identifier: MIT
"""A recursion of 24 calls that works at three depths, 20 / 30 / 50 % of the time."""
import sys
import time

from board import open_board, ready

CLOCK = time.perf_counter


def shallow():
    total = 0
    for i in range(2000):
        total += i
    return total


def halfway():
    total = 0
    for i in range(3000):
        total += i
    return total


def bottom():
    total = 0
    for i in range(5000):
        total += i
    return total


def down(depth, board):
    if depth == 8:
        start = CLOCK()
        shallow()
        board[2] += CLOCK() - start
    elif depth == 16:
        start = CLOCK()
        halfway()
        board[3] += CLOCK() - start
    elif depth == 24:
        start = CLOCK()
        bottom()
        board[4] += CLOCK() - start
        return
    down(depth + 1, board)


def main(seconds):
    board = open_board()
    end = CLOCK() + seconds
    ready()
    while CLOCK() < end:
        down(1, board)
        board[0] += 1


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
