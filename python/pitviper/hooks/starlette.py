# SPDX-License-Identifier: MIT
"""Starlette: applications, and routes composed of the mounts that a request has passed and the route that takes it."""
from pitviper import _core
from pitviper.hooks._requests import failed

DISTRIBUTION = "starlette"
VERSIONS = ("0.14", "1.10")


def application(module, patch):
    patch.method(module.Starlette, "__call__", _core.asgi)


def routing(module, patch):
    patch.method(module.Mount, "handle", patch.observe(_core.route("0.path", mount=True)))
    patch.method(module.Route, "handle", patch.observe(_core.route("0.path")))


def handlers(module, patch):
    from starlette.exceptions import HTTPException

    def handled(args, kwargs, handler, exception):
        seen = args[1] if len(args) > 1 else None
        if handler is not None and not isinstance(seen, HTTPException):
            failed(seen, handled=True)

    patch.function(module, "_lookup_exception_handler", patch.observe(None, handled))


MODULES = {
    "starlette.applications": application,
    "starlette.routing": routing,
    "starlette._exception_handler": handlers,
}
