# SPDX-License-Identifier: MIT
"""What an application sees of its drivers with the agent is what it sees without: results, errors, tracebacks."""

import sys

import pytest

from support.instrumented_data import data_program

PRELUDE = """
import asyncio, gc, inspect, pickle, re, sys, traceback, warnings
out = []
def plain(text):
    return re.sub("0x[0-9a-f]+", "ADDRESS", text)
def seen(error):
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    cause = error.__cause__ or error.__context__
    return [type(error).__name__, plain(str(error)), frames, seen(cause) if cause else None]
def attempt(function):
    try:
        out.append(plain(repr(function())))
    except BaseException as error:
        out.append(seen(error))
def facts(function):
    for ask in (
        lambda: (function.__name__, function.__qualname__, function.__module__, function.__doc__),
        lambda: str(inspect.signature(function)), lambda: inspect.iscoroutinefunction(function),
        lambda: inspect.getsource(function)[:40], lambda: inspect.isroutine(function),
        lambda: pickle.loads(pickle.dumps(function)) is function, lambda: function.__code__.co_name,
    ):
        attempt(ask)
"""

ASYNCIO = """
async def aattempt(make):
    try:
        out.append(plain(repr(await make())))
    except BaseException as error:
        out.append(seen(error))
async def steps(execute, slow):
    await aattempt(lambda: asyncio.wait_for(slow(), 0.05))
    task = asyncio.ensure_future(slow())
    out.append(task.get_coro().__qualname__)
    await asyncio.sleep(0.05)
    task.cancel()
    await aattempt(lambda: task)
    coroutine = execute()
    out.append([inspect.iscoroutine(coroutine), asyncio.iscoroutine(coroutine), inspect.isawaitable(coroutine)])
    out.append([coroutine.__name__, inspect.getcoroutinestate(coroutine), type(coroutine.cr_frame).__name__])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del coroutine
        gc.collect()
        out.append([str(one.message) for one in caught])
    coroutine = execute()
    coroutine.close()
    await aattempt(lambda: coroutine)
    done = execute()
    await done
    await aattempt(lambda: done)
    thrown = execute()
    try:
        thrown.throw(ValueError("thrown in"))
    except ValueError as error:
        out.append(seen(error))
"""

DRIVERS = {
    "psycopg": ("postgresql", """
import psycopg
conn = psycopg.connect("host=127.0.0.1 port=%s user=postgres dbname=postgres" % sys.argv[1], autocommit=True)
cur = conn.cursor()
for function in (psycopg.Cursor.execute, psycopg.Cursor.stream, psycopg.AsyncCursor.execute, psycopg.Connection.commit):
    facts(function)
attempt(lambda: cur.execute("SELECT 1").fetchall())
attempt(lambda: cur.execute("SELECT nonsense"))
attempt(lambda: cur.execute())
attempt(lambda: cur.execute("SELECT %s", (1, 2)))
attempt(lambda: cur.executemany("SELECT %s", 5))
attempt(lambda: list(cur.stream("SELECT nonsense")))
attempt(lambda: list(cur.stream("SELECT generate_series(1, 3)")))
def copy(statement):
    with cur.copy(statement) as data:
        return list(data)
attempt(lambda: copy("COPY (SELECT 1) TO STDOUT"))
attempt(lambda: copy("COPY nonsense TO STDOUT"))
def piped():
    with conn.pipeline():
        conn.execute("SELECT 1"); conn.execute("SELECT 2"); conn.execute("SELECT nonsense")  # its error: at the end
attempt(piped)
attempt(lambda: conn.cursor("named").execute("SELECT nonsense"))
conn.close()
attempt(lambda: cur.execute("SELECT 1"))
async def main():
    async with await psycopg.AsyncConnection.connect(conn_string, autocommit=True) as conn:
        await steps(lambda: conn.cursor().execute("SELECT 1"), lambda: conn.cursor().execute("SELECT pg_sleep(5)"))
        await aattempt(lambda: conn.execute("SELECT nonsense"))
        cur = conn.cursor()
        stream = cur.stream("SELECT generate_series(1, 30)")
        out.append([await stream.__anext__(), await stream.aclose()])
        await aattempt(lambda: cur.execute("SELECT 5"))
conn_string = "host=127.0.0.1 port=%s user=postgres dbname=postgres" % sys.argv[1]
asyncio.run(main())
"""),
    "asyncpg": ("postgresql", """
import asyncpg
for function in (asyncpg.Connection.execute, asyncpg.Connection.fetch, asyncpg.pool.PoolConnectionProxy.fetch):
    facts(function)
async def main():
    conn = await asyncpg.connect(host="127.0.0.1", port=int(sys.argv[1]), user="postgres", database="postgres")
    await aattempt(lambda: conn.fetch("SELECT 1"))
    await aattempt(lambda: conn.fetch("SELECT nonsense"))
    await aattempt(lambda: conn.fetch())
    await aattempt(lambda: conn.fetch("SELECT $1::int", "x"))
    await steps(lambda: conn.execute("SELECT 1"), lambda: conn.fetch("SELECT pg_sleep(5)"))
    async with conn.transaction():
        cursor = await conn.cursor("SELECT generate_series(1, 5)")
        await aattempt(lambda: cursor.fetch(2))
    statement = await conn.prepare("SELECT $1::int / $2::int")
    await aattempt(lambda: statement.fetch(1, 0))
    await aattempt(lambda: asyncio.gather(conn.fetch("SELECT 1"), conn.fetch("SELECT 2")))
    await conn.close()
    await aattempt(lambda: conn.fetch("SELECT 1"))
asyncio.run(main())
"""),
    "pymysql": ("mariadb", """
import pymysql as driver
conn = driver.connect(host="127.0.0.1", port=int(sys.argv[1]), user="root")
"""),
    "MySQLdb": ("mariadb", """
import MySQLdb as driver
import MySQLdb.connections, MySQLdb.cursors
conn = driver.connect(host="127.0.0.1", port=int(sys.argv[1]), user="root")
"""),
    "redis": ("redis_server", """
import redis, redis.asyncio
r = redis.Redis(port=int(sys.argv[1]))
for function in (redis.Redis.execute_command, redis.client.Pipeline.execute, redis.asyncio.Redis.execute_command):
    facts(function)
attempt(lambda: r.set("same", "text"))
attempt(lambda: r.incr("same"))
attempt(lambda: r.execute_command())
attempt(lambda: r.execute_command("NONSENSE", 1))
attempt(lambda: r.pipeline().get("same").incr("same").execute())
attempt(lambda: redis.Redis(port=1, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0)).ping())
async def main():
    r = redis.asyncio.Redis(port=int(sys.argv[1]))
    await aattempt(lambda: r.get("same"))
    await aattempt(lambda: r.incr("same"))
    await aattempt(lambda: r.pipeline().get("same").incr("same").execute())
    await steps(lambda: r.execute_command("GET", "same"), lambda: r.blpop("nothing", timeout=5))
    await r.aclose()
asyncio.run(main())
"""),
}

MYSQL = """
cur = conn.cursor()
for function in (type(cur).execute, type(cur).executemany, type(conn).query, type(cur).callproc):
    facts(function)
attempt(lambda: cur.execute("SELECT 1"))
attempt(lambda: cur.fetchall())
attempt(lambda: cur.execute("SELECT nonsense"))
attempt(lambda: cur.execute())
attempt(lambda: cur.execute("SELECT %s", (1, 2)))
attempt(lambda: cur.executemany("SELECT %s", 5))
attempt(lambda: cur.callproc("nonsense"))
attempt(lambda: conn.query("SELECT nonsense"))
attempt(lambda: conn.commit())
attempt(lambda: isinstance(conn, driver.connections.Connection))
conn.close()
attempt(lambda: cur.execute("SELECT 1"))
attempt(lambda: conn.commit())
"""
for _name in ("pymysql", "MySQLdb"):
    DRIVERS[_name] = (DRIVERS[_name][0], DRIVERS[_name][1] + MYSQL)


@pytest.mark.parametrize("driver", DRIVERS)
def test_data_same__what_an_application_sees__same_as_without(request, driver):
    server, code = DRIVERS[driver]
    port = request.getfixturevalue(server)
    program = PRELUDE + ASYNCIO + code + "\nsay(out)\n"
    with data_program(sys.executable, program, port, PITVIPER_DISABLE=driver) as done:
        plain, plain_errors = done.said[0], done.errors
        assert done.keys("STATEMENT") == done.keys("CACHE") == []
    with data_program(sys.executable, program, port) as done:
        for with_agent, without in zip(done.said[0], plain):
            assert with_agent == without
        assert len(done.said[0]) == len(plain)
        assert done.errors == plain_errors
        assert done.keys("STATEMENT") or done.keys("CACHE")
        assert done.region.counters["hook_errors"] == 0
