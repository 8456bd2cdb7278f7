# SPDX-License-Identifier: MIT
"""What a target loses while it is recorded, in work done per second of its own CPU time.

Paired: in one process, windows with and without the profiler follow each other in random order, and
each pair gives one ratio. Shown is the median of the pairs; the note has the 95 % interval of the
median (from order statistics), which is what the machine's noise allows to say.
"""

import random
import signal
import time
from pathlib import Path

from report import median

TITLE = "Slowdown of the target"
FIGURE = "slowdown"
RATES = ((100, 0.1), (1000, 0.5))
ATTACH_S = 1.0


def work_rate(target, seconds):
    """Units of work per CPU second of the target, over a window of its own reports."""
    before = target.board()
    time.sleep(seconds)
    after = target.board()
    return (after[0] - before[0]) / (after[1] - before[1])


def watched_rate(tool, target, rate_hz, seconds):
    with tool.scratch() as folder:
        out = Path(folder, "out" + tool.suffix)
        running = tool.start(target, 3600, rate_hz, out, **tool.cheap_options)
        try:
            time.sleep(ATTACH_S)
            if not running.is_running():
                raise RuntimeError("%s ended at once" % tool.name)
            return work_rate(target, seconds)
        finally:
            running.send(signal.SIGINT)
            running.finish(30)


def slowdown_pct(tool, target, rate_hz, seconds):
    if random.random() < 0.5:
        plain, watched = work_rate(target, seconds), watched_rate(tool, target, rate_hz, seconds)
    else:
        watched, plain = watched_rate(tool, target, rate_hz, seconds), work_rate(target, seconds)
    return 100 * (1 - watched / plain)


def interval(values):
    """95 % confidence interval of the median, by order statistics."""
    ordered = sorted(values)
    count = len(ordered)
    reach = int(0.98 * count**0.5) + 1
    return ordered[max(0, count // 2 - reach)], ordered[min(count - 1, count // 2 + reach)]


def measure(context):
    pairs, seconds = (4, 0.7) if context.quick else (20, 1.5)
    for python in context.pythons(quick=(12,)):
        if not context.quick and not context.minors and python.minor not in (8, 11, 12, 15):
            continue
        for rate_hz, goal in RATES:
            what = "%s at %d Hz" % (python.name, rate_hz)
            context.say(what)
            tools = context.tools_for(python)
            with context.target(python, "busy", 3600) as target:
                values = context.interleaved(
                    tools, lambda tool: slowdown_pct(tool, target, rate_hz, seconds), pairs
                )
            for name, numbers in values.items():
                ours = name == "pitviper"
                note = ""
                if numbers:
                    note = "%s: %d pairs, 95 %% interval %+.2f to %+.2f %%" % (
                        what, len(numbers), *interval(numbers))
                context.add(FIGURE, what, name, median(numbers), "%", goal if ours else None, note)
