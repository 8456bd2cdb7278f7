# SPDX-License-Identifier: MIT
"""Thread pools keep the request: what is submitted inside a request runs as a part of it.

Only our own variable goes along, not a copy of the whole context: other context variables of the
application are what they would be without us. loop.run_in_executor() submits to such a pool; asyncio.to_thread()
copies the context itself. Pools of processes and of interpreters pickle what they are given and are left alone.
"""
from pitviper import _core

DISTRIBUTION = None
VERSIONS = ("3.8", None)


def _carry(args, kwargs):
    """submit(pool, function, ...)"""
    if len(args) < 2 or _core.current() is None or type(args[0]).__name__ == "InterpreterPoolExecutor":
        return None
    return (args[0], _core.carry(args[1])) + args[2:], kwargs


def thread(module, patch):
    patch.method(module.ThreadPoolExecutor, "submit", lambda original: _core.rewrite(original, _carry))


MODULES = {"concurrent.futures.thread": thread}
