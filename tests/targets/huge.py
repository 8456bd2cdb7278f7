# truth: {"chains": [["<module>", "main", "huge"]],
# truth:  "files": ["huge_generated.py"],
# truth:  "lines": {"function": "huge", "buckets": 8, "first": 3, "last": 60002}}
# SPDX-License-Identifier: MIT
"""One function of 60,000 lines that take the same time each; its line table is far over 100 KiB."""
import sys
import time

from board import open_board, ready

LINES = 60000


def make():
    body = ["def huge(x):", "    y = 1"]
    body += ["    x = x ^ y"] * LINES
    body += ["    return x", ""]
    names = {}
    exec(compile("\n".join(body), "huge_generated.py", "exec"), names)
    return names["huge"]


def main(seconds):
    board = open_board()
    huge = make()
    end = time.perf_counter() + seconds
    ready()
    while time.perf_counter() < end:
        huge(5)
        board[0] += 1


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
