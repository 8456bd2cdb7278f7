# SPDX-License-Identifier: MIT
"""Hypercorn: the application inside of its adapters for both protocols."""
from pitviper import _core
from pitviper.hooks._requests import serve

DISTRIBUTION = "hypercorn"
VERSIONS = ("0.14", "0.18")


def adapters(module, patch):
    patch.method(module.ASGIWrapper, "__init__", patch.observe(None, serve("app", _core.asgi)))
    patch.method(module.WSGIWrapper, "__init__", patch.observe(None, serve("app", _core.wsgi)))


MODULES = {"hypercorn.app_wrappers": adapters}
