# SPDX-License-Identifier: MIT
"""httpx: the transports that use the network, sync and async; transports made for tests are not outbound calls.

Headers sent along are taken off the request object again: an application that sends it twice, or looks at
it, finds what it made.
"""
from pitviper import _core
from pitviper.hooks import KIND_OUTBOUND
from pitviper.hooks import _outbound

DISTRIBUTION = "httpx"
VERSIONS = ("0.18", "0")


def _request(args, kwargs):
    return args[1] if len(args) > 1 else kwargs["request"]


def _describe(args, kwargs):
    request = _request(args, kwargs)
    url = request.url
    return _outbound.peer(url.scheme, url.host, url.port), _outbound.method(request.method)


def _send_along(args, kwargs):
    _outbound.add_to(_request(args, kwargs).headers)


def _take_off(args, kwargs, result, exception):
    headers = _request(args, kwargs).headers
    for name, value in _outbound.headers():
        if headers.get(name) == value:
            del headers[name]


def transports(module, patch):
    counted = dict(describe=_describe, status="status_code")
    leaf = patch.leaf(KIND_OUTBOUND, **counted)
    leaf_async = patch.leaf_async(KIND_OUTBOUND, **counted)

    def sync(original):
        return leaf(_core.observe(original, _send_along, _take_off))

    def coroutine(original):
        return leaf_async(_core.observe_async(original, _send_along, _take_off))

    patch.method(module.HTTPTransport, "handle_request", sync)
    patch.method(module.AsyncHTTPTransport, "handle_async_request", coroutine)


MODULES = {"httpx": transports}
