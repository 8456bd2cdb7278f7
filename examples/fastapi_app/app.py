# SPDX-License-Identifier: MIT
"""A bookshop in FastAPI, with the troubles that real services have.

    pip install fastapi uvicorn httpx
    pitviper run -- uvicorn --port 8000 app:app
    pitviper watch --all                  # in another terminal

    GET /books/3      quick
    GET /shelf        one query per book where one would do (N+1): named as such
    GET /report       slow; a part of it is a tracked block
    GET /recommended  asks another service, which happens to be this one
    GET /broken       fails
    GET /metrics      what log_metric() wrote, read with pandas (pip install pandas)
"""
import asyncio
import os
import sqlite3
import time

import httpx
from fastapi import FastAPI, HTTPException, Request

import pitviper

METRICS = os.environ.get("PITVIPER_PERFORMANCE_LOG", "performance_log.jsonl")
BOOKS = ["The Silent Clock", "Paper Harbour", "Winter Garden", "Copper Orchard", "River Stone", "Lantern"]

app = FastAPI()
database = sqlite3.connect(":memory:", check_same_thread=False)
database.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT, price INTEGER)")
database.executemany("INSERT INTO book VALUES (?, ?, ?)", [(i, t, 900 + i) for i, t in enumerate(BOOKS)])


def query(sql, *values):
    return database.execute(sql, values).fetchall()


@app.get("/books/{number}")
async def book(number: int):
    rows = query("SELECT title, price FROM book WHERE id = ?", number)
    if not rows:
        raise HTTPException(404)
    return {"title": rows[0][0], "price": rows[0][1]}


@app.get("/shelf")
async def shelf():
    numbers = query("SELECT id FROM book ORDER BY id")
    return [query("SELECT title FROM book WHERE id = ?", number)[0][0] for (number,) in numbers]


@app.get("/report")
async def report():
    start = time.perf_counter()
    async with pitviper.track("add up the year"):
        await asyncio.sleep(0.12)  # longer than the limit of 100 ms: logged as a warning
        total = query("SELECT sum(price) FROM book")[0][0]
    pitviper.log_metric("/report", (time.perf_counter() - start) * 1000)
    return {"total": total}


@app.get("/recommended")
async def recommended(request: Request):
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{request.base_url}books/3")
    return {"recommended": answer.json(), "trace": pitviper.current_trace_id()}


@app.get("/broken")
async def broken():
    return {"price": query("SELECT price FROM book WHERE id = ?", 99)[0]}  # there is no book 99


@app.get("/metrics")
def metrics():
    import pandas

    log = pandas.read_json(METRICS, lines=True)
    return log.groupby("endpoint")["duration_ms"].agg(["count", "mean", "max"]).to_dict("index")
