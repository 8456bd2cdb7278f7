# SPDX-License-Identifier: MIT
"""`pitviper dump`: every thread's stack, now."""

import json
import re

import pytest

from support.measured import run_measured
from support.program import function_lines, load_program

LIMIT_S = 20
SLEEPERS = {"nap", "locked", "queued", "listening", "reading"}


def dump_json(pitviper, pid, *words):
    done = run_measured([pitviper, "dump", "-p", pid, "-j", *words], LIMIT_S)
    assert done.status == 0, done.stderr
    return json.loads(done.stdout)


def own(frame, program):
    return frame["short_file"].endswith(program + ".py")


def thread_with(value, function):
    for thread in value["threads"]:
        if any(frame["name"].rsplit(".", 1)[-1] == function for frame in thread["frames"]):
            return thread
    return None


def test_dump__text__every_thread_innermost_first(pitviper, start_target, python):
    target = start_target(python, "sleepers", [30])
    done = run_measured([pitviper, "dump", "-p", target.pid], LIMIT_S)
    assert done.status == 0, done.stderr
    assert "%d.%d.%d" % python.version in done.stdout
    for name in SLEEPERS:
        assert re.search(r"^\s+%s \(.*sleepers.py:\d+\)$" % name, done.stdout, re.MULTILINE), name
    assert re.search(r" main \(.*\n\s+<module> \(", done.stdout), "innermost first"


def test_dump__json__names_ids_state_and_lines(pitviper, start_target, python):
    target = start_target(python, "sleepers", [30])
    value = dump_json(pitviper, target.pid)
    assert value["pid"] == target.pid
    assert value["python"].startswith("%d.%d.%d" % python.version)
    assert len(value["threads"]) == 6
    main = thread_with(value, "main")
    assert main["tid"] == target.pid
    lines = function_lines(load_program("sleepers").path)
    for function in SLEEPERS:
        thread = thread_with(value, function)
        assert thread and not thread["active"] and not thread["partial"]
        assert thread["name"] == function, "Python's own name of the thread"
        frame = next(f for f in thread["frames"] if f["name"].rsplit(".", 1)[-1] == function)
        assert frame["line"] in lines[function]
    assert len({thread["tid"] for thread in value["threads"]}) == 6


def test_dump__busy_thread__is_active_and_often_holds_the_gil(pitviper, start_target, python):
    if python.free_threaded:
        pytest.skip("no GIL")
    target = start_target(python, "busy", [30])
    seen = [dump_json(pitviper, target.pid)["threads"][0] for _ in range(10)]
    assert sum(thread["active"] for thread in seen) >= 7
    assert sum(thread["holds_gil"] for thread in seen) >= 7


def test_dump__own_pid_namespace__host_ids(pitviper, start_target, python):
    if not python.root:
        pytest.skip("only the newer release's root is entered in namespaces of its own")
    target = start_target(python, "sleepers", [30], own_pid_namespace=True)
    value = dump_json(pitviper, target.pid)
    assert thread_with(value, "main")["tid"] == target.pid
    assert len({thread["tid"] for thread in value["threads"]}) == 6


def test_dump__5000_calls__all_of_them(pitviper, start_target, python):
    target = start_target(python, "abyss", [30])
    target.wait_working()
    deepest, tries = 0, 0
    while deepest < 5000 and tries < 50:
        tries += 1
        thread = thread_with(dump_json(pitviper, target.pid), "leaf")
        if thread:
            deepest = max(deepest, sum(f["name"] == "down" for f in thread["frames"]))
    assert deepest == 5000


def test_dump__without_locals__no_values(pitviper, start_target, local_python):
    target = start_target(local_python, "values", [30])
    done = run_measured([pitviper, "dump", "-p", target.pid, "-j"], LIMIT_S)
    assert "hunter2" not in done.stdout and "12345" not in done.stdout


def test_dump__locals__common_types_shortened(pitviper, start_target, python):
    target = start_target(python, "values", [30])
    done = run_measured([pitviper, "dump", "-p", target.pid, "--locals"], LIMIT_S)
    assert done.status == 0, done.stderr
    for text in ("12345", "hunter2", "2.5", "None", "True"):
        assert text in done.stdout, text
    assert len(done.stdout) < 20000, "long values are shortened"


def test_dump__full_filenames__absolute_paths(pitviper, start_target, local_python):
    target = start_target(local_python, "busy", [30])
    done = run_measured([pitviper, "dump", "-p", target.pid, "--full-filenames"], LIMIT_S)
    assert target.files + "/busy.py:" in done.stdout


def test_dump__blocking__same_stack_and_target_goes_on(pitviper, start_target, python):
    target = start_target(python, "busy", [30, 25])
    target.wait_working()
    value = dump_json(pitviper, target.pid, "--blocking")
    assert [f["name"] for f in value["threads"][0]["frames"]][-2:] == ["main", "<module>"]
    assert len(value["threads"][0]["frames"]) == 25
