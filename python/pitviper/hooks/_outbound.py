# SPDX-License-Identifier: MIT
"""What the HTTP clients have in common: how the other side is called, and what is sent along to it.

Host and port only; never a path, a query, a user or a header. The trace goes along as W3C traceparent and
tracestate, unless the application has set one itself or PITVIPER_PROPAGATE=0.
"""
from pitviper import _core, config

DEFAULT_PORTS = {"http": 80, "https": 443}
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"))

propagates = config.flag("propagate")


def peer(scheme, host, port):
    """host[:port]; the port where it is not the scheme's own."""
    host = str(host or "").lower()
    if ":" in host and not host.startswith("["):
        host = "[%s]" % host
    return host if port is None or port == DEFAULT_PORTS.get(scheme) else "%s:%d" % (host, int(port))


def method(name):
    """HTTP method; the convention's _OTHER for words that are none."""
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    name = str(name).upper()
    return name if name in METHODS else "_OTHER"


def headers():
    """[(name, value)] to send along with what is sent now; empty outside of a request."""
    request = _core.current() if propagates else None
    if request is None:
        return ()
    found = [("traceparent", request.traceparent)]
    if request.tracestate:
        found.append(("tracestate", request.tracestate))
    return found


def add_to(mapping):
    """Adds them to the headers of one request; what the application has set stays. Returns what was added."""
    if not propagates or "traceparent" in mapping:
        return ()
    added = headers()
    for name, value in added:
        if name not in mapping:
            mapping[name] = value
    return added
