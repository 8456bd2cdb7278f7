# SPDX-License-Identifier: MIT
"""Taking in what agents write: the daemon's CPU for 100,000 spans a second, and for 500 processes.

tests/drivers/harvest_speed.c writes the shared memory of so many processes, a second's worth between two ticks, and
measures the ticks of harvest and store: reading, counting, judging traces, compressing, writing.
"""

import json
import subprocess
import tempfile
from pathlib import Path

from support.recorder import binary_path

TITLE = "Ingest"
FIGURE = "ingest"
GOAL_PERCENT = 20
LOADS = ((4, 100_000, GOAL_PERCENT), (20, 10_000, None), (500, 10_000, None))  # processes, spans a second, goal
TIMEOUT_S = 600


def driver():
    """It lies beside the binary, in every build folder with tests."""
    root = Path(binary_path()).resolve().parent
    found = [folder / "tests/drivers/harvest_speed" for folder in (root, *root.parents)]
    return next((path for path in found if path.exists()), None)


def take_in(processes, rate, seconds):
    with tempfile.TemporaryDirectory(prefix="pitviper-ingest-") as folder:
        words = [driver(), Path(folder, "data"), processes, rate, seconds]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=TIMEOUT_S)
    if done.returncode:
        raise RuntimeError(done.stderr[-500:])
    return json.loads(done.stdout)


def measure(context):
    if not driver():
        context.say("tests/drivers/harvest_speed is not built")
        return
    for processes, rate, goal in LOADS:
        what = "%d processes, %d spans/s" % (processes, rate)
        context.say(what)
        told = take_in(processes, rate, 20 if context.quick else 60)
        context.add(FIGURE, what, "pitviper", told["cpu_percent"], "% of a core", goal)
        context.add(FIGURE, what + ": records lost", "pitviper", told["lost"], "records", 0)
