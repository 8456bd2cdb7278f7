# SPDX-License-Identifier: MIT
"""http.client: what nothing above it counts (urllib3 and urllib do), and the headers of all three.

The leaf of a direct use is getresponse(), the waiting; a connection that fails before that is counted
where it fails. The trace is sent along in endheaders(), the last moment at which every client built on
http.client (urllib3, requests, botocore, urllib) has said which headers it wants itself.
"""
from pitviper.hooks import KIND_OUTBOUND
from pitviper.hooks import _outbound

DISTRIBUTION = None
VERSIONS = ("3.8", None)


def _describe(args, kwargs):
    connection = args[0]
    scheme = "https" if connection.default_port == 443 else "http"
    host, port = connection.host, connection.port
    if connection._tunnel_host:
        host, port = connection._tunnel_host, connection._tunnel_port
    return _outbound.peer(scheme, host, port), _outbound.method(connection._method or "GET")


def _failing(args, kwargs):
    """request() is counted only when it raises: otherwise getresponse() follows."""
    name, _ = _describe(args, kwargs)
    return name, _outbound.method(args[1] if len(args) > 1 else kwargs.get("method", "GET"))


def _send_along(args, kwargs):
    connection = args[0]
    if not _outbound.propagates or connection._HTTPConnection__state != "Request-started":
        return
    sent = [line.partition(b":")[0].lower() for line in connection._buffer]
    if b"traceparent" in sent:
        return
    for name, value in _outbound.headers():
        if name.encode() not in sent:
            connection.putheader(name, value)


def client(module, patch):
    connection = module.HTTPConnection
    patch.method(connection, "getresponse", patch.leaf(KIND_OUTBOUND, describe=_describe, status="status"))
    patch.method(connection, "request", patch.leaf(KIND_OUTBOUND, describe=_failing, only_errors=True))
    patch.method(connection, "endheaders", patch.observe(before=_send_along))


MODULES = {"http.client": client}
