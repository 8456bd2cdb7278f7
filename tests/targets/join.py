# SPDX-License-Identifier: MIT
"""Work in requests of its own making, and on a board what each thread is doing right now.

    join.py MODE        needs pitviper._core on the path

Its truth (file "truth" beside $PITVIPER_BOARD, 64 times three 64-bit words) has for each thread its ident, the span id of the
request it is working on, 1 for none, 0 while it changes, and how often that has changed (tests/drivers/join_truth.c).

  tasks      20 asyncio tasks in turn, each all its life in a request of its own
  requests   one thread, request after request, nothing in between, as a web server's worker
  nested     the same, with a task inside of each request and a user's span inside of the task
  flood      asyncio: a new task per request, each giving way once
  threads    4 threads, each in a request of its own, renewed now and then
  executor   requests' work done in threads that run it in a copy of the request's context
  variables  as tasks, with 60 other context variables, so that the tree has several levels
"""
import asyncio
import contextvars
import mmap
import os
import sys
import threading
import time

from pitviper import _core

PLACES = 64
WORDS = 3
SWITCH_S = 0.0005

with open(os.path.dirname(os.environ["PITVIPER_BOARD"]) + "/truth", "w+b") as file:
    file.write(bytes(PLACES * WORDS * 8))
    file.flush()
    board = memoryview(mmap.mmap(file.fileno(), PLACES * WORDS * 8)).cast("Q")

places = {}


def place():
    """Where this thread writes what it does."""
    ident = threading.get_ident()
    if ident not in places:
        places[ident] = WORDS * len(places)
        board[places[ident]] = ident
    return places[ident] + 1


def say(at, doing):
    board[at] = 0
    board[at + 1] += 1
    board[at] = doing


def begin(name):
    request = _core.begin(_core.KIND_REQUEST, name)
    return request, int(request.span_id, 16)


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def task(number, others):
    for other in others:
        other.set(number)
    request, span = begin("/task/%d" % number)
    at = place()
    while True:
        say(at, span)
        spin(SWITCH_S)
        say(at, 0)
        await asyncio.sleep(0)


async def tasks(count, others=()):
    await asyncio.gather(*[task(number, others) for number in range(count)])


def one_request(number, at, seconds):
    request, span = begin("/request/%d" % (number % 5))
    say(at, span)
    spin(seconds)
    say(at, 0)
    request.end()


def requests():
    at, number = place(), 0
    while True:
        number += 1
        one_request(number, at, SWITCH_S / 5 * (number % 4))
        if number % 3 == 0:
            say(at, 1)
            spin(SWITCH_S / 5)
            say(at, 0)


def nested():
    at = place()

    def stretch(doing):
        say(at, doing)
        spin(SWITCH_S / 5)
        say(at, 0)

    while True:
        request, span = begin("/nested")
        stretch(span)
        task = _core.begin(_core.KIND_TASK, "inner")
        task_span = int(task.span_id, 16)
        stretch(task_span)
        part = _core.begin(_core.KIND_USER, "part")
        stretch(task_span)
        part.end()
        stretch(task_span)
        task.end()
        stretch(span)
        request.end()
        stretch(1)


async def short_task(number, at):
    request, span = begin("/flood/%d" % (number % 7))
    for _ in range(2):
        say(at, span)
        spin(SWITCH_S / 4)
        say(at, 0)
        await asyncio.sleep(0)
    request.end()


async def flood():
    at, number = place(), 0
    running = set()
    while True:
        number += 1
        running.add(asyncio.ensure_future(short_task(number, at)))
        if len(running) >= 10:
            await asyncio.sleep(0)
            running = {one for one in running if not one.done()}


def threads():
    def work(number):
        at = place()
        while True:
            one_request(number, at, 0.02)

    for number in range(4):
        threading.Thread(target=work, args=(number,), daemon=True).start()


def executor():
    def part(span):
        at = place()
        say(at, span)
        spin(SWITCH_S)
        say(at, 0)

    async def serve(number):
        loop = asyncio.get_running_loop()
        while True:
            request, span = begin("/executor/%d" % number)
            for _ in range(3):
                context = contextvars.copy_context()
                await loop.run_in_executor(None, context.run, part, span)
            request.end()

    async def all_of_them():
        await asyncio.gather(*[serve(number) for number in range(4)])

    asyncio.run(all_of_them())


def main(mode):
    others = [contextvars.ContextVar("other %d" % number) for number in range(60)]
    work = {
        "tasks": lambda: asyncio.run(tasks(20)),
        "requests": requests,
        "nested": nested,
        "flood": lambda: asyncio.run(flood()),
        "threads": threads,
        "executor": executor,
        "variables": lambda: asyncio.run(tasks(20, others)),
    }[mode]
    threading.Thread(target=work, daemon=True).start()
    time.sleep(0.2)
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)


main(sys.argv[1])
