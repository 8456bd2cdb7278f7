# SPDX-License-Identifier: MIT
"""gunicorn: the application that a worker has loaded, after the fork and with --preload alike."""
from pitviper import _core
from pitviper.hooks._requests import serve

DISTRIBUTION = "gunicorn"
VERSIONS = ("19.9", "27.0")


def worker(module, patch):
    # Workers of other servers keep an ASGI application here: each stand-in steps aside for the other protocol.
    patch.method(module.Worker, "load_wsgi", patch.observe(None, serve("wsgi", _core.wsgi, _core.asgi)))


def asgi_worker(module, patch):
    patch.method(module.ASGIWorker, "load_wsgi", patch.observe(None, serve("asgi", _core.asgi)))


MODULES = {"gunicorn.workers.base": worker, "gunicorn.workers.gasgi": asgi_worker}
