# SPDX-License-Identifier: MIT
"""PyMySQL and mysqlclient against a real MariaDB."""

import sys

import pytest

from support.instrumented_data import data_program

SECRET, NUMBER = "planted-7431", "94711"


@pytest.mark.parametrize("driver", ["pymysql", "MySQLdb"])
def test_data_mysql__each_way_to_execute__counted_once(mariadb, driver):
    with data_program(sys.executable, """
        import importlib, sys, threading
        driver = importlib.import_module(sys.argv[1])
        cursors = importlib.import_module(sys.argv[1] + ".cursors")
        def connect(**options):
            return driver.connect(host="127.0.0.1", port=int(sys.argv[2]), user="root", **options)
        conn = connect()
        cur = conn.cursor()
        cur.execute("CREATE DATABASE IF NOT EXISTS planted")
        cur.execute("CREATE OR REPLACE TABLE planted.t (a int, b text)")
        for number in range(6):
            cur.execute("INSERT INTO planted.t VALUES (%s, %s)", (number, "planted-7431"))
        cur.execute("SELECT a FROM planted.t WHERE b = 'planted-7431'")
        say(cur.rowcount)
        cur.executemany("INSERT INTO planted.t VALUES (%s, 'planted-7431')", [(1,), (2,)])
        cur.executemany("UPDATE planted.t SET a = %s WHERE b = 'planted-7431'", [(1,), (2,)])
        for kind in (cursors.DictCursor, cursors.SSCursor):
            with conn.cursor(kind) as other:
                other.execute("SELECT 94711 AS a")
                say(list(other.fetchall()) in ([{"a": 94711}], [(94711,)]))
        conn.query("SELECT 94711, 2, 3")
        conn.store_result() if hasattr(conn, "store_result") else None
        try:
            cur.execute("SELECT nonsense FROM planted.missing WHERE b = 'planted-7431'")
        except driver.ProgrammingError:
            pass
        class Own(cursors.Cursor):
            def execute(self, *args): return super().execute(*args)
        conn.cursor(Own).execute("SELECT 1 AS own")
        conn.commit(); conn.rollback()
        def elsewhere():
            connect().cursor().execute("SELECT 1 AS thread")
        thread = threading.Thread(target=elsewhere); thread.start(); thread.join()
    """, driver, mariadb) as done:
        counts = done.counts("STATEMENT")
        assert done.said == [6, True, True]
        assert counts["INSERT INTO planted.t VALUES (?)"] == 6 + 1, counts  # and executemany
        assert counts["SELECT ? AS a"] == 2
        assert counts["SELECT ? AS own"] == counts["SELECT ? AS thread"] == 1
        assert counts["COMMIT"] == counts["ROLLBACK"] == 1
        setup = sum(counts[name] for name in counts if name.upper().startswith("SET "))
        assert sum(counts.values()) - setup == 2 + 6 + 1 + 2 + 2 + 1 + 1 + 1 + 2 + 1, counts
        assert done.key("STATEMENT", "SELECT a FROM planted.t WHERE b = ?").rows == 6
        assert done.key("STATEMENT", "SELECT nonsense FROM planted.missing WHERE b = ?").errors == 1
        assert {key.detail for key in done.keys("STATEMENT") if not key.name.startswith("SET ")} == {"mariadb"}
        assert done.has(SECRET, NUMBER) == []
        assert done.region.counters["hook_errors"] == 0


@pytest.mark.parametrize("driver", ["pymysql", "MySQLdb"])
def test_data_mysql__odd_statements__counted_and_withheld(mariadb, driver):
    with data_program(sys.executable, """
        import importlib, sys
        driver = importlib.import_module(sys.argv[1])
        conn = driver.connect(host="127.0.0.1", port=int(sys.argv[2]), user="root")
        for statement in ("SELECT '" + "planted-7431" * 87400 + "'", b"SELECT '\\xff\\xfeplanted-7431'",
                          "SELECT 'planted-7431", 'SELECT "planted-7431"', "SELECT '\\\\'planted-7431'",
                          "SELECT '\\ud800planted-7431'", 94711):
            try:
                conn.cursor().execute(statement)
            except Exception as error:
                say(type(error).__name__)
    """, driver, mariadb) as done:
        assert sum(count for name, count in done.counts("STATEMENT").items() if not name.startswith("SET ")) == 7
        assert done.has(SECRET, NUMBER) == []
        assert done.region.counters["hook_errors"] == 0
