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
REQUESTS_PER_S = 12  # of each client
PATHS = [
    "/books/3", "/search?q=silent+snake", "/orders", "/books/77", "/search?q=copper+lantern", "/books/512",
    "/search?q=river", "/orders", "/books/4",
]
CHECKOUT_EVERY = 10
EMPTY_BASKET_EVERY = 70


def path_of(count):
    if count % EMPTY_BASKET_EVERY == 0:
        return "/checkout?books=0"
    return "/checkout" if count % CHECKOUT_EVERY == 0 else PATHS[count % len(PATHS)]


def client(number, port, until):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    count = number
    while time.monotonic() < until:
        begin = time.monotonic()
        try:
            connection.request("GET", path_of(count))
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()  # the next request opens it again
        count += 1
        time.sleep(max(0.0, 1 / REQUESTS_PER_S - (time.monotonic() - begin)))
    connection.close()


def main():
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=client, args=(i, port, until), daemon=True) for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
