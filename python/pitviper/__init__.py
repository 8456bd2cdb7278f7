# SPDX-License-Identifier: MIT
"""pitviper inside a program: requests, queries, errors, and what you tell it yourself.

    import pitviper.auto                      # instruments every library that pitviper knows

    @pitviper.track("invoice")                # how often, how long; functions, coroutines, `with` blocks
    def invoice(order): ...

    pitviper.log_metric("/checkout", 182.5)   # a JSON line in performance_log.jsonl

Importing this module instruments nothing by itself; enable() and pitviper.auto do. Where the extension cannot be
loaded everything here does nothing, after one warning. docs/python.md has the rest.
"""
from pitviper import config

config.load()  # before the extension, which reads the environment
try:
    if config.flag("disabled"):
        raise ImportError
    import pitviper._core as _core
    from pitviper._core import PerformanceMonitor, log_metric, track
except ImportError as _error:
    from pitviper._absent import PerformanceMonitor, log_metric, track, warn

    _core = None
    warn(_error)
    del _error, warn

__all__ = ["PerformanceMonitor", "current_trace_id", "disable", "enable", "log_metric", "track"]
__version__ = getattr(_core, "__version__", None)


def enable():
    """Instruments this process, now and for later imports. False: the extension is not there."""
    if _core is None:
        return False
    from pitviper import hooks

    _core.enable()
    hooks.attach(config.words("disable"))
    return True


def disable():
    """Counts nothing any more and puts back what was replaced in other modules. enable() begins again."""
    if _core is None:
        return
    from pitviper import hooks

    hooks.detach()
    _core.disable()


def current_trace_id():
    """The W3C trace id of the request that this code works for, 32 hexadecimal digits; None: for no request."""
    request = _core.current() if _core is not None else None
    return None if request is None else request.trace_id
