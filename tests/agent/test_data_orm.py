# SPDX-License-Identifier: MIT
"""SQLAlchemy and the Django ORM: through the drivers, each statement once."""

import sys

import pytest

from support.instrumented_data import data_program

SECRET = "planted-7431"

URLS = {
    "sqlite": ("sqlite://", "sqlite"),
    "psycopg2": ("postgresql+psycopg2://postgres@127.0.0.1:%s/postgres", "postgresql"),
    "psycopg": ("postgresql+psycopg://postgres@127.0.0.1:%s/postgres", "postgresql"),
    "pymysql": ("mysql+pymysql://root@127.0.0.1:%s/mysql", "mariadb"),
    "mysqldb": ("mysql+mysqldb://root@127.0.0.1:%s/mysql", "mariadb"),
}

CORE = """
import sys
import sqlalchemy as sa
engine = sa.create_engine(sys.argv[1])
table = sa.Table("planted_sa", sa.MetaData(), sa.Column("a", sa.Integer, primary_key=True), sa.Column("b", sa.String(50)))
with engine.begin() as conn:
    conn.execute(sa.text("DROP TABLE IF EXISTS planted_sa"))
    table.create(conn)
    for number in range(6):
        conn.execute(table.insert().values(a=number + 1, b="planted-7431"))
    for number in range(4):
        say(len(conn.execute(sa.select(table.c.a).where(table.c.b == "planted-7431")).fetchall()))
    conn.execute(table.insert(), [{"a": 100 + n, "b": "planted-7431"} for n in range(3)])
    conn.execute(sa.text("SELECT a FROM planted_sa WHERE b = 'planted-7431' AND a = 94711"))
    try:
        with conn.begin_nested():
            conn.execute(sa.text("SELECT nonsense FROM planted_missing"))
    except sa.exc.DatabaseError:
        pass
engine.dispose()
"""


def port_for(request, driver):
    if driver == "sqlite":
        return None
    return request.getfixturevalue("postgresql" if driver.startswith("psycopg") else "mariadb")


@pytest.mark.parametrize("driver", URLS)
def test_data_sqlalchemy__hooked_driver__counted_once(request, driver):
    url, system = URLS[driver]
    port = port_for(request, driver)
    with data_program(sys.executable, CORE, url % port if port else url) as done:
        counts = done.counts("STATEMENT")
        assert done.said == [6] * 4
        selects = [name for name in counts if name.startswith("SELECT planted_sa.a") and "WHERE planted_sa.b =" in name]
        assert sum(counts[name] for name in selects) == 4, counts
        inserts = [name for name in counts if name.startswith("INSERT INTO planted_sa")]
        assert sum(counts[name] for name in inserts) == 7, counts
        assert counts["SELECT a FROM planted_sa WHERE b = ? AND a = ?"] == 1
        assert done.key("STATEMENT", "SELECT nonsense FROM planted_missing").errors == 1
        assert system in {key.detail for key in done.keys("STATEMENT")}
        assert done.key("QUEUE", "sqlalchemy pool").count >= 1 if driver != "sqlite" else True
        assert done.has(SECRET, "94711") == []
        assert done.region.counters["hook_errors"] == 0


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_data_sqlalchemy__async_engine__counted_once(postgresql, driver):
    with data_program(sys.executable, """
        import asyncio, sys
        import sqlalchemy as sa
        from sqlalchemy.ext.asyncio import create_async_engine
        async def page(engine, number):
            own = request("/page/%d" % number)
            async with engine.connect() as conn:
                for _ in range(number):
                    await conn.execute(sa.text("SELECT pg_sleep(0.005), 'planted-7431'"))
            own.end()
        async def main():
            engine = create_async_engine(sys.argv[1], pool_size=2, max_overflow=0)
            await asyncio.gather(*(page(engine, number) for number in range(1, 6)))
            await engine.dispose()
        asyncio.run(main())
    """, "postgresql+%s://postgres@127.0.0.1:%d/postgres" % (driver, postgresql)) as done:
        counts = done.counts("STATEMENT")
        assert counts["SELECT pg_sleep(?), ?"] == 15, counts
        spans = [s.request for s in done.region.records("SPAN", "STATEMENT") if s.values["key"].name.startswith("SELECT pg_sleep")]
        assert sorted(spans.count(number) for number in set(spans)) == [1, 2, 3, 4, 5]
        wait = done.key("QUEUE", "sqlalchemy pool")
        assert wait.count >= 5 and wait.max_ns > 5000000
        assert done.has(SECRET) == []


def test_data_sqlalchemy__pool_is_empty__the_wait_is_counted(tmp_path):
    with data_program(sys.executable, """
        import sys, threading, time
        import sqlalchemy as sa
        engine = sa.create_engine(sys.argv[1], poolclass=sa.pool.QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.1)
        def hold(seconds):
            with engine.connect() as conn:
                taken.set()
                time.sleep(seconds)
        for seconds in (0.05, 0.3):
            taken = threading.Event()
            thread = threading.Thread(target=hold, args=(seconds,))
            thread.start()
            taken.wait()
            try:
                with engine.connect() as conn:
                    conn.execute(sa.text("SELECT 1")).scalar()
            except sa.exc.TimeoutError:
                say("none was free")
            thread.join()
    """, "sqlite:///%s/file" % tmp_path) as done:
        assert done.said == ["none was free"]
        wait = done.key("QUEUE", "sqlalchemy pool")
        assert wait.count == 4
        assert wait.errors == 2  # the first connection had to be made, the last caller got none
        assert 0.08e9 < wait.max_ns < 2e9


def test_data_sqlalchemy__driver_that_nobody_hooks__counted_here():
    """The driver's own hook is switched off: SQLAlchemy is what there is."""
    with data_program(sys.executable, CORE, "sqlite://", PITVIPER_DISABLE="sqlite3") as done:
        counts = done.counts("STATEMENT")
        selects = [name for name in counts if name.startswith("SELECT planted_sa.a")]
        assert sum(counts[name] for name in selects) == 4, counts
        assert counts["SELECT a FROM planted_sa WHERE b = ? AND a = ?"] == 1
        assert {key.detail for key in done.keys("STATEMENT")} == {"sqlite"}
        assert done.has(SECRET, "94711") == []


DJANGO = """
import sys, json
import django
from django.conf import settings
settings.configure(DATABASES={"default": json.loads(sys.argv[1])}, INSTALLED_APPS=[], DEFAULT_AUTO_FIELD="django.db.models.AutoField")
django.setup()
from django.db import connection, models, transaction
class Planted(models.Model):
    name = models.TextField()
    class Meta:
        app_label = "planted"
        db_table = "planted_django"
with connection.cursor() as cursor:
    cursor.execute("DROP TABLE IF EXISTS planted_django")
with connection.schema_editor() as editor:
    editor.create_model(Planted)
page = request()
for number in range(6):
    Planted.objects.create(name="planted-7431")
Planted.objects.bulk_create([Planted(name="planted-7431") for _ in range(20)])
for number in range(7):
    say(Planted.objects.filter(name="planted-7431").count())
with transaction.atomic():
    Planted.objects.filter(name="planted-7431").update(name="planted-7431x")
say(len(list(Planted.objects.raw("SELECT id FROM planted_django WHERE name = 'planted-7431x' AND id < 94711"))))
say(sum(1 for _ in Planted.objects.all().iterator(chunk_size=5)))
page.end()
connection.close()
"""


@pytest.mark.parametrize("engine", ["sqlite3", "postgresql", "mysql"])
def test_data_django_orm__each_statement__counted_once(request, engine):
    import json

    database = {"ENGINE": "django.db.backends." + engine, "NAME": ":memory:"}
    if engine == "postgresql":
        port = request.getfixturevalue("postgresql")
        database.update(NAME="postgres", USER="postgres", HOST="127.0.0.1", PORT=port)
    elif engine == "mysql":
        port = request.getfixturevalue("mariadb")
        database.update(NAME="mysql", USER="root", HOST="127.0.0.1", PORT=port)
    with data_program(sys.executable, DJANGO, json.dumps(database)) as done:
        counts = done.counts("STATEMENT")
        assert done.said == [26] * 7 + [26, 26]

        def total(*starts):
            return sum(count for name, count in counts.items() if name.replace('"', "").replace("`", "").startswith(starts))

        assert total("INSERT INTO planted_django") == 7, counts
        assert total("SELECT COUNT(*)") == 7, counts
        assert total("UPDATE planted_django") == 1, counts
        assert total("SELECT id FROM planted_django") == 1, counts
        flags = done.region.records("REQUEST")[0].flags
        assert flags & 8  # repeated
        assert done.has(SECRET, "94711") == []
        assert done.region.counters["hook_errors"] == 0
