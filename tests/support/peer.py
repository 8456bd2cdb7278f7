# SPDX-License-Identifier: MIT
"""An HTTP server on loopback that remembers the headers it was sent, and answers as the path says.

/status/404 answers that status; /redirect/N goes N times to another path; anything else is 200.
"""

import contextlib
import http.server
import threading


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self):
        self.server.seen.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        words = self.path.partition("?")[0].strip("/").split("/")
        status, location = 200, None
        if words[0] == "status":
            status = int(words[1])
        elif words[0] == "redirect" and int(words[1]):
            status, location = 302, "/redirect/%d" % (int(words[1]) - 1)
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"ok")

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PLANTED = _answer

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def http_peer():
    """The server: .port, .seen [(method, path, headers)]"""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.seen, server.port = [], server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
