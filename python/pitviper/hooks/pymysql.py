# SPDX-License-Identifier: MIT
"""PyMySQL: pure Python classes, counted in place. The server says at the handshake whether it is MariaDB."""
from pitviper.hooks import KIND_STATEMENT

DISTRIBUTION = "PyMySQL"
VERSIONS = ("0.9", "1")


def _system(connection):
    return "mariadb" if "MariaDB" in (getattr(connection, "server_version", None) or "") else "mysql"


def _statement(args, kwargs):
    return args[1] if len(args) > 1 else kwargs.get("query"), _system(args[0].connection)


def _procedure(args, kwargs):
    return "CALL %s()" % (args[1] if len(args) > 1 else kwargs.get("procname")), _system(args[0].connection)


def _direct(args, kwargs):
    return args[1] if len(args) > 1 else kwargs.get("sql"), _system(args[0])


def cursors(module, patch):
    leaf = patch.leaf(KIND_STATEMENT, "mysql", describe=_statement, rows="rowcount")
    patch.method(module.Cursor, "execute", leaf)
    patch.method(module.Cursor, "executemany", leaf)
    patch.method(module.Cursor, "callproc", patch.leaf(KIND_STATEMENT, "mysql", describe=_procedure))


def connections(module, patch):
    patch.method(module.Connection, "query", patch.leaf(KIND_STATEMENT, "mysql", describe=_direct))
    for name in ("commit", "rollback"):
        describe = lambda args, kwargs, text=name.upper(): (text, _system(args[0]))  # noqa: E731
        patch.method(module.Connection, name, patch.leaf(KIND_STATEMENT, "mysql", describe=describe))


MODULES = {"pymysql.cursors": cursors, "pymysql.connections": connections}
