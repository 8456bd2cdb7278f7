#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A small bookshop on HTTP, with the troubles that real services have. Python 3.6 or newer, nothing to install.

    python3 examples/demo_service.py [--port 8000]

    GET /search?q=WORDS   hot: compares the query with every title, in Python
    GET /report           burns: adds up the year's sales, order by order
    GET /checkout         slow but idle: waits for the payment provider
    GET /health           quick

Prints "listening on PORT" when it is ready; port 0 takes a free one.
"""
import argparse
import json
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from urllib.parse import parse_qs, urlsplit

WORDS = "snake river stone winter garden silent clock paper harbour lantern copper orchard".split()
PAYMENT_S = 0.3


def make_titles(count):
    rng = random.Random(7)
    return [" ".join(rng.choice(WORDS) for _ in range(3)) for _ in range(count)]


def make_orders(count):
    rng = random.Random(8)
    return [(rng.randrange(12), rng.randrange(1, 5), rng.randrange(500, 4000)) for _ in range(count)]


TITLES = make_titles(1500)
ORDERS = make_orders(30000)


def trigrams(text):
    return {text[i : i + 3] for i in range(len(text) - 2)}


def similarity(query, title):
    """Should have been computed once per title; here it is every time, for every title."""
    left, right = trigrams(query), trigrams(title)
    return len(left & right) / max(1, len(left | right))


def rank(query):
    return sorted(TITLES, key=lambda title: similarity(query, title), reverse=True)


def search(query):
    words = query.get("q", ["silent snake"])[0]
    return {"query": words, "titles": rank(words)[:5]}


def report(query):
    months = [0] * 12
    for month, count, cents in ORDERS:
        months[month] += count * cents
    return {"cents_by_month": months}


def ask_payment_provider():
    time.sleep(PAYMENT_S)


def checkout(query):
    ask_payment_provider()
    return {"paid": True}


def health(query):
    return {"ok": True}


ROUTES = {"/search": search, "/report": report, "/checkout": checkout, "/health": health}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        route = ROUTES.get(url.path)
        if route is None:
            self.send_error(404)
            return
        body = json.dumps(route(parse_qs(url.query))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser(description="A small bookshop to profile.")
    parser.add_argument("--port", type=int, default=8000)
    server = Server(("127.0.0.1", parser.parse_args().port), Handler)
    sys.stdout.write("listening on %d\n" % server.server_address[1])
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
