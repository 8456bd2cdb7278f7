# SPDX-License-Identifier: MIT
"""Flask: a request is a call of the application object; its route is known once the URL has matched."""
from pitviper import _core
from pitviper.hooks._requests import failed

DISTRIBUTION = "flask"
VERSIONS = ("2.0", "3.2")


def application(module, patch):
    from werkzeug.exceptions import HTTPException

    def handled(args, kwargs, result, exception):
        seen = args[-1] if len(args) > 1 else kwargs.get("e")
        if exception is None and not isinstance(seen, HTTPException):
            failed(seen, handled=True)

    patch.method(module.Flask, "__call__", _core.wsgi)
    patch.method(module.Flask, "handle_exception", patch.observe(unhandled))
    patch.method(module.Flask, "handle_user_exception", patch.observe(None, handled))


def unhandled(args, kwargs):
    failed(args[-1] if len(args) > 1 else kwargs.get("e"), handled=False)


def contexts(module, patch):
    route = _core.route("0.request.url_rule.rule")
    for name in ("RequestContext", "AppContext"):  # the latter from 3.2 on
        owner = vars(module).get(name)
        if owner is not None and "match_request" in vars(owner):
            patch.method(owner, "match_request", patch.observe(None, route))


MODULES = {"flask.app": application, "flask.ctx": contexts}
