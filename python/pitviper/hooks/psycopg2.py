# SPDX-License-Identifier: MIT
"""psycopg2: real subclasses of its C types, never proxies: register_type(), register_json(), quote_ident()
and every other check in C look at the type.

Which cursor a connection makes is decided as psycopg2 does it: the argument of cursor(), the connection's
cursor_factory, the default; only the last is replaced, the others are counted in place. A connection class
with a cursor() of its own is asked nothing: what it makes of a class of its own is counted.
"""
from pitviper import _core
from pitviper.hooks import KIND_STATEMENT
from pitviper.hooks._factories import Counted, is_written_in_python

DISTRIBUTION = ("psycopg2", "psycopg2-binary")
VERSIONS = ("2.8", "2")

SYSTEM = "postgresql"


def _statement(args, kwargs):
    """Of a sql.Composed; of one that was given by keyword."""
    query = args[1] if len(args) > 1 else kwargs.get("query", kwargs.get("sql"))
    return query.as_string(args[0]) if hasattr(query, "as_string") else query


def _procedure(args, kwargs):
    return "SELECT * FROM %s()" % (args[1] if len(args) > 1 else kwargs.get("procname"))


def _copy_from(args, kwargs):
    return "COPY %s FROM STDIN" % (args[2] if len(args) > 2 else kwargs.get("table"))


def _copy_to(args, kwargs):
    return "COPY %s TO STDOUT" % (args[2] if len(args) > 2 else kwargs.get("table"))


def package(module, patch):
    from psycopg2 import extensions

    execution = patch.leaf(KIND_STATEMENT, SYSTEM, text=1, describe=_statement, rows="rowcount")
    executions = {
        "execute": execution,
        "executemany": execution,
        "copy_expert": execution,
        "callproc": patch.leaf(KIND_STATEMENT, SYSTEM, describe=_procedure, rows="rowcount"),
        "copy_from": patch.leaf(KIND_STATEMENT, SYSTEM, describe=_copy_from, rows="rowcount"),
        "copy_to": patch.leaf(KIND_STATEMENT, SYSTEM, describe=_copy_to, rows="rowcount"),
    }
    cursors = Counted(patch, extensions.cursor, executions)

    def choose_cursor(args, kwargs):
        given = args[2] if len(args) > 2 else kwargs.get("cursor_factory")
        given = given or args[0].cursor_factory
        if given is not None:
            cursors.adopt(given)
        elif len(args) > 2:
            return args[:2] + (cursors.own,) + args[3:], kwargs
        else:
            return args, dict(kwargs, cursor_factory=cursors.own)
        return None

    def cursor(original):
        if is_written_in_python(original):  # it has a default of its own, as DictConnection has
            return _core.observe(original, None, cursors.adopt_type)
        return _core.rewrite(original, choose_cursor)

    methods = {
        "cursor": cursor,
        "commit": patch.leaf(KIND_STATEMENT, SYSTEM, name="COMMIT"),
        "rollback": patch.leaf(KIND_STATEMENT, SYSTEM, name="ROLLBACK"),
    }
    connections = Counted(patch, extensions.connection, methods)

    def choose_connection(args, kwargs):
        given = args[1] if len(args) > 1 else kwargs.get("connection_factory")
        if given is not None:
            connections.adopt(given)
        elif len(args) > 1:
            return args[:1] + (connections.own,) + args[2:], kwargs
        else:
            return args, dict(kwargs, connection_factory=connections.own)
        return None

    # connect() looks _connect up in its module at each call: also for those who imported connect before.
    patch.function(module, "_connect", lambda original: _core.rewrite(original, choose_connection))


MODULES = {"psycopg2": package}
