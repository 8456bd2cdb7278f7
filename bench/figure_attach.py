# SPDX-License-Identifier: MIT
"""From starting the command to having printed the first stacks of a running process, wall time.

`dump` of every tool: starting the program, finding the interpreter, one stack, its names and lines, the
text. A real service is large, so a second target has imported a good part of the standard library.
"""

import time

from support.measured import run_measured

TITLE = "Attach: from the command to the first stack printed"
FIGURE = "attach"
GOAL_MS = 20.0
LIMIT_S = 60


def attach_ms(tool, target):
    start = time.perf_counter()
    done = run_measured(tool.dump_words(target), LIMIT_S)
    elapsed = time.perf_counter() - start
    if done.status != 0 or "main" not in done.stdout + done.stderr:
        raise RuntimeError("status %d: %s" % (done.status, (done.stdout + done.stderr)[-300:]))
    return 1000 * elapsed


def measure(context):
    for python in context.pythons():
        context.say("Python %s" % python.name)
        tools = [tool for tool in context.tools_for(python)]
        for program in ("busy", "library"):
            with context.target(python, program, 600) as target:
                able = [tool for tool in tools if tool.dump_words(target)]
                values = context.interleaved(
                    able, lambda tool: attach_ms(tool, target), max(5, context.repeat)
                )
            context.add_medians(FIGURE, "%s %s" % (python.name, program), values, "ms", GOAL_MS)
