# SPDX-License-Identifier: MIT
"""What the agent costs inside the application: a span, a start, a fork; and what reading it costs.

Spans are measured in every interpreter, over the same call without them, inside a request as in life. A
span that carries context sets the ContextVar and gives it back; a leaf only reads it. A whole request is begun and
ended by hand: its slot, its clocks, its three records.
"""

import json
import subprocess
from pathlib import Path

from agent_peers import PROGRAMS
from report import median
from support.instrumented import package_folder
from support.pythons import REPO
from support.recorder import binary_path
from support.target import clean_environment

TITLE = "The agent: spans, start, fork, reading"
FIGURE = "agent"
LEAF_GOAL_NS, SPAN_GOAL_NS = 80, 250
IMPORT_GOAL_MS, RESIDENT_GOAL_MB = 15, 5
READING_GOAL_S = 0.3
TIMEOUT_S = 300
DRIVER = "tests/drivers/collect_speed"


def run_program(python, *words):
    done = subprocess.run(
        [*python.command(), *map(str, words)],
        capture_output=True, text=True, timeout=TIMEOUT_S, env=clean_environment(),
    )
    if done.returncode:
        raise RuntimeError("%s: %s" % (words[0], done.stderr[-500:]))
    return json.loads(done.stdout)


def pythons_of_machine(context):
    """Those that the package can be loaded into from where it is."""
    return [python for python in context.pythons(quick=(11, 13)) if not python.root]


def measure_spans(context):
    calls, rounds = (20000, 7) if context.quick else (100000, 25)
    for python in pythons_of_machine(context):
        try:
            took = run_program(python, PROGRAMS / "spans.py", package_folder(), calls, rounds)
        except (RuntimeError, ValueError, OSError, subprocess.TimeoutExpired) as problem:
            context.say("%s: %s" % (python.name, problem))
            continue
        spans = {
            "leaf": (took["leaf"] - took["bare"], LEAF_GOAL_NS),
            "span that carries context": (took["span"] - took["with"], SPAN_GOAL_NS),
            "`@track`": (took["track"] - took["bare"], None),
            "a whole request": (took["request"], None),
        }
        for what, (value, goal) in spans.items():
            context.add(FIGURE + ": Added by a span", python.name + ", " + what, "pitviper", value, "ns", goal)


def measure_start(context):
    rounds = 3 if context.quick else 15
    for python in pythons_of_machine(context):
        program = PROGRAMS / "starts.py"
        try:
            plain = [run_program(python, program, "import", "") for _ in range(rounds)]
            ours = [run_program(python, program, "import", package_folder()) for _ in range(rounds)]
        except (RuntimeError, ValueError, OSError) as problem:
            context.say("%s: %s" % (python.name, problem))
            continue
        for key, unit, title, goal in (
            ("ms", "ms", "Import", IMPORT_GOAL_MS),
            ("mb", "MB", "Resident after 100 requests", RESIDENT_GOAL_MB),
        ):
            value = median([row[key] for row in ours]) - median([row[key] for row in plain])
            context.add("%s: %s" % (FIGURE, title), python.name, "pitviper", value, unit, goal)


def measure_fork(context):
    """With and without in turn; what is shown is each median, so that the difference can be judged."""
    rounds, forks = (3, 200) if context.quick else (15, 500)
    for python in pythons_of_machine(context)[-1:]:
        values = {"none": [], "pitviper": []}
        for _ in range(rounds):
            for name, words in (("none", []), ("pitviper", [binary_path(), "run", "--quiet", "--"])):
                done = subprocess.run(
                    [*words, *python.command(), PROGRAMS / "starts.py", "fork", str(forks)],
                    capture_output=True, text=True, timeout=TIMEOUT_S, env=clean_environment(),
                )
                if done.returncode:
                    context.say("fork: %s" % done.stderr[-300:])
                    return
                values[name].append(json.loads(done.stdout)["us"])
        for name, numbers in values.items():
            context.add(FIGURE + ": A fork whose child ends at once", python.name, name, median(numbers), "µs")


def driver():
    """The reader's driver of a build with tests; one is made when there is none."""
    build = REPO / "build" / "bench-drivers"
    for folder in (Path(binary_path()).parent, Path(binary_path()).parents[2], build):
        if (folder / DRIVER).exists():
            return folder / DRIVER
    if not (build / "build.ninja").exists():
        subprocess.run(["meson", "setup", build, REPO], check=True, capture_output=True)
    subprocess.run(["ninja", "-C", build, DRIVER], check=True, capture_output=True)
    return build / DRIVER


def measure_reading(context):
    try:
        program = driver()
        rounds = [json.loads(subprocess.check_output([program])) for _ in range(context.repeat)]
    except (OSError, subprocess.SubprocessError) as problem:
        context.say("reading: %s" % problem)
        return
    value = median([row["cpu_s_per_million"] for row in rounds])
    context.add(
        FIGURE + ": Reading a million records, CPU", "a million records", "pitviper", value, "s", READING_GOAL_S
    )


def measure(context):
    measure_spans(context)
    measure_start(context)
    measure_fork(context)
    measure_reading(context)
