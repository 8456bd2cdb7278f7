# SPDX-License-Identifier: MIT
"""Threads' names and frames' variables, read from outside, are what the process itself says."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from support.pythons import REPO
from support.recorder import binary_path

READER = Path(binary_path()).parent / "tests" / "drivers" / "object_read"
NAME_BYTES = 255  # THREAD_NAME_MAX without the NUL
CHURN_ROUNDS = 300
CHURN_LIMIT_S = 60


def read(what, pid, *args, rounds=1):
    """One dict per round."""
    if not READER.exists():
        pytest.fail("%s is not built" % READER)
    done = subprocess.run([str(READER), what, str(pid), *args, str(rounds)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=CHURN_LIMIT_S)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def cut(name):
    """As the reader cuts: whole characters."""
    return name and name.encode()[:NAME_BYTES].decode(errors="ignore")


def start_saying(start_target, python, program, *args):
    target = start_target(python, program, args, ready=False)
    return target, [json.loads(line) for line in target.wait_ready()]


def variables(frames):
    assert len(frames) == 1
    return {item["name"]: item for item in frames[0]}


def check_variables(frames, expected):
    found = variables(frames)
    for name, kind, value in expected:
        if value is None:
            assert name not in found, "%s is unbound" % name
        else:
            assert name in found, "%s is missing" % name
            assert (found[name]["kind"], found[name]["value"]) == (kind, value), name


def test_names__threads_of_every_kind__are_what_the_program_says(python, start_target):
    target, (expected,) = start_saying(start_target, python, "thread_names")
    for found in read("names", target.pid, rounds=4):  # all, some, all, some
        assert found["names"] == {ident: cut(name) for ident, name in expected.items()}
        assert found["unknown"] == 0


def test_names__threads_renamed_started_and_ended_all_the_time__no_thread_gets_anothers_name(
        python, start_target):
    target, (expected,) = start_saying(start_target, python, "thread_names", "churn")
    seen, known = 0, 0
    for found in read("names", target.pid, rounds=CHURN_ROUNDS):
        for ident, name in found.get("names", {}).items():
            if ident in expected:
                seen, known = seen + 1, known + (name == cut(expected[ident]))
                assert name in (cut(expected[ident]), None)
            elif name and not name.startswith("Thread-") and name != "0":
                assert name.startswith(ident + " "), name
    assert seen > 0 and known >= 0.7 * seen


def test_names__a_program_that_never_imported_threading__has_none_and_no_error(python):
    words = [*python.command(), "-c", "import time; print(1, flush=True); time.sleep(60)"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            process.stdout.readline()
            (found,) = read("names", process.pid)
        finally:
            process.kill()
    assert found["unknown"] == 0
    assert list(found["names"].values()) in ([None], ["MainThread"])


def test_names__a_process_that_ends_meanwhile__is_told_apart_from_an_error(
        local_python, start_target):
    target, _ = start_saying(start_target, local_python, "thread_names", "churn")
    words = [str(READER), "names", str(target.pid), "1000000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as reader:
        assert b"names" in reader.stdout.readline()
        target.process.kill()
        last = reader.stdout.read().splitlines()[-1]
        assert reader.wait(timeout=CHURN_LIMIT_S) == 1
    assert json.loads(last) == {"error": "the process has exited"}


def test_locals__in_the_source__are_for_dump_alone():
    """Privacy: nothing that stores or sends may see an application's values."""
    may = {"unwind/locals.c", "unwind/locals.h", "unwind/repr.c", "cli/cmd_dump.c"}
    users = {str(path.relative_to(REPO / "src")) for path in (REPO / "src").rglob("*.[ch]")
             if '"unwind/locals.h"' in path.read_text() or '"unwind/repr.h"' in path.read_text()}
    assert users <= may


def test_locals__values_of_every_type__are_shown_as_python_would(python, start_target):
    target, (generate, subject, body) = start_saying(start_target, python, "variables")
    check_variables(read("locals", target.pid, "generate")[0]["frames"], generate)
    check_variables(read("locals", target.pid, "subject")[0]["frames"], subject)
    check_variables(read("locals", target.pid, "Body")[0]["frames"], body)


def legal_values():
    """What each variable of `churn` in targets/variables.py can ever be."""
    def shown(items, total):
        return items[:6] + (["… %d more" % (total - 6)] if total > 6 else [])

    legal = {"text": {"'aaaa'"}, "number": {"1"}, "items": {"[1]"}, "table": {"{'k': 1}"},
             "real": {"0.5"}, "bag": {"set()"}, "deep": {"[[1]]"}, "i": set()}
    for i in range(4):
        text = "abé仕"[i] * (i * 40 + 1)
        legal["text"].add(repr(text[:80]) + ("…" if len(text) > 80 else ""))
        legal["number"].add(str(10 ** (i * 20)))
        for size in (i * 20, i * 20 + 1):
            items = list(range(i * 20)) + [i]
            legal["items"].add("[%s]" % ", ".join(shown([str(x) for x in items[:size]], size)))
        for first in (0, 1):
            keys = range(first, i * 7)
            pairs = shown(["%d: '%d'" % (j, j) for j in keys], len(keys))
            legal["table"].add("{%s}" % ", ".join(pairs))
        legal["real"].add(repr(i / 3))
        legal["bag"].add("{%s}" % ", ".join(map(str, range(i))) if i else "set()")
        legal["deep"].add(repr([[[i] * i] * i]))
        legal["i"].add(str(i))
    return legal


def test_locals__values_rebound_all_the_time__are_old_or_new_and_never_a_mixture(
        python, start_target):
    target, _ = start_saying(start_target, python, "variables", "churn")
    legal, shown, wrong = legal_values(), 0, []
    begin = time.monotonic()
    for found in read("locals", target.pid, "churn", rounds=CHURN_ROUNDS):
        for frame in found.get("frames", []):
            for item in frame:
                shown += 1
                if not item["changing"] and item["value"] not in legal[item["name"]]:
                    wrong.append((item["name"], item["value"]))
    assert shown > CHURN_ROUNDS
    assert time.monotonic() - begin < CHURN_LIMIT_S
    assert len(wrong) <= shown / 250, wrong[:10]
