# SPDX-License-Identifier: MIT
"""Django, as it comes: routes through includes, namespaces, prefixes and regular expressions, sync and async, errors."""

import pytest

from support.webs import errors, requests, routes, web_program

APP = """
import types
import django
from django.conf import settings
settings.configure(DEBUG=False, SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF="urls", USE_I18N=False,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware", "__main__.catching"], APPEND_SLASH=True,
    LOGGING_CONFIG=None, INSTALLED_APPS=[], DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db"}},
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": [
        ("django.template.loaders.locmem.Loader", {"page.html": "{% include 'part.html' %}{{ rows }}", "part.html": "part "})]}}])
class Known(Exception): pass
class catching:
    def __init__(self, get_response): self.get_response = get_response
    def __call__(self, request): return self.get_response(request)
    def process_exception(self, request, exception):
        if isinstance(exception, Known):
            return HttpResponse("known", status=409)
sys.modules["__main__"].catching = catching
django.setup()
from django.http import HttpResponse, StreamingHttpResponse, Http404, FileResponse
from django.urls import path, re_path, include
from django.views import View
from django.shortcuts import render
from django.core.exceptions import PermissionDenied
from django.core.handlers.wsgi import WSGIHandler
from django.core.handlers.asgi import ASGIHandler
def ok(request, **values): return HttpResponse(repr(sorted(values.items())))
def fail(request): raise ValueError("planted-5")
def known(request): raise Known()
def gone(request): raise Http404("no")
def denied(request): raise PermissionDenied()
def query(request, number=3):
    from django.db import connection
    with connection.cursor() as cursor:
        for _ in range(number):
            cursor.execute("SELECT 1")
    return HttpResponse("asked")
def page(request): return render(request, "page.html", {"rows": 7})
def stream(request): return StreamingHttpResponse(str(n) for n in range(3))
async def coroutine(request, number):
    await asyncio.sleep(0.01 * number)
    return HttpResponse("async %d" % number)
class Classy(View):
    def get(self, request, pk): return HttpResponse("view")
inner = ([path("leaf/<uuid:id>/", ok, name="leaf"), re_path(r"^year/(?P<year>[0-9]{4})/$", ok)], "inner")
urls = types.ModuleType("urls"); sys.modules["urls"] = urls
urls.urlpatterns = [
    path("", ok), path("users/<int:pk>/", Classy.as_view()), path("fail/", fail), path("known/", known), path("gone/", gone),
    path("denied/", denied), path("query/", query), path("page/", page), path("stream/", stream),
    path("coroutine/<int:number>/", coroutine), path("api/<str:version>/", include(inner, namespace="v")),
    re_path(r"^old/(?:index|start)/([^/]+)/(?P<tail>.*)$", ok),
]
app = WSGIHandler()
"""


def test_web_django__routes_of_every_kind__by_template(package):
    with web_program(APP + """
for path_, method in (("/", "GET"), ("/users/7/", "GET"), ("/users/7", "GET"), ("/users/7/", "HEAD"), ("/users/7/", "POST"),
    ("/users/7/", "OPTIONS"), ("/nothing/", "GET"), ("/gone/", "GET"), ("/denied/", "GET"), ("/stream/", "GET"),
    ("/api/v2/leaf/00000000-0000-0000-0000-000000000000/", "GET"), ("/api/v2/year/1999/", "GET"),
    ("/old/index/a/b/c", "GET"), ("/coroutine/1/", "GET")):
    say(wsgi(app, path_, method)[0])
""") as done:
        assert done.said == [200, 200, 301, 200, 405, 200, 404, 404, 403, 200, 200, 200, 200, 200]
        assert routes(done.region) == {
            ("GET", "/", 2): 1,
            ("GET", "/users/<int:pk>/", 2): 1,
            ("GET", "(unmatched)", 3): 1,
            ("HEAD", "/users/<int:pk>/", 2): 1,
            ("POST", "/users/<int:pk>/", 4): 1,
            ("OPTIONS", "/users/<int:pk>/", 2): 1,
            ("GET", "(unmatched)", 4): 1,
            ("GET", "/gone/", 4): 1,
            ("GET", "/denied/", 4): 1,
            ("GET", "/stream/", 2): 1,
            ("GET", "/api/<str:version>/leaf/<uuid:id>/", 2): 1,
            ("GET", "/api/<str:version>/year/<year>/", 2): 1,
            ("GET", "/old/index|start/<group>/<tail>", 2): 1,
            ("GET", "/coroutine/<int:number>/", 2): 1,
        }
        assert errors(done.region) == {}
        assert done.region.counters["hook_errors"] == 0


def test_web_django__script_prefix__in_front(package):
    with web_program(APP + """
say(wsgi(app, "/users/7/", SCRIPT_NAME="/behind")[0])
settings.FORCE_SCRIPT_NAME = "/forced"
say(wsgi(app, "/page/")[0])
""") as done:
        assert done.said == [200, 200]
        assert routes(done.region) == {("GET", "/behind/users/<int:pk>/", 2): 1, ("GET", "/forced/page/", 2): 1}


def test_web_django__errors__handled_or_not(package):
    with web_program(APP + """
say(wsgi(app, "/fail/")[0])
say(wsgi(app, "/known/"))
settings.DEBUG_PROPAGATE_EXCEPTIONS = True
said = error(wsgi, app, "/fail/")
say([said[:2], said[2][-1], [name for name in said[2] if "pitviper" in name]])
""") as done:
        assert done.said == [500, [409, "known"], [["ValueError", "planted-5"], "fail", []]]
        assert errors(done.region) == {("ValueError", False): 2, ("__main__.Known", True): 1}
        assert routes(done.region) == {("GET", "/fail/", 5): 2, ("GET", "/known/", 4): 1}
        assert done.has("planted-5") == []


def test_web_django__queries_and_templates__of_their_request(package):
    with web_program(APP + """
say(wsgi(app, "/query/")[1])
say(wsgi(app, "/page/")[1])
""") as done:
        assert done.said == ["asked", "part 7"]
        first, second = requests(done.region)
        assert first["route"] == "/query/" and done.counts("STATEMENT")["SELECT ?"] == 3
        assert first["statements"] == sum(done.counts("STATEMENT").values())  # and what opens a connection
        assert (second["route"], second["statements"]) == ("/page/", 0)
        assert second["template_us"] > 0 and done.counts("TEMPLATE") == {"page.html": 1}
        assert done.key("TEMPLATE", "page.html").detail == "django"


def test_web_django__asgi__interleaved_requests_by_template(package):
    with web_program(APP + """
app = ASGIHandler()
async def main():
    said = await asyncio.gather(*(asgi(app, "/coroutine/%d/" % n) for n in (5, 1, 3)), asgi(app, "/users/7/"), asgi(app, "/query/"))
    said.append(await asgi(app, "/fail/"))
    say([status for status, body in said])
asyncio.run(main())
""") as done:
        assert done.said == [[200, 200, 200, 200, 200, 500]]
        assert routes(done.region) == {
            ("GET", "/coroutine/<int:number>/", 2): 3,
            ("GET", "/users/<int:pk>/", 2): 1,
            ("GET", "/query/", 2): 1,
            ("GET", "/fail/", 5): 1,
        }
        assert errors(done.region) == {("ValueError", False): 1}
        (query,) = [request for request in requests(done.region) if request["route"] == "/query/"]
        assert query["statements"] == sum(done.counts("STATEMENT").values()) >= 3
        assert all(request["flags"] & 4 for request in requests(done.region))


SEEN = APP + """
import inspect
from asgiref.compatibility import guarantee_single_callable, is_double_callable
from django.core.handlers.base import BaseHandler
said = []
for owner, name in ((WSGIHandler, "__call__"), (ASGIHandler, "__call__"), (BaseHandler, "resolve_request")):
    method = getattr(owner, name)
    said.append([method.__name__, method.__qualname__, str(inspect.signature(method)), inspect.iscoroutinefunction(method),
        asyncio.iscoroutinefunction(getattr(owner(), name))])
said.append(is_double_callable(ASGIHandler()))
from django.test import Client
said.append(Client().get("/users/7/").resolver_match.route)
said.append(error(Client().get, "/fail/"))
said.append([wsgi(app, "/gone/"), wsgi(app, "/denied/"), wsgi(app, "/known/"), wsgi(app, "/stream/")])
say(said)
"""


def test_web_django__what_the_application_sees__as_without(package):
    with web_program(SEEN) as done:
        with web_program(SEEN, PITVIPER_DISABLE="django") as plain:
            assert done.said == plain.said
        assert done.region.counters["hook_errors"] == 0


@pytest.mark.parametrize("route, expected", [
    ("users/<int:pk>/", "users/<int:pk>/"),
    (r"^articles/(?P<year>[0-9]{4})/$", "articles/<year>/"),
    (r"^a/(?P<x>(b|c[)(]))?/\d+\Z", "a/<x>/d+"),
    (r"^(?:page-(?P<n>\d+)/)?$", "page-<n>/"),
    (r"^([^/]+)/$", "<group>/"),
    (r"^broken(", "broken<group>"),
])  # fmt: skip
def test_web_django__regular_expressions__readable(package, route, expected):
    with web_program("""
from pitviper.hooks.django import readable
say(readable(sys.argv[1]))
""", route) as done:
        assert done.said == [expected]
