# SPDX-License-Identifier: MIT
"""Jinja2: rendering, by template. Queries that a template makes are counted, too, and as queries."""
from pitviper import _core
from pitviper.hooks import KIND_TEMPLATE

DISTRIBUTION = "jinja2"
VERSIONS = ("2.11", "3.1")


def name(args, kwargs):
    return args[0].name or "(text)"


def environment(module, patch):
    patch.method(module.Template, "render", lambda render: _core.wrap(render, KIND_TEMPLATE, "jinja2", describe=name))
    patch.method(
        module.Template, "render_async", lambda render: _core.wrap_async(render, KIND_TEMPLATE, "jinja2", describe=name)
    )


MODULES = {"jinja2.environment": environment}
