# truth: {"chains": [["<module>", "main"], ["brief", "one", "two", "three"]],
# truth:  "own_only": true, "idle": true}
# SPDX-License-Identifier: MIT
"""Threads that live for about a millisecond, a few at a time, all the time."""
import sys
import threading
import time

from board import open_board, ready


def three():
    total = 0
    for i in range(5000):
        total += i
    return total


def two():
    return three() + three()


def one():
    return two() + 1


def brief():
    one()


def main(seconds):
    board = open_board()
    end = time.perf_counter() + seconds
    ready()
    while time.perf_counter() < end:
        threads = [threading.Thread(target=brief), threading.Thread(target=brief)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        board[0] += 1


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
