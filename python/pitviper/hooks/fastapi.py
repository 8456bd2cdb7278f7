# SPDX-License-Identifier: MIT
"""FastAPI: Starlette's hooks, and the routes of included routers, whose prefixes newer versions keep beside the route."""
from pitviper import _core

DISTRIBUTION = "fastapi"
VERSIONS = ("0.60", "0.165")


def application(module, patch):
    patch.method(module.FastAPI, "__call__", _core.asgi)


def routing(module, patch):
    if "handle" not in vars(module.APIRoute):
        return  # Starlette's, with the whole path
    context_of = vars(module).get("_get_scope_effective_route_context")

    def find(args, kwargs, result):
        route = args[0]
        context = context_of(args[1]) if context_of is not None else None
        if context is not None and context.original_route is route:
            return context.path
        return route.path

    patch.method(module.APIRoute, "handle", patch.observe(_core.route(find)))


MODULES = {"fastapi.applications": application, "fastapi.routing": routing}
