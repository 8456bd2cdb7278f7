# SPDX-License-Identifier: MIT
"""What a web request costs under the agent and under its peers, and what gunicorn's throughput loses.

One page with three sqlite queries, in Flask and in Django. Every agent has a process of its own and they take
turns in short stretches; shown is the median of the differences to the process without an agent, in CPU
time of the whole process, so that an exporter's thread counts. Several sets of processes, because
where a process has its memory makes a difference, too; a second process without an agent says how much. Peers send to nowhere (bench/agent/peers.py).

Throughput: two gunicorns, one worker each, wrk against one and then the other in random order; the median
of the pairs' ratios, with its 95 % interval in the note.
"""

import contextlib
import random
import re
import shutil
import socket
import subprocess
import time

from agent_peers import Served, command, interpreters
from figure_slowdown import interval
from report import median

TITLE = "The agent: web requests"
FIGURE = "agent_web"
AGENTS = ("none", "pitviper", "opentelemetry", "opentelemetry-1pct", "ddtrace", "sentry")
CONTROL = "none again"  # how far two processes that run the same are apart
GOALS_US = {"flask": 5.0, "django": 8.0}
PEER_SHARE = 20  # at most one twentieth of the best peer
LOSS_GOAL_PCT = 1.0
START_S = 20


@contextlib.contextmanager
def all_served(context, framework):
    found = interpreters(context, AGENTS)
    served = []
    try:
        for agent, interpreter in found.items():
            served.append(Served(agent, interpreter, framework))
        if "none" in found:
            served.append(Served("none", found["none"], framework, CONTROL))
        yield served
    finally:
        for one in served:
            one.close()


def started(context, served, warm_up):
    """Those that answer; what is wrong with the others is said."""
    good = []
    for one in served:
        try:
            one.serve_us(warm_up)
            good.append(one)
        except (RuntimeError, OSError, ValueError) as problem:
            context.say(str(problem))
    return good


def added_us(context, framework, rounds, count):
    """{name: µs added, "": µs without an agent, CONTROL: …} of one set of processes."""
    with all_served(context, framework) as served:
        served = started(context, served, 3 * count)
        if not served or served[0].agent != "none":
            return {}
        took = {one.name: [] for one in served}
        for _ in range(rounds):
            for one in random.sample(served, len(served)):
                took[one.name].append(one.serve_us(count))
    bare = took.pop("none")
    added = {name: median([a - b for a, b in zip(values, bare)]) for name, values in took.items()}
    return {**added, "": median(bare)}


def measure_requests(context, framework):
    sets, rounds, count = (1, 5, 100) if context.quick else (5, 16, 200)
    found = [added_us(context, framework, rounds, count) for _ in range(sets)]
    names = [name for name in found[0] if all(name in one for one in found)]
    added = {name: median([one[name] for one in found]) for name in names}
    bare, control = added.pop("", None), added.pop(CONTROL, None)
    if bare is None or control is None:
        return
    figure = "%s: Added to a %s request with three queries" % (FIGURE, framework.capitalize())
    note = "%s: %.1f µs without an agent, and a second such process %+.1f µs" % (framework, bare, control)
    for name, value in added.items():
        ours = name == "pitviper"
        goal = GOALS_US[framework] if ours else None
        context.add(figure, framework, name, value, "µs", goal, note if ours else "")
    peers = [value for name, value in added.items() if name != "pitviper"]
    if peers and "pitviper" in added:
        share = 100 * added["pitviper"] / min(peers)
        what = "%s: Added, as a share of the best peer's" % FIGURE
        context.add(what, framework, "pitviper", share, "%", 100 / PEER_SHARE)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def gunicorn(agent, interpreter):
    port = free_port()
    words, environment = command(
        agent, interpreter, "-m", "gunicorn", "--workers", "1", "--worker-class", "gthread",
        "--threads", "2", "--bind", "127.0.0.1:%d" % port, "--log-level", "error",
        "shop:make('flask', '%s')" % agent,
    )
    process = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield "http://127.0.0.1:%d/customers/3" % port
    finally:
        process.terminate()
        process.wait(timeout=START_S)


def throughput(url, seconds):
    out = subprocess.run(
        ["wrk", "-t1", "-c2", "-d%ds" % seconds, url],
        capture_output=True, text=True, check=True, timeout=seconds + 30,
    ).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", out)
    if not found or "Non-2xx" in out:
        raise RuntimeError("wrk: %s" % out[-300:])
    return float(found[1])


def loss_pct(plain, watched, seconds):
    if random.random() < 0.5:
        before, after = throughput(plain, seconds), throughput(watched, seconds)
    else:
        after, before = throughput(watched, seconds), throughput(plain, seconds)
    return 100 * (1 - after / before)


def measure_throughput(context):
    if not shutil.which("wrk"):
        context.say("wrk is not installed: no throughput")
        return
    pairs, seconds = (3, 1) if context.quick else (30, 2)
    found = interpreters(context, AGENTS)
    if "none" not in found:
        return
    for agent in AGENTS[1:]:
        if agent not in found or (context.quick and agent not in ("pitviper", "opentelemetry")):
            continue
        rounds = pairs if agent == "pitviper" else max(3, pairs // 6)
        try:
            with gunicorn("none", found["none"]) as plain, gunicorn(agent, found[agent]) as watched:
                loss_pct(plain, watched, seconds)
                values = [loss_pct(plain, watched, seconds) for _ in range(rounds)]
        except (RuntimeError, OSError, subprocess.SubprocessError) as problem:
            context.say("%s: %s" % (agent, problem))
            continue
        ours = agent == "pitviper"
        note = "%d pairs, 95 %% interval %+.2f to %+.2f %%" % (rounds, *interval(values))
        context.add(
            FIGURE + ": Throughput of gunicorn lost", "gunicorn, Flask", agent, median(values), "%",
            LOSS_GOAL_PCT if ours else None, note,
        )


def measure(context):
    for framework in GOALS_US:
        measure_requests(context, framework)
    measure_throughput(context)
