# SPDX-License-Identifier: MIT
"""Every format in the hands of a real consumer, with odd names and without samples."""

import base64
import gzip
import json
import re
import subprocess
import sys
import xml.dom.minidom

import pytest
from support.consumers import browse, node_modules, tool
from support.profiles import ODD_NAMES, Builder, convert, empty, odd, small

FORMATS = [
    "flamegraph", "html", "pv", "speedscope", "pprof", "pstats", "callgrind", "chrometrace",
    "gecko", "json", "folded",
]
READABLE = ["pv", "speedscope", "pprof", "json", "folded"]


def formats_built(pitviper):
    done = subprocess.run([pitviper, "convert", "--help"], capture_output=True, text=True)
    return done.stdout


@pytest.fixture(params=FORMATS)
def format_name(request, pitviper):
    if request.param == "html" and "html" not in formats_built(pitviper):
        pytest.skip("built without the page (no Node.js)")
    return request.param


def go(*words):
    done = subprocess.run([tool("go"), "tool", "pprof", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- every format ---------------------------------------------------------------------------------


def check(name, path):
    """The least that makes a file of this format: it parses."""
    data = path.read_bytes()
    if name == "flamegraph":
        xml.dom.minidom.parseString(data)
    elif name in ("speedscope", "chrometrace", "gecko", "json"):
        json.loads(data)
    elif name == "pprof":
        assert gzip.decompress(data)
    elif name == "pstats":
        subprocess.run([sys.executable, "-c", "import pstats,sys; pstats.Stats(sys.argv[1])", path], check=True)
    elif name == "callgrind":
        text = subprocess.run([tool("callgrind_annotate"), path], capture_output=True, text=True)
        assert text.returncode == 0 and "PROGRAM TOTALS" in text.stdout, text.stderr
    elif name == "folded":
        for line in data.decode().splitlines():
            assert re.fullmatch(r".* \d+", line)
    elif name == "html":
        assert data.count(b'<script id="pitviper-data"') == 1


@pytest.mark.parametrize("make", [odd, empty, small])
def test_formats__any_profile__is_a_valid_file(format_name, make, tmp_path):
    check(format_name, convert(make(), format_name, tmp_path))


@pytest.mark.parametrize("name", READABLE)
def test_formats__written_and_read_back__has_the_same_samples(name, tmp_path):
    direct = convert(small(), "folded", tmp_path).read_text()
    back = convert(convert(small(), name, tmp_path), "folded", tmp_path).read_text()
    if name == "speedscope":  # weights only: counts are in units of the smallest
        direct, back = (re.sub(r" \d+$", "", text, flags=re.M) for text in (direct, back))
    assert sorted(direct.splitlines()) == sorted(back.splitlines())


@pytest.mark.parametrize("name", ["pv", "json"])
def test_formats__odd_names_round_trip__byte_for_byte(name, tmp_path):
    direct = json.loads(convert(odd(), "json", tmp_path).read_text())
    back = json.loads(convert(convert(odd(), name, tmp_path), "json", tmp_path).read_text())
    assert direct["strings"] == back["strings"]
    assert direct["frames"] == back["frames"]
    assert direct["nodes"] == back["nodes"]
    assert set(ODD_NAMES) <= set(direct["strings"])


# ---- folded ---------------------------------------------------------------------------------------


def test_folded__semicolons_and_line_breaks__stay_inside_one_frame(tmp_path):
    lines = convert(odd(), "folded", tmp_path).read_text().splitlines()
    assert len(lines) == len(ODD_NAMES)
    assert all(line.count(";") == 1 for line in lines)


def test_folded__as_py_spy_writes_it__is_read(tmp_path):
    source = tmp_path / "py-spy.txt"
    source.write_text('main (app.py:12);handle (app.py:30) 7\nmain (app.py:12) 3\n')
    data = json.loads(convert(source, "json", tmp_path).read_text())
    names = [data["strings"][i] for i in data["frames"]["name"]]
    assert names == ["main", "handle"] and data["frames"]["line"] == [12, 30]
    assert sum(data["samples"]["count"]) == 10


# ---- pprof ----------------------------------------------------------------------------------------


def test_pprof__go_tool_top__shows_shares_and_time(tmp_path):
    text = go("-top", convert(small(), "pprof", tmp_path))
    assert "Type: cpu" in text and "Duration: 2s" in text
    assert re.search(r"600ms 60\.00% .* handle", text)
    assert re.search(r"150ms 15\.00% .* <GC>", text)


def test_pprof__go_tool_raw__has_threads_functions_and_lines(tmp_path):
    text = go("-raw", convert(small(), "pprof", tmp_path))
    assert "samples/count cpu/nanoseconds" in text
    assert "Period: 10000000" in text
    assert "thread:[MainThread]" in text and "thread_id:[43]" in text
    assert re.search(r"handle app\.py:30:0 s=28", text)


def test_pprof__odd_names__survive_go(tmp_path):
    text = go("-raw", convert(odd(), "pprof", tmp_path))
    for name in ("<script>alert(1)</script>", "漢字", "<module>", "\U0001f40d"):
        assert name in text


def test_pprof__written_by_go__is_read(tmp_path):
    source = convert(small(), "pprof", tmp_path)
    rewritten = tmp_path / "go.pb.gz"
    go("-proto", "-output", rewritten, source)
    back = convert(rewritten, "folded", tmp_path).read_text()
    assert "main (app.py:12);handle (app.py:30) 60" in back.splitlines()


# ---- speedscope -----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [odd, empty, small])
def test_speedscope__its_published_schema__holds(make, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((node_modules() / "speedscope/dist/release/file-format-schema.json").read_text())
    jsonschema.validate(json.loads(convert(make(), "speedscope", tmp_path).read_text()), schema)


def test_speedscope__its_own_importer__shows_the_profile(tmp_path):
    data = base64.b64encode(convert(small(), "speedscope", tmp_path).read_bytes()).decode()
    loader = tmp_path / "load.js"
    loader.write_text('speedscope.loadFileFromBase64("small.speedscope.json", "%s")' % data)
    page = node_modules() / "speedscope/dist/release/index.html"
    seen = browse(
        "file://%s#localProfilePath=%s" % (page, loader),
        [["wait", "document.title === 'python app.py - speedscope'"],
         ["wait", "document.body.innerText.includes('MainThread (42)')"],
         ["eval", "document.body.innerText"]],
    )
    assert seen["errors"] == []
    assert "MainThread (42)" in seen["values"][0] and "(1/2)" in seen["values"][0]


# ---- pstats ---------------------------------------------------------------------------------------

SHOW = "import pstats, json, sys; s = pstats.Stats(sys.argv[1]); print(json.dumps([[*k, *v[:4], len(v[4])] for k, v in s.stats.items()]))"


def test_pstats__every_python__loads_it(python, tmp_path):
    path = convert(small(), "pstats", tmp_path)
    if python.root:
        pytest.skip("the file is not visible in the newer release's root")
    shown = subprocess.run([python.path, "-c", SHOW, path], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    rows = {tuple(row[:3]): row[3:] for row in json.loads(shown.stdout)}
    assert rows[("app.py", 28, "handle")] == [75, 75, pytest.approx(0.6), pytest.approx(0.75), 1]
    assert rows[("~", 0, "<GC>")][:2] == [15, 15]


def test_pstats__recursion__is_never_more_than_the_whole(tmp_path):
    b = Builder()
    thread = b.thread(1, "t")
    b.see(thread, b.stack(*[("f", "r.py", 3), ("g", "r.py", 9)] * 50), 10, 100000)
    path = convert(b, "pstats", tmp_path)
    done = subprocess.run([sys.executable, "-c", SHOW, path], capture_output=True, text=True, check=True)
    for row in json.loads(done.stdout):
        assert row[3] == 10 and row[6] == pytest.approx(0.1)


def test_pstats__gprof2dot__draws_it(tmp_path):
    gprof2dot = pytest.importorskip("gprof2dot")
    path = convert(small(), "pstats", tmp_path)
    done = subprocess.run(
        [sys.executable, gprof2dot.__file__, "-f", "pstats", path], capture_output=True, text=True
    )
    assert done.returncode == 0 and "handle" in done.stdout and "digraph" in done.stdout


def test_pstats__snakeviz__tables_it(tmp_path):
    pytest.importorskip("snakeviz")
    code = "import pstats, sys; from snakeviz.stats import table_rows; rows = table_rows(pstats.Stats(sys.argv[1])); print(len(rows), 'handle' in str(rows))"
    done = subprocess.run(
        [sys.executable, "-c", code, convert(small(), "pstats", tmp_path)], capture_output=True, text=True
    )
    assert done.stdout.split() == ["5", "True"], done.stderr


# ---- callgrind ------------------------------------------------------------------------------------


def test_callgrind__annotate__shows_the_shares(tmp_path):
    path = convert(small(), "callgrind", tmp_path)
    done = subprocess.run(
        [tool("callgrind_annotate"), "--auto=no", path], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert re.search(r"^100 \(100\.0%\) 1,000,000,000 \(100\.0%\)\s+PROGRAM TOTALS", done.stdout, re.M)
    assert re.search(r"60 \(60\.00%\)\s+600,000,000 \(60\.00%\)\s+app\.py:handle", done.stdout)


# ---- timelines ------------------------------------------------------------------------------------


def test_chrometrace__bars__nest_and_cover_the_time(tmp_path):
    events = json.loads(convert(small(), "chrometrace", tmp_path).read_text())["traceEvents"]
    names = {e["args"]["name"] for e in events if e["ph"] == "M"}
    assert {"MainThread", "worker-1", "worker"} <= names
    bars = [e for e in events if e["ph"] == "X"]
    main = [e for e in bars if e["name"] == "main"]
    assert [(e["ts"], e["dur"]) for e in main] == [(0, 750000)]  # one bar: the stacks go on below it
    handles = [e for e in bars if e["name"] == "handle"]
    assert sum(e["dur"] for e in handles) == 750000
    collections = [e for e in bars if e["name"] == "<GC>"]
    assert [e["dur"] for e in collections] == [30000] * 5
    for inner in collections:  # inside a caller, on the same track
        assert any(
            outer["tid"] == inner["tid"] and outer["ts"] <= inner["ts"]
            and inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"] for outer in handles
        )
    assert len([e for e in bars if e["name"] == "work"]) == 5  # gaps end bars


GECKO_SHARED = ["stackTable", "frameTable", "funcTable", "resourceTable", "nativeSymbols", "sources"]


@pytest.mark.parametrize("make", [odd, empty, small])
def test_gecko__processed_format_61__follows_its_published_rules(make, tmp_path):
    data = json.loads(convert(make(), "gecko", tmp_path).read_text())
    assert data["meta"]["preprocessedProfileVersion"] == 61
    categories = data["meta"]["categories"]
    assert any(c["color"] == "grey" for c in categories)
    assert all(c["subcategories"][0] == "Other" for c in categories)
    shared = data["shared"]
    for name in GECKO_SHARED:
        table = shared[name]
        assert all(len(column) == table["length"] for key, column in table.items() if key != "length")
    strings = len(shared["stringArray"])
    stacks, frames, funcs = shared["stackTable"], shared["frameTable"], shared["funcTable"]
    assert all(p is None or p < i for i, p in enumerate(stacks["prefix"]))
    assert all(f < frames["length"] for f in stacks["frame"])
    assert all(f < funcs["length"] for f in frames["func"])
    assert all(c < len(categories) for c in frames["category"])
    assert all(n < strings for n in funcs["name"])
    assert all(s is None or s < shared["sources"]["length"] for s in funcs["source"])
    for thread in data["threads"]:
        samples = thread["samples"]
        assert len(samples["stack"]) == len(samples["timeDeltas"]) == samples["length"]
        assert all(s is None or s < stacks["length"] for s in samples["stack"])
        assert all(delta >= 0 for delta in samples["timeDeltas"])


def test_gecko__samples__are_one_per_sighting(tmp_path):
    data = json.loads(convert(small(), "gecko", tmp_path).read_text())
    main, worker = data["threads"]
    assert (main["samples"]["length"], worker["samples"]["length"]) == (75, 25)
    assert sum(main["samples"]["timeDeltas"]) == pytest.approx(740)
    assert main["isMainThread"] and not worker["isMainThread"]


@pytest.mark.parametrize("name", ["chrometrace", "gecko"])
def test_formats__time_axis_wanted_from_sums__is_refused_with_the_reason(name, pitviper, tmp_path):
    source = tmp_path / "sums.folded"
    source.write_text("main (app.py:1) 3\n")
    done = subprocess.run([pitviper, "convert", source, "-f", name], capture_output=True, text=True)
    assert done.returncode == 2 and "order of the samples in time" in done.stderr


# ---- the flame graph in a browser -----------------------------------------------------------------

LABELS = "[...document.querySelectorAll('#pv-view text')].map(t => t.textContent)"
MATCHED = "document.querySelector('#pv-matched').textContent"
CURSOR = "document.querySelector('.cursor')?.getAttribute('aria-label')"
WIDTH_OF = "[...document.querySelectorAll('#pv-view svg')].find(s => s.textContent.startsWith('%s'))?.width.baseVal.value"


@pytest.fixture
def graph(tmp_path):
    return "file://%s" % convert(small(), "flamegraph", tmp_path)


def test_flamegraph__click__zooms_and_escape_goes_back(graph):
    seen = browse(graph, [
        ["eval", WIDTH_OF % "handle"], ["click", 100, 134], ["eval", WIDTH_OF % "handle"],
        ["key", "Escape"], ["eval", WIDTH_OF % "handle"],
    ])
    before, zoomed, after = seen["values"]
    assert seen["errors"] == []
    assert zoomed > before * 1.2 and after == before


def test_flamegraph__search__marks_and_sums_without_counting_twice(graph):
    seen = browse(graph, [
        ["key", "/"], ["type", "main|handle"], ["wait", MATCHED + " !== ''"], ["eval", MATCHED],
        ["eval", "document.querySelectorAll('#pv-view .match').length"],
        ["key", "Escape"], ["eval", MATCHED],
    ])
    assert seen["values"] == ["75.00 % matched", 2, ""]


def test_flamegraph__ctrl_f_and_a_broken_regex__is_marked_not_thrown(graph):
    seen = browse(graph, [
        ["key", "Control+f"], ["type", "("],
        ["wait", "document.querySelector('#pv-search').classList.contains('bad')"],
    ])
    assert seen["errors"] == []


def test_flamegraph__keyboard__walks_and_zooms(graph):
    seen = browse(graph, [
        ["key", "ArrowDown"], ["eval", CURSOR], ["key", "ArrowDown"], ["key", "ArrowDown"],
        ["eval", CURSOR], ["key", "ArrowUp"], ["eval", CURSOR], ["key", "Enter"],
        ["eval", WIDTH_OF % "handle"], ["key", "Backspace"], ["key", "Backspace"], ["key", "Home"],
        ["key", "ArrowDown"], ["key", "ArrowRight"], ["eval", CURSOR],
    ])
    main, collection, handle, width, run = seen["values"]
    assert main.startswith("main (app.py:12): 75 samples, 75.00 % of all")
    assert collection.startswith("<GC>") and handle.startswith("handle (app.py:30)")
    assert "80.00 %" not in main and "nothing by itself" in main
    assert width > 1100
    assert run.startswith("run (pool.py:5)")


def test_flamegraph__narrow_window_and_turned__no_text_leaves_its_frame(graph):
    inside = """[...document.querySelectorAll('#pv-view svg')].every(s => {
        const t = s.querySelector('text').getBBox(); return t.x + t.width <= s.width.baseVal.value + 1; })"""
    seen = browse(graph, [["eval", inside], ["size", 420, 600], ["eval", inside], ["key", "i"], ["eval", inside]])
    assert seen["errors"] == [] and seen["values"] == [True, True, True]


def test_flamegraph__hostile_names__are_text_and_nothing_is_loaded(tmp_path):
    path = convert(odd(), "flamegraph", tmp_path, "--title", "</title><script>alert(9)</script>")
    for dark in (False, True):
        seen = browse("file://%s" % path, [["key", "/"], ["type", "script"], ["eval", "1"]], dark=dark)
        assert seen["errors"] == [] and seen["dialogs"] == []
        assert seen["requests"] == ["file://%s" % path]


def test_flamegraph__without_scripts__still_shows_labels(graph):
    count = "document.querySelectorAll('#pv-static text').length"
    assert browse(graph, [["eval", count]], scripts=False)["values"][0] >= 5


def test_flamegraph__deep_recursion_and_many_nodes__stays_usable(tmp_path):
    b = Builder()
    thread = b.thread(1, "t")
    b.see(thread, b.stack(*[("f", "r.py", 3)] * 5000), 10)
    for i in range(20000):
        b.see(thread, b.stack(("top", "a.py", 1), ("f%d" % (i % 200), "a.py", i)), 1)
    path = convert(b, "flamegraph", tmp_path)
    assert path.stat().st_size < 4_000_000
    seen = browse("file://%s" % path, [["key", "ArrowDown"], ["eval", LABELS + ".length"]])
    assert seen["errors"] == [] and seen["values"][0] > 1


def test_flamegraph__tiny_frames__are_left_out_and_counted(tmp_path):
    b = Builder()
    thread = b.thread(1, "t")
    b.see(thread, b.stack(("big", "a.py", 1)), 1_000_000)
    for i in range(7):
        b.see(thread, b.stack(("small%d" % i, "a.py", i + 2)), 1)
    text = convert(b, "flamegraph", tmp_path).read_text()
    assert "7 frames below 0.01 % left out" in text
    assert "small3" not in text


# ---- html -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [odd, empty, small])
def test_html__page__opens_without_errors_or_requests(make, pitviper, tmp_path):
    if "html" not in formats_built(pitviper):
        pytest.skip("built without the page (no Node.js)")
    path = convert(make(), "html", tmp_path)
    seen = browse("file://%s" % path, [["wait", "document.querySelector('.explorer, .problem')"]])
    assert seen["errors"] == [] and seen["dialogs"] == []
    assert seen["requests"] == ["file://%s" % path]


