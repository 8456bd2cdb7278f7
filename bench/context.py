# SPDX-License-Identifier: MIT
"""What a figure needs to be measured: interpreters, tools, how often, how long."""

import contextlib
import sys
import time
from dataclasses import dataclass, field

from report import Row, median
from support.pythons import find_pythons
from support.target import start_target

WARM_UP_S = 0.5
ALL_MINORS = range(8, 16)


@dataclass
class Context:
    tools: list
    quick: bool = False
    repeat: int = 3
    minors: tuple = ()  # empty: all, or few in a quick run
    rows: list = field(default_factory=list)

    def pythons(self, quick=(12, 15)):
        """GIL builds of the wanted versions; a quick run that wants none in particular takes `quick`."""
        wanted = self.minors or (quick if self.quick else ALL_MINORS)
        return [p for p in find_pythons() if p.minor in wanted and not p.free_threaded]

    def tools_for(self, python):
        return [tool for tool in self.tools if tool.can_read(python)]

    def tool(self, name):
        return next((tool for tool in self.tools if tool.name == name), None)

    @contextlib.contextmanager
    def target(self, python, program, *args, **options):
        with start_target(python, program, args, **options) as target:
            time.sleep(WARM_UP_S)
            yield target

    def interleaved(self, tools, measure, repeat=None):
        """{tool name: [what measure(tool) gave, per round]}, tools in turn, so that a slow minute of the
        machine hits all of them. A failure is told and leaves a shorter list."""
        values = {tool.name: [] for tool in tools}
        for _ in range(repeat or self.repeat):
            for tool in tools:
                try:
                    values[tool.name].append(measure(tool))
                except (RuntimeError, OSError, ValueError, AssertionError) as problem:
                    self.say("%s: %s" % (tool.name, str(problem)[:300]))
        return values

    def add(self, figure, what, tool, value, unit, goal=None, note=""):
        self.rows.append(Row(figure, what, tool, value, unit, goal, note))

    def add_medians(self, figure, what, values, unit, goal=None):
        for name, numbers in values.items():
            ours = name == "pitviper"
            self.add(figure, what, name, median(numbers), unit, goal if ours else None)

    @staticmethod
    def say(text):
        print("    " + text, file=sys.stderr, flush=True)
