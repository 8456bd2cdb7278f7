# SPDX-License-Identifier: MIT
"""pymongo: its own command listener, in the thread or task that runs the command.

A command is named with its collection ("find users"); of the command itself nothing is kept. A listener
counts for clients that are made after it was registered.
"""
from pitviper import _core
from pitviper.hooks import KIND_CACHE

DISTRIBUTION = "pymongo"
VERSIONS = ("3.7", "4")

SYSTEM = "mongodb"
OPEN_MAX = 10000  # commands under way that a name is remembered for

# Commands → where they name their collection; what others say there may be anything.
COLLECTIONS = {
    name: name
    for name in (
        "aggregate collMod count create createIndexes delete distinct drop dropIndexes find findAndModify insert "
        "listIndexes mapReduce update"
    ).split()
}
COLLECTIONS["getMore"] = "collection"


def package(module, patch):
    from pymongo import monitoring

    class Listener(monitoring.CommandListener):
        """Counts commands. `open`: (request id, connection) → name, from their start to their end."""

        def __init__(self):
            self.open = {}
            self.active = True

        def started(self, event):
            if not self.active or len(self.open) >= OPEN_MAX:
                return
            name = event.command_name
            target = event.command.get(COLLECTIONS.get(name))
            if isinstance(target, str):
                self.open[event.request_id, event.connection_id] = "%s %s" % (name, target)

        def succeeded(self, event):
            self._ended(event, False)

        def failed(self, event):
            self._ended(event, True)

        def _ended(self, event, error):
            name = self.open.pop((event.request_id, event.connection_id), event.command_name)
            if self.active:
                _core.leaf(KIND_CACHE, name, SYSTEM, event.duration_micros / 1e6, error)

    listener = Listener()

    def stop():
        listener.active = False
        listener.open.clear()

    monitoring.register(listener)
    patch.undo(stop)


MODULES = {"pymongo": package}
