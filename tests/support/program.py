# SPDX-License-Identifier: MIT
"""What a truth program says about itself.

Every file in tests/targets/ begins with lines "# truth: ..." that together are one JSON object:

    chains    legal stacks, outermost first; an element is a name or [name, how often]. A prefix of
              a chain is legal too, for a call is not instantaneous.
    regex     instead of chains: what "name (file);name (file)" must match in whole
    own_only  look only at frames of the program's own files (library code is between them)
    files     further base names that count as own ("<string>")
    shares    {function: share of the time}, known in advance
    measured  [function, ...]: the program measures the shares itself, see board.py
    lines     {"function": name, "buckets": n}: its lines take equal time; shares by n equal line ranges
    args      arguments to start it with
    record    arguments for `pitviper record` beyond the usual
    rate      sample at this rate instead of the test's
    idle      true where the program mostly sleeps: the rate of samples says nothing
    since     oldest Python, as [3, 8]
    kernel_only  true: its calls are too short to be read from outside
    gc        true where "<GC>" must be seen
"""

import ast
import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

TARGETS = Path(__file__).resolve().parents[1] / "targets"
MARK = "# truth:"


@dataclass(frozen=True)
class Program:
    name: str
    path: Path
    truth: dict

    @property
    def args(self):
        return [str(arg) for arg in self.truth.get("args", [])]

    @property
    def since(self):
        return tuple(self.truth.get("since", (3, 6)))

    @property
    def has_shares(self):
        return any(key in self.truth for key in ("shares", "measured", "lines"))

    @property
    def has_legal_stacks(self):
        return "chains" in self.truth or "regex" in self.truth

    @property
    def own_files(self):
        return {self.path.name, *self.truth.get("files", [])}

    @property
    def categories(self):
        return list(self.truth.get("measured", self.truth.get("shares", {})))


@functools.lru_cache(maxsize=None)
def load_program(name):
    path = TARGETS / (name + ".py")
    lines = path.read_text(encoding="utf-8").splitlines()
    text = " ".join(line[len(MARK):] for line in lines if line.startswith(MARK))
    return Program(name, path, json.loads(text))


def programs(**needs):
    """All truth programs, those with `has_shares=True` and the like only."""
    names = sorted(path.stem for path in TARGETS.glob("*.py"))
    marked = [n for n in names if MARK in (TARGETS / (n + ".py")).read_text(encoding="utf-8")]
    loaded = [load_program(name) for name in marked]
    return [p for p in loaded if all(getattr(p, key) == want for key, want in needs.items())]


@functools.lru_cache(maxsize=None)
def function_lines(path):
    """{function name: set of line numbers of its definitions}, of the source file `path`."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    lines = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines.setdefault(node.name, set()).update(range(node.lineno, node.end_lineno + 1))
    return lines


@functools.lru_cache(maxsize=None)
def source_lines(path):
    return Path(path).read_text(encoding="utf-8").splitlines()


def chain_legal(names, chain):
    """True when `names` is a prefix of `chain` (whose elements may repeat)."""
    at = 0
    for element in chain:
        name, times = element if isinstance(element, list) else (element, 1)
        for _ in range(times):
            if at == len(names):
                return True
            if names[at] != name:
                return False
            at += 1
    return at == len(names)


def regex_legal(label, pattern):
    return re.fullmatch(pattern, label) is not None
