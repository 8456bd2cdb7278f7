# SPDX-License-Identifier: MIT
"""urllib3, and with it requests, botocore, elasticsearch: one leaf per urlopen() of a connection pool.

Retries and redirects inside urllib3's pool are part of the same leaf. hooks/http_client.py sends the trace along.
"""
from pitviper.hooks import KIND_OUTBOUND
from pitviper.hooks import _outbound

DISTRIBUTION = "urllib3"
VERSIONS = ("1.21", "2")


def _describe(args, kwargs):
    pool = args[0]
    method = args[1] if len(args) > 1 else kwargs.get("method")
    scheme, host, port = pool.scheme, pool.host, pool.port
    if pool.proxy is not None and scheme == "http":  # through a forwarding proxy: the URL says for whom
        from urllib.parse import urlsplit

        parts = urlsplit(args[2] if len(args) > 2 else kwargs["url"])
        if parts.hostname:
            scheme, host, port = parts.scheme, parts.hostname, parts.port
    return _outbound.peer(scheme, host, port), _outbound.method(method)


def pools(module, patch):
    leaf = patch.leaf(KIND_OUTBOUND, describe=_describe, status="status")
    patch.method(module.HTTPConnectionPool, "urlopen", leaf)


MODULES = {"urllib3.connectionpool": pools}
