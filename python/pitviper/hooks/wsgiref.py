# SPDX-License-Identifier: MIT
"""wsgiref: the application that its server was given. Django's development server is one of these."""
from pitviper import _core
from pitviper.hooks._requests import serve

DISTRIBUTION = None
VERSIONS = ("3.8", "3.15")


def server(module, patch):
    patch.method(module.WSGIServer, "set_app", patch.observe(None, serve("application", _core.wsgi)))


MODULES = {"wsgiref.simple_server": server}
