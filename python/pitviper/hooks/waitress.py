# SPDX-License-Identifier: MIT
"""waitress: the application of its servers."""
from pitviper import _core
from pitviper.hooks._requests import serve

DISTRIBUTION = "waitress"
VERSIONS = ("1.4", "3.0")


def server(module, patch):
    patch.method(module.BaseWSGIServer, "__init__", patch.observe(None, serve("application", _core.wsgi)))


MODULES = {"waitress.server": server}
