# SPDX-License-Identifier: MIT
"""pitviper query: every answer as JSON and as text, from a store and from a server that has it open."""

import json
import re
import subprocess

import pytest
from support.http_server import DRIVERS, serving
from support.recorder import binary_path

TOKEN = "0123456789abcdef0123456789abcdef"
LISTS = [
    "services", "processes", "endpoints", "queries", "outbound", "cache", "templates", "tasks", "errors", "traces",
    "events", "threads", "versions",
]


def run(*words):
    return subprocess.run([binary_path(), "query", *map(str, words)], capture_output=True, text=True, timeout=60)


def ask(*words):
    done = run(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("query") / "data"
    subprocess.run([DRIVERS / "answers_store", folder], check=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def server(data):
    with serving(data, "127.0.0.1:0", "token=" + TOKEN, driver="http_server") as running:
        yield "http://127.0.0.1:%d" % running.port


@pytest.fixture(scope="module")
def token_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("token") / "token"
    path.write_text(TOKEN + "\n")
    return path


@pytest.mark.parametrize("name", LISTS)
def test_query__a_list__is_the_same_rows_as_json_and_as_a_table(data, name):
    told = ask(name, "--data", data, "--limit", 0)
    assert told["total"] == len(told["rows"]) and told["damaged_windows"] == 0
    done = run(name, "--data", data, "--limit", 0)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == (len(told["rows"]) + 1 if told["rows"] else 0)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout)


@pytest.mark.parametrize("name", [*LISTS, "top", "histogram"])
def test_query__url__answers_as_the_store_does(data, server, token_file, name):
    words = ["--from", "2h", "--to", "now"]
    here = ask(name, *words, "--data", data)
    there = ask(name, *words, "--url", server, "--token-file", token_file)
    for key in ("from_s", "to_s"):  # now has moved on
        here.pop(key, None), there.pop(key, None)
    if name == "services":
        for row in [*here["rows"], *there["rows"]]:
            row.pop("spark")
    if name in ("services", "processes", "endpoints"):
        for row in [*here["rows"], *there["rows"]]:
            for key in ("cores", "rate"):
                row.pop(key, None)
    assert here == there


def test_query__url_with_a_token__says_what_is_missing(server, tmp_path, data):
    done = run("services", "--url", server)
    assert done.returncode == 77 and "--token-file" in done.stderr
    wrong = tmp_path / "wrong"
    wrong.write_text("x" * 32)
    done = run("services", "--url", server, "--token-file", wrong)
    assert done.returncode == 77 and "not the one" in done.stderr


@pytest.mark.parametrize(
    "url, status, text",
    [
        ("http://127.0.0.1:9", 75, "pitviper serve"),
        ("ftp://127.0.0.1:9", 2, "--url"),
        ("http://[::1", 2, "--url"),
        ("http://no-such-host.invalid:7117", 75, "not known"),
    ],
)
def test_query__url_that_does_not_answer__is_one_sentence(url, status, text):
    done = run("services", "--url", url)
    assert done.returncode == status
    assert text in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_query__refusals_of_the_server__are_its_sentences(server, token_file):
    done = run("services", "--url", server, "--token-file", token_file, "--kind", "start")
    assert done.returncode == 2 and "kind is not a parameter" in done.stderr


@pytest.mark.parametrize(
    "words, text",
    [
        (["weather"], "not flamegraph or one of"),
        (["top", "--from", "yesterday"], "yesterday"),
        (["services", "17"], "no id"),
        (["traces", "17"], "32 hexadecimal"),
        (["traces", "0" * 32], "no trace"),
        (["services", "--sort", "service"], "sort"),
        (["services", "--url", "http://127.0.0.1:1"], "one of the two"),
        (["profile", "-o", "x.weather"], "format"),
        (["profile", "-f", "gecko"], "order of the samples"),
        (["diff"], "compared with"),
        (["status"], "running serve"),
    ],
)
def test_query__wrong_use__is_one_sentence(data, words, text):
    done = run(*words, "--data", data, *([] if words[0] != "diff" else ["--json"]))
    assert done.returncode == 2
    assert text in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_query__one_trace__is_a_waterfall(data):
    row = ask("traces", "--data", data)["rows"][0]
    done = run("traces", row["trace"], "--data", data)
    assert done.returncode == 0, done.stderr
    told = ask("traces", row["trace"], "--data", data)
    assert told["endpoint"] in done.stdout.splitlines()[0]
    assert len(done.stdout.splitlines()) == 1 + len(told["spans"]) + len(told["errors"])
    assert ask("traces", row["trace"], "--data", data)["trace"] == row["trace"]


def test_query__series_as_text__has_a_line_for_each_step(data):
    for what in ("cpu", "requests", "latency", "queries", "runtime"):
        told = ask("series", "--what", what, "--data", data, "--points", 10)
        done = run("series", "--what", what, "--data", data, "--points", 10)
        assert told["series"], what
        assert len(done.stdout.splitlines()) == len(told["series"]) + len(told["times_s"])


def test_query__histogram_as_text__shows_every_bucket(data):
    told = ask("histogram", "--data", data)
    done = run("histogram", "--data", data)
    assert len(told["buckets"]) > 0
    assert done.stdout.count("#") >= len(told["buckets"])
    assert "p95" in done.stdout.splitlines()[-1]


def test_query__a_profile__is_written_in_the_format_of_its_ending(data, tmp_path):
    beginnings = [("x.svg", b"<?xml"), ("x.pb.gz", b"\x1f\x8b"), ("x.json", b"{"), ("x.speedscope.json", b"{")]
    for name, begin in beginnings:
        done = run("profile", "--data", data, "-o", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / name).read_bytes().startswith(begin)
    done = run("flamegraph", "--data", data, "-o", "-")
    assert done.stdout.startswith("<?xml")
    total = sum(row["samples"] for row in ask("threads", "--data", data)["rows"])
    folded = run("profile", "-f", "folded", "--data", data).stdout
    assert sum(int(line.rsplit(" ", 1)[1]) for line in folded.splitlines()) == total


def test_query__top__prints_the_report_of_the_range(data):
    total = sum(row["samples"] for row in ask("threads", "--data", data)["rows"])
    told = ask("top", "--data", data)
    assert told["samples"] == total
    text = run("top", "--data", data).stdout
    assert "{:,} samples".format(total) in text


def test_query__diff_with_itself__finds_nothing(data):
    words = ["diff", "--data", data, "--base-from", "1h", "--base-to", "now"]
    done = run(*words)
    assert done.returncode == 0, done.stderr
    assert "0 findings" in done.stdout
    assert ask(*words)["items"] == []
