# SPDX-License-Identifier: MIT
"""Recordings held against truth programs, for every interpreter and both sources of stacks.

One recording per source, interpreter and program at 10 kHz; four questions to each:

                              short (default)    full ($PITVIPER_TEST_FULL=1)
    stacks that never were    <= 0.2 %           <= 0.01 %
    lines that cannot be      <= 0.5 %           <= 0.1 %
    distance from the truth   <= 0.03            <= 0.02      (total variation)
    samples taken of asked    >= 90 % of those   >= 90 %
                              not counted late
    samples                   6,000 or 20,000    30,000 at least

The short form runs on machines that do other things as well. Where the target itself had to wait for a
CPU for more than a tenth of the recording, time as the sampler sees it and as the program measures it are
different things, and the question of shares is skipped, loudly. The full form never skips. It also asks the kernel on
every version; the short form on one of each kind of interpreter.
"""

import functools
import os
import subprocess
import time
from dataclasses import dataclass

import pytest

from support.program import programs
from support.recorder import record
from support.stacks import judge, measured_shares, total_variation
from support.target import cpu_ns, cpu_wait_ns

FULL = os.environ.get("PITVIPER_TEST_FULL") == "1"
RATE_HZ = 10000
DURATION_S = 3.4 if FULL else 0.7
SHARES_DURATION_S = 3.4 if FULL else 2.0
MAX_IMPOSSIBLE = 0.0001 if FULL else 0.002
MAX_WRONG_LINE = 0.001 if FULL else 0.005
MAX_DISTANCE = 0.02 if FULL else 0.03
MIN_TAKEN = 0.9
KERNEL_COUNTED = ("busy", "equal", "skewed", "short")  # where its timers are not stopped by switches or deep walks
MAX_CPU_WAIT = 0.1
MAX_LOST = 0.01
WARM_UP_S = 0.2  # the interpreter specialises its bytecode first
KERNEL_PYTHONS = ("3.8", "3.10", "3.11", "3.12", "3.15")  # of the short form
SEEN_BEFORE_S = 0.05  # of the time asked for, what start-up may cost


@dataclass
class Evidence:
    recording: object
    board_before: list
    board_after: list
    rate_hz: int
    duration_s: float
    cpu_wait_share: float  # of the recording, in which the target waited for a CPU
    cpu_s: float  # that the target's threads had


_evidence = {}


@functools.lru_cache
def why_no_kernel(pitviper):
    """The tool's own words when the kernel cannot take stacks here; "" when it can."""
    words = [pitviper, "record", "-q", "-p", str(os.getpid()), "-d", "0.1", "--source", "kernel", "-o", os.devnull]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    return done.stderr.strip() if done.returncode else ""


@pytest.fixture(params=["memory", "kernel"])
def source(request, pitviper, python, program):
    """Who takes the stacks (record --source)."""
    if request.param == "kernel":
        if why_no_kernel(pitviper):
            pytest.skip(why_no_kernel(pitviper))
        if program.truth.get("record"):
            pytest.skip("%s asks for more than running threads" % program.name)
        if python.free_threaded:
            pytest.skip("the kernel source is for GIL builds")
        if not FULL and python.name not in KERNEL_PYTHONS:
            pytest.skip("the short form asks the kernel on %s" % ", ".join(KERNEL_PYTHONS))
    elif program.truth.get("kernel_only"):
        pytest.skip("%s's calls are shorter than a reading from outside" % program.name)
    return request.param


@pytest.fixture
def evidence(pitviper, start_target, python, program, source):
    """The recording of one program under one interpreter, made at the first question."""
    if (python.version[:2]) < program.since:
        pytest.skip("%s needs Python %d.%d" % (program.name, *program.since))
    key = (python.name, program.name, source)
    if key not in _evidence:
        rate = program.truth.get("rate", RATE_HZ)
        duration = SHARES_DURATION_S if program.has_shares else DURATION_S
        target = start_target(python, program.name, program.args)
        target.wait_working()
        time.sleep(WARM_UP_S)
        before, waited_ns, ran_ns = target.board(), cpu_wait_ns(target.pid), cpu_ns(target.pid)
        extra = ["--source", source, *program.truth.get("record", ())]
        recording = record(target.pid, duration, rate, extra, pitviper)
        wait_share = (cpu_wait_ns(target.pid) - waited_ns) / (1e9 * duration)
        _evidence[key] = Evidence(
            recording, before, target.board(), rate, duration, wait_share,
            (cpu_ns(target.pid) - ran_ns) / 1e9,
        )
    return _evidence[key]


def truth_of(program, evidence):
    """Known in advance, or what the program measured between the two looks at its board."""
    if "shares" in program.truth:
        return program.truth["shares"]
    if "lines" in program.truth:
        buckets = program.truth["lines"]["buckets"]
        return {bucket: 1 / buckets for bucket in range(buckets)}
    spent = [b - a for a, b in zip(evidence.board_before[2:], evidence.board_after[2:])]
    total = sum(spent)
    return {name: spent[slot] / total for slot, name in enumerate(program.categories)}


def by_program(**needs):
    return pytest.mark.parametrize("program", programs(**needs), ids=lambda program: program.name)


@by_program(has_legal_stacks=True)
def test_truth__every_stack__existed(python, program, evidence):
    verdict = judge(program, evidence.recording.stacks)
    print("%d samples, %d impossible, %d partial" % (
        verdict.total, verdict.impossible, verdict.partial))
    assert verdict.total > 0
    assert verdict.impossible_share <= MAX_IMPOSSIBLE, verdict.examples[:5]
    if program.truth.get("gc") and python.version >= (3, 7):  # 3.6: a static without a symbol
        assert verdict.gc > 0.3 * verdict.total, "the collector runs most of the time, unseen"


@by_program(has_legal_stacks=True)
def test_truth__every_line__belongs_to_its_frame(python, program, source, evidence):
    if source == "memory" and python.version[:2] < tuple(program.truth.get("lines_since", (3, 6))):
        pytest.skip("its loop is shorter than a reading of %d.%d takes" % python.version[:2])
    verdict = judge(program, evidence.recording.stacks)
    print("%d samples, %d with a wrong line" % (verdict.total, verdict.wrong_line))
    assert verdict.wrong_line_share <= MAX_WRONG_LINE, verdict.line_examples[:5]


@by_program(has_shares=True)
def test_truth__shares__match(python, program, source, evidence):
    if evidence.cpu_wait_share > MAX_CPU_WAIT and not FULL:
        share = 100 * evidence.cpu_wait_share
        pytest.skip("this machine is busy: the target waited %.0f %% of the time" % share)
    shares = measured_shares(program, evidence.recording.stacks)
    truth = truth_of(program, evidence)
    distance = total_variation(shares, truth)
    print("distance %.4f, measured %s, truth %s" % (distance, shares, truth))
    limit = program.truth.get("max_distance", MAX_DISTANCE) if source == "memory" else MAX_DISTANCE
    assert distance <= limit, (shares, truth)


@by_program(has_legal_stacks=True)
def test_truth__samples_asked_for__are_taken_and_counted(python, program, source, evidence):
    stats = evidence.recording.stats
    shown = sum(evidence.recording.stacks.values())
    print({key: stats[key] for key in ("samples", "exact", "partial", "lost", "late")})
    assert stats["samples"] == stats["exact"] + stats["partial"] == shown
    assert stats["lost"] <= MAX_LOST * stats["samples"]
    if not program.truth.get("idle"):
        asked = evidence.rate_hz * (evidence.duration_s - SEEN_BEFORE_S)
        if source == "kernel":  # its timers run while the thread does
            asked = min(asked, evidence.rate_hz * (evidence.cpu_s - SEEN_BEFORE_S))
        excused = 0 if FULL else stats["late"]
        if source == "memory" or program.name in KERNEL_COUNTED:
            assert stats["samples"] >= MIN_TAKEN * (asked - excused)
        assert stats["samples"] > 0


def test_truth__recursion_of_5000__is_seen_to_the_end(pitviper, start_target, python):
    target = start_target(python, "abyss")
    time.sleep(WARM_UP_S)
    recording = record(target.pid, 2, 100, (), pitviper)
    deepest = max(sum(f.last_name == "down" for f in stack) for stack in recording.stacks)
    assert deepest == 5000
