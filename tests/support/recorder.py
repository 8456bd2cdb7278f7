# SPDX-License-Identifier: MIT
"""`pitviper record` as the tests use it."""

import json
import os
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .measured import Done, run_measured
from .pythons import REPO
from .stacks import parse_folded

SLACK_S = 30  # for start, writing and a busy machine


@dataclass
class Recording:
    stacks: Counter
    stats: dict
    done: Done


def binary_path():
    return os.environ.get("PITVIPER") or str(REPO / "build" / "pitviper")


def record(pid, duration_s, rate_hz, extra=(), binary=None):
    """Records `pid` as folded stacks. AssertionError with the tool's own words when it fails."""
    with tempfile.TemporaryDirectory(prefix="pitviper-record-") as folder:
        out, stats = Path(folder, "out.folded"), Path(folder, "stats.json")
        words = [binary or binary_path(), "record", "-p", pid, "-d", duration_s, "-r", rate_hz]
        words += ["-f", "folded", "-o", out, "--stats", stats, *extra]
        done = run_measured(words, timeout_s=duration_s + SLACK_S)
        assert done.status == 0, "status %d: %s" % (done.status, done.stderr[-2000:])
        text = out.read_text(encoding="utf-8", errors="surrogateescape")
        return Recording(parse_folded(text), json.loads(stats.read_text()), done)
