# SPDX-License-Identifier: MIT
"""A bookshop in Flask, with the troubles that real services have.

    pip install flask gunicorn requests
    pitviper run -- gunicorn --bind 127.0.0.1:8000 --threads 4 app:app
    pitviper watch --all                  # in another terminal

    GET /books/3      quick
    GET /shelf        one query per book where one would do (N+1): named as such
    GET /report       slow, in a function of its own that is tracked
    GET /recommended  asks another service, which happens to be this one
    GET /broken       fails
    GET /metrics      what log_metric() wrote, read with pandas (pip install pandas)
"""
import os
import sqlite3
import time

import requests
from flask import Flask, abort, jsonify, request

import pitviper

DATABASE = "file:bookshop?mode=memory&cache=shared"
METRICS = os.environ.get("PITVIPER_PERFORMANCE_LOG", "performance_log.jsonl")
BOOKS = ["The Silent Clock", "Paper Harbour", "Winter Garden", "Copper Orchard", "River Stone", "Lantern"]

app = Flask(__name__)
keeper = sqlite3.connect(DATABASE, uri=True, check_same_thread=False)  # the database lives as long as this
keeper.execute("CREATE TABLE IF NOT EXISTS book (id INTEGER PRIMARY KEY, title TEXT, price INTEGER)")
keeper.executemany("INSERT OR IGNORE INTO book VALUES (?, ?, ?)", [(i, t, 900 + i) for i, t in enumerate(BOOKS)])
keeper.commit()


def query(sql, *values):
    connection = sqlite3.connect(DATABASE, uri=True)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


@app.get("/books/<int:number>")
def book(number):
    rows = query("SELECT title, price FROM book WHERE id = ?", number)
    if not rows:
        abort(404)
    return jsonify(title=rows[0][0], price=rows[0][1])


@app.get("/shelf")
def shelf():
    numbers = query("SELECT id FROM book ORDER BY id")
    return jsonify([query("SELECT title FROM book WHERE id = ?", number)[0][0] for (number,) in numbers])


@pitviper.track("add up the year")
def add_up():
    time.sleep(0.12)  # longer than the limit of 100 ms: logged as a warning
    return query("SELECT sum(price) FROM book")[0][0]


@app.get("/report")
def report():
    start = time.perf_counter()
    total = add_up()
    pitviper.log_metric("/report", (time.perf_counter() - start) * 1000)
    return jsonify(total=total)


@app.get("/recommended")
def recommended():
    answer = requests.get(request.host_url + "books/3", timeout=5)
    return jsonify(recommended=answer.json(), trace=pitviper.current_trace_id())


@app.get("/broken")
def broken():
    return jsonify(price=query("SELECT price FROM book WHERE id = ?", 99)[0])  # there is no book 99


@app.get("/metrics")
def metrics():
    import pandas

    log = pandas.read_json(METRICS, lines=True)
    return jsonify(log.groupby("endpoint")["duration_ms"].agg(["count", "mean", "max"]).to_dict("index"))
