# SPDX-License-Identifier: MIT
"""Size of the html page of as many samples as an hour at 100 Hz has: 360,000, of a program with many
different stacks, recorded in a minute at 6 kHz (a tenth of that when --quick).
"""

import tempfile
from pathlib import Path

from support.measured import run_measured
from support.recorder import binary_path

TITLE = "Size of the html page, 360,000 samples"
FIGURE = "html_size"
GOAL_MB = 3.0
RATE_HZ = 6000


def measure(context):
    if not context.tool("pitviper"):
        return
    seconds = 6 if context.quick else 60
    for python in context.pythons(quick=(12,))[-1:]:
        for program in ("c_calls", "library"):
            with tempfile.TemporaryDirectory(prefix="pitviper-bench-") as folder:
                out = Path(folder, "page.html")
                with context.target(python, program, 600) as target:
                    words = [binary_path(), "record", "-p", target.pid, "-r", RATE_HZ]
                    done = run_measured([*words, "-d", seconds, "-o", out], seconds + 60)
                size = out.stat().st_size / 1e6 if done.status == 0 else None
                if size is None:
                    context.say(done.stderr[-200:])
                context.add(FIGURE, "%s %s" % (python.name, program), "pitviper", size, "MB", GOAL_MB)
