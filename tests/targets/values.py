# SPDX-License-Identifier: MIT
"""Sleeps in a function with arguments and locals of the common built-in types."""
import sys
import time

from board import ready


def hold(number, text, ratio, nothing=None, flag=True):
    long_text = "x" * 100000
    many = list(range(100000))
    pairs = {"key": [1, 2, (3, 4)]}
    raw = b"bytes"
    ready()
    time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
    return long_text, many, pairs, raw


hold(12345, "hunter2", 2.5)
