# SPDX-License-Identifier: MIT
"""aiohttp's server: an application's handling of one request; the route is the resource's canonical path."""
from pitviper import _core

DISTRIBUTION = "aiohttp"
VERSIONS = ("3.6", "3.14")


def server(module, patch):
    from aiohttp.web_exceptions import HTTPException

    def start(args):
        headers = args[1].headers
        queued = headers.get("X-Request-Start") or headers.get("X-Queue-Start")
        return args[1].method, headers.get("traceparent"), headers.get("tracestate"), queued

    def finish(args, response, exception):
        match = getattr(args[1], "_match_info", None)  # None: the router failed
        resource = getattr(getattr(match, "route", None), "resource", None)
        if isinstance(exception, HTTPException):
            response = exception
        return getattr(resource, "canonical", None), getattr(response, "status", None) or 0

    patch.method(module.Application, "_handle", lambda handle: _core.served(handle, start, finish))


MODULES = {"aiohttp.web_app": server}
