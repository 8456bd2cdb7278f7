# SPDX-License-Identifier: MIT
"""pitviper convert: choices, ranges, bad input, and files that stay as they are (golden)."""

import json
import os
import re
import resource
import subprocess
import time

import pytest
from support.profiles import Builder, convert, small
from support.pythons import REPO

GOLDEN = REPO / "tests" / "golden" / "convert"
GOLDEN_FORMATS = ["folded", "speedscope", "callgrind", "chrometrace", "gecko", "json"]


def run(pitviper, *words, **options):
    return subprocess.run(
        [pitviper, "convert", *map(str, words)], capture_output=True, text=True, timeout=60, **options
    )


def refused(done, status, *words):
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in done.stderr


@pytest.fixture
def capture(tmp_path):
    """small() for a second, as a capture with order."""
    return convert(small(), "pv", tmp_path)


def counts(text):
    return {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in text.splitlines()}


@pytest.mark.parametrize("name", GOLDEN_FORMATS)
def test_convert__small_profile__is_the_golden_file(name, pitviper, tmp_path):
    """PITVIPER_GOLDEN=write makes them anew, for a change that is meant."""
    path = GOLDEN / ("small." + name)
    text = convert(small(), name, tmp_path).read_text()
    text = re.sub(r"pitviper[ @][0-9.]+", "pitviper VERSION", text)
    if os.environ.get("PITVIPER_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


def test_convert__without_format__goes_by_the_ending(pitviper, capture, tmp_path):
    out = tmp_path / "x.speedscope.json"
    assert run(pitviper, capture, "-o", out).returncode == 0
    assert "speedscope.app" in json.loads(out.read_text())["$schema"]


def test_convert__to_standard_output__is_data_only(pitviper, capture):
    done = run(pitviper, capture, "-f", "folded")
    assert done.returncode == 0 and done.stderr == ""
    assert counts(done.stdout)["main (app.py:12);handle (app.py:30)"] == 60


def test_convert__from_standard_input__is_recognised(pitviper, capture):
    done = subprocess.run(
        [pitviper, "convert", "-", "-f", "raw"], input=capture.read_bytes(), capture_output=True
    )
    assert done.returncode == 0 and b"handle" in done.stdout


# small(): the main thread repeats 120 ms handle, 30 ms GC; the worker 100 ms gap, 50 ms work


def test_convert__range_after_the_start__cuts_runs(pitviper, capture):
    done = run(pitviper, capture, "-f", "folded", "--from", "+60ms", "--to", "+150ms")
    assert counts(done.stdout) == {
        "main (app.py:12);handle (app.py:30)": 6,
        "main (app.py:12);handle (app.py:30);<GC>": 3,
        "run (pool.py:5);work (pool.py:9)": 5,
    }


def test_convert__range_as_age_and_dates__means_the_same(pitviper, capture):
    want = run(pitviper, capture, "-f", "folded", "--from", "+1s").stdout
    assert run(pitviper, capture, "-f", "folded", "--from", "1s", "--to", "now").stdout == want
    assert run(pitviper, capture, "-f", "folded", "--from", "1700000001").stdout == want
    date = "2023-11-14T22:13:21Z"
    assert run(pitviper, capture, "-f", "folded", "--from", date).stdout == want


def test_convert__range__moves_start_and_duration(pitviper, capture):
    done = run(pitviper, capture, "-f", "json", "--from", "+100ms", "--to", "+300ms")
    meta = json.loads(done.stdout)["meta"]
    assert (meta["start_us"], meta["duration_us"]) == (1700000000100000, 200000)


@pytest.mark.parametrize("words", [
    ["--from", "+2s", "--to", "+1s"], ["--from", "yesterday"], ["--to", "+x"], ["--from", ""],
    ["--from", "2023-13-14T22:13:21Z"],
])
def test_convert__range_that_makes_no_sense__is_refused(words, pitviper, capture):
    refused(run(pitviper, capture, "-f", "folded", *words), 2)


def test_convert__range_of_sums__is_refused_with_the_reason(pitviper, tmp_path):
    source = convert(small(), "folded", tmp_path)
    refused(run(pitviper, source, "-f", "json", "--from", "+1s"), 2, "--from and --to want a .pv")


def test_convert__threads__get_roots_once(pitviper, capture, tmp_path):
    first = run(pitviper, capture, "-f", "folded", "-t")
    assert "thread 43: worker-1;run (pool.py:5);work (pool.py:9)" in counts(first.stdout)
    rooted = tmp_path / "rooted.pv"
    assert run(pitviper, capture, "-o", rooted, "-t").returncode == 0
    assert run(pitviper, rooted, "-f", "folded", "-t").stdout == first.stdout


def test_convert__function_and_nolineno__merge_lines(pitviper, tmp_path):
    b = Builder()
    thread = b.thread(1, "t")
    b.see(thread, b.stack(("f", "a.py", 5)), 3)
    b.see(thread, b.stack(("f", "a.py", 5), ("g", "a.py", 50)), 2)
    source = convert(b, "pv", tmp_path)
    assert counts(run(pitviper, source, "-f", "folded", "-F").stdout) == {
        "f (a.py:3)": 3, "f (a.py:3);g (a.py:48)": 2}
    assert counts(run(pitviper, source, "-f", "folded", "--nolineno").stdout) == {
        "f (a.py)": 3, "f (a.py);g (a.py)": 2}


def test_convert__time__shows_microseconds_in_folded(pitviper, capture):
    done = run(pitviper, capture, "-f", "folded", "--time")
    assert counts(done.stdout)["main (app.py:12);handle (app.py:30)"] == 600000


# ---- bad input ------------------------------------------------------------------------------------


def test_convert__cut_off_capture__is_used_as_far_as_it_goes(pitviper, tmp_path):
    b = Builder()
    thread = b.thread(1, "t")
    for i in range(30000):
        b.see(thread, b.stack(("f%d" % (i * i % 97), "a.py", 5)), 1)
    source = convert(b, "pv", tmp_path)
    cut = tmp_path / "cut.pv"
    cut.write_bytes(source.read_bytes()[:-100])
    done = run(pitviper, cut, "-f", "folded")
    assert done.returncode == 0 and "damaged or incomplete" in done.stderr
    assert 10000 < sum(counts(done.stdout).values()) < 30000


@pytest.mark.parametrize("content, status", [
    (b"", 2), (b"\0" * 100, 2), (b"hello world", 2), (b"{}", 2), (b"\x1f\x8b\x08\0garbage", 2),
    (b'{"format":"pitviper-profile","version":1,"nodes":{"parent":[-1,7],"frame":[-1,0]}}', 2),
    (b'{"format":"pitviper-profile","version":99}', 69),
    (b"\x89pitvpr\n\x63\0\0\0\0\0\0\0", 69),
    (b"\x7fELF\x02\x01\x01" + b"\0" * 50, 2),
])
def test_convert__what_is_no_profile__is_one_sentence(content, status, pitviper, tmp_path):
    source = tmp_path / "bad.bin"
    source.write_bytes(content)
    refused(run(pitviper, source, "-f", "folded"), status, "bad.bin")


def test_convert__every_prefix_of_every_format__never_crashes(pitviper, tmp_path):
    for name in ("pv", "json", "speedscope", "pprof", "folded"):
        data = convert(small(), name, tmp_path).read_bytes()
        for size in range(1, len(data), max(1, len(data) // 12)):
            source = tmp_path / "prefix"
            source.write_bytes(data[:size])
            assert run(pitviper, source, "-f", "folded").returncode in (0, 2), (name, size)


def test_convert__missing_and_unwritable__say_which(pitviper, capture, tmp_path):
    refused(run(pitviper, tmp_path / "nope.pv", "-f", "folded"), 2, "nope.pv")
    refused(run(pitviper, capture, "-o", tmp_path / "no" / "x.svg"), 2, "x.svg")
    refused(run(pitviper, capture), 2, "which format")
    refused(run(pitviper, capture, "-o", tmp_path / "x.unknown"), 2, "x.unknown")
    refused(run(pitviper, capture, "-f", "nope"), 2, "nope")
    done = run(pitviper, capture, "-f", "svg", "-o", "/dev/full")
    assert done.returncode == 75 and "No space left" in done.stderr


def test_convert__failure__leaves_the_old_file_alone(pitviper, tmp_path):
    source = tmp_path / "sums.folded"
    source.write_text("main 1\n")
    out = tmp_path / "keep.gecko"
    out.write_text("old")
    assert run(pitviper, source, "-o", out).returncode == 2
    assert out.read_text() == "old" and sorted(os.listdir(tmp_path)) == ["keep.gecko", "sums.folded"]


# ---- size -----------------------------------------------------------------------------------------


def test_convert__a_million_samples__every_format_in_bounds(pitviper, tmp_path):
    """A tenth of the stated ten million, within a tenth of the time (slack for a busy machine) and the memory."""
    b = Builder()
    thread = b.thread(1, "t")
    nodes = [b.stack(*[("f%d" % (i >> d), "m%d.py" % (d % 5), d) for d in range(20)]) for i in range(1000)]
    for i in range(250_000):
        b.see(thread, nodes[i * 7919 % 1000], 4, 400)
    source = convert(b, "pv", tmp_path)
    assert source.stat().st_size < 4 * 1_000_000
    for name in ("flamegraph", "pprof", "pstats", "callgrind", "folded", "json", "speedscope", "gecko", "chrometrace"):
        begin = time.monotonic()
        done = run(pitviper, source, "-f", name, "-o", tmp_path / "big")
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - begin < 10, name
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 300 * 1024


def test_convert__recorder_killed_with_9__all_but_the_last_second_is_there(
    pitviper, start_target, local_python, tmp_path
):
    target = start_target(local_python, "busy")
    out = tmp_path / "killed.pv"
    words = [pitviper, "record", "-p", target.pid, "-r", "200", "-f", "pv", "-o", out]
    recorder = subprocess.Popen([str(word) for word in words], stderr=subprocess.DEVNULL)
    begin = time.monotonic()
    time.sleep(4)
    recorder.kill()
    recorder.wait()
    lasted = time.monotonic() - begin
    left = sorted(tmp_path.glob("*killed.pv*")) + sorted(tmp_path.glob(".pitviper*"))
    assert left, os.listdir(tmp_path)
    done = run(pitviper, left[0], "-f", "json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert "cut off" in done.stderr or "incomplete" in done.stderr
    assert data["meta"]["duration_us"] / 1e6 > lasted - 2.5  # a second, the start, and a busy machine
    assert sum(data["samples"]["count"]) > 0
