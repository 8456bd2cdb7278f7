# SPDX-License-Identifier: MIT
"""asyncpg: the public coroutines of a connection, prepared statements, cursors and COPY.

Hooked when the whole package is there: its pool builds proxies of those methods of Connection that are
plain functions, at import.
"""
from pitviper.hooks import KIND_STATEMENT

DISTRIBUTION = "asyncpg"
VERSIONS = ("0.20", None)

SYSTEM = "postgresql"


def _statement(args, kwargs):
    return kwargs.get("query", kwargs.get("command"))


def _prepared(args, kwargs):
    return args[0]._query


def _copy_records(args, kwargs):
    return 'COPY "%s" FROM STDIN' % (args[1] if len(args) > 1 else kwargs.get("table_name"))


def package(module, patch):
    from asyncpg import cursor, prepared_stmt

    leaf = patch.leaf_async(KIND_STATEMENT, SYSTEM, text=1, describe=_statement)
    fetch = patch.leaf_async(KIND_STATEMENT, SYSTEM, text=1, describe=_statement, rows="len()")
    for name in ("execute", "executemany", "fetchval", "fetchrow", "_copy_in", "_copy_out"):
        patch.method(module.Connection, name, leaf)
    for name in ("fetch", "fetchmany"):
        patch.method(module.Connection, name, fetch)
    records = patch.leaf_async(KIND_STATEMENT, SYSTEM, describe=_copy_records)
    patch.method(module.Connection, "copy_records_to_table", records)
    prepared = patch.leaf_async(KIND_STATEMENT, SYSTEM, describe=_prepared)
    for name in ("fetchval", "fetchrow", "executemany"):
        patch.method(prepared_stmt.PreparedStatement, name, prepared)
    for name in ("fetch", "fetchmany"):
        make = patch.leaf_async(KIND_STATEMENT, SYSTEM, describe=_prepared, rows="len()")
        patch.method(prepared_stmt.PreparedStatement, name, make)
    for name in ("_bind_exec", "_bind"):  # the first portion of a cursor; later ones are fetches
        patch.method(cursor.BaseCursor, name, prepared)


MODULES = {"asyncpg": package}
