# SPDX-License-Identifier: MIT
"""aiohttp's client: one leaf per request of a session, redirects included, up to the response's headers."""
from pitviper.hooks import KIND_OUTBOUND
from pitviper.hooks import _outbound
from pitviper.hooks._factories import defining

DISTRIBUTION = "aiohttp"
VERSIONS = ("3.7", "3")


def _describe(args, kwargs):
    session = args[0]
    method = args[1] if len(args) > 1 else kwargs["method"]
    url = session._build_url(args[2] if len(args) > 2 else kwargs["str_or_url"])
    return _outbound.peer(url.scheme, url.raw_host, url.port), _outbound.method(method)


def _send_along(args, kwargs):
    _outbound.add_to(args[0].headers)


def client(module, patch):
    leaf = patch.leaf_async(KIND_OUTBOUND, describe=_describe, status="status")
    patch.method(module.ClientSession, "_request", leaf)


def requests(module, patch):
    """A ClientRequest and its headers are made for one sending; each redirect has its own."""
    owner = defining(module.ClientRequest, "send")
    patch.method(owner or module.ClientRequest, "send", patch.observe_async(before=_send_along))


MODULES = {"aiohttp.client": client, "aiohttp.client_reqrep": requests}
