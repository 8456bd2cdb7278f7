# SPDX-License-Identifier: MIT
"""A worker as serve meets them: RATE requests a second of about a millisecond, and three threads that wait.

serve_worker.py SECONDS RATE
"""

import json
import random
import sys
import threading
import time

THREADS = 3


def parse(count):
    return json.loads(json.dumps([{"id": i, "name": str(i)} for i in range(count)]))


def handle():
    return sum(len(row["name"]) for row in parse(random.randrange(200, 600)))


def main():
    end, rate = time.monotonic() + float(sys.argv[1]), float(sys.argv[2])
    for _ in range(THREADS):
        threading.Thread(target=time.sleep, args=(float(sys.argv[1]),), daemon=True).start()
    while time.monotonic() < end:
        if rate:
            handle()
        time.sleep(random.expovariate(rate) if rate else 1)


main()
