# SPDX-License-Identifier: MIT
"""Share of the samples at 10 kHz whose stack never existed.

The program alternates two call chains (flutter.py); a stack is legal if it is a prefix of one of them.
Stacks that a tool itself threw away as invalid are not in its denominator, and are printed as a note.
"""

from report import median
from support.program import load_program
from support.stacks import judge

TITLE = "Impossible stacks, two-chain program, 10 kHz"
SHARE = "impossible_stacks"
PARTIAL = "impossible_stacks: Stacks that end in <changing>: proven up to there (ours only)"
TAKEN = "impossible_stacks: Samples taken of those asked for"
RATE_HZ = 10000
GOAL_PCT = 0.01


def measure(context):
    program = load_program("flutter")
    duration_s = 2 if context.quick else 4
    for python in context.pythons(quick=(8, 10, 11, 12, 15)):
        context.say("Python %s" % python.name)
        with context.target(python, "flutter", 1200) as target:

            def look(tool):
                result = tool.record(target, 1 if tool.falls_behind else duration_s, RATE_HZ)
                return result, judge(program, result.stacks)

            tools = context.tools_for(python)
            values = context.interleaved(tools, look)
        for tool in tools:
            pairs = values[tool.name]
            if not pairs:
                context.add(SHARE, python.name, tool.name, None, "%")
                continue
            wrong = sum(verdict.impossible for _, verdict in pairs)
            total = sum(verdict.total for _, verdict in pairs)
            ours = tool.name == "pitviper"
            share = 100 * wrong / total if total else None
            context.add(SHARE, python.name, tool.name, share, "%", GOAL_PCT if ours else None)
            if ours:
                partial = 100 * sum(verdict.partial for _, verdict in pairs) / total
                context.add(PARTIAL, python.name, tool.name, partial, "%")
                context.say("%d of %d samples" % (wrong, total))
            if not tool.falls_behind:
                asked = duration_s * RATE_HZ
                taken = median([100 * result.samples / asked for result, _ in pairs])
                context.add(TAKEN, python.name, tool.name, taken, "%")
