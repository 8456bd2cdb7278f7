# SPDX-License-Identifier: MIT
"""History: bytes per busy process and day, and how long a day, an hour and a year take to merge.

A recording at 100 Hz of a program that never rests is cut into ten-second windows; each process goes through them
in an order of its own (tests/drivers/store_figures.c). `library` is as varied as a small service, `c_calls` is a
narrow one. A row says how many different stacks a minute had: what a minute takes is proportional to that.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.recorder import binary_path

TITLE = "The store"
FIGURE = "store"
PROGRAMS = ("library", "c_calls")
RATE_HZ = 100
GOAL_MB, GOAL_DAY_MS, GOAL_HOUR_MS, GOAL_YEAR_MS, GOAL_OPEN_MS = 0.5, 100, 20, 200, 200
ANSWERS = ("profile", "services", "processes", "series", "top")
LARGE_GB = 5
TIMEOUT_S = 3600


def driver():
    """It lies beside the binary, in every build folder with tests."""
    root = Path(binary_path()).resolve().parent
    found = [folder / "tests/drivers/store_figures" for folder in (root, *root.parents)]
    return next((path for path in found if path.exists()), None)


def record(context, python, program, path):
    seconds = 62 if context.quick else 302
    with context.target(python, program, str(seconds + 60)) as target:
        words = [binary_path(), "record", "-p", target.pid, "-d", seconds, "-r", RATE_HZ, "-o", path]
        subprocess.run([str(word) for word in words], check=True, capture_output=True, timeout=seconds + 60)


def measure_program(context, python, program):
    processes, hours, days = (4, 4, 30) if context.quick else (20, 24, 365)
    with tempfile.TemporaryDirectory(prefix="pitviper-store-") as folder:
        record(context, python, program, Path(folder, "x.pv"))
        words = [driver(), Path(folder, "x.pv"), Path(folder, "data"), processes, hours, days]
        if not context.quick and shutil.disk_usage(folder).free > 2 * LARGE_GB * 10**9:
            words.append(LARGE_GB)
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=TIMEOUT_S)
    if done.returncode:
        raise RuntimeError(done.stderr[-500:])
    told = json.loads(done.stdout)
    what = "%s %s, %d processes, %.0f stacks in 10 s" % (python.name, program, processes, told["stacks_per_window"])
    full = not context.quick
    for level, goal in (("1m", GOAL_MB), ("10m", None), ("1h", None)):
        value = told["mb_per_process_day_" + level]
        context.add(FIGURE, "%s: windows of %s" % (what, level), "pitviper", value, "MB per process and day", goal)
    reads = [
        ("all", "%d h" % hours, GOAL_DAY_MS),
        ("unaligned", "%d h, ends in the middle of windows" % hours, GOAL_DAY_MS),
        ("hour", "1 h", GOAL_HOUR_MS),
        ("year", "%d days" % days, GOAL_YEAR_MS),
    ]
    for key, name, goal in reads:
        for temperature in ("cold", "warm"):
            value = told[key][temperature + "_ms"]
            context.add(FIGURE, "%s: %s, %s" % (what, name, temperature), "pitviper", value, "ms", goal if full else None)
    for key, name, goal in reads[1:]:
        for answer in ANSWERS:
            value = told["%s_%s" % (key, answer)]["cold_ms"]
            told_goal = goal if full and answer in ("profile", "services") else None
            context.add(FIGURE, "%s: %s, answer %s" % (what, name, answer), "pitviper", value, "ms", told_goal)
    if "large" in told:
        value = told["large"]["open_ms"]
        context.add(FIGURE, "%s: opening %d GB" % (what, LARGE_GB), "pitviper", value, "ms", GOAL_OPEN_MS)
    context.add(FIGURE, what + ": opening", "pitviper", told["all"]["open_ms"], "ms", GOAL_OPEN_MS)
    context.add(FIGURE, what + ": writing", "pitviper", told["writing_cpu_percent"], "% of a core", None)


def measure(context):
    if not driver():
        context.say("tests/drivers/store_figures is not built")
        return
    for python in context.pythons(quick=(12,))[-1:]:
        for program in PROGRAMS:
            context.say("%s %s" % (python.name, program))
            measure_program(context, python, program)
