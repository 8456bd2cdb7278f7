# SPDX-License-Identifier: MIT
"""The public interface where the extension is not there: everything may be called and nothing happens."""


class track:
    """A decorator that returns what it decorates, and a `with` that does nothing."""

    def __new__(cls, name=None, **limits):
        return name if callable(name) else super().__new__(cls)

    def __call__(self, function):
        return function

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exception):
        return None


class PerformanceMonitor:
    def __init__(self, **limits):
        pass

    def track(self, name=None, **limits):
        return track(name)

    def add(self, name, duration_ms):
        pass

    def report(self):
        return {}

    def reset(self):
        pass


def log_metric(endpoint, duration_ms):
    pass


def warn(error):
    """Says why, unless it was asked for (PITVIPER_DISABLED=1 comes without a reason)."""
    if str(error):
        import logging

        logging.getLogger("pitviper").warning("pitviper does nothing in this process: %s", error)
