# SPDX-License-Identifier: MIT
"""Rows of numbers: collected, printed as tables, kept as JSON, written into the README."""

import json
import os
import statistics
from dataclasses import asdict, dataclass

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


@dataclass
class Row:
    figure: str
    what: str  # the condition: "3.12", "3.12 at 1 kHz"
    tool: str
    value: float  # None: the tool cannot, or failed; `note` says which
    unit: str
    goal: float = None  # for our own row: not above this
    note: str = ""

    @property
    def met(self):
        return None if self.goal is None or self.value is None else self.value <= self.goal


def median(values):
    return statistics.median(values) if values else None


def shown(value, unit):
    if value is None:
        return "–"
    if unit == "%":
        return "%.4f" % value if 0 < abs(value) < 0.095 else "%.2f" % value
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 4
    return "%.*f" % (digits, value)


def table(rows):
    """One line per condition, one column per tool, Markdown."""
    tools = list(dict.fromkeys(row.tool for row in rows))
    unit = rows[0].unit
    lines = ["| %s | %s | goal |" % (unit, " | ".join(tools))]
    lines.append("|---|" + "---:|" * (len(tools) + 1))
    for what in dict.fromkeys(row.what for row in rows):
        cells, goal = [], ""
        for tool in tools:
            found = [row for row in rows if row.what == what and row.tool == tool]
            cells.append(shown(found[0].value, unit) if found else "–")
            if found and found[0].goal is not None:
                goal = "≤ %g%s" % (found[0].goal, " ✗" if found[0].met is False else "")
        lines.append("| %s | %s | %s |" % (what, " | ".join(cells), goal))
    notes = list(dict.fromkeys("%s: %s" % (r.tool, r.note) for r in rows if r.note))
    return "\n".join(lines + [""] + ["- " + note for note in notes] if notes else lines)


def write_json(path, rows, machine):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    kept = read_json(path)
    fresh = {row.figure for row in rows}
    merged = [r for r in kept if r["figure"] not in fresh] + [
        {**asdict(row), "met": row.met} for row in rows
    ]
    temporary = path + ".part"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump({"machine": machine, "rows": merged}, file, indent=1)
        file.write("\n")
    os.replace(temporary, path)


def read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)["rows"]
    except (OSError, ValueError, KeyError):
        return []


def rewrite_readme(path, text):
    """Puts `text` between the two marks; the file must have them."""
    with open(path, encoding="utf-8") as file:
        whole = file.read()
    head, begin, rest = whole.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("%s lacks the marks %s … %s" % (path, BEGIN, END))
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + begin + "\n" + text.strip() + "\n" + end + tail)
