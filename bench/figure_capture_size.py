# SPDX-License-Identifier: MIT
"""Bytes per sample of the capture formats: our .pv, austin's MOJO, Tachyon's --binary (zstd).

Two loads at 10 kHz: one that stays (25 frames) and one that changes all the time (json, re, sorted
and their callbacks).
"""

TITLE = "Capture file, bytes per sample"
FIGURE = "capture_size"
GOAL_BYTES = 4.0
RATE_HZ = 10000
MIN_SAMPLES = 1000


def bytes_per_sample(tool, target, seconds):
    options = dict(tool.capture_options)
    result = tool.record(target, seconds, RATE_HZ, **options)
    if result.samples < MIN_SAMPLES:
        raise RuntimeError("only %d samples" % result.samples)
    return result.file_bytes / result.samples


def measure(context):
    seconds = 2 if context.quick else 10
    for python in context.pythons():
        if not context.quick and not context.minors and python.minor not in (8, 12, 15):
            continue
        for program in ("busy", "c_calls"):
            what = "%s %s" % (python.name, program)
            context.say(what)
            with context.target(python, program, 1200) as target:
                tools = [t for t in context.tools_for(python) if t.capture_options is not None]
                values = context.interleaved(
                    tools, lambda tool: bytes_per_sample(tool, target, seconds), 1
                )
            context.add_medians(FIGURE, what, values, "bytes per sample", GOAL_BYTES)
