# SPDX-License-Identifier: MIT
"""What a request costs, in CPU time of the whole process (threads of an agent are in it).

    python requests_served.py FRAMEWORK AGENT

For each number on standard input: that many requests, and a line with the nanoseconds of each on average.
The application is called as a WSGI server would, without a socket, so that the rest is small.
"""
import io
import sys
import time

import shop

BODY = "customer: 10 shown of 20"


def environ_of(number):
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/customers/%d" % (number % 10),
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def serve(app, number):
    seen = []
    body = app(environ_of(number), lambda status, headers, error=None: seen.append(status))
    try:
        text = b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    return seen[0], text


def main():
    framework, agent = sys.argv[1:]
    app = shop.make(framework, agent)
    status, text = serve(app, 3)
    if not status.startswith("200") or text.decode() != BODY:
        raise SystemExit("%s: %r" % (status, text))
    for line in sys.stdin:
        count = int(line)
        start = time.process_time_ns()
        for number in range(count):
            serve(app, number)
        print((time.process_time_ns() - start) // count, flush=True)


main()
