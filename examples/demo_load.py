#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bounded load for demo_service.py: a few clients, a few requests a second, and then it ends.

    python3 examples/demo_load.py PORT SECONDS
"""
import http.client
import sys
import threading
import time

CLIENTS = 4
REQUESTS_PER_S = 25  # of each client
PATHS = ["/search?q=silent+snake", "/search?q=copper+lantern", "/report", "/health", "/search?q=river"]
CHECKOUT_EVERY = 20


def client(number, port, until):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    count = number
    while time.monotonic() < until:
        begin = time.monotonic()
        path = "/checkout" if count % CHECKOUT_EVERY == 0 else PATHS[count % len(PATHS)]
        connection.request("GET", path)
        connection.getresponse().read()
        count += 1
        time.sleep(max(0.0, 1 / REQUESTS_PER_S - (time.monotonic() - begin)))
    connection.close()


def main():
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=client, args=(i, port, until)) for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
