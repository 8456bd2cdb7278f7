# SPDX-License-Identifier: MIT
"""Django: both handlers, the route that the resolver found, rendering, and what ends as a 500.

Views, middlewares and the ORM need nothing here: queries are counted at the database driver.
"""
from pitviper import _core
from pitviper.hooks import KIND_TEMPLATE
from pitviper.hooks._requests import failed

DISTRIBUTION = "Django"
VERSIONS = ("3.2", "6.1")


def wsgi(module, patch):
    patch.method(module.WSGIHandler, "__call__", _core.wsgi)


def asgi(module, patch):
    patch.method(module.ASGIHandler, "__call__", _core.asgi)


def base(module, patch):
    from django.conf import settings

    known = {}

    def find(args, kwargs, match):
        route = getattr(match, "route", None)
        if route is None:
            return None
        template = known.get(route)
        if template is None:
            template = known[route] = (settings.FORCE_SCRIPT_NAME or "").rstrip("/") + "/" + readable(route)
        return template

    def handled(args, kwargs, result, exception):
        if result is not None:
            failed(args[1], handled=True)

    patch.method(module.BaseHandler, "resolve_request", patch.observe(None, _core.route(find)))
    patch.method(module.BaseHandler, "process_exception_by_middleware", patch.observe(None, handled))


def errors(module, patch):
    def unhandled(args, kwargs):
        failed(args[2][1], handled=False)

    patch.function(module, "handle_uncaught_exception", patch.observe(unhandled))


def templates(module, patch):
    patch.method(
        module.Template,
        "render",
        lambda render: _core.wrap(render, KIND_TEMPLATE, "django", describe=lambda args, kwargs: args[0].name or "(text)"),
    )


def readable(route):
    """The resolver's route without the syntax of regular expressions: "^a/(?P<year>[0-9]{4})/$" is "a/<year>/"."""
    if not any(mark in route for mark in "^$(\\"):
        return route
    out, at = [], 0
    while at < len(route):
        if route[at] == "(":
            end = _group_end(route, at)
            out.append(_group(route[at:end]))
            at = end + (route[end : end + 1] in ("?", "*", "+"))
        elif route[at] == "\\":
            out.append("" if route[at + 1 : at + 2] in ("A", "Z", "z") else route[at + 1 : at + 2])
            at += 2
        else:
            out.append("" if route[at] in "^$" else route[at])
            at += 1
    return "".join(out)


def _group_end(route, at):
    """Where the group that opens at `at` ends: brackets nest, and mean nothing inside of [...]."""
    depth, in_class = 0, False
    while at < len(route):
        char = route[at]
        if char == "\\":
            at += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
            at += route[at + 1 : at + 2] in ("]", "^")
        else:
            depth += (char == "(") - (char == ")")
            if depth == 0:
                return at + 1
        at += 1
    return len(route)


def _group(group):
    if group.startswith("(?P<"):
        return group[3 : group.index(">") + 1]
    return "<group>" if not group.startswith("(?") else readable(group[3:-1]) if group.startswith("(?:") else ""


MODULES = {
    "django.core.handlers.wsgi": wsgi,
    "django.core.handlers.asgi": asgi,
    "django.core.handlers.base": base,
    "django.core.handlers.exception": errors,
    "django.template.base": templates,
}
