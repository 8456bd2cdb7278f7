# SPDX-License-Identifier: MIT
"""CPU time of the profiler per look at all of 32 threads, each 20 calls deep and wanting the GIL.

A slope, as in cpu_per_stack; rounds are samples / 32. As fast as each tool can, and at 1 kHz.
"""

TITLE = "CPU per round, 32 threads"
FASTEST = "round_32_threads: As fast as each tool can"
ASKED = "round_32_threads: Asked for 1 kHz: all CPU of the process, timer included"
THREADS = 32
SLOW_RATE_HZ = 50  # for a tool that takes every sample it was asked for, however long that lasts
GOAL_US = 15.0


def slope_us(tool, target, rate_hz, short_s, long_s):
    options = {**tool.cheap_options, "all_threads": True}
    short = tool.record(target, short_s, rate_hz, **options)
    long = tool.record(target, long_s, rate_hz, **options)
    rounds = (long.samples - short.samples) / THREADS
    if rounds <= 0:
        raise RuntimeError("%s took no more samples in more time" % tool.name)
    return 1e6 * (long.cpu_s - short.cpu_s) / rounds


def measure(context):
    for python in context.pythons():
        tools = context.tools_for(python)
        context.say("Python %s" % python.name)
        with context.target(python, "crowd", 1200, THREADS) as target:

            def fastest(tool):
                rate_hz = SLOW_RATE_HZ if tool.falls_behind else tool.top_rate_hz
                return slope_us(tool, target, rate_hz, 1, 3)

            def asked(tool):
                return slope_us(tool, target, SLOW_RATE_HZ if tool.falls_behind else 1000, 1, 4)

            values = context.interleaved(tools, fastest)
            context.add_medians(FASTEST, python.name, values, "µs per round", GOAL_US)
            values = context.interleaved(tools, asked)
            context.add_medians(ASKED, python.name, values, "µs per round")
