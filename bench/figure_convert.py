# SPDX-License-Identifier: MIT
"""Time and memory to turn a capture of 10 million samples into every other format.

The capture is recorded as fast as it goes, of a program with many different stacks. The times are scaled
to 10 million samples, the memory is not.
"""

import json
import tempfile
from pathlib import Path

from support.measured import run_measured
from support.recorder import binary_path

TITLE = "Converting 10 million samples"
SECONDS = "convert: Seconds"
MEMORY = "convert: Peak memory"
GOAL_S, GOAL_MB = 5.0, 300.0
SAMPLES = 10_000_000
RATE_HZ = 1000000
FORMATS = (
    "flamegraph html speedscope folded pprof chrometrace gecko pstats callgrind json".split()
)
LIMIT_S = 300


def capture(context, target, out):
    """Records until there are enough samples; returns how many there are."""
    stats = str(out) + ".stats"
    seconds = 5 if context.quick else 60
    words = [binary_path(), "record", "-p", target.pid, "-r", RATE_HZ, "-d", seconds]
    done = run_measured([*words, "-o", out, "--stats", stats], seconds + LIMIT_S)
    if done.status != 0:
        raise RuntimeError(done.stderr[-300:])
    return json.loads(Path(stats).read_text())["samples"]


def measure(context):
    if not context.tool("pitviper"):
        return
    python = context.pythons(quick=(12,))[-1]
    with tempfile.TemporaryDirectory(prefix="pitviper-bench-") as folder:
        out = Path(folder, "big.pv")
        with context.target(python, "library", 1200) as target:
            samples = capture(context, target, out)
        context.say("%d samples, %.1f MB" % (samples, out.stat().st_size / 1e6))
        for name in FORMATS:
            into = Path(folder, "into")
            words = [binary_path(), "convert", out, "-f", name, "-o", into]
            done = run_measured(words, LIMIT_S)
            if done.status != 0:
                context.say("%s: %s" % (name, done.stderr[-200:].strip()))
                context.add(SECONDS, name, "pitviper", None, "s", GOAL_S)
                continue
            seconds = done.cpu_s * SAMPLES / samples
            context.add(SECONDS, name, "pitviper", seconds, "s", GOAL_S)
            peak_mb = done.max_rss_bytes / 1e6 or None  # None: it was too quick to be looked at
            context.add(MEMORY, name, "pitviper", peak_mb, "MB", GOAL_MB)
