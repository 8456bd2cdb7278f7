# SPDX-License-Identifier: MIT
"""pitviper diff: findings and noise, from files whose content is known and from recordings."""

import json
import os
import re
import subprocess
import xml.etree.ElementTree

import pytest

FULL = os.environ.get("PITVIPER_TEST_FULL") == "1"


def run(pitviper, *args, status=0):
    done = subprocess.run([pitviper, "diff", *map(str, args)], capture_output=True, timeout=60)
    assert done.returncode == status, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


def write(path, counts):
    lines = ["main (app.py:1);%s (app.py:%d) %d\n" % (name, i, n) for i, (name, n) in enumerate(counts.items()) if n]
    path.write_text("".join(lines))
    return path


SAME = {"a": 9000, "b": 9000, "c": 9000, "d": 9000, "e": 9000}


@pytest.fixture
def pair(tmp_path):
    """slow() has doubled, gone() is gone, come() is new; a to e are as they were."""
    base = write(tmp_path / "base.folded", {**SAME, "slow": 9000, "gone": 5000})
    new = write(tmp_path / "new.folded", {**SAME, "slow": 18000, "come": 5000})
    return base, new


def test_diff__planted_changes__are_found_with_their_sign(pitviper, pair):
    diff = json.loads(run(pitviper, *pair, "--json")[0])
    assert (diff["format"], diff["version"], diff["unit"]) == ("pitviper-diff", 1, "share")
    self_items = {i["name"]: i for i in diff["items"] if i["subject"] == "self"}
    assert {name: i["verdict"] for name, i in self_items.items()} == {
        "slow": "slower",
        "come": "slower",
        "gone": "faster",
    }
    for item in diff["items"]:
        assert item["low"] <= item["change"] <= item["high"]
        assert item["p"] <= item["p_adjusted"] <= diff["q"]
    assert diff["diluted"] > 0  # a to e only gave way
    assert diff["tested"] == diff["findings"] + diff["noise"] + diff["diluted"]


def test_diff__text__names_findings_and_counts_noise(pitviper, pair):
    text = run(pitviper, *pair)[0]
    assert re.search(r"Slower, own time\n.*\n.*slow \(app.py\)", text)
    assert re.search(r"gone +gone \(app.py\)", text) and re.search(r"new +come \(app.py\)", text)
    assert "main > slow (app.py)" in text and "only gave way" in text
    assert "a (app.py)" not in text
    assert "diluted  a (app.py)" in run(pitviper, *pair, "--all")[0]


def test_diff__equal_files__no_finding(pitviper, pair):
    diff = json.loads(run(pitviper, pair[0], pair[0], "-j")[0])
    assert diff["findings"] == 0 and diff["items"] == [] and diff["tested"] > 5
    assert "0 findings" in run(pitviper, pair[0], pair[0])[0]


def test_diff__per_request__removes_the_load(pitviper, tmp_path):
    base = write(tmp_path / "base.folded", SAME)
    new = write(tmp_path / "new.folded", {name: 2 * n for name, n in SAME.items()})
    shares = json.loads(run(pitviper, base, new, "-j")[0])
    assert shares["findings"] == 0
    same_load = json.loads(run(pitviper, base, new, "-j", "--per-request", "500,500")[0])
    assert same_load["unit"] == "samples/request"
    assert {i["verdict"] for i in same_load["items"]} == {"slower"}
    double_load = json.loads(run(pitviper, base, new, "-j", "--per-request", "500,1000")[0])
    assert double_load["findings"] == 0


def test_diff__svg__is_xml_with_both_values(pitviper, pair, tmp_path):
    path = tmp_path / "diff.svg"
    out, _ = run(pitviper, *pair, "-o", path)
    assert out == ""
    text = path.read_text()
    xml.etree.ElementTree.fromstring(text)
    data = json.loads(re.search(r'id="pv-data"[^>]*>(.*?)</script>', text, re.S)[1])
    nodes = data["nodes"]
    assert data["change"] == "share"
    assert len(nodes["heat"]) == len(nodes["total"]) == len(nodes["before"]) == len(nodes["after"])
    names = [data["strings"][data["frames"]["name"][f]] for f in nodes["frame"]]
    at = {name: i for i, name in enumerate(names) if i}
    assert nodes["heat"][at["slow"]] > 0 > nodes["heat"][at["gone"]]
    assert nodes["heat"][at["a"]] == 0
    assert abs(nodes["before"][at["slow"]] - 9000 / 59000) < 1e-4
    assert nodes["before"][at["come"]] == 0 < nodes["total"][at["come"]]


def test_diff__hostile_names__stay_text(pitviper, tmp_path):
    name = "</script><img src=x onerror=alert(1)>\x1b[31m"
    base = write(tmp_path / "base.folded", {**SAME, name: 9000})
    new = write(tmp_path / "new.folded", {**SAME, name: 30000})
    text = run(pitviper, base, new)[0]
    assert "\x1b" not in text and "onerror" in text
    svg = run(pitviper, base, new, "-f", "svg")[0]
    xml.etree.ElementTree.fromstring(svg)
    assert "<img" not in svg


def test_diff__no_samples_on_one_side__is_said(pitviper, pair, tmp_path):
    empty = tmp_path / "empty.folded"
    empty.write_text("main (app.py:1) 0\n")
    done = subprocess.run([pitviper, "diff", empty, pair[1]], capture_output=True, timeout=60)
    assert done.returncode in (0, 2)
    assert b"no samples" in done.stdout or done.returncode == 2


@pytest.mark.parametrize("value", ["5", "0,5", "5,-1", "a,b", "1,2,3", "inf,1", "nan,1", ""])
def test_diff__bad_request_counts__are_usage_errors(pitviper, pair, value):
    _, talk = run(pitviper, *pair, "--per-request", value, status=2)
    assert "per-request" in talk


def test_diff__bad_input__one_sentence(pitviper, pair, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"\x7fELF no profile")
    for args in [(foreign, pair[1]), (pair[0], foreign), (pair[0], tmp_path / "missing")]:
        out, talk = run(pitviper, *args, status=2)
        assert out == "" and talk.count("\n") == 1
    assert "says how much time" in run(pitviper, *pair, "--by", "time", status=2)[1].replace(
        "does not say", "says"
    )
    run(pitviper, *pair, "--false-findings", "0%", status=2)
    run(pitviper, pair[0], status=2)
    run(pitviper, *pair, "-o", tmp_path / "no" / "folder.svg", status=2)


WORK = """\
import sys, time

def steady_one():
    sum(range(3000))

def steady_two():
    sorted(range(3000))

def steady_three():
    "".join(str(i) for i in range(300))

def grows(turns):
    for _ in range(turns):
        max(range(300))

end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    steady_one(); steady_two(); steady_three(); grows(int(sys.argv[2]))
"""


def record(pitviper, python, folder, name, seconds, turns):
    program = folder / "work.py"
    program.write_text(WORK)
    path = folder / (name + ".pv")
    done = subprocess.run(
        [pitviper, "record", "-q", "-r", "1khz", "-o", path, "--", python.path, program,
         str(seconds), str(turns)],
        capture_output=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr.decode()
    return path


@pytest.mark.time_limit(600)
def test_diff__two_runs_of_one_program__at_most_one_false_finding(pitviper, local_python, tmp_path):
    """Twenty repetitions on a quiet machine (PITVIPER_TEST_FULL=1), two otherwise."""
    pairs, false = (20 if FULL else 2), 0
    for i in range(pairs):
        base = record(pitviper, local_python, tmp_path, "base%d" % i, 6, 20)
        new = record(pitviper, local_python, tmp_path, "new%d" % i, 6, 20)
        diff = json.loads(run(pitviper, base, new, "-j")[0])
        assert diff["base"]["blocks"] >= 10 and diff["tested"] >= 8
        false += diff["findings"] > 0
    print("%d of %d pairs have a finding" % (false, pairs))
    assert false <= 1


@pytest.mark.time_limit(600)
def test_diff__planted_change_in_recordings__is_found(pitviper, local_python, tmp_path):
    """Three times as much in a short recording; a tenth in a longer one, on a quiet machine."""
    seconds, turns = (60, 22) if FULL else (8, 60)
    base = record(pitviper, local_python, tmp_path, "base", seconds, 20)
    new = record(pitviper, local_python, tmp_path, "new", seconds, turns)
    diff = json.loads(run(pitviper, base, new, "-j")[0])
    found = {(i["subject"], i["name"]): i["verdict"] for i in diff["items"]}
    assert found.get(("total", "grows")) == "slower", diff
    assert ("self", "steady_two") not in found
