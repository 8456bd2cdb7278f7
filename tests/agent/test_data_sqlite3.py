# SPDX-License-Identifier: MIT
"""sqlite3 under the agent: every execution is counted, and nothing that an application sees changes."""

from support.instrumented_data import data_program

SECRET = "planted-7431"


def test_data_sqlite3__each_way_to_execute__counted_once(agent_python):
    with data_program(agent_python, """
        import sqlite3
        conn = sqlite3.connect(":memory:")
        conn.execute("CREATE TABLE t (a, b)")
        cursor = conn.cursor()
        for number in range(7):
            cursor.execute("INSERT INTO t VALUES (?, ?)", (number, "planted-7431"))
        cursor.executemany("INSERT INTO t VALUES (?, 'planted-7431')", [(1,), (2,)])
        conn.executemany("DELETE FROM t WHERE a = ? AND b = 'planted-7431'", [(1,)])
        conn.executescript("SELECT 1; SELECT 'planted-7431'")
        cursor.executescript("DROP TABLE IF EXISTS planted")
        for number in range(3):
            say(len(conn.execute("SELECT a FROM t WHERE b = 'planted-7431' AND a < 100").fetchall()))
        conn.commit()
        with conn:
            conn.execute("UPDATE t SET a = 4711")
    """) as done:
        assert done.said == [5, 5, 5] or len(set(done.said)) == 1
        counts = done.counts("STATEMENT")
        assert counts["INSERT INTO t VALUES (?)"] == 8
        assert counts["SELECT a FROM t WHERE b = ? AND a < ?"] == 3
        assert counts["UPDATE t SET a = ?"] == 1
        assert counts["COMMIT"] == 2
        assert sum(counts.values()) == 1 + 7 + 1 + 1 + 1 + 1 + 3 + 1 + 1 + 1
        assert {key.detail for key in done.keys("STATEMENT")} == {"sqlite"}
        assert done.has(SECRET, "4711") == []
        assert done.region.counters["hook_errors"] == 0


SAME = """
import sqlite3, pickle, sys, warnings, inspect
warnings.simplefilter("ignore")
out = []
def attempt(function):
    try:
        out.append(repr(function()))
    except BaseException as error:
        import traceback
        frames = traceback.extract_tb(error.__traceback__)
        out.append((type(error).__name__, str(error), len(frames), [frame.name for frame in frames]))
class Row(sqlite3.Row): pass
class OwnCursor(sqlite3.Cursor):
    def execute(self, *args):
        return super().execute(*args)
class PlainCursor(sqlite3.Cursor): pass
class OwnConnection(sqlite3.Connection):
    def cursor(self, factory=OwnCursor):
        return super().cursor(factory)
class PlainConnection(sqlite3.Connection): pass
conn = sqlite3.connect(":memory:")
cursor = conn.cursor()
attempt(lambda: isinstance(conn, sqlite3.Connection))
attempt(lambda: isinstance(cursor, sqlite3.Cursor))
attempt(lambda: type(conn).__name__ + type(conn).__module__ + type(conn).__qualname__)
attempt(lambda: type(cursor).__name__ + type(cursor).__module__)
attempt(lambda: type(sqlite3.connect(":memory:", factory=OwnConnection)) is OwnConnection)
attempt(lambda: type(sqlite3.connect(":memory:", 5.0, 0, None, True, PlainConnection)) is PlainConnection)
attempt(lambda: type(sqlite3.connect(":memory:", factory=OwnConnection).cursor()) is OwnCursor)
attempt(lambda: type(conn.cursor(PlainCursor)) is PlainCursor)
attempt(lambda: type(conn.cursor(factory=lambda c: OwnCursor(c))) is OwnCursor)
attempt(lambda: conn.cursor(factory=lambda c: 1))
attempt(lambda: conn.cursor(None))
attempt(lambda: pickle.dumps(conn))
attempt(lambda: pickle.dumps(cursor))
attempt(lambda: setattr(conn, "anything", 1))
attempt(lambda: setattr(cursor, "anything", 1))
attempt(lambda: cursor.execute("SELECT nonsense from nothing"))
attempt(lambda: cursor.execute())
attempt(lambda: cursor.execute(7))
attempt(lambda: cursor.execute("SELECT ?", (1, 2)))
attempt(lambda: conn.execute("SELECT 1").fetchall())
attempt(lambda: conn.execute("SELECT 1 AS a").description)
conn.row_factory = Row
attempt(lambda: type(conn.execute("SELECT 1 AS a").fetchone()).__name__)
attempt(lambda: conn.cursor().execute("SELECT 1 AS a").fetchone()["a"])
attempt(lambda: conn.cursor().connection is conn)
attempt(lambda: cursor.execute("SELECT 2") is cursor)
attempt(lambda: conn.executescript("SELECT 1").fetchall())
conn.text_factory = bytes
attempt(lambda: tuple(conn.execute("SELECT 'a'").fetchone()))
conn.create_function("boom", 0, lambda: 1 / 0)
attempt(lambda: conn.execute("SELECT boom()").fetchall())
def body():
    with conn:
        conn.execute("CREATE TABLE t (a UNIQUE)")
        conn.execute("INSERT INTO t VALUES (1)")
        conn.execute("INSERT INTO t VALUES (1)")
attempt(body)
attempt(lambda: conn.in_transaction)
attempt(lambda: list(conn.iterdump())[:1])
attempt(lambda: sqlite3.connect(":memory:", nonsense=1))
attempt(lambda: sqlite3.connect())
attempt(lambda: cursor.execute.__name__ + (cursor.execute.__doc__ or "") + conn.commit.__name__)
attempt(lambda: conn.cursor.__self__ is conn)
attempt(lambda: sqlite3.connect.__name__ + sqlite3.connect.__module__)
attempt(lambda: str(inspect.signature(sqlite3.connect)) if sys.version_info >= (3, 11) else "")
attempt(lambda: sqlite3.connect is sqlite3.dbapi2.connect)
attempt(lambda: pickle.loads(pickle.dumps(sqlite3.connect)) is sqlite3.connect)
conn.close()
attempt(lambda: conn.cursor())
attempt(lambda: cursor.execute("SELECT 1"))
"""


def test_data_sqlite3__what_an_application_sees__same_as_without(agent_python):
    with data_program(agent_python, SAME + "\nsay(out)") as done:
        instrumented = done.said[0]
        assert done.region.counters["hook_errors"] == 0
    with data_program(agent_python, SAME + "\nsay(out)", PITVIPER_DISABLE="sqlite3") as done:
        plain = done.said[0]
        assert done.counts("STATEMENT") == {}
    assert instrumented == plain


def test_data_sqlite3__own_classes__counted_where_they_execute(agent_python):
    with data_program(agent_python, """
        import sqlite3
        class Cursor(sqlite3.Cursor):
            def execute(self, sql, parameters=()):
                return super().execute(sql.replace("%s", "?"), parameters)
        class Connection(sqlite3.Connection):
            pass
        conn = sqlite3.connect(":memory:", factory=Connection)
        conn.execute("CREATE TABLE t (a)")
        for number in range(4):
            conn.cursor(factory=Cursor).execute("SELECT %s", (number,))
            conn.cursor(Cursor).executemany("UPDATE t SET a = ?", [])
            conn.cursor().execute("SELECT 5, 6")
            conn.execute("SELECT 'x'")
    """) as done:
        assert sum(done.counts("STATEMENT").values()) == 17
        assert done.counts("STATEMENT")["SELECT ?"] == 8


def test_data_sqlite3__failing_statements__counted_as_errors(agent_python):
    with data_program(agent_python, """
        import sqlite3
        conn = sqlite3.connect(":memory:")
        for number in range(5):
            try:
                conn.execute("SELECT x FROM planted WHERE y = 'planted-7431'")
            except sqlite3.OperationalError as error:
                pass
    """) as done:
        key = done.key("STATEMENT", "SELECT x FROM planted WHERE y = ?")
        assert (key.count, key.errors) == (5, 5)
        assert done.has(SECRET) == []


def test_data_sqlite3__same_statement_in_a_request__flagged_as_repeated(agent_python):
    with data_program(agent_python, """
        import sqlite3
        conn = sqlite3.connect(":memory:")
        page = request()
        for number in range(12):
            conn.execute("SELECT * FROM (SELECT %d AS a)" % number)
        page.end()
        page = request("/other")
        conn.execute("SELECT 1")
        page.end()
    """) as done:
        first, other = done.region.records("REQUEST")
        assert first.flags & 8 and not other.flags & 8
        parts = done.region.records("PARTS")[0].values
        assert (parts["statements"], parts["repeated"]) == (12, 12)
        assert parts["database_us"] > 0
        assert done.region.key(parts["repeated_key"]).name == "SELECT * FROM (SELECT ? AS a)"
        spans = [span for span in done.region.records("SPAN") if span.request == first.request]
        assert len(spans) == 12


def test_data_sqlite3__odd_statements__counted_and_withheld(agent_python):
    """A megabyte, text that is no Unicode, an open literal, NUL, and objects that are no text."""
    with data_program(agent_python, """
        import sqlite3
        conn = sqlite3.connect(":memory:")
        statements = [
            "SELECT '" + "planted-7431" * 87400 + "'",
            "SELECT " + ",".join(map(str, range(1000000, 1000999))) + "/*" + "x" * 1000000 + "*/",
            "SELECT \\ud800planted-7431",
            "SELECT 'planted-7431",
            "SELECT '\\0planted-7431'",
            b"SELECT 'planted-7431'",
            None,
        ]
        for statement in statements:
            try:
                conn.execute(statement)
            except BaseException as error:
                say(type(error).__name__)
        say(conn.execute("SELECT 1").fetchall())
    """) as done:
        assert sum(done.counts("STATEMENT").values()) == 8
        assert done.has(SECRET, "1000123") == []
        assert done.said[-1] == [[1]]


def test_data_sqlite3__cursors_of_other_threads__counted(agent_python):
    with data_program(agent_python, """
        import sqlite3, threading
        conn = sqlite3.connect(":memory:", check_same_thread=False)
        cursors = [conn.cursor() for _ in range(4)]
        lock = threading.Lock()
        def work(cursor):
            for number in range(250):
                with lock:
                    cursor.execute("SELECT %d" % number)
        threads = [threading.Thread(target=work, args=(cursor,)) for cursor in cursors]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        other = sqlite3.connect(":memory:")
        def refused():
            try:
                other.execute("SELECT 1")
            except sqlite3.ProgrammingError:
                say("refused")
        thread = threading.Thread(target=refused)
        thread.start()
        thread.join()
    """) as done:
        assert done.said == ["refused"]
        assert done.key("STATEMENT", "SELECT ?").count == 1001
        assert done.key("STATEMENT", "SELECT ?").errors == 1


def test_data_sqlite3__rows__where_the_driver_says(agent_python):
    with data_program(agent_python, """
        import sqlite3
        cursor = sqlite3.connect(":memory:").cursor()
        cursor.execute("CREATE TABLE t (a)")
        cursor.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(9)])
        cursor.execute("UPDATE t SET a = 1 WHERE a < 5")
        cursor.execute("SELECT a FROM t").fetchall()
    """) as done:
        assert done.key("STATEMENT", "INSERT INTO t VALUES (?)").rows == 9
        assert done.key("STATEMENT", "UPDATE t SET a = ? WHERE a < ?").rows == 5
        assert done.key("STATEMENT", "SELECT a FROM t").rows == 0


def test_data_sqlite3__detached__everything_is_put_back(agent_python):
    with data_program(agent_python, """
        import sqlite3, pitviper
        class Cursor(sqlite3.Cursor):
            def execute(self, *args): return super().execute(*args)
        class Plain(sqlite3.Cursor): pass
        before = Cursor.execute
        conn = sqlite3.connect(":memory:")
        conn.cursor(Cursor).execute("SELECT 1")
        conn.cursor(Plain).execute("SELECT 1")
        say(Cursor.execute is before)
        pitviper.disable()
        say([Cursor.execute is before, "execute" in vars(Plain), hasattr(sqlite3.connect, "__wrapped__")])
        conn.execute("SELECT 2")
        say(type(sqlite3.connect(":memory:")) is sqlite3.Connection)
    """) as done:
        assert done.said == [False, [True, False, False], True]
        assert sum(done.counts("STATEMENT").values()) == 2


def test_data_sqlite3__fork__child_counts_for_itself(agent_python):
    with data_program(agent_python, """
        import os, sqlite3
        conn = sqlite3.connect(":memory:")
        conn.execute("SELECT 1")
        if os.fork() == 0:
            sqlite3.connect(":memory:").execute("SELECT 1, 2")
            os._exit(0)
        os.wait()
    """) as done:
        assert done.counts("STATEMENT") == {"SELECT ?": 1}
