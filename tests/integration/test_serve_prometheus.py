# SPDX-License-Identifier: MIT
"""What others read from serve: Prometheus and promtool (/metrics), `go tool pprof` (profiles)."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from support.instrumented import package_folder
from support.serve import Serve
from support.servers import free_port
from support.target import clean_environment, end_with_parent

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
START_TIMEOUT_S = 30
SEEN_TIMEOUT_S = 45  # windows are 10 s long
SERVICE = "bookshop"
HOT = "similarity"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
EXEMPLAR = re.compile(r' # \{trace_id="[0-9a-f]{32}"\} ')


def need(program):
    path = shutil.which(program)
    if not path:
        pytest.skip("%s is not on this machine" % program)
    return path


def until(found, what, timeout_s=SEEN_TIMEOUT_S):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        result = found()
        if result:
            return result
        time.sleep(0.5)
    raise AssertionError("not seen in %d s: %s" % (timeout_s, what))


@pytest.fixture(scope="module")
def bookshop(pitviper, tmp_path_factory):
    """The demo's service under the demo's load."""
    log = tmp_path_factory.mktemp("bookshop") / "log"
    started = []

    def start(*words):
        with log.open("a") as out:
            started.append(subprocess.Popen(
                list(map(str, words)), cwd=EXAMPLES, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=clean_environment(PITVIPER_PYTHON=package_folder()), preexec_fn=end_with_parent,
            ))

    start(pitviper, "run", "-q", "--service", SERVICE, "--sample-rate", "100", "--", sys.executable, "-m", "gunicorn",
          "--bind", "127.0.0.1:0", "--threads", 4, "demo_service:app")
    port = until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text()), log, START_TIMEOUT_S)[1]
    start(sys.executable, "demo_load.py", port, 600)
    yield
    for process in reversed(started):
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def serve(pitviper, bookshop, tmp_path_factory):
    data = tmp_path_factory.mktemp("serve") / "store"
    with Serve(pitviper, data, "--budget", "50%", "--process-budget", "10%", "--include", "demo_service") as serve:
        until(lambda: [row for row in serve.answer("endpoints", service=SERVICE)["rows"] if row["requests"]], "requests")
        yield serve


def test_serve_prometheus__metrics__promtool_has_nothing_to_say(serve):
    status, headers, body = serve.get("/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    done = subprocess.run([need("promtool"), "check", "metrics"], input=body, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_serve_prometheus__open_metrics__has_exemplars_and_an_end(serve):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    def metrics():
        return serve.get("/metrics", Accept=OPEN_METRICS)

    until(lambda: EXEMPLAR.search(metrics()[2].decode()), "exemplars")
    status, headers, body = metrics()
    text = body.decode()
    assert status == 200 and headers["Content-Type"].startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert "pitviper_build_info" in families
    exemplars = [
        (sample, sample.exemplar)
        for family in families.values() for sample in family.samples if sample.exemplar
    ]
    assert exemplars, text
    for sample, exemplar in exemplars:
        assert sample.name.endswith("_bucket")
        assert re.fullmatch(r"[0-9a-f]{32}", exemplar.labels["trace_id"])
    sample, exemplar = exemplars[0]
    path = "/api/v1/traces/" + exemplar.labels["trace_id"]  # written when its samples are there
    until(lambda: serve.get(path)[0] == 200, path)
    trace = json.loads(serve.get(path)[2])
    assert trace["trace"] == exemplar.labels["trace_id"]
    assert trace["duration_s"] == pytest.approx(exemplar.value, rel=0.02)


def ask(address, path, **params):
    with urllib.request.urlopen("%s%s?%s" % (address, path, urllib.parse.urlencode(params)), timeout=20) as answer:
        return json.loads(answer.read())["data"]


@pytest.fixture
def prometheus(serve, tmp_path):
    """A real one that scrapes the daemon every second."""
    program, port = need("prometheus"), free_port()
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        "scrape_configs:\n"
        "  - job_name: pitviper\n"
        "    static_configs: [{targets: ['%s']}]\n" % serve.address.partition("//")[2]
    )
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [program, "--config.file=%s/prometheus.yml" % tmp_path, "--storage.tsdb.path=%s/data" % tmp_path,
             "--web.listen-address=127.0.0.1:%d" % port, "--enable-feature=exemplar-storage"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent,
        )
    address = "http://127.0.0.1:%d" % port

    def is_ready():
        assert process.poll() is None, (tmp_path / "log").read_text()
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(address + "/-/ready", timeout=2).status == 200

    try:
        until(is_ready, "prometheus", START_TIMEOUT_S)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def test_serve_prometheus__prometheus__scrapes_and_answers(prometheus):
    def value(query):
        rows = ask(prometheus, "/api/v1/query", query=query)["result"]
        return float(rows[0]["value"][1]) if rows else None

    assert until(lambda: value('up{job="pitviper"}'), "a scrape") == 1
    first = until(lambda: value("sum(pitviper_samples_total)"), "samples")
    until(lambda: value("sum(pitviper_samples_total)") > first, "more samples")
    until(lambda: value("sum(rate(pitviper_samples_total[10s]))"), "a rate")
    until(lambda: value('pitviper_service_cpu_seconds_total{service="%s"}' % SERVICE), "the service's CPU time")
    rejected = value("scrape_samples_scraped") - value("scrape_samples_post_metric_relabeling")
    assert rejected == 0
    now = time.time()
    found = until(
        lambda: ask(prometheus, "/api/v1/query_exemplars", query='{job="pitviper"}', start=now - 60, end=time.time() + 60),
        "exemplars",
    )
    assert re.fullmatch(r"[0-9a-f]{32}", found[0]["exemplars"][0]["labels"]["trace_id"])


@pytest.mark.parametrize("params", ["from=5m&format=pprof", "format=pprof&seconds=60"])
def test_serve_prometheus__go_tool_pprof__fetches_and_names_the_hot_function(serve, tmp_path, params):
    go = need("go")

    def top():
        done = subprocess.run(
            [go, "tool", "pprof", "-top", "%s/api/v1/profile?service=%s&%s" % (serve.address, SERVICE, params)],
            capture_output=True, text=True, timeout=100, cwd=tmp_path,  # the first time it is compiled
            env={**os.environ, "PPROF_TMPDIR": str(tmp_path)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout if HOT in done.stdout or "trigrams" in done.stdout else None

    text = until(top, "the hot function in what pprof prints")
    assert re.search(r"^Type: cpu", text, re.MULTILINE) and "Showing nodes accounting for" in text
    hottest = [line.split()[-1] for line in text.splitlines() if re.match(r"\s*[\d.]+m?s ", line)][:4]
    assert any("trigrams" in name or HOT in name for name in hottest), text
