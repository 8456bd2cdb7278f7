# SPDX-License-Identifier: MIT
"""pitviper doctor: what can be read here, and the remedy where it cannot."""

import json
import os
import subprocess
import sys

import pytest

from support.measured import run_measured

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
NO_PTRACE = ["setpriv", "--bounding-set=-sys_ptrace"]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")


def doctor(pitviper, *words, prefix=()):
    done = run_measured([*prefix, pitviper, "doctor", "--json", *words])
    return done, json.loads(done.stdout)


def row_of(facts, pid):
    rows = [row for row in facts["processes"] if row["pid"] == pid]
    assert len(rows) == 1, facts["processes"]
    return rows[0]


def test_doctor__every_python__is_readable(pitviper, python, start_target):
    target = start_target(python, "sleepers")
    done, facts = doctor(pitviper, "-p", target.pid)
    row = row_of(facts, target.pid)
    assert done.status == 0, done.stderr
    assert row["readable"] and "problem" not in row
    assert row["python"].split(".")[:2] == [str(python.version[0]), str(python.minor)]
    assert "sleepers" in row["command"]
    assert os.path.basename(row["executable"]).startswith(("python", "libpython"))


def test_doctor__whole_host__lists_pythons_and_nothing_else(pitviper, local_python, start_target):
    target = start_target(local_python, "sleepers")
    other = subprocess.Popen(["sleep", "60"])
    try:
        done, facts = doctor(pitviper)
    finally:
        other.kill()
        other.wait()
    pids = [row["pid"] for row in facts["processes"]]
    assert row_of(facts, target.pid)["readable"]
    assert row_of(facts, os.getpid())["python"] == "%d.%d.%d" % sys.version_info[:3]
    assert other.pid not in pids
    assert done.status in (0, 69, 75, 77)  # of whatever else runs here
    assert len(pids) == len(set(pids))


def test_doctor__facts__are_those_of_the_kernel(pitviper):
    _, facts = doctor(pitviper, "-p", os.getpid())
    assert facts["kernel"] == os.uname().release
    assert facts["uid"] == os.geteuid()
    assert facts["memory_read"]["works"] is True
    with open("/proc/self/status") as file:
        effective = int([line.split()[1] for line in file if line.startswith("CapEff")][0], 16)
    assert facts["capabilities"]["CAP_SYS_PTRACE"] == bool(effective >> 19 & 1)
    yama = "/proc/sys/kernel/yama/ptrace_scope"
    assert facts["yama_ptrace_scope"] == (int(open(yama).read()) if os.path.exists(yama) else None)


def test_doctor__several_pids__the_worst_gives_the_status(pitviper, local_python, start_target):
    target = start_target(local_python, "sleepers")
    shell = subprocess.Popen(["sleep", "60"])
    try:
        done, facts = doctor(pitviper, "-p", target.pid, "-p", shell.pid, "-p", 1 << 22)
    finally:
        shell.kill()
        shell.wait()
    assert done.status == 69
    assert [row["readable"] for row in facts["processes"]] == [True, False, False]
    assert "not a Python process" in row_of(facts, shell.pid)["problem"]
    assert row_of(facts, shell.pid)["status"] == 69
    assert "no such process" in row_of(facts, 1 << 22)["problem"]


@needs_root
def test_doctor__other_user__is_told_the_remedy(pitviper, local_python, start_target):
    target = start_target(local_python, "sleepers")
    done, facts = doctor(pitviper, prefix=NOBODY)
    row = row_of(facts, target.pid)
    assert done.status == 77
    assert not row["readable"]
    assert "run as root" in row["problem"] and "setcap cap_sys_ptrace" in row["problem"]


@needs_root
def test_doctor__root_without_the_capability__is_told_the_remedy(pitviper, local_python, start_target):
    target = start_target(local_python, "sleepers")
    done, facts = doctor(pitviper, "-p", target.pid, prefix=NO_PTRACE)
    assert done.status == 77
    assert facts["capabilities"]["CAP_SYS_PTRACE"] is False
    assert "--cap-add SYS_PTRACE" in row_of(facts, target.pid)["problem"]
    assert "securityContext" in row_of(facts, target.pid)["problem"]


def test_doctor__for_people__is_aligned_and_plain_in_a_pipe(pitviper, local_python, start_target):
    target = start_target(local_python, "sleepers")
    done = run_measured([pitviper, "doctor", "-p", target.pid, "-p", 1 << 22])
    lines = done.stdout.splitlines()
    assert "\033" not in done.stdout
    assert done.stderr == ""
    assert all(line == line.rstrip() for line in lines)
    header = next(line for line in lines if "VERSION" in line)
    row = next(line for line in lines if line.split()[:1] == [str(target.pid)])
    assert row.index("yes") == header.index("READ")
    assert row.index(local_python.name) == header.index("VERSION")
    assert any("no such process" in line for line in lines)


def test_doctor__on_a_terminal__is_coloured(pitviper, local_python, start_target):
    target = start_target(local_python, "sleepers")
    script = "script -qec '%s doctor -p %d' /dev/null" % (pitviper, target.pid)
    env = dict(os.environ, TERM="xterm")
    env.pop("NO_COLOR", None)
    assert "\033[32myes" in run_measured(["sh", "-c", script], env=env).stdout
    assert "\033" not in run_measured(["sh", "-c", script], env=dict(env, NO_COLOR="1")).stdout


def test_doctor__bad_words__are_usage_errors(pitviper):
    for words in (["-p", "abc"], ["--nonsense"], ["extra"]):
        done = run_measured([pitviper, "doctor", *words])
        assert done.status == 2, words
        assert done.stdout == ""
