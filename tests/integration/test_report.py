# SPDX-License-Identifier: MIT
"""pitviper report: tables of a profile, from files whose content is known."""

import csv
import fcntl
import io
import json
import os
import pty
import struct
import subprocess
import termios
import time

import pytest

FOLDED = """\
main (app.py:3);load (app.py:10);parse (lib/json.py:5) 40
main (app.py:3);load (app.py:11);parse (lib/json.py:9) 20
main (app.py:3);load (app.py:11);load (app.py:11);parse (lib/json.py:5) 10
main (app.py:4);Store.save (app.py:30) 25
main (app.py:5) 5
"""


@pytest.fixture
def folded(tmp_path):
    path = tmp_path / "known.folded"
    path.write_text(FOLDED)
    return path


def run(pitviper, *args, status=0, stdin=None):
    done = subprocess.run(
        [pitviper, "report", *map(str, args)], capture_output=True, input=stdin, timeout=60
    )
    assert done.returncode == status, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


def by_name(rows):
    return {row["name"]: row for row in rows}


def test_report__known_stacks__self_and_total_are_exact(pitviper, folded):
    report = json.loads(run(pitviper, folded, "--json")[0])
    assert (report["format"], report["version"], report["samples"]) == ("pitviper-report", 1, 100)
    rows = by_name(report["functions"])
    assert [row["name"] for row in report["functions"]] == ["parse", "Store.save", "main", "load"]
    assert (rows["parse"]["self"], rows["parse"]["total"]) == (70, 70)
    assert (rows["load"]["self"], rows["load"]["total"]) == (0, 70)  # recursion once
    assert (rows["main"]["self"], rows["main"]["total"], rows["main"]["total_share"]) == (5, 100, 1)
    lines = {(row["name"], row["line"]): row["self"] for row in report["lines"]}
    assert lines[("parse", 5)] == 50 and lines[("parse", 9)] == 20
    assert by_name(report["files"])["lib/json.py"]["total"] == 70
    assert by_name(report["packages"])["lib"]["self"] == 70


def test_report__function_asked_for__callers_and_callees(pitviper, folded):
    report = json.loads(run(pitviper, folded, "--json", "--function", "load")[0])
    (load,) = report["neighbours"]
    callers = {row["name"]: row["total"] for row in load["callers"]}
    callees = {row["name"]: row["total"] for row in load["callees"]}
    assert callers == {"main": 70, "load": 10}
    assert callees == {"parse": 70, "load": 10}
    text = run(pitviper, folded, "--function", "save")[0]  # the end of a qualified name
    assert "Store.save (app.py)" in text and "(in the function itself)" in text


def test_report__unknown_function__says_so(pitviper, folded):
    _, talk = run(pitviper, folded, "--function", "nowhere", status=2)
    assert "no function is called 'nowhere'" in talk


def test_report__sort_limit_filter_and_focus__are_obeyed(pitviper, folded):
    total = json.loads(run(pitviper, folded, "--json", "--sort", "total", "--limit", 2)[0])
    assert [row["name"] for row in total["functions"]] == ["main", "parse"]
    some = json.loads(run(pitviper, folded, "--json", "--filter", "^lib/")[0])
    assert [row["name"] for row in some["functions"]] == ["parse"]
    assert some["functions"][0]["self_share"] == 0.7  # of the whole
    focus = json.loads(run(pitviper, folded, "--json", "--focus", "save")[0])
    assert (focus["samples"], focus["samples_in_file"]) == (25, 100)
    assert [row["name"] for row in focus["functions"]] == ["Store.save", "main"]


def test_report__csv__parses_and_cannot_carry_formulas(pitviper, tmp_path):
    path = tmp_path / "odd.folded"
    path.write_text('=cmd|"x" (a,b.py:1) 3\nplain (c.py:2) 1\n')
    text = run(pitviper, path, "--csv")[0]
    rows = list(csv.DictReader(io.StringIO(text)))
    functions = {row["name"]: row for row in rows if row["table"] == "function"}
    assert functions["'=cmd|\"x\""]["file"] == "a,b.py"
    assert functions["'=cmd|\"x\""]["self"] == "3"
    assert float(functions["plain"]["self_share"]) == 0.25


def test_report__same_file_twice__same_bytes(pitviper, folded):
    assert run(pitviper, folded) == run(pitviper, folded)


def test_report__standard_input__is_read(pitviper):
    assert "100 samples" in run(pitviper, "-", stdin=FOLDED.encode())[0]


def test_report__escape_sequences_in_names__do_not_reach_the_terminal(pitviper, tmp_path):
    path = tmp_path / "hostile.folded"
    path.write_bytes(b"evil\x1b[2Jname\x07 (a.py:1) 3\n")
    text = run(pitviper, path)[0]
    assert "\x1b" not in text and "\x07" not in text and "evil" in text


def test_report__terminal__lines_fit_its_width(pitviper, tmp_path):
    path = tmp_path / "wide.folded"
    path.write_text("f%s (%s.py:1) 7\n" % ("x" * 300, "ü" * 100))
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 72, 0, 0))
    child = subprocess.Popen([pitviper, "report", path], stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    assert child.wait(30) == 0
    lines = shown.decode().replace("\r", "").splitlines()
    assert max(map(len, lines)) == 72
    assert any(line.endswith("…") for line in lines)
    assert "x" * 300 in run(pitviper, path)[0]  # a pipe gets it whole


@pytest.mark.parametrize(
    "content, want",
    [
        (b"", "empty"),
        (b"\x00\x01\x02 no profile", "not a profile"),
        (b"%PDF-1.7\n%\xe2\xe3\n", "not a profile"),
    ],
)
def test_report__foreign_file__one_sentence(pitviper, tmp_path, content, want):
    path = tmp_path / "foreign"
    path.write_bytes(content)
    out, talk = run(pitviper, path, status=2)
    assert out == "" and want in talk and talk.count("\n") == 1


def test_report__missing_file__named(pitviper, tmp_path):
    _, talk = run(pitviper, tmp_path / "gone.pv", status=2)
    assert "gone.pv" in talk


def test_report__bad_options__are_usage_errors(pitviper, folded):
    assert "regular expression" in run(pitviper, folded, "--filter", "((", status=2)[1]
    assert "exclude" in run(pitviper, folded, "--json", "--csv", status=2)[1]
    run(pitviper, folded, "--sort", "color", status=2)
    run(pitviper, status=2)


def record(pitviper, python, program, path):
    done = subprocess.run(
        [pitviper, "record", "-q", "-r", "500", "-o", path, "--", python.path, program],
        capture_output=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr.decode()


BURN = """\
import time
end = time.process_time() + 1.0

def burn():
    while time.process_time() < end:
        sum(range(200))  # the hottest line
burn()
"""


def test_report__recording__shows_times_threads_and_source(pitviper, local_python, tmp_path):
    program = tmp_path / "burn.py"
    program.write_text(BURN)
    path = tmp_path / "burn.pv"
    record(pitviper, local_python, program, path)
    report = json.loads(run(pitviper, path, "--json")[0])
    assert report["functions"][0]["name"] == "burn"
    assert report["functions"][0]["total_share"] > 0.5
    assert report["seconds"] > 0.5 and report["duration_s"] > 0.5
    assert "sum(range(200))  # the hottest line" in [row.get("source") for row in report["lines"]]
    assert report["threads"][0]["samples"] == report["samples"]
    tid = report["threads"][0]["tid"]
    assert json.loads(run(pitviper, path, "--json", "--thread", tid)[0])["samples"] > 0
    run(pitviper, path, "--thread", "nobody", status=2)

    os.utime(program, (4e9, 4e9))  # edited after the recording: no source rather than a wrong one
    assert "hottest line" not in run(pitviper, path)[0]


def test_report__no_samples__says_why(pitviper, local_python, tmp_path):
    path = tmp_path / "empty.pv"
    asleep = "import time; print('ready', flush=True); time.sleep(60)"
    target = subprocess.Popen([local_python.path, "-c", asleep], stdout=subprocess.PIPE)
    try:
        target.stdout.readline()
        time.sleep(0.3)
        args = ["record", "-q", "-p", str(target.pid), "-d", "500ms", "-o", path]
        subprocess.run([pitviper, *args], capture_output=True, timeout=60, check=True)
    finally:
        target.kill()
        target.wait()
    report = json.loads(run(pitviper, path, "--json")[0])
    assert report["samples"] == 0 and report["functions"] == [] and report["threads"] == []
    assert "No samples" in run(pitviper, path)[0]
