# SPDX-License-Identifier: MIT
"""Attached when everything was imported long ago, detached again, attached once more."""

import sys

from support.instrumented_data import data_program
from support.peer import http_peer

BODY = """
import pitviper
pitviper.disable()
import concurrent.futures, http.client, logging, sqlite3, sys, threading, urllib.request
import aiohttp, asyncpg, httpx, psycopg, psycopg2, pymongo, pymysql, MySQLdb, redis, redis.asyncio, redis.cluster, requests, sqlalchemy
from psycopg2 import connect as early
modules = [value for name, value in sys.modules.items() if value is not None and not name.startswith("pitviper")]
def hooked():
    found = []
    for module in modules:
        for owner in [module] + [value for value in vars(module).values() if isinstance(value, type)]:
            for name, value in list(vars(owner).items()):
                if type(value).__name__ == "StandIn":
                    found.append("%s.%s" % (getattr(owner, "__name__", owner), name))
    return sorted(set(found))
"""


def test_data_late__attach_and_detach__everything_is_put_back(postgresql, redis_server):
    with http_peer() as peer, data_program(sys.executable, BODY + """
def work():
    sqlite3.connect(":memory:").execute("SELECT 1 AS lite")
    conn = early("host=127.0.0.1 port=%s user=postgres dbname=postgres" % sys.argv[1])
    conn.cursor().execute("SELECT 1 AS early")
    conn.close()
    with psycopg.connect("host=127.0.0.1 port=%s user=postgres dbname=postgres" % sys.argv[1]) as conn:
        conn.execute("SELECT 1 AS three")
    redis.Redis(port=int(sys.argv[2])).ping()
    requests.get("http://127.0.0.1:%s/" % sys.argv[3])
    httpx.get("http://127.0.0.1:%s/" % sys.argv[3])
before = hooked()
work()
for number in range(3):
    pitviper.enable()
    work()
    attached = hooked()
    pitviper.disable()
    work()
    say([before, hooked(), len(attached)])
""", postgresql, redis_server, peer.port) as done:
        for before, after, attached in done.said:
            assert (before, after) == ([], []), after
            assert attached > 40
        counts = done.counts("STATEMENT")
        assert counts["SELECT ? AS early"] == counts["SELECT ? AS three"] == counts["SELECT ? AS lite"] == 3
        assert done.counts("CACHE")["PING"] == 3
        assert sum(done.counts("OUTBOUND").values()) == 6
        assert done.region.counters["hook_errors"] == 0
