# SPDX-License-Identifier: MIT
"""Total variation distance between the measured shares and what the program did in the same window.

0 is the truth, 1 has nothing in common with it. Five programs of different shapes, at 10 kHz.
"""

from support.program import load_program
from support.stacks import measured_shares, total_variation

TITLE = "Distance of the profile from the known truth (total variation)"
FIGURE = "truth_distance"
PROGRAMS = ("flutter", "skewed", "deep", "handoff", "genexprs")
RATE_HZ = 10000
GOAL = 0.02


def distance(tool, target, program, duration_s):
    before = target.board()
    result = tool.record(target, duration_s, RATE_HZ, **tool.threads_options)
    after = target.board()
    spent = [b - a for a, b in zip(before[2:], after[2:])][: len(program.categories)]
    truth = {name: part / sum(spent) for name, part in zip(program.categories, spent)}
    return total_variation(measured_shares(program, result.stacks), truth)


def measure(context):
    duration_s = 2 if context.quick else 4
    for python in context.pythons():
        for name in PROGRAMS:
            program = load_program(name)
            context.say("Python %s %s" % (python.name, name))
            with context.target(python, name, 1200) as target:

                def look(tool):
                    seconds = 1 if tool.falls_behind else duration_s
                    return distance(tool, target, program, seconds)

                values = context.interleaved(context.tools_for(python), look, 1)
            context.add_medians(FIGURE, "%s %s" % (python.name, name), values, "distance", GOAL)
