# SPDX-License-Identifier: MIT
"""gunicorn, uWSGI and the servers of the standard library and of frameworks, with nothing changed in the application."""

import os
import signal
import sys
import threading
import time

import pytest

from support.web_servers import server

FLASK = """
import os, signal, sqlite3, time
import flask
app = flask.Flask(__name__)
@app.route("/")
def home(): return "home %d" % os.getpid()
@app.route("/users/<int:user>")
def user(user):
    conn = sqlite3.connect(":memory:")
    for _ in range(3): conn.execute("SELECT 1").fetchone()
    return "user"
@app.route("/sleep/<float:seconds>")
def sleep(seconds):
    time.sleep(seconds)
    return "slept"
@app.route("/stuck")
def stuck():
    sqlite3.connect(":memory:").execute("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c WHERE x < 0").fetchone()
@app.route("/exit")
def leave(): os._exit(7)
@app.route("/stream")
def stream(): return flask.Response(str(n) for n in range(5))
@app.route("/file")
def file(): return flask.send_file(__file__)
"""

PLAIN = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"plain"]
"""


def exercise(site, repeat=10):
    assert site.get("/")[0] == 200
    for number in range(repeat):
        assert site.get("/users/%d" % number) == (200, "user")
    assert site.get("/nothing")[0] == 404
    assert site.get("/stream") == (200, "01234")
    status, body = site.get("/file")
    assert status == 200 and "import flask" in body


def assert_exercised(site, repeat=10):
    counted = site.counted(repeat + 5)  # one more: the check whether the server is up
    assert counted == {
        ("GET", "/", 2): 2,
        ("GET", "/users/<int:user>", 2): repeat,
        ("GET", "(unmatched)", 4): 1,
        ("GET", "/stream", 2): 1,
        ("GET", "/file", 2): 1,
    }
    for region in site.regions().values():
        assert region.counters["hook_errors"] == 0
        assert [request for request in region.requests()] == []
    statements = [key for region in site.regions().values() for key in region.keys("STATEMENT")]
    assert sum(key.count for key in statements) == 3 * repeat


GUNICORN = ["gunicorn", "-b", "{address}", "--workers", "2", "--no-control-socket"]


@pytest.mark.parametrize("options", [
    ["-k", "sync"], ["-k", "gthread", "--threads", "3"], ["-k", "gevent"], ["-k", "sync", "--preload"], ["-k", "gevent", "--preload"],
], ids=" ".join)  # fmt: skip
def test_servers_gunicorn__every_worker_class__every_request_once(package, tmp_path, options):
    with server(tmp_path, [*gunicorn(), *options, "app:app"], FLASK) as site:
        exercise(site)
        assert_exercised(site)


def gunicorn():
    """Without the option that older releases do not know."""
    from importlib.metadata import version

    return GUNICORN if int(version("gunicorn").split(".")[0]) >= 25 else GUNICORN[:-1]


def test_servers_gunicorn__queue_header__time_before_the_worker(package, tmp_path):
    with server(tmp_path, [*gunicorn(), "app:app"], FLASK) as site:
        site.get("/users/1", headers={"X-Request-Start": "t=%.3f" % (time.time() - 3)})
        site.counted(2)
        (parts,) = [r for region in site.regions().values() for r in region.records("PARTS") if r.values["queue_us"]]
        assert 2_900_000 < parts.values["queue_us"] < 9_000_000


def test_servers_gunicorn__killed_in_the_middle__says_what_it_was_doing(package, tmp_path):
    with server(tmp_path, [*gunicorn(), "app:app"], FLASK) as site:
        thread = threading.Thread(target=lambda: _ignore(site.get, "/stuck"), daemon=True)
        thread.start()
        stuck = site.wait(lambda regions: any(request.leaf_key for r in regions.values() for request in r.requests()))
        (pid,) = [pid for pid, region in stuck.items() if region.requests()]
        os.kill(int(pid), signal.SIGKILL)
        thread.join()
        while os.path.exists("/proc/%s/mem" % pid) and site.process.poll() is None and _alive(pid):
            time.sleep(0.02)
        (request,) = site.regions()[pid].requests()
        assert (request.method, request.route) == ("GET", "/stuck")
        assert request.leaf_key.name.startswith("WITH RECURSIVE")
        assert site.get("/")[0] == 200


def test_servers_gunicorn__os_exit__keeps_what_was_counted(package, tmp_path):
    with server(tmp_path, [*gunicorn()[:3], "--workers", "1", *gunicorn()[5:], "app:app"], FLASK) as site:
        for number in range(5):
            site.get("/users/%d" % number)
        regions = site.wait(lambda regions: any(r.keys("REQUEST") for r in regions.values()))
        (pid,) = [pid for pid, region in regions.items() if region.keys("REQUEST")]
        _ignore(site.get, "/exit")
        counts = {key.name: key.count for key in site.regions()[pid].keys("REQUEST")}
        assert counts["/users/<int:user>"] == 5
        (request,) = site.regions()[pid].requests()
        assert request.route == "/exit"


def test_servers_gunicorn__another_apm_beside__both_see_every_request(package, tmp_path):
    pytest.importorskip("opentelemetry.instrumentation.flask", reason="opentelemetry-instrumentation-flask is not installed")
    code = FLASK.replace("app = flask", """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
class Count(SpanExporter):
    spans = 0
    def export(self, spans):
        Count.spans += len(spans)
        return SpanExportResult.SUCCESS
provider = TracerProvider(); provider.add_span_processor(SimpleSpanProcessor(Count())); trace.set_tracer_provider(provider)
from opentelemetry.instrumentation.flask import FlaskInstrumentor
FlaskInstrumentor().instrument()
app = flask""") + """
@app.route("/spans")
def spans(): return str(Count.spans)
"""  # fmt: skip
    with server(tmp_path, [*gunicorn()[:3], "--workers", "1", *gunicorn()[5:], "app:app"], code) as site:
        exercise(site)
        assert_exercised(site)
        assert site.get("/spans") == (200, "15")


@pytest.mark.parametrize("options", [
    ["--threads", "3"], ["--threads", "2", "--processes", "2", "--master"], ["--lazy-apps", "--master", "--processes", "2", "--enable-threads"],
    ["--master", "--processes", "2"],
], ids=" ".join)  # fmt: skip
def test_servers_uwsgi__threads_and_lazy_apps__every_request_once(package, tmp_path, options):
    words = ["uwsgi", "--http-socket", "{address}", "--module", "app:app", "--die-on-term", "--need-app", "--disable-logging", *options]
    if sys.prefix != sys.base_prefix:
        words += ["--home", sys.prefix]
    with server(tmp_path, words, FLASK) as site:
        exercise(site)
        assert_exercised(site)


DJANGO = """
import os, sys
sys.modules["app"] = sys.modules[__name__]
from django.conf import settings
settings.configure(DEBUG=True, SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF="app", STATIC_URL="static/",
    INSTALLED_APPS=["django.contrib.staticfiles"], WSGI_APPLICATION="app.application")
import django
django.setup()
from django.http import HttpResponse
from django.urls import path
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
urlpatterns = [path("", lambda request: HttpResponse("home")), path("users/<int:pk>/", lambda request, pk: HttpResponse("user"))]
if __name__ == "__main__":
    from django.core.management import execute_from_command_line
    execute_from_command_line(["app.py", "runserver", "--noreload", sys.argv[1]])
"""


def test_servers_django__development_server__every_request_once(package, tmp_path):
    with server(tmp_path, ["python", "app.py", "{address}"], DJANGO) as site:
        assert [site.get(path)[0] for path in ("/", "/users/1/", "/users/2/", "/nothing")] == [200, 200, 200, 404]
        assert site.counted(5) == {("GET", "/", 2): 2, ("GET", "/users/<int:pk>/", 2): 2, ("GET", "(unmatched)", 4): 1}


MAINS = {
    "wsgiref": "from wsgiref.simple_server import make_server\nmake_server('127.0.0.1', PORT, app).serve_forever()",
    "werkzeug": "from werkzeug.serving import run_simple\nrun_simple('127.0.0.1', PORT, app, threaded=True)",
    "waitress": "import waitress\nwaitress.serve(app, listen='127.0.0.1:%d' % PORT)",
}


@pytest.mark.parametrize("name", sorted(MAINS))
def test_servers_plain_wsgi__no_framework__every_request_once(package, tmp_path, name):
    pytest.importorskip(name, reason=name + " is not installed: tests/agent/requirements.txt")
    with server(tmp_path, ["python", "app.py", "{port}"], PLAIN + "import sys\nPORT = int(sys.argv[1])\n" + MAINS[name]) as site:
        assert [site.get("/any/%d" % number) for number in range(5)] == [(200, "plain")] * 5
        assert site.counted(6) == {("GET", "(unmatched)", 2): 6}


def _ignore(function, *args):
    try:
        function(*args)
    except Exception:
        pass


def _alive(pid):
    try:
        with open("/proc/%s/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
