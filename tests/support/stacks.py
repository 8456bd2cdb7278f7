# SPDX-License-Identifier: MIT
"""Folded stacks: reading them, holding them against a truth program's description."""

import re
from collections import Counter
from dataclasses import dataclass, field

from .program import chain_legal, function_lines, regex_legal, source_lines

FRAME = re.compile(r"(?P<name>.*?)(?: \((?P<file>.*?)(?::(?P<line>\d+))?\))?", re.DOTALL)
CHANGING = "<changing>"
GC = "<GC>"


@dataclass(frozen=True)
class Frame:
    name: str  # qualified where the interpreter knows it
    file: str = ""
    line: int = 0

    @property
    def last_name(self):
        """Without classes and "<locals>"."""
        return self.name.rsplit(".", 1)[-1]

    @property
    def base(self):
        return self.file.rsplit("/", 1)[-1]

    @property
    def is_python(self):
        return self.name not in (CHANGING, GC) and bool(self.file)


def parse_frame(text):
    match = FRAME.fullmatch(text)
    return Frame(match["name"], match["file"] or "", int(match["line"] or 0))


def parse_folded(text):
    """Counter {tuple of Frame, outermost first: samples} of "a (f:1);b (f:2) 3" lines."""
    stacks, known = Counter(), {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line:
            continue
        stack, _, count = line.rpartition(" ")
        if not stack or not count.isdigit():
            raise ValueError("line %d is not folded: %r" % (number, line[:200]))
        frames = []
        for part in stack.split(";"):
            if part not in known:
                known[part] = parse_frame(part)
            frames.append(known[part])
        stacks[tuple(frames)] += int(count)
    return stacks


@dataclass
class Verdict:
    """What a set of stacks looks like beside the truth. Counts are samples."""

    total: int = 0
    impossible: int = 0  # never existed
    partial: int = 0  # end in <changing>
    wrong_line: int = 0  # a line that is not of its function, or not that of the call below it
    gc: int = 0
    examples: list = field(default_factory=list)
    line_examples: list = field(default_factory=list)

    @property
    def impossible_share(self):
        return self.impossible / self.total if self.total else 0.0

    @property
    def wrong_line_share(self):
        return self.wrong_line / self.total if self.total else 0.0


def own_frames(program, stack):
    frames = [frame for frame in stack if frame.is_python]
    if program.truth.get("own_only"):
        frames = [frame for frame in frames if frame.base in program.own_files]
    return frames


def is_legal(program, frames):
    if not frames:
        return True  # nothing of it was proven, and nothing is claimed
    if "regex" in program.truth:
        label = ";".join("%s (%s)" % (frame.last_name, frame.base) for frame in frames)
        return regex_legal(label, program.truth["regex"])
    names = [frame.last_name for frame in frames]
    return any(chain_legal(names, chain) for chain in program.truth["chains"])


def lines_plausible(program, frames):
    """Every frame's line lies in its function, and a caller's line names what it calls."""
    functions = function_lines(program.path)
    source = source_lines(program.path)
    for frame, callee in zip(frames, [*frames[1:], None]):
        if frame.base != program.path.name or not frame.line:
            continue
        if frame.last_name in functions and frame.line not in functions[frame.last_name]:
            return False
        if callee and callee.last_name in functions and not program.truth.get("own_only"):
            if callee.last_name not in source[frame.line - 1]:
                return False
    return True


def judge(program, stacks):
    verdict = Verdict()
    for stack, count in stacks.items():
        verdict.total += count
        verdict.partial += count * (stack[-1].name == CHANGING)
        verdict.gc += count * any(frame.name == GC for frame in stack)
        frames = own_frames(program, stack)
        shown = ";".join("%s:%d" % (frame.last_name, frame.line) for frame in frames)
        if not is_legal(program, frames):
            verdict.impossible += count
            verdict.examples.append((count, shown))
        elif not lines_plausible(program, frames):
            verdict.wrong_line += count
            verdict.line_examples.append((count, shown))
    verdict.examples.sort(reverse=True)
    verdict.line_examples.sort(reverse=True)
    return verdict


def measured_shares(program, stacks):
    """{category: share} of the samples that fall into one of the program's categories."""
    if "lines" in program.truth:
        return _line_shares(program.truth["lines"], stacks)
    counts = Counter({name: 0 for name in program.categories})
    for stack, count in stacks.items():
        names = {frame.last_name for frame in stack}
        for name in program.categories:
            if name in names:
                counts[name] += count
                break
    return _normalised(counts)


def _line_shares(spec, stacks):
    buckets, last = spec["buckets"], spec["last"]
    counts = Counter({bucket: 0 for bucket in range(buckets)})
    for stack, count in stacks.items():
        leaf = [frame for frame in stack if frame.is_python][-1:]
        if leaf and leaf[0].last_name == spec["function"] and spec["first"] <= leaf[0].line <= last:
            span = last - spec["first"] + 1
            counts[(leaf[0].line - spec["first"]) * buckets // span] += count
    return _normalised(counts)


def _normalised(counts):
    total = sum(counts.values())
    return {name: count / total if total else 0.0 for name, count in counts.items()}


def total_variation(shares, truth):
    """Half the sum of the differences: 0 the same, 1 nothing in common."""
    names = set(shares) | set(truth)
    return sum(abs(shares.get(name, 0.0) - truth.get(name, 0.0)) for name in names) / 2
