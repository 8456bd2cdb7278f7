# truth: {"chains": [["<module>", "main", "catch", "first", "second", "third", "fail"],
# truth:             ["<module>", "main", "suppress", "second", "third", "fail"],
# truth:             ["<module>", "main", "ensure", "third", "fail"],
# truth:             ["<module>", "main", "ensure", "clean"]]}
# SPDX-License-Identifier: MIT
"""Exceptions that unwind several calls, caught at three places, thousands of times a second."""
import sys
import time

from board import open_board, ready


class Failure(Exception):
    pass


def fail(n):
    total = 0
    for i in range(n):
        total += i
    raise Failure(total)


def third(n):
    fail(n)


def second(n):
    third(n)


def first(n):
    second(n)


def clean(n):
    total = 0
    for i in range(n):
        total += i
    return total


def catch(n):
    try:
        first(n)
    except Failure:
        pass


def suppress(n):
    try:
        second(n)
    except Failure as failure:
        del failure


def ensure(n):
    try:
        try:
            third(n)
        finally:
            clean(n)
    except Failure:
        pass


def main(seconds):
    board = open_board()
    end = time.perf_counter() + seconds
    ready()
    while time.perf_counter() < end:
        for _ in range(50):
            catch(10)
            suppress(10)
            ensure(10)
        board[0] += 50


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
