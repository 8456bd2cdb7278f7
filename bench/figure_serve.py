# SPDX-License-Identifier: MIT
"""What `pitviper serve` costs while 20 Python processes run: CPU of the sampler and the keeper, memory.

At 100 Hz, the rate that is asked for: its budgets are set so high that they do not lower it. Wall-clock
profiles are taken, too, as they are by default. Workers have four threads each and wait, or do ten requests of
a millisecond a second; the last row is what the budget of 1 % makes of the second.
"""

import contextlib
import subprocess
import tempfile
import time
from pathlib import Path

from support.recorder import binary_path
from support.serve import Serve
from support.target import clean_environment, end_with_parent

TITLE = "serve: 20 processes at 100 Hz"
FIGURE = "serve"
PROCESSES = 20
GOAL_PCT, GOAL_MB = 1.0, 60.0
WORKER = Path(__file__).resolve().parent / "serve_worker.py"
WARM_UP_S = 15
FREE = ("--budget", 1000, "--process-budget", 100)
CASES = (
    ("that wait", 0, FREE, True),
    ("with 10 requests a second each", 10, FREE, True),
    ("the same, with the budget of 1 %", 10, (), False),
)
STEPS_S = 45  # until the budget has had its effect


@contextlib.contextmanager
def workers(python, seconds, rate):
    words = [python.path, str(WORKER), str(seconds), str(rate)]
    started = [
        subprocess.Popen(words, env=clean_environment(), preexec_fn=end_with_parent) for _ in range(PROCESSES)
    ]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def cpu_s(serve):
    """By thread: sampler, keeper, and all others."""
    found = {}
    for task in Path("/proc/%d/task" % serve.pid).iterdir():
        with contextlib.suppress(OSError):
            name = (task / "comm").read_text().strip()
            name = name if name in ("sampler", "keeper") else "others"
            found[name] = found.get(name, 0) + int((task / "schedstat").read_text().split()[0]) / 1e9
    return found


def run_case(context, python, rate, words, steps_s, seconds):
    with tempfile.TemporaryDirectory(prefix="pitviper-serve-") as folder:
        with workers(python, seconds + WARM_UP_S + steps_s + 60, rate):
            with Serve(binary_path(), Path(folder, "data"), "--include", WORKER.name, *words) as serve:
                time.sleep(WARM_UP_S + steps_s)
                begin, before = time.monotonic(), cpu_s(serve)
                time.sleep(seconds)
                took, after = time.monotonic() - begin, cpu_s(serve)
                status = serve.answer("status")
                if status["processes"] != PROCESSES:
                    raise RuntimeError("%d processes are sampled" % status["processes"])
                shares = {name: 100 * (after[name] - before.get(name, 0)) / took for name in after}
                return shares, serve.rss_bytes() / 1e6, status["rate_hz"]


def measure(context):
    seconds = 10 if context.quick else 60
    python = context.pythons()[-1] if not context.minors else context.pythons()[0]
    for name, rate, words, is_at_rate in CASES:
        what = "%s, %d processes %s" % (python.name, PROCESSES, name)
        context.say(what)
        steps_s = 0 if is_at_rate else STEPS_S
        shares, rss_mb, rate_hz = run_case(context, python, rate, words, steps_s, seconds)
        what += " (%d Hz)" % rate_hz
        context.add(FIGURE, what + ": CPU", "pitviper", sum(shares.values()), "% of a core", GOAL_PCT)
        context.add(FIGURE, what + ": of that, the sampler", "pitviper", shares["sampler"], "% of a core", None)
        context.add(FIGURE, what + ": memory", "pitviper", rss_mb, "MB", GOAL_MB)
