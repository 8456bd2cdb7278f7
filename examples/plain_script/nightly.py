# SPDX-License-Identifier: MIT
"""A nightly job without any framework, with the troubles that real ones have.

    pitviper run -- python nightly.py
    pitviper run -- python nightly.py --repeat 100     # long enough for `pitviper watch --all`

Its steps are tracked: each of them, with the queries below it, is seen like a request of a service. At the end
it prints its own report, and, where pandas is installed, what log_metric() wrote.
"""
import argparse
import os
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pitviper

METRICS = os.environ.get("PITVIPER_PERFORMANCE_LOG", "performance_log.jsonl")
monitor = pitviper.PerformanceMonitor(slow_ms=50)


class Exchange(BaseHTTPRequestHandler):
    """The other service: today's rate of exchange."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"1.25")

    def log_message(self, *_):
        pass


@monitor.track("load")
def load(database):
    database.execute("CREATE TABLE IF NOT EXISTS sale (id INTEGER PRIMARY KEY, cents INTEGER, paid REAL)")
    database.executemany("INSERT INTO sale (cents) VALUES (?)", [(number,) for number in range(100, 120)])


@monitor.track("convert")
def convert(database, rate):
    for (number,) in database.execute("SELECT id FROM sale WHERE paid IS NULL").fetchall():
        database.execute("UPDATE sale SET paid = cents * ? WHERE id = ?", (rate, number))  # N+1


@monitor.track("rate")
def rate(url):
    try:
        import urllib3
    except ImportError:
        return 1.25
    return float(urllib3.PoolManager().request("GET", url).data)


@monitor.track("verify")
def verify(database):
    time.sleep(0.06)  # longer than this monitor's limit: logged as a warning
    if database.execute("SELECT count(*) FROM sale WHERE paid < 0").fetchone() == (0,):
        raise ValueError("no refunds today")  # which is an error of this step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    server = HTTPServer(("127.0.0.1", 0), Exchange)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    database = sqlite3.connect(":memory:")
    for _ in range(repeat):
        start = time.perf_counter()
        with monitor.track("night"):
            load(database)
            convert(database, rate("http://127.0.0.1:%d/rate" % server.server_port))
            try:
                verify(database)
            except ValueError:
                pass
        pitviper.log_metric("night", (time.perf_counter() - start) * 1000)
    for name, row in monitor.report().items():
        print("%-8s %3d times, avg %6.2f ms, p95 %6.2f ms, max %6.2f ms" % (name, row["count"], row["avg"], row["p95"], row["max"]))
    show_metrics()


def show_metrics():
    try:
        import pandas
    except ImportError:
        return
    log = pandas.read_json(METRICS, lines=True)
    print(log.set_index("timestamp")["duration_ms"].resample("1min").agg(["count", "mean", "max"]))


if __name__ == "__main__":
    main()
