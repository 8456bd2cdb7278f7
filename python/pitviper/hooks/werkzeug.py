# SPDX-License-Identifier: MIT
"""werkzeug: the application of its development server. What Flask needs is in flask.py."""
from pitviper import _core
from pitviper.hooks._requests import serve

DISTRIBUTION = "werkzeug"
VERSIONS = ("2.0", "3.1")


def serving(module, patch):
    patch.method(module.BaseWSGIServer, "__init__", patch.observe(None, serve("app", _core.wsgi)))


MODULES = {"werkzeug.serving": serving}
