# SPDX-License-Identifier: MIT
"""Celery: a task is what a web request is elsewhere, named by the task; its signals tell all of it.

The message carries the sender's trace context, and when it was sent: what passed before the worker took it is
queue time. Tasks with a countdown or an eta wait because they were asked to, so they have none.
"""
import time

from pitviper import _core
from pitviper.hooks import KIND_TASK

DISTRIBUTION = "celery"
VERSIONS = ("4.4", "5.7")

SENT = "pitviper_sent"  # message header: seconds since 1970
LONGEST_QUEUE_S = 86400.0

_running = {}  # task id → its requests, innermost last


def prerun(task_id=None, task=None, **_):
    message = task.request
    request = _core.begin(
        KIND_TASK,
        task.name,
        "celery",
        traceparent=_text(message, "traceparent"),
        tracestate=_text(message, "tracestate"),
        queued_since=_queued_since(message),
    )
    if request is not None:
        _running.setdefault(task_id, []).append(request)


def postrun(task_id=None, **_):
    requests = _running.get(task_id)
    if requests:
        requests.pop().end()
        if not requests:
            del _running[task_id]


def failure(task_id=None, exception=None, **_):
    _error(task_id, exception, False)


def retry(request=None, reason=None, **_):
    _error(getattr(request, "id", None), getattr(reason, "exc", None) or reason, True)


def publish(headers=None, eta=None, **_):
    if headers is None:
        return
    request = _core.current()
    if request is not None and "traceparent" not in headers:
        headers["traceparent"] = request.traceparent
        if request.tracestate:
            headers["tracestate"] = request.tracestate
    if not headers.get("eta"):
        headers[SENT] = time.time()


def _error(task_id, exception, handled):
    requests = _running.get(task_id)
    if requests and isinstance(exception, BaseException):
        requests[-1].error(exception, handled)


def _text(message, name):
    value = message.get(name)
    return value if isinstance(value, str) else None


def _queued_since(message):
    """On the monotonic clock; 0.0: not known. A sender's clock that runs ahead means not queued."""
    sent = message.get(SENT)
    if not isinstance(sent, float) or message.get("retries"):
        return 0.0
    waited = time.time() - sent
    return time.monotonic() - waited if 0.0 < waited < LONGEST_QUEUE_S else 0.0


def signals(module, patch):
    for name, receiver in (
        ("task_prerun", prerun),
        ("task_postrun", postrun),
        ("task_failure", failure),
        ("task_retry", retry),
        ("before_task_publish", publish),
    ):
        signal = getattr(module, name)
        signal.connect(receiver, weak=False, dispatch_uid="pitviper")
        patch.undo(lambda signal=signal: signal.disconnect(dispatch_uid="pitviper"))


MODULES = {"celery.signals": signals}
