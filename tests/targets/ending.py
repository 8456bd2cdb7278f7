# SPDX-License-Identifier: MIT
"""Ends in the way and at the time it is told.

    ending.py exit|exec|kill|exec-other [seconds]

`exec` becomes a Python again (busy.py), `exec-other` becomes sleep, which is none. `exit` after 0
seconds is gone before anybody can look.
"""
import os
import signal
import sys
import time

from board import ready


def work(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def main(how, seconds):
    ready()
    work(seconds)
    if how == "exec":
        beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "busy.py")
        os.execv(sys.executable, [sys.executable, beside, "5"])
    elif how == "exec-other":
        os.execv("/bin/sleep", ["sleep", "30"])
    elif how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 1.0)
