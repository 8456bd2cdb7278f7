# SPDX-License-Identifier: MIT
"""PITVIPER_LOG_IDS=1: log records have `trace_id` and `span_id`, empty outside of a request.

Set on the finished record, not by a record factory: logging refuses `extra` with the name of an attribute
that the factory has set, and an application that passes its own trace_id must keep working, with its own.
"""
from pitviper import _core, config

DISTRIBUTION = None
VERSIONS = ("3.8", None)


def _made(args, kwargs, record, exception):
    if exception is not None:
        return
    request = _core.current()
    fields = record.__dict__
    fields.setdefault("trace_id", request.trace_id if request else "")
    fields.setdefault("span_id", request.span_id if request else "")


def package(module, patch):
    patch.method(module.Logger, "makeRecord", patch.observe(after=_made))


MODULES = {"logging": package} if config.flag("log_ids") else {}
