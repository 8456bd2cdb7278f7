# truth: {"chains": [["<module>", "main", "main_é", "работа", "仕事", "𐎠𐎡"],
# truth:             ["<module>", "main", "<module>"]],
# truth:  "files": ["naïve_é.py", "файл.py", "仕事.py", "𐎠 with space.py"]}
# SPDX-License-Identifier: MIT
"""Function and file names of every width a str can have: ASCII, Latin-1, two and four bytes."""
import sys
import time

from board import open_board, ready

PIECES = (
    ("main_é", "naïve_é.py", "работа(n)"),
    ("работа", "файл.py", "仕事(n)"),
    ("仕事", "仕事.py", "𐎠𐎡(n)"),
    ("𐎠𐎡", "𐎠 with space.py", "sum(range(n))"),
)


def main(seconds):
    board = open_board()
    names = {}
    for name, file, body in PIECES:
        source = "def {}(n):\n    for _ in range(3):\n        {}\n".format(name, body)
        exec(compile(source, file, "exec"), names)
    end = time.perf_counter() + seconds
    ready()
    while time.perf_counter() < end:
        names["main_é"](300)
        board[0] += 1


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
