#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A small bookshop with the troubles that real services have. `make demo` starts it and shows them.

    pip install flask gunicorn
    pitviper run -- gunicorn --bind 127.0.0.1:8000 --workers 2 --threads 4 demo_service:app

    GET /books/3      quick
    GET /search?q=    hot: compares the query with every title, in Python
    GET /orders       asks for each order's customer, one query after the other (N+1)
    GET /checkout     slow but idle: waits for the payment provider; fails for an empty basket
"""
import random
import sqlite3
import time

from flask import Flask, abort, jsonify, request

WORDS = "snake river stone winter garden silent clock paper harbour lantern copper orchard".split()
BOOKS = 4000
ORDERS = 25
PAYMENT_S = 0.3


def make_titles(count):
    rng = random.Random(7)
    return [" ".join(rng.choice(WORDS) for _ in range(3)) for _ in range(count)]


def make_database():
    """One per process, in memory, for all of its threads."""
    database = sqlite3.connect("file:bookshop?mode=memory&cache=shared", uri=True, check_same_thread=False)
    database.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT, cents INTEGER)")
    database.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT)")
    database.execute("CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer INTEGER, book INTEGER)")
    database.executemany(
        "INSERT INTO book VALUES (?, ?, ?)", [(i, title, 500 + 7 * i) for i, title in enumerate(TITLES)]
    )
    database.executemany("INSERT INTO customer VALUES (?, ?)", [(i, "customer %d" % i) for i in range(ORDERS)])
    database.executemany("INSERT INTO purchase VALUES (?, ?, ?)", [(i, i, 31 * i % BOOKS) for i in range(ORDERS)])
    database.commit()
    return database


TITLES = make_titles(BOOKS)
database = make_database()
app = Flask(__name__)


def query(sql, *values):
    return database.execute(sql, values).fetchall()


@app.get("/books/<int:number>")
def book(number):
    rows = query("SELECT title, cents FROM book WHERE id = ?", number)
    if not rows:
        abort(404)
    return jsonify(title=rows[0][0], cents=rows[0][1])


def trigrams(text):
    return {text[i : i + 3] for i in range(len(text) - 2)}


def similarity(words, title):
    """Should have been computed once per title; here it is every time, for every title."""
    left, right = trigrams(words), trigrams(title)
    return len(left & right) / max(1, len(left | right))


def rank(words):
    return sorted(TITLES, key=lambda title: similarity(words, title), reverse=True)


@app.get("/search")
def search():
    return jsonify(titles=rank(request.args.get("q", "silent snake"))[:5])


@app.get("/orders")
def orders():
    listed = []
    for number, customer in query("SELECT id, customer FROM purchase ORDER BY id"):
        name = query("SELECT name FROM customer WHERE id = ?", customer)[0][0]
        listed.append({"order": number, "customer": name})
    return jsonify(listed)


class EmptyBasket(Exception):
    """There is nothing to pay."""


def ask_payment_provider(cents):
    time.sleep(PAYMENT_S)
    return cents


@app.get("/checkout")
def checkout():
    count = request.args.get("books", 1, type=int)
    if count == 0:
        raise EmptyBasket
    return jsonify(paid=ask_payment_provider(500 * count))
