# SPDX-License-Identifier: MIT
"""Thread pools keep the request, log records name it, and libraries that nobody tested are left alone."""

import sys

from support.instrumented_data import data_program


def test_data_executor__submitted_work__belongs_to_the_request(agent_python):
    with data_program(agent_python, """
        import sqlite3, threading
        from concurrent.futures import ThreadPoolExecutor
        from contextvars import ContextVar
        mine = ContextVar("mine", default="unset")
        def work(number):
            conn = sqlite3.connect(":memory:")
            conn.execute("SELECT 1")
            return [_core.current().trace_id if _core.current() else None, mine.get()]
        with ThreadPoolExecutor(2) as pool:
            say(pool.submit(work, 0).result())
            page = request()
            mine.set("changed")
            say([page.trace_id, "unset"] == pool.submit(work, 1).result())
            say([page.trace_id for _ in range(20)] == [row[0] for row in pool.map(work, range(20))])
            def fails(): raise ValueError("x")
            import traceback
            try:
                pool.submit(fails).result()
            except ValueError as error:
                say([frame.name for frame in traceback.extract_tb(error.__traceback__)][-2:])
            page.end()
            say(pool.submit(work, 2).result()[0])
    """) as done:
        assert done.said == [[None, "unset"], True, True, ["run", "fails"], None]
        assert done.region.records("PARTS")[0].values["statements"] == 21


def test_data_executor__event_loop__belongs_to_the_request(agent_python):
    with data_program(agent_python, """
        import asyncio, sqlite3
        from concurrent.futures import ThreadPoolExecutor
        def work():
            sqlite3.connect(":memory:").execute("SELECT 1")
            return _core.current().trace_id
        async def page(number):
            own = request("/page/%d" % number)
            loop = asyncio.get_running_loop()
            for _ in range(number):
                assert await loop.run_in_executor(None, work) == own.trace_id
            if hasattr(asyncio, "to_thread"):
                assert await asyncio.to_thread(work) == own.trace_id
            else:
                await loop.run_in_executor(None, work)
            own.end()
        async def main():
            await asyncio.gather(*(page(number) for number in range(1, 5)))
        asyncio.run(main())
    """) as done:
        assert sorted(record.values["statements"] for record in done.region.records("PARTS")) == [2, 3, 4, 5]


def test_data_executor__processes_and_interpreters__work_as_without(agent_python):
    with data_program(agent_python, """
        import concurrent.futures as futures, os
        page = request()
        if __name__ == "__main__":
            import multiprocessing
            with futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
                say(pool.submit(abs, -3).result())
            if hasattr(futures, "InterpreterPoolExecutor"):
                with futures.InterpreterPoolExecutor(1) as pool:
                    say(pool.submit(abs, -4).result())
        page.end()
    """) as done:
        assert done.said[0] == 3 and done.said[1:] in ([], [4])
        assert done.region.counters["hook_errors"] == 0


LOGGING = """
import io, logging, pickle
text = io.StringIO()
handler = logging.StreamHandler(text)
handler.setFormatter(logging.Formatter("%(funcName)s %(message)s %(trace_id)s %(span_id)s"))
log = logging.getLogger("planted")
log.addHandler(handler)
def speak(word, **extra):
    log.warning(word, **extra)
speak("outside")
page = request()
speak("inside")
speak("own", extra={"trace_id": "mine"})
record = log.makeRecord("n", 30, "f", 1, "m", (), None)
say(pickle.loads(pickle.dumps(record)).trace_id == page.trace_id)
page.end()
lines = text.getvalue().splitlines()
say([lines[0], lines[1] == "speak inside %s %s" % (page.trace_id, page.span_id), lines[2] == "speak own mine %s" % page.span_id])
"""


def test_data_logging__asked_for__records_name_trace_and_span(agent_python):
    with data_program(agent_python, LOGGING, PITVIPER_LOG_IDS="1") as done:
        assert done.said == [True, ["speak outside  ", True, True]]
        assert done.errors == ""


def test_data_logging__not_asked_for__records_are_as_they_were(agent_python):
    with data_program(agent_python, """
        import logging
        say("trace_id" in logging.makeLogRecord({}).__dict__)
        say("trace_id" in logging.getLogger("x").makeRecord("n", 30, "f", 1, "m", (), None).__dict__)
    """) as done:
        assert done.said == [False, False]


def test_data_versions__untested_version__left_alone_and_said_once(tmp_path):
    package = tmp_path / "pymysql"
    package.mkdir()
    (package / "__init__.py").write_text("from . import cursors, connections\n")
    (package / "cursors.py").write_text("class Cursor:\n    def execute(self, sql): return sql\n")
    (package / "connections.py").write_text("class Connection:\n    def query(self, sql): return sql\n")
    (tmp_path / "PyMySQL-99.0.dist-info").mkdir()
    with data_program(sys.executable, """
        import logging, sys
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s %(message)s")
        sys.path.insert(0, sys.argv[1])
        import pymysql
        import pymysql.cursors
        say(pymysql.cursors.Cursor().execute("SELECT 'planted-7431'"))
        say(hasattr(pymysql.cursors.Cursor.execute, "__wrapped__"))
        from pitviper import hooks
        say(list(hooks.status()["pymysql"][:2]))
    """, tmp_path) as done:
        assert done.said == ["SELECT 'planted-7431'", False, ["left alone", "99.0"]]
        assert done.errors.count("pymysql is left alone") == 1
        assert done.counts("STATEMENT") == {}
