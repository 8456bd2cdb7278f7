# truth: {"chains": [["<module>", "main", "busy"]], "own_only": true}
# SPDX-License-Identifier: MIT
"""One busy thread among threads that sleep, wait for a lock, a queue, a socket and a pipe.

Only `main > busy` runs; with idle threads asked for, nap, locked, queued, listening and reading are
there as well, each in a thread of that name.
"""
import os
import queue
import socket
import sys
import threading
import time

from board import open_board, ready


def nap():
    time.sleep(3600)


def locked():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def queued():
    queue.Queue().get()


def listening():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    server.accept()


def reading():
    os.read(os.pipe()[0], 1)


def busy(seconds):
    board = open_board()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        total = 0
        for i in range(1000):
            total += i
        board[0] += 1


def main(seconds):
    for function in (nap, locked, queued, listening, reading):
        thread = threading.Thread(target=function, name=function.__name__)
        thread.daemon = True
        thread.start()
    time.sleep(0.2)
    ready()
    busy(seconds)


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
