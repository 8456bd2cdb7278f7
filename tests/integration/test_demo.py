# SPDX-License-Identifier: MIT
"""`make demo` after the build: everything starts, is found by name, and is gone afterwards."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from support.instrumented import package_folder
from support.pythons import REPO
from support.target import clean_environment, process_state

DEMO_TIMEOUT_S = 110


def start(pitviper, tmp_path, seconds):
    return subprocess.Popen(
        [sys.executable, REPO / "scripts/demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=clean_environment(
            PITVIPER=pitviper, PITVIPER_PYTHON=package_folder(), DEMO_SECONDS=str(seconds), TMPDIR=str(tmp_path),
            PYTHONUNBUFFERED="1",
        ),
    )


def assert_nothing_is_left(text, tmp_path):
    pids = [int(pid) for pid in re.findall(r"\(pid (\d+)\)", text)]
    assert len(pids) == 2
    assert [pid for pid in pids if process_state(pid) not in ("", "Z")] == []
    assert os.listdir(tmp_path) == []


@pytest.mark.time_limit(DEMO_TIMEOUT_S + 10)
def test_demo__short_form__names_what_is_slow_repeated_and_hot(pitviper, tmp_path):
    demo = start(pitviper, tmp_path, 1)
    out, errors = demo.communicate(timeout=DEMO_TIMEOUT_S)
    assert demo.returncode == 0, out + errors
    assert re.search(r"The page: http://127\.0\.0\.1:\d+/", out)
    assert re.search(r"the slow endpoint +GET /checkout  p95 \d{3,4} ms, \d+ requests", out)
    assert re.search(r"\(N\+1\) +SELECT name FROM customer WHERE id = \?  \d+ times, in GET /orders", out)
    assert re.search(r"the hot function +(trigrams|similarity)\S* \(demo_service\.py:\d+\)  \d+ % of", out)
    assert_nothing_is_left(out, tmp_path)


def test_demo__ended_by_a_signal__takes_everything_with_it(pitviper, tmp_path):
    demo = start(pitviper, tmp_path, 600)
    line = demo.stdout.readline()
    time.sleep(0.5)
    demo.send_signal(signal.SIGTERM)
    out, errors = demo.communicate(timeout=DEMO_TIMEOUT_S)
    assert demo.returncode == 0, line + out + errors
    assert_nothing_is_left(line + out, tmp_path)


def test_demo__no_flask__says_what_to_install(pitviper, tmp_path):
    demo = subprocess.run(
        [sys.executable, "-c", "import runpy, subprocess, sys\n"
         "run = subprocess.run\n"
         "def without(words, *a, **k):\n"
         "    words = [words[0], '-c', 'raise SystemExit(1)'] if 'flask' in words[-1] else words\n"
         "    return run(words, *a, **k)\n"
         "subprocess.run = without\n"
         "runpy.run_path(sys.argv[1], run_name='__main__')", REPO / "scripts/demo"],
        capture_output=True, text=True, timeout=30, env=clean_environment(PITVIPER=pitviper, TMPDIR=str(tmp_path)),
    )
    assert (demo.returncode, demo.stderr) == (1, "demo: no Python here has Flask and gunicorn: pip install flask gunicorn\n")
