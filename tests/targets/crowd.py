# truth: {"chains": [["<module>", "main"], ["worker", ["down", 20], "leaf"]], "own_only": true}
# SPDX-License-Identifier: MIT
"""N threads (32), each 20 calls deep and busy: one holds the GIL, the others want it.

    crowd.py [seconds] [threads]
"""
import sys
import threading
import time

from board import open_board, ready


def leaf(end, board):
    while time.perf_counter() < end:
        total = 0
        for i in range(1000):
            total += i
        board[0] += 1


def down(depth, end, board):
    if depth > 1:
        down(depth - 1, end, board)
    else:
        leaf(end, board)


def worker(end, board):
    down(20, end, board)


def main(seconds, count):
    board = open_board()
    end = time.perf_counter() + seconds
    threads = [threading.Thread(target=worker, args=(end, board)) for _ in range(count)]
    for thread in threads:
        thread.daemon = True
        thread.start()
    ready()
    for thread in threads:
        thread.join()


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, int(sys.argv[2]) if len(sys.argv) > 2 else 32)
