# SPDX-License-Identifier: MIT
"""The profilers that are measured, ours and its peers, behind one interface.

A peer runs with the flags that make it fastest and most exact at what is asked of it. Each has
record(target, duration_s, rate_hz) → Result. What a peer cannot read it says in can_read(), and the
table shows a dash: nothing is estimated.

Peers come from PyPI (py-spy, austin, in build/venv-bench) and from the newer release's root (Python
3.15's profiling.sampling, "Tachyon"). austin's current build wants a newer C library than a stable
release has; it runs with that root's loader then.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from support.measured import Running, run_measured
from support.pythons import REPO, beside, sid_root
from support.recorder import binary_path
from support.stacks import Frame, parse_folded

VENV = REPO / "build" / "venv-bench"
PACKAGES = ["py-spy", "austin-dist", "austin-python"]
SLACK_S = 60


@dataclass
class Result:
    samples: int  # thread stacks
    cpu_s: float
    max_rss_bytes: int
    stacks: Counter = field(default_factory=Counter)
    file_bytes: int = 0
    stats: dict = field(default_factory=dict)  # only ours
    invalid: int = 0  # what the tool itself threw away


class Tool:
    """`record` is given words by _words() and reads the file by _read()."""

    name = ""
    suffix = ".out"
    top_rate_hz = 1000000  # what to ask for to get the fastest it can
    falls_behind = False  # takes every sample asked for, however long that lasts
    threads_options = {}  # to see every running thread
    cheap_options = {}  # where only the number of samples matters
    follows_children = False  # into one file
    capture_options = None  # for its own capture format; None where it has none

    def available(self):
        return True

    def can_read(self, python):
        return True

    def start(self, target, duration_s, rate_hz, out, **options):
        return Running(self._words(target, duration_s, rate_hz, out, **options))

    def record(self, target, duration_s, rate_hz, **options):
        with self.scratch() as folder:
            out = Path(folder, "out" + self.suffix)
            running = self.start(target, duration_s, rate_hz, out, **options)
            done = running.finish(duration_s * 8 + SLACK_S)
            return self.read(out, done, **options)

    def read(self, out, done, **options):
        """What a recording that has ended wrote."""
        if not out.exists():
            words = (done.stderr + done.stdout).strip()[-500:]
            raise RuntimeError("%s: status %d: %s" % (self.name, done.status, words))
        result = self._read(out, done, options)
        result.file_bytes = out.stat().st_size
        return result

    def scratch(self):
        """A folder that the tool sees under a path that we can also read."""
        return tempfile.TemporaryDirectory(prefix="pitviper-bench-")

    def dump_words(self, target):
        """A command that prints the stacks once; None where there is none."""


class Pitviper(Tool):
    name = "pitviper"
    follows_children = True
    suffix = ".folded"
    capture_options = {"form": "pv"}

    def available(self):
        return os.access(binary_path(), os.X_OK)

    def _words(
        self, target, duration_s, rate_hz, out, all_threads=False, children=False, form="folded"
    ):
        words = [binary_path(), "record", "-p", target.pid, "-d", duration_s, "-r", rate_hz]
        words += ["-f", form, "-o", out, "--stats", str(out) + ".stats"]
        return words + (["-i"] if all_threads else []) + (["-s"] if children else [])

    def _read(self, out, done, options):
        stats = json.loads(Path(str(out) + ".stats").read_text())
        result = Result(stats["samples"], done.cpu_s, done.max_rss_bytes, stats=stats)
        if options.get("form", "folded") == "folded":
            text = out.read_text(encoding="utf-8", errors="surrogateescape")
            result.stacks = parse_folded(text)
        return result

    def dump_words(self, target):
        return [binary_path(), "dump", "-p", target.pid]


class PitviperKernel(Pitviper):
    """Its stacks are taken by the kernel in the target's own time: our CPU is not the whole price (figure slowdown)."""

    name = "pitviper --source kernel"
    follows_children = False
    capture_options = None

    def available(self):
        words = [binary_path(), "record", "-q", "--source", "kernel", "-p", os.getpid(), "-d", 0.1]
        return super().available() and run_measured([*words, "-o", os.devnull]).status == 0

    def _words(self, target, duration_s, rate_hz, out, all_threads=False, **options):
        return super()._words(target, duration_s, rate_hz, out, **options) + ["--source", "kernel"]

    def dump_words(self, target):
        return None  # dump reads


class PySpy(Tool):
    suffix = ".raw"
    falls_behind = True
    follows_children = True
    top_rate_hz = 1000  # asked for more, it takes seconds for every second, and not less per stack

    def __init__(self, blocking):
        self.blocking = blocking
        self.name = "py-spy" if blocking else "py-spy --nonblocking"

    def available(self):
        return (VENV / "bin" / "py-spy").exists()

    def _words(self, target, duration_s, rate_hz, out, all_threads=False, children=False):
        words = [VENV / "bin" / "py-spy", "record", "-p", target.pid, "-d", duration_s]
        words += ["-r", min(rate_hz, self.top_rate_hz), "-f", "raw", "-o", out]
        words += [] if self.blocking else ["--nonblocking"]
        return words + (["-i"] if all_threads else []) + (["-s"] if children else [])

    def _read(self, out, done, _options):
        lines = out.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        stacks = parse_folded("\n".join(line for line in lines if not line.startswith(" ")))
        errors = re.search(r"Errors: (\d+)", done.stderr + done.stdout)
        return Result(
            sum(stacks.values()),
            done.cpu_s,
            done.max_rss_bytes,
            stacks,
            invalid=int(errors[1]) if errors else 0,
        )

    def dump_words(self, target):
        words = [VENV / "bin" / "py-spy", "dump", "-p", target.pid]
        return words if self.blocking else None


def parse_colon_frames(line):
    """austin's and Tachyon's form: "file:function:line;…", after the process and thread parts."""
    frames = []
    for part in line.split(";"):
        pieces = part.rsplit(":", 2)
        if len(pieces) == 3 and pieces[2].isdigit() and not part.startswith("tid:"):
            frames.append(Frame(pieces[1], pieces[0], int(pieces[2])))
    return tuple(frames)


class Austin(Tool):
    """austin 4 for 3.9–3.14, the release's austin 3 for 3.8. Reads MOJO with its own converter."""

    name = "austin"
    follows_children = True
    suffix = ".mojo"
    cheap_options = {"stacks": False}
    capture_options = {"stacks": False}

    def available(self):
        return (VENV / "bin" / "austin").exists() and bool(sid_root())

    def can_read(self, python):
        return 8 <= python.minor <= 14 and not python.free_threaded

    def _program(self, target):
        python, root = target.python, sid_root()
        new = VENV / "bin" / "austin"
        if python.root:  # inside the root, where it finds the target's files
            inside = Path(root, "usr/local/bin/austin4")
            if not inside.exists():
                shutil.copy(new, inside)
            return beside(target.pid) + ["/usr/local/bin/austin4"]
        loader = [root + "/usr/lib64/ld-linux-x86-64.so.2", "--library-path"]
        loader += [root + "/usr/lib/x86_64-linux-gnu"]
        return loader + [new if python.minor > 8 else root + "/usr/bin/austin"]

    def scratch(self):
        return tempfile.TemporaryDirectory(prefix="pitviper-bench-", dir=sid_root() + "/tmp")

    def _words(
        self, target, duration_s, rate_hz, out, all_threads=False, children=False, stacks=True
    ):
        python = target.python
        seen = str(out)[len(sid_root()):] if python.root else out
        words = self._program(target) + ["-i", max(1, round(1e6 / rate_hz))]
        words += ["-x", max(1, round(duration_s)), "-p", target.pid, "-o", seen]
        words += ["-C"] if children else []
        return words + (["-b"] if python.minor == 8 else [])

    def _read(self, out, done, options):
        rate = re.search(r"(\d+)/(\d+)", self._error_line(done))
        invalid, samples = (int(rate[1]), int(rate[2])) if rate else (0, 0)
        result = Result(samples, done.cpu_s, done.max_rss_bytes, invalid=invalid)
        if options.get("stacks", True):
            result.stacks = self.read_mojo(out)
            result.samples = result.samples or sum(result.stacks.values())
        return result

    @staticmethod
    def _error_line(done):
        plain = re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)
        return next((line for line in plain.splitlines() if "rror rate" in line), "")

    @staticmethod
    def read_mojo(path):
        text = str(path) + ".txt"
        subprocess.run(
            [VENV / "bin" / "mojo2austin", path, text], check=True, capture_output=True, timeout=300
        )
        stacks = Counter()
        with open(text, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                if line.startswith("P"):
                    stacks[parse_colon_frames(line.rstrip("\n").rpartition(" ")[0])] += 1
        return stacks

    def dump_words(self, target):
        return self._program(target) + ["-w", target.pid]


class Tachyon(Tool):
    """profiling.sampling of Python 3.15: reads only 3.15, from a 3.15."""

    name = "Tachyon"
    suffix = ".collapsed"
    threads_options = {"all_threads": True}
    capture_options = {"form": "--binary"}

    def available(self):
        return bool(sid_root()) and os.path.exists(sid_root() + "/usr/bin/python3.15")

    def can_read(self, python):
        return python.minor == 15 and bool(python.root)

    def scratch(self):
        return tempfile.TemporaryDirectory(prefix="pitviper-bench-", dir=sid_root() + "/tmp")

    def _words(self, target, duration_s, rate_hz, out, all_threads=False, form="--collapsed"):
        words = beside(target.pid) + ["/usr/bin/python3.15", "-m", "profiling.sampling", "attach"]
        words += ["-r", rate_hz, "-d", duration_s, form, "-o", str(out)[len(sid_root()):]]
        return words + (["-a"] if all_threads else []) + [target.pid]

    def _read(self, out, done, options):
        result = Result(0, done.cpu_s, done.max_rss_bytes)
        said = re.search(r"Captured (\d+) samples", done.stdout + done.stderr)
        if options.get("form", "--collapsed") == "--collapsed":
            for line in out.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
                stack, _, count = line.rpartition(" ")
                result.stacks[parse_colon_frames(stack)] += int(count)
        result.samples = sum(result.stacks.values()) or (int(said[1]) if said else 0)
        return result

    def dump_words(self, target):
        words = beside(target.pid) + ["/usr/bin/python3.15", "-m", "profiling.sampling", "dump"]
        return words + [target.pid]


def install_peers():
    """Makes build/venv-bench once. False, with a line on stderr, when that fails."""
    if (VENV / "bin" / "py-spy").exists() and (VENV / "bin" / "mojo2austin").exists():
        return True
    try:
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True, timeout=120)
        pip = [VENV / "bin" / "python", "-m", "pip", "install", "--quiet", *PACKAGES]
        subprocess.run(pip, check=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as problem:
        print("bench: peers not installed: %s" % problem, file=sys.stderr)
        return False
    return True


def all_tools():
    tools = [Pitviper(), PitviperKernel(), Tachyon(), Austin(), PySpy(True), PySpy(False)]
    return [tool for tool in tools if tool.available()]


