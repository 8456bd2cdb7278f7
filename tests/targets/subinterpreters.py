# truth: {"chains": [["<module>", "main"], ["run"], ["<module>", "sub_one", "sub_two", "sub_leaf"],
# truth:             ["run", "<module>", "sub_one", "sub_two", "sub_leaf"]],
# truth:  "own_only": true, "files": ["<string>", "<script>"], "since": [3, 8], "idle": true}
# SPDX-License-Identifier: MIT
"""Two sub-interpreters, each busy in a thread of its own; the main interpreter waits."""
import sys
import threading

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

from board import open_board, ready

SOURCE = """
import time

def sub_leaf():
    total = 0
    for i in range(300):
        total += i
    return total

def sub_two():
    return sub_leaf() + 1

def sub_one():
    return sub_two() + 1

end = time.perf_counter() + {}
while time.perf_counter() < end:
    for _ in range(300):
        sub_one()
    time.sleep(0.0001)  # up to 3.11 no interpreter is asked to give the GIL to another one
"""


def run(identity, seconds):
    interpreters.run_string(identity, SOURCE.format(seconds))


def main(seconds):
    board = open_board()
    threads = []
    for _ in range(2):
        thread = threading.Thread(target=run, args=(interpreters.create(), seconds))
        thread.daemon = True
        thread.start()
        threads.append(thread)
    ready()
    board[0] += 1
    for thread in threads:
        thread.join()


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
