# SPDX-License-Identifier: MIT
"""psycopg 3: its cursors are Python classes, also in the C build; their methods are counted in place.

stream() and copy() are generators that live as long as the application reads: what is counted is the
sending of the statement. In a pipeline an execution only queues the statement; its leaf is that short.
"""
from pitviper.hooks import KIND_STATEMENT
from pitviper.hooks._factories import defining

DISTRIBUTION = "psycopg"
VERSIONS = ("3.0", "3")

SYSTEM = "postgresql"


def _statement(args, kwargs):
    """Of sql.SQL and sql.Composed, of a template string, of a statement given by keyword."""
    query = args[1] if len(args) > 1 else kwargs.get("query")
    if hasattr(query, "as_string"):
        return query.as_string(args[0])
    if hasattr(query, "strings"):
        return "?".join(query.strings)
    return query


def package(module, patch):
    options = dict(text=1, describe=_statement, rows="rowcount")
    leaf = patch.leaf(KIND_STATEMENT, SYSTEM, **options)
    leaf_async = patch.leaf_async(KIND_STATEMENT, SYSTEM, **options)
    for cursor in (module.Cursor, module.ServerCursor):
        patch.method(cursor, "execute", leaf)
    patch.method(module.Cursor, "executemany", leaf)
    for cursor in (module.AsyncCursor, module.AsyncServerCursor):
        patch.method(cursor, "execute", leaf_async)
    patch.method(module.AsyncCursor, "executemany", leaf_async)
    for name in ("_stream_send_gen", "_start_copy_gen"):
        owner = defining(module.Cursor, name)
        if owner is None:
            patch.note("Cursor has no %s" % name)
        else:
            patch.method(owner, name, patch.leaf_async(KIND_STATEMENT, SYSTEM, text=1, describe=_statement))
    for name in ("commit", "rollback"):
        patch.method(module.Connection, name, patch.leaf(KIND_STATEMENT, SYSTEM, name=name.upper()))
        patch.method(module.AsyncConnection, name, patch.leaf_async(KIND_STATEMENT, SYSTEM, name=name.upper()))


MODULES = {"psycopg": package}
