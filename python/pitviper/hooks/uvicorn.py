# SPDX-License-Identifier: MIT
"""uvicorn: the application that it has loaded, with the middlewares that it puts around it."""
from pitviper import _core
from pitviper.hooks._requests import serve

DISTRIBUTION = "uvicorn"
VERSIONS = ("0.13", "0.54")


def config(module, patch):
    patch.method(module.Config, "load", patch.observe(None, serve("loaded_app", _core.asgi)))


MODULES = {"uvicorn.config": config}
