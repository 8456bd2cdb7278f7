# SPDX-License-Identifier: MIT
"""How long a child process lives before its first sample.

Children live for 100 ms, one after another; what is missing in the profile of their lives is the latency.
For exec'd children the time in which there is no interpreter to be read yet (exec, dynamic linking) is in
it, and so is their exit: an upper bound.
"""

import signal
import time
from pathlib import Path

TITLE = "Child processes: lived before the first sample"
FIGURE = "child_latency"
GOAL_MS = 10.0
RATE_HZ = 500
ATTACH_S = 1.5
LIMIT_S = 60


def latency_ms(tool, python, how, count, start_target):
    with start_target(python, "brood", how, count) as target, tool.scratch() as folder:
        out = Path(folder, "out" + tool.suffix)
        running = tool.start(target, 600, RATE_HZ, out, children=True, all_threads=True)
        time.sleep(ATTACH_S)
        target.say("go")
        while target.read_line(LIMIT_S) != "done":
            pass
        lived_s, children = target.board()[2], target.board()[0]
        running.send(signal.SIGINT)
        result = tool.read(out, running.finish(LIMIT_S))
        working = sum(
            number
            for stack, number in result.stacks.items()
            if any(frame.last_name == "child_work" for frame in stack)
        )
    return 1000 * (lived_s - working / RATE_HZ) / children


def measure(context):
    count = 10 if context.quick else 40
    for python in context.pythons(quick=(12,)):
        if not context.quick and not context.minors and python.minor not in (8, 12, 14):
            continue
        for how in ("fork", "exec"):
            what = "%s %s" % (python.name, how)
            context.say(what)
            tools = [tool for tool in context.tools_for(python) if tool.follows_children]
            values = context.interleaved(
                tools, lambda tool: latency_ms(tool, python, how, count, context.target), 1
            )
            context.add_medians(FIGURE, what, values, "ms", GOAL_MS)
