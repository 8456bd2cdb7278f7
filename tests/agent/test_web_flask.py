# SPDX-License-Identifier: MIT
"""Flask, as it comes: routes of every kind, errors, streams, and what an application can see of us."""

from support.webs import errors, requests, routes, web_program

APP = """
import sqlite3, flask
from flask import Blueprint, Flask, abort, redirect, stream_with_context, Response, request, render_template_string
from werkzeug.middleware.dispatcher import DispatcherMiddleware
app = Flask("shop", template_folder=".")
@app.route("/")
def home(): return "home"
@app.route("/users/<int:user>/orders/<path:rest>", methods=["GET", "POST"])
def orders(user, rest): return "%d %s" % (user, rest)
@app.route("/strict/")
def strict(): return "strict"
@app.route("/fail")
def fail(): raise ValueError("planted-5")
class Known(Exception): pass
@app.errorhandler(Known)
def known(error): return "known", 409
@app.route("/known")
def raises_known(): raise Known()
@app.route("/abort")
def aborts(): abort(403)
@app.route("/stream")
def stream():
    def parts():
        for number in range(3):
            yield str(sqlite3.connect(":memory:").execute("SELECT %d" % number).fetchone()[0])
    return Response(stream_with_context(parts()))
inner = Blueprint("inner", "inner", url_prefix="/inner")
outer = Blueprint("outer", "outer", url_prefix="/outer/<name>")
@inner.route("/leaf/<uuid:id>")
def leaf(name, id): return name
outer.register_blueprint(inner)
app.register_blueprint(outer)
"""


def test_web_flask__routes_of_every_kind__by_template(package):
    with web_program(APP + """
for path, method in (("/", "GET"), ("/users/7/orders/a/b", "GET"), ("/users/8/orders/c", "POST"), ("/strict", "GET"),
    ("/strict/", "GET"), ("/nothing/here", "GET"), ("/users/x/orders/", "GET"), ("/", "HEAD"), ("/", "OPTIONS"),
    ("/", "DELETE"), ("/abort", "GET"), ("/outer/n1/inner/leaf/00000000-0000-0000-0000-000000000000", "GET"),
    ("/static/missing.css", "GET")):
    say(wsgi(app, path, method)[0])
""") as done:
        assert done.said == [200, 200, 200, 308, 200, 404, 404, 200, 200, 405, 403, 200, 404]
        assert routes(done.region) == {
            ("GET", "/", 2): 1,
            ("GET", "/users/<int:user>/orders/<path:rest>", 2): 1,
            ("POST", "/users/<int:user>/orders/<path:rest>", 2): 1,
            ("GET", "(unmatched)", 3): 1,
            ("GET", "/strict/", 2): 1,
            ("GET", "(unmatched)", 4): 2,
            ("HEAD", "/", 2): 1,
            ("OPTIONS", "/", 2): 1,
            ("DELETE", "(unmatched)", 4): 1,
            ("GET", "/abort", 4): 1,
            ("GET", "/outer/<name>/inner/leaf/<uuid:id>", 2): 1,
            ("GET", "/static/<path:filename>", 4): 1,
        }
        assert errors(done.region) == {}
        assert done.region.counters["hook_errors"] == 0


def test_web_flask__mounted_below_a_dispatcher__with_the_mount(package):
    with web_program(APP + """
site = Flask("site")
site.wsgi_app = DispatcherMiddleware(site.wsgi_app, {"/shop": app, "/old/shop": app.wsgi_app})
say(wsgi(site, "/shop/users/7/orders/x")[1])
say(wsgi(site, "/shop/nothing")[0])
say(wsgi(_core.wsgi(site), "/old/shop/", SCRIPT_NAME="/behind")[0])
""") as done:
        assert done.said == ["7 x", 404, 200]
        assert routes(done.region) == {
            ("GET", "/shop/users/<int:user>/orders/<path:rest>", 2): 1,
            ("GET", "/shop/{path}", 4): 1,
            ("GET", "/behind/", 2): 1,
        }


def test_web_flask__errors__handled_or_not(package):
    with web_program(APP + """
say(wsgi(app, "/fail")[0])
say(wsgi(app, "/known"))
app.testing = True
say(error(wsgi, app, "/fail"))
""") as done:
        assert done.said[:2] == [500, [409, "known"]]
        assert done.said[2][:2] == ["ValueError", "planted-5"]
        assert done.said[2][2][-1] == "fail" and "wsgi_app" in done.said[2][2]
        assert errors(done.region) == {("ValueError", False): 2, ("__main__.Known", True): 1}
        assert routes(done.region) == {("GET", "/fail", 5): 2, ("GET", "/known", 4): 1}
        assert [bool(request["flags"] & 1) for request in requests(done.region)] == [True, False, True]
        (where,) = [key.detail for key in done.keys("EXCEPTION") if key.name == "ValueError"]
        assert where.startswith("fail (")
        assert done.has("planted-5") == []


def test_web_flask__stream__queries_of_the_generator_belong_to_it(package):
    with web_program(APP + """
say(wsgi(app, "/stream")[1])
""") as done:
        assert done.said == ["012"]
        (request,) = requests(done.region)
        assert (request["route"], request["statements"]) == ("/stream", 3)


def test_web_flask__threads__each_its_own_counters(package):
    with web_program(APP + """
import threading
@app.route("/ask/<int:number>")
def ask(number):
    conn = sqlite3.connect(":memory:")
    for _ in range(number):
        conn.execute("SELECT 1").fetchone()
    return ""
def work(number):
    for _ in range(20):
        wsgi(app, "/ask/%d" % number)
threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
""") as done:
        counts = [request["statements"] for request in requests(done.region)]
        assert sorted(counts) == sorted(list(range(6)) * 20)
        assert done.region.requests() == []


def test_web_flask__templates__spans_with_their_queries(package):
    with web_program(APP + """
import jinja2
app.jinja_loader = jinja2.DictLoader({"page.html": "{% include 'part.html' %}{{ ask() }}", "part.html": "part "})
@app.route("/page")
def page():
    conn = sqlite3.connect(":memory:")
    return flask.render_template("page.html", ask=lambda: conn.execute("SELECT 1").fetchone()[0])
say(wsgi(app, "/page")[1])
say(error(lambda: jinja2.Template("{{ nothing.at.all }}").render()))
""") as done:
        assert done.said[0] == "part 1"
        assert [name for name in done.said[1][2] if "pitviper" in name] == []
        assert done.counts("TEMPLATE") == {"page.html": 1, "(text)": 1}
        assert done.key("TEMPLATE", "page.html").detail == "jinja2"
        assert done.key("TEMPLATE", "(text)").errors == 1
        (request,) = requests(done.region)
        assert request["statements"] == 1


SEEN = APP + """
import inspect, types
said = []
for name in ("__call__", "wsgi_app", "handle_exception", "handle_user_exception", "full_dispatch_request"):
    method = getattr(Flask, name)
    said.append([name, method.__name__, method.__qualname__, method.__module__, str(inspect.signature(method)),
        (method.__doc__ or "")[:40], inspect.isfunction(method), isinstance(getattr(app, name), types.MethodType)])
class Own(Flask):
    def handle_exception(self, e):
        return super().handle_exception(e)
own = Own("own")
@own.route("/")
def own_home(): 1 / 0
own.testing = True
said.append(error(wsgi, own, "/"))
client = own.test_client()
own.testing = False
said.append(client.get("/").status_code)
said.append(error(lambda: app.test_client().get("/fail", buffered=True).status_code))
app.debug = True
said.append(error(wsgi, app, "/fail"))
with app.test_request_context("/users/3/orders/x"):
    said.append(flask.request.url_rule.rule)
say(said)
"""


def test_web_flask__what_the_application_sees__as_without(package):
    with web_program(SEEN) as done:
        with web_program(SEEN, PITVIPER_DISABLE="flask,werkzeug") as plain:
            assert done.said == plain.said
        assert done.region.counters["hook_errors"] == 0
