# SPDX-License-Identifier: MIT
"""What several hook files of web frameworks say about the request in progress."""
from pitviper import _core


def failed(exception, handled):
    """An exception reached the framework: a handler of the application took it, or nobody did."""
    request = _core.current()
    if request is not None and isinstance(exception, Exception):
        request.error(exception, handled)


def serve(attribute, *makers):
    """For a server that keeps the application in an attribute: an observer that wraps what is there afterwards."""

    def after(args, kwargs, result, exception):
        application = getattr(args[0], attribute, None)
        if exception is None and callable(application):
            for make in makers:
                application = make(application)
            setattr(args[0], attribute, application)

    return after
