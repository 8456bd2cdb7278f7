# SPDX-License-Identifier: MIT
"""serve for a while: processes come and go, and the daemon is killed at moments that nobody chose.

PITVIPER_TEST_FULL=1: half an hour and 200 kills instead of a minute and 10.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.instrumented import package_folder
from support.serve import Serve, ask_at_rest
from support.target import clean_environment, end_with_parent

FULL = os.environ.get("PITVIPER_TEST_FULL") == "1"
SOAK_S = 1800 if FULL else 60
KILLS = 200 if FULL else 10
MORTAL = Path(__file__).resolve().parents[1] / "support/mortal.py"
SERVICES = ["soak-red", "soak-green", "soak-blue"]
ALIVE = 6  # at a time
CPU_S = (0.3, 2.0)
QUERIES = 10  # a round
SEEN_LATE_S = 1.0  # of each process's life: what serve may need to find it
GROWTH_BYTES = 8 << 20
SETTLED = 0.4  # of the time: until then memory may grow to its size
KILL_WITHIN_S = 20.0  # flushes are 10 s apart: before the first, in between, during one, after


class Brood:
    """Truth programs under the agent; new ones take the place of those that ended."""

    def __init__(self, pitviper, folder):
        self.pitviper, self.folder = pitviper, folder
        self.random = random.Random(5)
        self.alive, self.born = [], 0

    def report(self, service):
        return self.folder / (service + ".jsonl")

    def bear(self, cpu_s=None, pause_s=0.001):
        service = SERVICES[self.born % len(SERVICES)]
        self.born += 1
        cpu_s = cpu_s or self.random.uniform(*CPU_S)
        words = [sys.executable, MORTAL, cpu_s, QUERIES, pause_s, self.report(service)]
        self.alive.append(subprocess.Popen(
            [self.pitviper, "run", "-q", "--service", service, "--", *map(str, words)],
            env=clean_environment(PITVIPER_PYTHON=package_folder()), preexec_fn=end_with_parent,
        ))

    def tend(self):
        ended = [process for process in self.alive if process.poll() is not None]
        assert all(process.returncode == 0 for process in ended)
        self.alive = [process for process in self.alive if process.poll() is None]

    def wait(self):
        for process in self.alive:
            assert process.wait(60) == 0
        self.alive = []

    def kill(self):
        for process in self.alive:
            process.kill()
            process.wait()

    def truth(self, service):
        """(processes, CPU seconds, statements) of those that ended."""
        lines = [json.loads(line) for line in self.report(service).read_text().splitlines()]
        return len(lines), sum(line["cpu_s"] for line in lines), sum(line["statements"] for line in lines)


@pytest.fixture
def brood(pitviper, tmp_path):
    brood = Brood(pitviper, tmp_path)
    yield brood
    brood.kill()


def unhurried(*words):
    """Options with which no budget is in the way of the sums: this machine has two cores for all."""
    return ["--rate", "100", "--budget", "100%", "--process-budget", "50%", "--include", "mortal", *words]


@pytest.mark.time_limit(SOAK_S + 120)
def test_serve_soak__processes_come_and_go__memory_is_flat_and_sums_are_true(pitviper, brood, tmp_path):
    sizes = []
    with Serve(pitviper, tmp_path / "store", *unhurried()) as serve:
        begin = time.monotonic()
        while time.monotonic() < begin + SOAK_S:
            brood.tend()
            while len(brood.alive) < ALIVE:
                brood.bear()
            if time.monotonic() > begin + SETTLED * SOAK_S:
                sizes.append(serve.rss_bytes())
            time.sleep(0.2)
        brood.wait()
        time.sleep(2)  # the last ones' memory is read
        status = serve.answer("status")
    third = len(sizes) // 3
    print("born %d, rss %.1f to %.1f MB, status %s" % (brood.born, min(sizes) / 1e6, max(sizes) / 1e6, status))
    assert max(sizes[-third:]) - max(sizes[:third]) < GROWTH_BYTES
    assert status["lost"] == 0
    services = {row["service"]: row for row in ask_at_rest(pitviper, tmp_path / "store", "services")["rows"]}
    queries = ask_at_rest(pitviper, tmp_path / "store", "queries")["rows"]
    for service in SERVICES:
        processes, cpu_s, statements = brood.truth(service)
        counted = sum(row["count"] for row in queries if row["service"] == service and "SELECT" in row["statement"])
        seen = services[service]["cpu_s"]
        print("%s: %d processes, %.1f s of CPU, %.1f s seen, %d statements, %d counted" % (
            service, processes, cpu_s, seen, statements, counted))
        assert counted == statements
        assert cpu_s - processes * SEEN_LATE_S / 2 - 0.1 * cpu_s < seen < 1.1 * cpu_s
    subprocess.run([pitviper, "store", "check", "--data", str(tmp_path / "store")], check=True)


@pytest.mark.time_limit(int(KILLS * (KILL_WITHIN_S + 10)) + 120)
def test_serve_soak__kill_9_at_random_moments__nothing_that_was_written_is_lost(pitviper, brood, tmp_path):
    chance = random.Random(6)
    data = tmp_path / "store"

    def written():
        """CPU milliseconds and statements of all services that a reader sees in the store."""
        services = ask_at_rest(pitviper, data, "services", "--from", "3h")["rows"]
        queries = ask_at_rest(pitviper, data, "queries", "--from", "3h")["rows"]
        return round(1e3 * sum(row["cpu_s"] for row in services)), sum(row["count"] for row in queries)

    def assert_not_less(number, last):
        now = written()
        assert now[0] >= last[0] and now[1] >= last[1], "kill %d: %s, but %s before" % (number, now, last)

    last = (0, 0)
    for _ in range(3):
        brood.bear(cpu_s=3600, pause_s=0.02)
    for number in range(KILLS):
        serve = Serve(pitviper, data, *unhurried())
        assert_not_less(number, last)
        time.sleep(chance.uniform(0, KILL_WITHIN_S))
        last = written()  # what a reader sees is on the disk
        serve.kill()
        assert_not_less(number, last)
    assert last[0] > 0 and last[1] > 0
    with Serve(pitviper, data, *unhurried()) as serve:
        assert serve.answer("status")["store"]["damaged_windows"] == 0
    assert_not_less(KILLS, last)
    subprocess.run([pitviper, "store", "check", "--data", str(data)], check=True)
