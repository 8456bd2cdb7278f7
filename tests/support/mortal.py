# SPDX-License-Identifier: MIT
"""A program that works for a while, says exactly what it did, and ends.

    python mortal.py CPU_SECONDS QUERIES_PER_ROUND PAUSE_SECONDS REPORT

Appends one JSON line to REPORT: its pid, its CPU time, how many statements it ran.
"""
import json
import os
import sqlite3
import sys
import time

ROUND = 20000
LIFE_S = 3  # at least: serve finds within a second what it is not told of, and then its agent


def burn():
    total = 0
    for i in range(ROUND):
        total += i
    return total


def main():
    seconds, queries, pause_s, report = float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    begin = time.monotonic()
    database = sqlite3.connect(":memory:")
    count = 0
    while time.process_time() < seconds:
        burn()
        for _ in range(queries):
            database.execute("SELECT 1 + ?", (count,)).fetchall()
            count += 1
        time.sleep(pause_s)
    time.sleep(max(0, begin + LIFE_S - time.monotonic()))
    line = json.dumps({"pid": os.getpid(), "cpu_s": time.process_time(), "statements": count}) + "\n"
    file = os.open(report, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, line.encode())


if __name__ == "__main__":
    main()
