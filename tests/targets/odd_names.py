# SPDX-License-Identifier: MIT
"""Functions, files and a thread whose names would move a terminal's cursor, turn its text round, fill it with
wide characters or are no text at all.

    odd_names.py [seconds]
"""
import sys
import threading
import time

from board import open_board, ready

NAMES = (
    "\x1b[31mEVIL\x07\x1b]0;title\x07",
    "\x9b2J",
    "\u202eabc\u202c",
    "漢字" * 30,
    "e" + "\u0301" * 60,
    "tab\tnewline\nend",
    "x" * 3000,
    "\ud800lone",
)


def body(n):
    total = 0
    for i in range(n):
        total += i
    return total


def make(name):
    code = body.__code__
    changes = {"co_name": name, "co_filename": name.replace("\ud800", "") + "/x.py"}
    if sys.version_info >= (3, 11):
        changes["co_qualname"] = name
    return type(body)(code.replace(**changes), {"range": range})


def main(seconds):
    board = open_board()
    functions = [make(name) for name in NAMES]
    end = time.perf_counter() + seconds
    ready()
    while time.perf_counter() < end:
        for function in functions:
            function(3000)
        board[0] += 1


worker = threading.Thread(target=main, args=(float((sys.argv[1:] or [60])[0]),), name="thr\x1b[31m漢")
worker.start()
worker.join()
