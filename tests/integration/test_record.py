# SPDX-License-Identifier: MIT
"""`pitviper record`, from the command line to the file."""

import gzip
import json
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from support.measured import Running, run_measured
from support.program import load_program, source_lines
from support.stacks import parse_folded
from support.target import process_state

STATS = (
    "samples threads exact partial lost late errors rate_hz_asked rate_hz_got wall_s cpu_user_s "
    "cpu_sys_s reads_per_sample python source"
).split()
LIMIT_S = 40


@pytest.fixture
def record(pitviper, tmp_path):
    """record(pid, *words) → (stacks, what it said); folded, half a second at 1 kHz."""

    def run(pid, *words, duration=0.5, rate=1000):
        out = tmp_path / "out.folded"
        words = [pitviper, "record", "-p", pid, "-d", duration, "-r", rate, "-o", out, *words]
        done = run_measured(words, LIMIT_S)
        assert done.status == 0, done.stderr
        return parse_folded(out.read_text(encoding="utf-8")), done

    return run


def names_of(stacks):
    return {frame.last_name for stack in stacks for frame in stack}


def wait_for(condition, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


# What is recorded


def test_record__busy_program__its_stack(record, start_target, python):
    target = start_target(python, "busy", [30, 25])
    target.wait_working()
    stacks, _ = record(target.pid)
    (whole, count) = stacks.most_common(1)[0]
    expected = ["<module>", "main"] + ["down"] * 22 + ["leaf"]
    assert [frame.last_name for frame in whole] == expected
    assert whole[-1].base == "busy.py"
    assert count > 0.3 * sum(stacks.values())


def test_record__own_pid_and_mount_namespace__the_same_stack(record, start_target, python):
    if not python.root:
        pytest.skip("only the newer release's root is entered in namespaces of its own")
    target = start_target(python, "busy", [30, 25], own_pid_namespace=True)
    stacks, _ = record(target.pid, "-t")
    root = stacks.most_common(1)[0][0][0]
    assert "leaf" in names_of(stacks)
    assert str(target.pid) in root.name, "the thread id is the host's"


def test_record__methods_and_closures__qualified_names_from_311(record, start_target, python):
    target = start_target(python, "c_calls", [30])
    stacks, _ = record(target.pid)
    names = {frame.name for stack in stacks for frame in stack}
    encode = {name for name in names if name.rsplit(".", 1)[-1] == "encode"}
    wanted = "JSONEncoder.encode" if python.version >= (3, 11) else "encode"
    assert encode == {wanted}


def test_record__default__only_running_threads(record, start_target, python):
    target = start_target(python, "sleepers", [30])
    stacks, _ = record(target.pid)
    asleep = {"nap", "locked", "queued", "listening", "reading"}
    assert "busy" in names_of(stacks)
    assert not asleep & names_of(stacks)


def test_record__idle__sleeping_threads_too(record, start_target, python):
    target = start_target(python, "sleepers", [30])
    stacks, _ = record(target.pid, "--idle")
    counts = {
        name: sum(count for stack, count in stacks.items() if name in names_of([stack]))
        for name in ("busy", "nap", "locked", "queued", "listening", "reading")
    }
    assert min(counts.values()) > 0.9 * max(counts.values()), counts


def test_record__gil__only_its_holder(record, start_target, python):
    if python.free_threaded:
        pytest.skip("no GIL")
    target = start_target(python, "crowd", [30, 8])
    stacks, done = record(target.pid, "--gil", "--stats", "/dev/null")
    shown = sum(count for stack, count in stacks.items() if "leaf" in names_of([stack]))
    asked = 500
    assert shown > 0.9 * sum(stacks.values())
    assert sum(stacks.values()) <= 1.2 * asked, "at most one thread a round"


def test_record__threads__a_root_frame_with_name_and_id(record, start_target, python):
    target = start_target(python, "sleepers", [30])
    stacks, _ = record(target.pid, "--threads", "--idle")
    roots = {stack[0].name for stack in stacks}
    assert all(re.search(r"\d+", root) for root in roots), roots
    assert len(roots) == 6
    assert any(str(target.pid) in root for root in roots), "the main thread's id is the process's"


def test_record__function__first_lines(record, start_target, local_python):
    target = start_target(local_python, "busy", [30])
    stacks, _ = record(target.pid, "--function")
    source = source_lines(load_program("busy").path)
    lines = {(frame.last_name, frame.line) for stack in stacks for frame in stack}
    defined = {(name, line) for name, line in lines if name != "<module>"}
    assert defined and all(source[line - 1] == "def %s(" % name + source[line - 1].partition("(")[2]
                           for name, line in defined)


def test_record__nolineno__no_lines(record, start_target, local_python):
    target = start_target(local_python, "busy", [30])
    stacks, _ = record(target.pid, "--nolineno")
    assert {frame.line for stack in stacks for frame in stack} == {0}
    assert names_of(stacks) >= {"main", "leaf"}


def test_record__full_filenames__absolute_paths(record, start_target, local_python):
    target = start_target(local_python, "busy", [30])
    stacks, _ = record(target.pid, "--full-filenames")
    assert {frame.file for stack in stacks for frame in stack} == {target.files + "/busy.py"}


def test_record__garbage_collection__is_a_frame(record, start_target, python):
    if python.version < (3, 7):
        pytest.skip("3.6 keeps its collector's state in a static variable that has no symbol")
    target = start_target(python, "collector", [30])
    stacks, _ = record(target.pid)
    collecting = sum(count for stack, count in stacks.items() if stack[-1].name == "<GC>")
    assert collecting > 0.3 * sum(stacks.values())


def test_record__blocking__the_same_stack_and_nobody_stopped(record, start_target, python):
    target = start_target(python, "busy", [30, 25])
    stacks, _ = record(target.pid, "--blocking", rate=200)
    assert "leaf" in names_of(stacks)
    work = target.board()[0]
    assert wait_for(lambda: target.board()[0] > work), "the target went on working"
    assert process_state(target.pid) in "RS"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_record__blocking_and_killed__target_runs_on(pitviper, start_target, local_python, number,
                                                     tmp_path):
    target = start_target(local_python, "crowd", [60, 4])
    for turn in range(5):
        out = tmp_path / "x.svg"
        words = [pitviper, "record", "--blocking", "-p", target.pid, "-r", 5000, "-o", out]
        running = Running(words)
        time.sleep(0.2 + 0.01 * turn)
        running.send(number)
        running.finish(LIMIT_S)
        tasks = Path("/proc/%d/task" % target.pid)
        states = {process_state(int(task.name)) for task in tasks.iterdir()}
        assert not states & {"T", "t"}, "turn %d left a thread stopped" % turn
        work = target.board()[0]
        assert wait_for(lambda: target.board()[0] > work)


# Start and end


def test_record__sigint__writes_the_file(pitviper, start_target, local_python, tmp_path):
    target = start_target(local_python, "busy", [30])
    out = tmp_path / "out.folded"
    running = Running([pitviper, "record", "-p", target.pid, "-o", out])
    time.sleep(0.6)
    running.send(signal.SIGINT)
    done = running.finish(LIMIT_S)
    assert done.status == 0, done.stderr
    assert sum(parse_folded(out.read_text()).values()) > 10


def test_record__target_exits__ends_normally(pitviper, start_target, python, tmp_path):
    target = start_target(python, "ending", ["exit", 1.0])
    out = tmp_path / "out.folded"
    done = run_measured([pitviper, "record", "-p", target.pid, "-d", 30, "-o", out], LIMIT_S)
    assert done.status == 0, done.stderr
    assert "work" in names_of(parse_folded(out.read_text()))


def test_record__target_is_killed__ends_normally(pitviper, start_target, local_python, tmp_path):
    target = start_target(local_python, "ending", ["kill", 0.7])
    out = tmp_path / "out.folded"
    done = run_measured([pitviper, "record", "-p", target.pid, "-d", 30, "-o", out], LIMIT_S)
    assert done.status == 0, done.stderr
    assert sum(parse_folded(out.read_text()).values()) > 5


def test_record__target_execs_python__goes_on_or_ends_but_tells_no_lie(
    pitviper, start_target, local_python, tmp_path
):
    target = start_target(local_python, "ending", ["exec", 0.7])
    out = tmp_path / "out.folded"
    done = run_measured([pitviper, "record", "-p", target.pid, "-d", 3, "-o", out], LIMIT_S)
    assert done.status == 0, done.stderr
    stacks = parse_folded(out.read_text())
    assert "work" in names_of(stacks)
    mixed = [stack for stack in stacks if {"work", "leaf"} <= names_of([stack])]
    assert not mixed


def test_record__target_execs_another_program__ends(pitviper, start_target, local_python, tmp_path):
    target = start_target(local_python, "ending", ["exec-other", 0.7])
    out = tmp_path / "out.folded"
    done = run_measured([pitviper, "record", "-p", target.pid, "-d", 3, "-o", out], LIMIT_S)
    assert done.status == 0, done.stderr
    assert "work" in names_of(parse_folded(out.read_text()))


def test_record__command__from_its_first_instant(pitviper, python, tmp_path):
    out, program = tmp_path / "out.folded", load_program("busy").path
    if python.root:
        pytest.skip("the program is not in the newer release's root")
    words = [pitviper, "record", "-r", 1000, "-o", out, "--", python.path, "-S", program, 0.5]
    done = run_measured(words, LIMIT_S)
    assert done.status == 0, done.stderr
    assert done.stdout == "ready\n", "the program's own output is its own"
    assert "leaf" in names_of(parse_folded(out.read_text()))


def test_record__command_and_duration__command_is_ended_or_left_as_documented(
    pitviper, local_python, tmp_path
):
    out, program = tmp_path / "out.folded", load_program("busy").path
    words = [pitviper, "record", "-d", 1, "-o", out, "--", local_python.path, program, 5]
    done = run_measured(words, LIMIT_S)
    assert done.status == 0, done.stderr
    assert "leaf" in names_of(parse_folded(out.read_text()))


# What is written


def test_record__stats__all_of_the_contract(pitviper, start_target, python, tmp_path):
    target = start_target(python, "busy", [30])
    out, stats = tmp_path / "out.folded", tmp_path / "stats.json"
    words = [pitviper, "record", "-p", target.pid, "-d", 0.5, "-r", "1khz", "-o", out]
    done = run_measured([*words, "--stats", stats], LIMIT_S)
    assert done.status == 0, done.stderr
    values = json.loads(stats.read_text())
    assert set(STATS) <= set(values)
    assert values["samples"] == values["exact"] + values["partial"]
    assert values["samples"] == sum(parse_folded(out.read_text()).values())
    assert values["rate_hz_asked"] == 1000
    assert values["wall_s"] == pytest.approx(0.5, abs=0.3)
    assert values["python"].startswith("%d.%d.%d" % python.version)


def test_record__summary__counts_hottest_and_place(pitviper, start_target, local_python, tmp_path):
    target = start_target(local_python, "busy", [30])
    out = tmp_path / "out.svg"
    done = run_measured([pitviper, "record", "-p", target.pid, "-d", 0.5, "-o", out], LIMIT_S)
    for word in ("samples", "exact", "partial", "lost", "late", "leaf", str(out)):
        assert word in done.stderr
    assert done.stdout == ""


def test_record__quiet__says_nothing(pitviper, start_target, local_python, tmp_path):
    target = start_target(local_python, "busy", [30])
    words = [pitviper, "record", "-q", "-p", target.pid, "-d", 0.3, "-o", tmp_path / "x.svg"]
    done = run_measured(words, LIMIT_S)
    assert (done.status, done.stdout, done.stderr) == (0, "", "")


def test_record__dash__standard_output_is_the_file(pitviper, start_target, local_python):
    target = start_target(local_python, "busy", [30])
    words = [pitviper, "record", "-p", target.pid, "-d", 0.3, "-r", 500, "-f", "raw", "-o", "-"]
    done = run_measured(words, LIMIT_S)
    assert done.status == 0, done.stderr
    assert "leaf" in names_of(parse_folded(done.stdout))


def check_flamegraph(data):
    root = ElementTree.fromstring(data.decode("utf-8"))
    assert root.tag.endswith("svg")
    assert b"leaf" in data
    assert not re.search(rb"""(?:href|src)=["'](?!#|data:)""", data), "self-contained"


def check_speedscope(data):
    value = json.loads(data)
    assert value["$schema"].startswith("https://www.speedscope.app/")
    assert "leaf" in {frame["name"].rsplit(".", 1)[-1] for frame in value["shared"]["frames"]}
    profile = value["profiles"][0]
    assert len(profile["samples"]) == len(profile["weights"]) > 0


def check_pprof(data):
    assert data[:2] == b"\x1f\x8b"
    assert b"leaf" in gzip.decompress(data)


def check_json(data):
    assert "leaf" in json.dumps(json.loads(data))


def check_folded(data):
    assert "leaf" in names_of(parse_folded(data.decode("utf-8")))


@pytest.mark.parametrize(
    "ending, check",
    [
        (".svg", check_flamegraph),
        (".speedscope.json", check_speedscope),
        (".pb.gz", check_pprof),
        (".json", check_json),
        (".folded", check_folded),
    ],
)
def test_record__ending_of_the_file__chooses_the_format(
    pitviper, start_target, local_python, tmp_path, ending, check
):
    target = start_target(local_python, "busy", [30])
    out = tmp_path / ("out" + ending)
    done = run_measured([pitviper, "record", "-p", target.pid, "-d", 0.5, "-o", out], LIMIT_S)
    assert done.status == 0, done.stderr
    check(out.read_bytes())
    assert [path.name for path in tmp_path.iterdir()] == [out.name], "nothing beside it"


@pytest.mark.parametrize(
    "name, check",
    [
        ("flamegraph", check_flamegraph),
        ("speedscope", check_speedscope),
        ("pprof", check_pprof),
        ("json", check_json),
        ("folded", check_folded),
        ("raw", check_folded),
    ],
)
def test_record__format_option__goes_over_the_ending(
    pitviper, start_target, local_python, tmp_path, name, check
):
    target = start_target(local_python, "busy", [30])
    out = tmp_path / "out.something"
    words = [pitviper, "record", "-p", target.pid, "-d", 0.3, "-f", name, "-o", out]
    done = run_measured(words, LIMIT_S)
    assert done.status == 0, done.stderr
    check(out.read_bytes())


def test_record__names_of_every_width__survive(record, start_target, python):
    target = start_target(python, "names", [30])
    stacks, _ = record(target.pid)
    frames = {(f.last_name, f.base) for stack in stacks for f in stack}
    assert {("main_é", "naïve_é.py"), ("работа", "файл.py"), ("仕事", "仕事.py"),
            ("𐎠𐎡", "𐎠 with space.py")} <= frames


# Where the interpreter is


def test_record__deleted_interpreter__is_read(record, start_target, local_python, tmp_path):
    """As after a package upgrade under a running service."""
    import shutil

    copy = tmp_path / "python-copy"
    shutil.copy2(Path(local_python.path).resolve(), copy)
    script = load_program("busy").path
    process = subprocess.Popen([copy, script, "30"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        copy.unlink()
        stacks, _ = record(process.pid)
        assert "leaf" in names_of(stacks)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_record__sub_interpreters__all_are_seen(record, start_target, python):
    if python.version < (3, 8):
        pytest.skip("no module to make sub-interpreters with")
    target = start_target(python, "subinterpreters", [30])
    target.wait_working()
    stacks, _ = record(target.pid, "-i", "-t")
    roots = {stack[0].name for stack in stacks if "sub_leaf" in names_of([stack])}
    # Up to 3.12 run_string() runs in a thread state that bears the id of the thread that made it.
    assert len(roots) == (2 if python.version >= (3, 13) else 1), roots


def test_record__running_under_the_test__does_not_change_the_target(
    record, start_target, local_python
):
    """Nothing is left behind: no tracer, no new thread, no new mapping that is ours."""
    target = start_target(local_python, "busy", [30])
    record(target.pid)
    status = Path("/proc/%d/status" % target.pid).read_text()
    assert re.search(r"^TracerPid:\s+0$", status, re.MULTILINE)
    maps = Path("/proc/%d/maps" % target.pid).read_text().replace(target.folder, "")
    assert "pitviper" not in maps
    assert len(list(Path("/proc/%d/task" % target.pid).iterdir())) == 1


