# SPDX-License-Identifier: MIT
"""CPU time of the profiler per stack: one busy thread, 25 frames deep.

Each number is a slope: the CPU of a long recording less that of a short one, over the difference of
their samples, so that start-up and writing the file are in nobody's price.

At 20 kHz a sampler sleeps 50 µs between two stacks, and on virtual machines the timer alone costs more
than the reading (row "an empty 50 µs sleep"). The second table therefore lets every tool run as fast as it can: that is the
price of reading.
"""

import subprocess

from report import median
from support.pythons import REPO

TITLE = "CPU per stack, one busy thread, 25 frames"
ASKED = "cpu_per_stack: Asked for 20 kHz: all CPU of the process, timer included"
FASTEST = "cpu_per_stack: As fast as each tool can: the price of reading"
RATE_HZ = 20000


def sleep_loop_us():
    """CPU of one empty 50 µs sleep."""
    program = REPO / "build" / "bench-sleep-loop"
    source = REPO / "bench" / "sleep_loop.c"
    program.parent.mkdir(exist_ok=True)
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", program, source], check=True, timeout=60)
    done = subprocess.run([program, "50", "20000"], capture_output=True, text=True, timeout=60)
    return float(done.stdout) / 1000


def slope_us(tool, target, rate_hz, short_s, long_s):
    short = tool.record(target, short_s, rate_hz, **tool.cheap_options)
    long = tool.record(target, long_s, rate_hz, **tool.cheap_options)
    samples = long.samples - short.samples
    if samples <= 0:
        raise RuntimeError("%s took no more samples in more time" % tool.name)
    return 1e6 * (long.cpu_s - short.cpu_s) / samples


def goal_us(python):
    return 3.0 if python.minor >= 11 else 4.0


def measure(context):
    long_s = 3 if context.quick else 5
    for python in context.pythons():
        tools = context.tools_for(python)
        context.say("Python %s" % python.name)
        with context.target(python, "busy", 1200) as target:

            def asked(tool):
                return slope_us(tool, target, RATE_HZ, 1, 2 if tool.falls_behind else long_s)

            def fastest(tool):
                return slope_us(tool, target, tool.top_rate_hz, 1, 2 if tool.falls_behind else long_s)

            values = context.interleaved(tools, asked)
            context.add_medians(ASKED, python.name, values, "µs per stack", goal_us(python))
            values = context.interleaved(tools, fastest)
            context.add_medians(FASTEST, python.name, values, "µs per stack", goal_us(python))
    turns = [sleep_loop_us() for _ in range(3)]
    context.add(ASKED, "an empty 50 µs sleep", "nobody", median(turns), "µs per stack")
