# truth: {"chains": [["<module>", "main"], ["<module>", "main", "serve"],
# truth:             ["<module>", "main", "left", "left_middle", "left_inner", "left_work"],
# truth:             ["<module>", "main", "right", "right_middle", "right_inner", "right_work"]],
# truth:  "own_only": true}
# SPDX-License-Identifier: MIT
"""Two asyncio tasks with await chains of their own that take turns."""
import asyncio
import sys
import time

from board import open_board, ready


def left_work():
    total = 0
    for i in range(30):
        total += i
    return total


def right_work():
    total = 0
    for i in range(30):
        total += i
    return total


async def left_inner():
    left_work()
    await asyncio.sleep(0)
    left_work()


async def left_middle():
    await left_inner()


async def left(end):
    while time.perf_counter() < end:
        await left_middle()


async def right_inner():
    right_work()
    await asyncio.sleep(0)
    right_work()


async def right_middle():
    await right_inner()


async def right(end, board):
    while time.perf_counter() < end:
        await right_middle()
        board[0] += 1


async def serve(seconds, board):
    end = time.perf_counter() + seconds
    await asyncio.gather(left(end), right(end, board))


def main(seconds):
    board = open_board()
    loop = asyncio.new_event_loop()
    ready()
    loop.run_until_complete(serve(seconds, board))


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
