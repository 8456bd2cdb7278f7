# SPDX-License-Identifier: MIT
"""SQLAlchemy: statements of drivers that have no hook file of their own, and the wait for a connection.

Drivers with a hook file are counted there; under SQLAlchemy nothing is counted twice, because each engine
is looked at when it is made. The wait for a connection of the pool is an event of its own; its errors are
the times that none was free, so that a new one was made or the wait ended in a timeout.
"""
from pitviper import _core, hooks
from pitviper.hooks import KIND_QUEUE, KIND_STATEMENT

DISTRIBUTION = "SQLAlchemy"
VERSIONS = ("1.3", "2")

POOL_WAIT = "sqlalchemy pool"

# SQLAlchemy's name of a driver → the hook file that counts it. aiosqlite runs sqlite3 in a thread.
COUNTED_BELOW = {
    "pysqlite": "sqlite3",
    "aiosqlite": "sqlite3",
    "psycopg2": "psycopg2",
    "psycopg": "psycopg",
    "psycopg_async": "psycopg",
    "asyncpg": "asyncpg",
    "pymysql": "pymysql",
    "mysqldb": "mysqlclient",
}

# SQLAlchemy's name of a database → OpenTelemetry's, where they differ.
SYSTEMS = {"mssql": "microsoft.sql_server", "oracle": "oracle.db"}

EXECUTIONS = ("do_execute", "do_execute_no_params", "do_executemany")


def _is_counted_below(driver):
    state = hooks.status().get(COUNTED_BELOW.get(driver), ("",))[0]
    return state in (hooks.WATCHED, hooks.HOOKED)


def engines(module, patch):
    def made(args, kwargs, result, exception):
        dialect = getattr(args[0], "dialect", None)
        if exception is not None or dialect is None or _is_counted_below(dialect.driver):
            return
        system = SYSTEMS.get(dialect.name, dialect.name)
        for name in EXECUTIONS:
            if name not in vars(dialect):
                bound = getattr(dialect, name)
                setattr(dialect, name, _core.wrap(bound, KIND_STATEMENT, system, text=1))
                patch.undo(lambda name=name: vars(dialect).pop(name, None))

    patch.method(module.Engine, "__init__", patch.observe(after=made))


def queues(module, patch):
    wait = patch.leaf(KIND_QUEUE, name=POOL_WAIT)
    patch.method(module.Queue, "get", wait)
    if hasattr(module, "AsyncAdaptedQueue"):  # 1.4
        patch.method(module.AsyncAdaptedQueue, "get", wait)


MODULES = {"sqlalchemy.engine.base": engines, "sqlalchemy.util.queue": queues}
