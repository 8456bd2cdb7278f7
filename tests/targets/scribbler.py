# SPDX-License-Identifier: MIT
"""A thread sleeps while another writes nonsense over what a reader of its stack will look at: its code
objects (names, line tables), and, through them, sizes and pointers. The sleeping thread never wakes.

    scribbler.py [seconds] [seed]
"""
import ctypes
import os
import random
import sys
import threading
import time

from board import ready

HEADER = 32  # reference count and type stay: the object must not look like another kind
WORDS = (0, 1, 8, 0xFFFFFFFFFFFFFFFF, 0x7FFFFFFFFFFFFFF0, 0x4141414141414141, 1 << 47)


def sleeper(seconds):
    time.sleep(seconds)


def deeper(seconds, depth):
    if depth:
        deeper(seconds, depth - 1)
    else:
        sleeper(seconds)


def scribble(seed, end):
    rng = random.Random(seed)
    victims = [sleeper.__code__, deeper.__code__]
    own = [id(code) for code in victims]
    while time.perf_counter() < end:
        code = rng.choice(own)
        offset = rng.randrange(HEADER, 200, 8)
        value = rng.choice(WORDS + (code, rng.choice(own), id(rng)))
        ctypes.c_uint64.from_address(code + offset).value = value
        time.sleep(0.001)


def main(seconds, seed):
    thread = threading.Thread(target=deeper, args=(seconds + 60, 10))
    thread.daemon = True
    thread.start()
    time.sleep(0.1)
    ready()
    scribble(seed, time.perf_counter() + seconds)
    os._exit(0)


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
