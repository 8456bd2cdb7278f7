# SPDX-License-Identifier: MIT
"""Threads with names of every kind; prints {ident: name or null} as JSON, then "ready".

"churn" as argument: also renames one thread and starts and ends others all the time. A thread's name
then always says which thread it is: "<ident> …".
"""
import _thread
import json
import sys
import threading
import time

from board import ready

NAMES = ["worker-1", "naïve", "работа", "仕事", "𐎠𐎡", "tab\there", "", "x" * 400, "é" * 200]
expected = {}
hold = threading.Event()


class Padded(threading.Thread):
    """More attributes than a shared table of keys holds, set before Thread's own."""

    def __init__(self, name):
        for i in range(40):
            setattr(self, "pad%d" % i, i)
        super().__init__(name=name, daemon=True)

    def run(self):
        wait(self.name)


class Own(threading.Thread):
    """A subclass with a table of keys of its own."""

    def __init__(self, **options):
        self.before = 1
        super().__init__(daemon=True, **options)
        self.after = 2

    def run(self):
        wait(self.name)


def wait(name):
    expected[threading.get_ident()] = name
    hold.wait()


def nameless():
    expected[threading.get_ident()] = None
    while not hold.is_set():
        time.sleep(0.05)


def start_all():
    for name in NAMES:
        threading.Thread(target=wait, args=(name or "Thread-9999",), name=name or "Thread-9999",
                         daemon=True).start()
    Padded("padded").start()
    Own(name="own").start()
    dictionary = Own(name="dict")  # whose dict has been looked at
    vars(dictionary)["extra"] = 3
    dictionary.start()
    renamed = threading.Thread(target=wait, args=("renamed",), daemon=True)
    renamed.start()
    renamed.name = "renamed"
    dropped = Own(name="dropped")  # an attribute removed: no shared table any more
    del dropped.before
    dropped.start()
    _thread.start_new_thread(nameless, ())
    while len(expected) < len(NAMES) + 6:
        time.sleep(0.001)
    expected[threading.get_ident()] = "MainThread"


def short():
    thread = threading.current_thread()
    thread.name = "%d short" % threading.get_ident()


def churn():
    me = threading.current_thread()
    while True:
        threads = [threading.Thread(target=short, name="0", daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for i in range(50):
            me.name = "%d %s" % (threading.get_ident(), "abé仕"[i % 4] * (i + 1))
        for thread in threads:
            thread.join()


start_all()
if "churn" in sys.argv:
    threading.Thread(target=churn, daemon=True).start()
sys.stdout.write(json.dumps(expected) + "\n")
ready()
time.sleep(600)
