# SPDX-License-Identifier: MIT
"""sqlite3: every execution is a leaf, through the factories that connect() and cursor() take.

The shortcuts of a connection (conn.execute) make their cursor themselves: up to 3.10 by calling
cursor(), later inside C, so they are counted where they are called and what is below is not counted again.
Rows are fetched lazily by sqlite: what a leaf takes is the preparation and the first step.
"""
import sys

from pitviper import _core
from pitviper.hooks import KIND_STATEMENT
from pitviper.hooks._factories import Counted, is_written_in_python

DISTRIBUTION = None  # comes with Python
VERSIONS = ("3.8", None)

SYSTEM = "sqlite"


def _ending(args, kwargs):
    return "COMMIT" if len(args) > 1 and args[1] is None else "ROLLBACK"


def package(module, patch):
    leaf = patch.leaf(KIND_STATEMENT, SYSTEM, text=1)
    counted = patch.leaf(KIND_STATEMENT, SYSTEM, text=1, rows="rowcount")
    executions = {"execute": counted, "executemany": counted, "executescript": leaf}
    cursors = Counted(patch, module.Cursor, executions)

    def cursor(original):
        if is_written_in_python(original):  # it has a default of its own
            return _core.observe(original, None, cursors.adopt_type)
        return _core.supply(original, 1, "factory", cursors.own, cursors.adopt)

    methods = {
        "cursor": cursor,
        "execute": leaf,
        "executemany": leaf,
        "executescript": leaf,
        "commit": patch.leaf(KIND_STATEMENT, SYSTEM, name="COMMIT"),
        "rollback": patch.leaf(KIND_STATEMENT, SYSTEM, name="ROLLBACK"),
        "__exit__": patch.leaf(KIND_STATEMENT, SYSTEM, describe=_ending),
    }
    connections = Counted(patch, module.Connection, methods)

    def connect(original):
        return _core.supply(original, 5, "factory", connections.own, connections.adopt)

    patch.function(module, "connect", connect)
    for other in (module.dbapi2, sys.modules.get("_sqlite3")):  # where it is looked for, too: pickle, by its __module__
        if other is not None:
            patch.function(other, "connect", lambda original: module.connect)


MODULES = {"sqlite3": package}
