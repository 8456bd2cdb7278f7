# SPDX-License-Identifier: MIT
"""psycopg2, psycopg 3 and asyncpg against a real PostgreSQL."""

import sys

import pytest

from support.instrumented_data import data_program

SECRET, NUMBER = "planted-7431", "94711"


def run(code, port, **env):
    return data_program(sys.executable, "dsn = 'host=127.0.0.1 port=%d user=postgres dbname=postgres'\n" % port + code, **env)


PSYCOPG2 = """
import psycopg2, psycopg2.extras, psycopg2.extensions, psycopg2.sql as sql, io
from psycopg2.extensions import register_type, UNICODE, quote_ident
conn = psycopg2.connect(dsn)
"""


def test_data_psycopg2__each_way_to_execute__counted_once(postgresql):
    with run(PSYCOPG2 + """
cur = conn.cursor()
cur.execute("CREATE TEMP TABLE t (a int, b text)")
for number in range(6):
    cur.execute("INSERT INTO t VALUES (%s, %s)", (number, "planted-7431"))
cur.execute(query="SELECT a FROM t WHERE b = 'planted-7431'", vars=None)
say(cur.rowcount)
cur.executemany("INSERT INTO t VALUES (%s, 'planted-7431')", [(1,), (2,)])
cur.execute(sql.SQL("SELECT {} FROM {} WHERE b = {}").format(sql.Identifier("a"), sql.Identifier("t"), sql.Literal("planted-7431")))
cur.execute(b"SELECT 94711")
named = conn.cursor("planted_cursor")
named.execute("SELECT generate_series(1, 94711) AS planted")
say(len(named.fetchmany(10)))
cur.copy_expert("COPY (SELECT 94711) TO STDOUT", io.StringIO())
cur.copy_from(io.StringIO("1\\tplanted-7431\\n"), "t")
cur.copy_to(io.StringIO(), "t")
cur.callproc("pg_backend_pid")
psycopg2.extras.execute_values(cur, "INSERT INTO t VALUES %s", [(9, "planted-7431")] * 10)
psycopg2.extras.execute_batch(cur, "UPDATE t SET a = %s WHERE b = 'planted-7431'", [(n,) for n in range(5)])
conn.commit()
conn.rollback()
""", postgresql) as done:
        counts = done.counts("STATEMENT")
        assert done.said == [6, 10]
        assert counts["INSERT INTO t VALUES (?)"] == 6 + 2, counts  # and executemany, execute_values
        assert counts["COMMIT"] == counts["ROLLBACK"] == 1
        assert sum(counts.values()) == 1 + 6 + 1 + 1 + 1 + 1 + 1 + 3 + 1 + 1 + 1 + 2, counts
        assert any(name.startswith('SELECT "a" FROM "t" WHERE b = ?') for name in counts), counts
        assert {key.detail for key in done.keys("STATEMENT")} == {"postgresql"}
        assert done.key("STATEMENT", "SELECT a FROM t WHERE b = ?").rows == 6
        assert done.has(SECRET, NUMBER) == []
        assert done.region.counters["hook_errors"] == 0


TYPES = PSYCOPG2 + """
import pickle, traceback
out = []
def attempt(function):
    try:
        out.append(repr(function()))
    except BaseException as error:
        out.append((type(error).__name__, str(error), [f.name for f in traceback.extract_tb(error.__traceback__)]))
conn.autocommit = True
cur = conn.cursor()
register_type(UNICODE, conn); register_type(UNICODE, cur)
psycopg2.extras.register_default_json(conn); psycopg2.extras.register_default_jsonb(cur)
psycopg2.extras.register_uuid(conn_or_curs=conn)
psycopg2.extras.register_hstore
attempt(lambda: quote_ident('a"b', conn) + quote_ident("x", cur))
attempt(lambda: psycopg2.extensions.encodings[conn.encoding])
attempt(lambda: isinstance(conn, psycopg2.extensions.connection) and isinstance(cur, psycopg2.extensions.cursor))
attempt(lambda: type(cur).__name__ + type(conn).__module__)
attempt(lambda: conn.cursor_factory)
cur.execute("SELECT '{\\"a\\": 1}'::jsonb")
attempt(cur.fetchone)
class Mine(psycopg2.extensions.cursor): pass
class MyConnection(psycopg2.extensions.connection): pass
attempt(lambda: type(conn.cursor(cursor_factory=Mine)) is Mine)
attempt(lambda: type(psycopg2.connect(dsn, cursor_factory=Mine).cursor()) is Mine)
attempt(lambda: type(psycopg2.connect(dsn, connection_factory=MyConnection)) is MyConnection)
for connection in (psycopg2.extras.DictConnection, psycopg2.extras.RealDictConnection, psycopg2.extras.NamedTupleConnection):
    def fetch(c=psycopg2.connect(dsn, connection_factory=connection)):
        c = c.cursor(); c.execute("SELECT 1 AS a"); return c.fetchall()
    attempt(fetch)
replication = psycopg2.connect(dsn, connection_factory=psycopg2.extras.LogicalReplicationConnection)
attempt(lambda: type(replication.cursor()).__name__)
def identify():
    with replication.cursor() as k:
        k.execute("IDENTIFY_SYSTEM"); return len(k.fetchone())
attempt(identify)
import psycopg2.pool
pool = psycopg2.pool.SimpleConnectionPool(1, 2, dsn)
pooled = pool.getconn()
attempt(lambda: pooled.cursor().execute("SELECT 1 AS pooled"))
pool.putconn(pooled)
dicts = conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
dicts.execute("SELECT 1 AS a")
attempt(dicts.fetchone)
attempt(lambda: cur.execute("SELECT nonsense"))
attempt(lambda: cur.execute("SELECT %s", ()))
attempt(lambda: cur.execute())
attempt(lambda: conn.cursor(1, 2, 3, 4, 5))
attempt(lambda: conn.cursor(cursor_factory=lambda *a: 1))
attempt(lambda: psycopg2.connect("host=127.0.0.1 port=1"))
attempt(lambda: cur.mogrify("SELECT %s", ("x",)))
attempt(lambda: setattr(cur, "anything", 1))
attempt(lambda: str(cur.execute("SELECT 1")))
attempt(lambda: cur.query)
attempt(lambda: sql.Identifier("x").as_string(conn))
attempt(lambda: pickle.loads(pickle.dumps(psycopg2.ProgrammingError("x"))))
attempt(lambda: psycopg2.connect.__name__)
def body():
    with psycopg2.connect(dsn) as c, c.cursor() as k:
        k.execute("SELECT 1"); k.execute("SELECT nonsense")
attempt(body)
conn.close()
attempt(lambda: conn.cursor())
attempt(lambda: cur.execute("SELECT 1"))
say(out)
"""


def test_data_psycopg2__type_checks_and_errors__same_as_without(postgresql):
    with run(TYPES, postgresql) as done:
        instrumented = done.said[0]
        assert done.region.counters["hook_errors"] == 0
        assert done.counts("STATEMENT")["SELECT ? AS a"] == 4
        assert done.counts("STATEMENT")["SELECT ? AS pooled"] == done.counts("STATEMENT")["IDENTIFY_SYSTEM"] == 1
    with run(TYPES, postgresql, PITVIPER_DISABLE="psycopg2") as done:
        assert instrumented == done.said[0]
        assert done.counts("STATEMENT") == {}


def test_data_psycopg2__threads_and_failures__exact(postgresql):
    with run(PSYCOPG2 + """
import threading
conn.autocommit = True
def work():
    cur = conn.cursor()
    for number in range(100):
        try:
            cur.execute("SELECT %d / %d" % (number, number % 2))
        except psycopg2.DataError:
            pass
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
""", postgresql) as done:
        key = done.key("STATEMENT", "SELECT ? / ?")
        assert (key.count, key.errors, key.rows) == (400, 200, 200)


PSYCOPG = """
import psycopg, asyncio
from psycopg import sql
"""


def test_data_psycopg__each_way_to_execute__counted_once(postgresql):
    with run(PSYCOPG + """
conn = psycopg.connect(dsn)
conn.execute("CREATE TEMP TABLE t (a int, b text)")
cur = conn.cursor()
for number in range(6):
    cur.execute("INSERT INTO t VALUES (%s, %s)", (number, "planted-7431"))
cur.execute(query="SELECT a FROM t WHERE b = 'planted-7431'")
cur.execute(sql.SQL("SELECT {} FROM t WHERE b = {}").format(sql.Identifier("a"), sql.Literal("planted-7431")))
cur.execute(b"SELECT 94711")
cur.executemany("INSERT INTO t VALUES (%s, 'planted-7431')", [(1,), (2,)])
say(len(list(cur.stream("SELECT generate_series(1, 50), 'planted-7431'"))))
with cur.copy("COPY t FROM STDIN") as copy:
    copy.write_row((1, "planted-7431"))
with cur.copy("COPY (SELECT 94711) TO STDOUT") as copy:
    say(len(list(copy)))
with conn.cursor("planted_cursor") as server:
    server.execute("SELECT generate_series(1, 94711)")
    say(len(server.fetchmany(10)))
with conn.pipeline():
    for number in range(4):
        conn.execute("SELECT 94711, %s", (number,))
for cursor in (psycopg.ClientCursor(conn), psycopg.RawCursor(conn)):
    cursor.execute("SELECT 'planted-7431' AS c")
try:
    cur.execute("SELECT nonsense FROM planted WHERE a = 'planted-7431'")
except psycopg.errors.UndefinedTable:
    pass
conn.rollback(); conn.commit()
""", postgresql) as done:
        counts = done.counts("STATEMENT")
        assert done.said == [50, 1, 10]
        assert counts["INSERT INTO t VALUES (?)"] == 6 + 1, counts  # and executemany
        assert counts["SELECT ?, ?"] == 4 and counts["SELECT ? AS c"] == 2
        assert counts["COMMIT"] == counts["ROLLBACK"] == 1
        assert sum(counts.values()) == 1 + 6 + 1 + 1 + 1 + 1 + 1 + 2 + 1 + 4 + 2 + 1 + 2, counts
        assert done.key("STATEMENT", "SELECT nonsense FROM planted WHERE a = ?").errors == 1
        assert done.key("STATEMENT", "SELECT a FROM t WHERE b = ?").rows == 6
        assert done.has(SECRET, NUMBER) == []
        assert done.region.counters["hook_errors"] == 0


def test_data_psycopg__async_and_interleaved__each_request_has_its_own(postgresql):
    with run(PSYCOPG + """
async def page(number):
    own = request("/page/%d" % number)
    async with await psycopg.AsyncConnection.connect(dsn) as conn:
        for _ in range(number):
            await conn.execute("SELECT pg_sleep(0.01), 'planted-7431'")
        cur = conn.cursor()
        await cur.executemany("SELECT %s", [(1,)])
        async for row in cur.stream("SELECT generate_series(1, 3)"): pass
        async with cur.copy("COPY (SELECT 94711) TO STDOUT") as copy:
            async for data in copy: pass
        async with conn.cursor("planted_cursor") as server:
            await server.execute("SELECT 5 AS planted")
        try:
            await cur.execute("SELECT nonsense")
        except psycopg.Error:
            await conn.rollback()
        say(asyncio.iscoroutinefunction(cur.execute))
    own.end()
async def main():
    await asyncio.gather(*(page(number) for number in range(1, 6)))
asyncio.run(main())
""", postgresql) as done:
        assert done.said == [True] * 5
        assert done.counts("STATEMENT")["SELECT pg_sleep(?), ?"] == 15
        routes = {record.request: record.values["key"].name for record in done.region.records("REQUEST")}
        parts = {routes[record.request]: record.values for record in done.region.records("PARTS")}
        for number in range(1, 6):
            own = parts["/page/%d" % number]
            assert own["statements"] == number + 7, own  # and executemany, stream, copy, server cursor, error, rollback, commit
            assert own["database_us"] >= number * 10000
        assert done.has(SECRET, NUMBER) == []


ASYNCPG = """
import asyncio, asyncpg, io, inspect
url = dict(host="127.0.0.1", port=int(dsn.split("port=")[1].split()[0]), user="postgres", database="postgres")
"""


def test_data_asyncpg__each_way_to_execute__counted_once(postgresql):
    with run(ASYNCPG + """
async def main():
    conn = await asyncpg.connect(**url)
    await conn.execute("CREATE TEMP TABLE t (a int, b text)")
    await conn.execute("INSERT INTO t VALUES ($1, $2)", 1, "planted-7431")
    for number in range(5):
        await conn.fetch("SELECT a FROM t WHERE b = 'planted-7431'")
    await conn.fetchrow("SELECT 94711, 1")
    await conn.fetchval(query="SELECT 94711, 2, 3")
    await conn.executemany("INSERT INTO t VALUES ($1, 'planted-7431')", [(1,), (2,)])
    statement = await conn.prepare("SELECT a, 'planted-7431' FROM t WHERE a < $1")
    for number in range(3):
        say(len(await statement.fetch(94711)))
    await statement.fetchrow(1); await statement.fetchval(1)
    async with conn.transaction():
        say(len([row async for row in conn.cursor("SELECT generate_series(1, 94)", prefetch=10)]))
        cursor = await conn.cursor("SELECT 94711 AS planted")
        await cursor.fetch(1)
    await conn.copy_records_to_table("t", records=[(7, "planted-7431")])
    await conn.copy_from_query("SELECT $1::int", 94711, output=io.BytesIO())
    await conn.copy_to_table("t", source=io.BytesIO(b"8\\tplanted-7431\\n"))
    try:
        await conn.fetch("SELECT nonsense FROM planted WHERE a = 'planted-7431'")
    except asyncpg.UndefinedTableError as error:
        say(str(error))
    await conn.close()
asyncio.run(main())
""", postgresql) as done:
        counts = done.counts("STATEMENT")
        assert done.said == [3, 3, 3, 94, 'relation "planted" does not exist']
        assert counts["SELECT a FROM t WHERE b = ?"] == 5
        assert counts["SELECT a, ? FROM t WHERE a < ?"] == 5
        assert counts["SELECT generate_series(?, ?)"] == 1
        assert done.key("STATEMENT", "SELECT a FROM t WHERE b = ?").rows == 5
        assert done.key("STATEMENT", "SELECT nonsense FROM planted WHERE a = ?").errors == 1
        assert counts['COPY "t" FROM STDIN'] == 2
        assert counts['SELECT quote_literal(?::"pg_catalog"."int4"::text)'] == 1  # of copy_from_query
        begin = sum(counts[name] for name in counts if name.startswith(("BEGIN", "COMMIT")))
        assert begin == 2
        assert sum(counts.values()) == 2 + 5 + 1 + 1 + 1 + 5 + 2 + 4 + 1 + begin, counts
        assert done.has(SECRET, NUMBER) == []
        assert done.region.counters["hook_errors"] == 0


def test_data_asyncpg__pool__proxies_as_without(postgresql):
    code = ASYNCPG + """
async def main():
    async with asyncpg.create_pool(**url, min_size=1, max_size=2) as pool:
        await asyncio.gather(*(pool.fetchval("SELECT %d" % n) for n in range(20)))
        async with pool.acquire() as conn:
            await conn.execute("SELECT 5")
            say(isinstance(conn, asyncpg.Connection))
            say(inspect.iscoroutinefunction(conn.fetch))
        try:
            await conn.fetch("SELECT 6")
        except asyncpg.InterfaceError as error:
            say(str(error))
        say([name for name in dir(type(conn)) if not name.startswith("_")])
asyncio.run(main())
"""
    with run(code, postgresql) as done:
        assert done.counts("STATEMENT")["SELECT ?"] == 21
        instrumented = done.said
    with run(code, postgresql, PITVIPER_DISABLE="asyncpg") as done:
        assert done.said == instrumented
        assert done.counts("STATEMENT") == {}


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_data_postgresql__odd_statements__counted_and_withheld(postgresql, driver):
    with run("""
import importlib, sys
driver = importlib.import_module("%s")
conn = driver.connect(dsn)
conn.autocommit = True
for statement in ("SELECT '" + "planted-7431" * 87400 + "'", b"SELECT '\\xff\\xfeplanted-7431'", "SELECT 'planted-7431",
                  "SELECT $x$planted-7431$x$", "SELECT E'\\\\'planted-7431'", "SELECT '\\ud800planted-7431'", 94711):
    try:
        conn.cursor().execute(statement)
    except Exception as error:
        say(type(error).__name__)
""" % driver, postgresql) as done:
        assert sum(done.counts("STATEMENT").values()) == 7
        assert done.has(SECRET, NUMBER) == []
        assert done.region.counters["hook_errors"] == 0
