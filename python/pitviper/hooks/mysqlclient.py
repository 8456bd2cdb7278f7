# SPDX-License-Identifier: MIT
"""mysqlclient (MySQLdb): cursors are Python classes; a connection's query() is, its commit() is C below."""
from pitviper.hooks import KIND_STATEMENT
from pitviper.hooks._factories import inherited

DISTRIBUTION = "mysqlclient"
VERSIONS = ("1.4", "2")


def _system(connection):
    try:
        return "mariadb" if "MariaDB" in connection.get_server_info() else "mysql"
    except Exception:  # it is closed
        return "mysql"


def _statement(args, kwargs):
    return args[1] if len(args) > 1 else kwargs.get("query"), _system(args[0].connection)


def _procedure(args, kwargs):
    name = args[1] if len(args) > 1 else kwargs.get("procname")
    return "CALL %s()" % (name.decode() if isinstance(name, bytes) else name), _system(args[0].connection)


def _direct(args, kwargs):
    return args[1] if len(args) > 1 else kwargs.get("query"), _system(args[0])


def cursors(module, patch):
    leaf = patch.leaf(KIND_STATEMENT, "mysql", describe=_statement, rows="rowcount")
    patch.method(module.BaseCursor, "execute", leaf)
    patch.method(module.BaseCursor, "executemany", leaf)
    patch.method(module.BaseCursor, "callproc", patch.leaf(KIND_STATEMENT, "mysql", describe=_procedure))


def connections(module, patch):
    patch.method(module.Connection, "query", patch.leaf(KIND_STATEMENT, "mysql", describe=_direct))
    for name in ("commit", "rollback"):
        describe = lambda args, kwargs, text=name.upper(): (text, _system(args[0]))  # noqa: E731
        inherited(patch, module.Connection, name, patch.leaf(KIND_STATEMENT, "mysql", describe=describe))


MODULES = {"MySQLdb.cursors": cursors, "MySQLdb.connections": connections}
