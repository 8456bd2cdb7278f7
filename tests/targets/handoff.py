# truth: {"chains": [["<module>", "main"],
# truth:             ["worker", "hold", "turn", "north"], ["worker", "hold", "turn", "east"],
# truth:             ["worker", "hold", "turn", "south"], ["worker", "hold", "turn", "west"]],
# truth:  "own_only": true,
# truth:  "measured": ["north", "east", "south", "west"]}
# SPDX-License-Identifier: MIT
"""32 threads that hand one token round: one works, the others wait.

Four kinds of work, 40 / 30 / 20 / 10 % of the time; every thread does only one kind.
"""
import sys
import threading
import time

from board import open_board, ready

THREADS = 32
UNIT = 400


def north():
    total = 0
    for i in range(4 * UNIT):
        total += i
    return total


def east():
    total = 0
    for i in range(3 * UNIT):
        total += i
    return total


def south():
    total = 0
    for i in range(2 * UNIT):
        total += i
    return total


def west():
    total = 0
    for i in range(UNIT):
        total += i
    return total


KINDS = (north, east, south, west)


def turn(work, board, slot):
    start = time.perf_counter()
    for _ in range(5):
        work()  # north east south west
    board[slot] += time.perf_counter() - start
    board[0] += 1


def hold(mine, following, work, board, slot):
    mine.acquire()
    turn(work, board, slot)
    following.release()


def worker(index, tokens, board, end):
    mine, following = tokens[index], tokens[(index + 1) % THREADS]
    kind = index % len(KINDS)
    while time.perf_counter() < end:
        hold(mine, following, KINDS[kind], board, 2 + kind)
    following.release()


def main(seconds):
    board = open_board()
    tokens = [threading.Semaphore(0) for _ in range(THREADS)]
    end = time.perf_counter() + seconds
    threads = []
    for index in range(THREADS):
        thread = threading.Thread(target=worker, args=(index, tokens, board, end))
        thread.daemon = True
        thread.start()
        threads.append(thread)
    tokens[0].release()
    ready()
    for thread in threads:
        thread.join()


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
