# truth: {"chains": [["<module>", "main", "outer"], ["<module>", "main", "delegate"],
# truth:             ["<module>", "main", "<genexpr>"],
# truth:             ["<module>", "main", "drain", "outer", "middle", "inner", "work"],
# truth:             ["<module>", "main", "drain", "<genexpr>", "outer", "middle", "inner", "work"],
# truth:             ["<module>", "main", "drain", "delegate", "middle", "inner", "work"]]}
# SPDX-License-Identifier: MIT
"""Generators that pull from generators, through for, yield from and a generator expression."""
import sys
import time

from board import open_board, ready


def work(n):
    total = 0
    for i in range(n):
        total += i
    return total


def inner(n):
    for i in range(n):
        yield work(20 + i)


def middle(n):
    for value in inner(n):
        yield value + 1


def outer(n):
    for value in middle(n):
        yield value + 1


def delegate(n):
    yield from middle(n)


def drain(iterable):
    for _ in iterable:  # outer delegate <genexpr>
        pass


def main(seconds):
    board = open_board()
    end = time.perf_counter() + seconds
    ready()
    while time.perf_counter() < end:
        drain(outer(10))
        drain(delegate(10))
        drain((value + 1 for value in outer(10)))
        board[0] += 1


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
