# truth: {"chains": [["<module>", "main", "serialise", "fallback", "plain"],
# truth:             ["<module>", "main", "parse", "hook"],
# truth:             ["<module>", "main", "match", "replace"],
# truth:             ["<module>", "main", "order", "key", "plain"]],
# truth:  "own_only": true}
# SPDX-License-Identifier: MIT
"""C code that calls Python back: json's hooks, re.sub's function, sorted's key."""
import json
import re
import sys
import time

from board import open_board, ready

WORD = re.compile(r"\w+")


class Thing:
    def __init__(self, value):
        self.value = value


def plain(value):
    return value * 2


def fallback(thing):
    return plain(thing.value)


def hook(pairs):
    return dict(pairs)


def key(value):
    return -plain(value)


def replace(match):
    return match.group(0).upper()


def serialise(things):
    return json.dumps(things, default=fallback)


def parse(text):
    return json.loads(text, object_pairs_hook=hook)


def match(text):
    return WORD.sub(replace, text)


def order(values):
    return sorted(values, key=key)


def main(seconds):
    board = open_board()
    things = [Thing(i) for i in range(50)]
    text = json.dumps([{"a": i, "b": [i] * 3} for i in range(30)])
    words = "the quick brown fox jumps over the lazy dog " * 5
    values = list(range(100))
    end = time.perf_counter() + seconds
    ready()
    while time.perf_counter() < end:
        serialise(things)
        parse(text)
        match(words)
        order(values)
        board[0] += 1


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
