# SPDX-License-Identifier: MIT
"""urllib.request: one leaf per open(), redirects included; what is not HTTP is not counted."""
from pitviper.hooks import KIND_OUTBOUND
from pitviper.hooks import _outbound

DISTRIBUTION = None
VERSIONS = ("3.8", None)


def _describe(args, kwargs):
    from urllib.parse import urlsplit

    target = args[1] if len(args) > 1 else kwargs["fullurl"]
    if isinstance(target, str):
        parts, method = urlsplit(target), None
    else:
        parts, method = urlsplit(target.full_url), target.get_method()
    if parts.scheme not in _outbound.DEFAULT_PORTS:
        return None
    if method is None:
        data = args[2] if len(args) > 2 else kwargs.get("data")
        method = "GET" if data is None else "POST"
    return _outbound.peer(parts.scheme, parts.hostname, parts.port), _outbound.method(method)


def request(module, patch):
    leaf = patch.leaf(KIND_OUTBOUND, describe=_describe, status="code")
    patch.method(module.OpenerDirector, "open", leaf)


MODULES = {"urllib.request": request}
