# SPDX-License-Identifier: MIT
"""Peak resident memory of the profiler over a recording of a program with many different stacks.

60 s at 100 Hz, and the same at 1 kHz (short runs when --quick).
"""

TITLE = "Peak resident memory of the profiler after 60 s"
FIGURE = "resident"
GOAL_MB = 20.0


def resident_mb(tool, target, seconds, rate_hz):
    result = tool.record(target, seconds, rate_hz, **tool.cheap_options)
    if not result.max_rss_bytes:
        raise RuntimeError("it ended before its memory could be looked at")
    return result.max_rss_bytes / 1e6


def measure(context):
    seconds = 3 if context.quick else 60
    for python in context.pythons():
        if not context.quick and not context.minors and python.minor not in (12, 15):
            continue
        for rate_hz in (100, 1000):
            what = "%s, %d s at %d Hz" % (python.name, seconds, rate_hz)
            context.say(what)
            with context.target(python, "library", 3600) as target:
                tools = context.tools_for(python)
                values = context.interleaved(
                    tools, lambda tool: resident_mb(tool, target, seconds, rate_hz), 1
                )
            context.add_medians(FIGURE, what, values, "MB", GOAL_MB)
