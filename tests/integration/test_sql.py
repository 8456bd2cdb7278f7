# SPDX-License-Identifier: MIT
"""The normaliser over the published statements of ../shared/data/sql: no literal survives, and other literals
of the same kind change nothing.

Where the literals are is read here in another way, by regular expressions that are right for these
statements, so that the two do not share their mistakes. What other normalisers do to the rest of a statement
(alias removal, spacing) is a matter of taste and not compared.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest

from support.pythons import REPO
from support.recorder import binary_path

DRIVER = Path(binary_path()).parent / "tests" / "drivers" / "sql_text"
DATA = REPO.parent / "shared" / "data" / "sql"
STATEMENTS_MIN = 180
WITHHELD = 1
SYSTEMS = {"postgresql": "postgresql", "mssql": "microsoft.sql_server", "snowflake": "snowflake"}

COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
STRING = re.compile(r"N?'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
NAME = re.compile(r'"[^"]*"|\[[A-Za-z_][^\]]*\]')
NUMBER = re.compile(r"(?<![\w$@#.])(?:\d+\.?\d*|\.\d+)(?![\w])")


def normalise(statements):
    """[(system, text)] → [(fingerprint, flags, text, summary)]"""
    data = b"".join(
        b"%s %d\n%s" % (system.encode(), len(text.encode()), text.encode())
        for system, text in statements
    )
    out = subprocess.run([DRIVER], input=data, stdout=subprocess.PIPE, check=True, timeout=60).stdout
    rows, at = [], 0
    while at < len(out):
        line, _, _ = out[at:].partition(b"\n")
        fingerprint, flags, text, summary = line.split()
        at += len(line) + 1
        end = at + int(text)
        rows.append((fingerprint, int(flags), out[at:end].decode(), out[end:end + int(summary)].decode()))
        at = end + int(summary)
    return rows


def parts(statement):
    """Yields (kind, text) for the whole statement; kind: comment, string, name, number, other."""
    kinds = (("comment", COMMENT), ("string", STRING), ("name", NAME), ("number", NUMBER))
    at = 0
    while at < len(statement):
        for kind, pattern in kinds:
            found = pattern.match(statement, at)
            if found:
                break
        else:
            kind, found = "other", None
        end = found.end() if found else at + 1
        yield kind, statement[at:end]
        at = end


def other_literals(statement):
    """The statement with other strings and numbers, and other comments."""
    out = []
    for kind, text in parts(statement):
        if kind == "string" and text.startswith("$"):
            tag = text[:text.index("$", 1) + 1]
            out.append(tag + " other 'body' " + tag)
        elif kind == "string":
            out.append("'other''s -- string'")
        elif kind == "number":
            out.append("987654.25")
        elif kind == "comment":
            out.append("/* other's */ ")
        else:
            out.append(text)
    return "".join(out)


@pytest.fixture(scope="module")
def statements():
    files = sorted(DATA.glob("**/*.json")) if DATA.is_dir() else []
    if not files:
        pytest.skip("the statements of shared/data/sql are not on this machine")
    found = []
    for path in files:
        system = SYSTEMS[path.relative_to(DATA).parts[0]]
        found.append((system, json.loads(path.read_text(encoding="utf-8"))["input"]))
    assert len(found) >= STATEMENTS_MIN
    return found


def test_sql__published_statements__no_literal_survives(statements):
    for (system, statement), (_, flags, text, summary) in zip(statements, normalise(statements)):
        assert not flags & WITHHELD, statement
        outside = "".join(part for kind, part in parts(statement) if kind in ("name", "other"))
        for kind, literal in parts(statement):
            inside = literal.strip("N'$")
            if kind in ("string", "comment") and len(inside) > 3 and inside not in outside:
                assert inside not in text and inside not in summary, (system, statement, text)
        assert not re.search(r"(?<![\w$@#\".])\d", NAME.sub("", text)), (system, statement, text)
        assert "'" not in NAME.sub("", text), (system, statement, text)


def test_sql__other_literals__same_fingerprint(statements):
    others = [(system, other_literals(text)) for system, text in statements]
    assert sum(old != new for old, new in zip(statements, others)) > len(statements) / 2
    for (_, old), (_, new), one, two in zip(
        statements, others, normalise(statements), normalise(others)
    ):
        assert one == two, (old, new)


def test_sql__different_statements__different_fingerprints(statements):
    texts = {}
    for fingerprint, _, text, _ in normalise(statements):
        assert texts.setdefault(fingerprint, text) == text
    assert len(texts) > 0.8 * len(statements)


def test_sql__its_own_text__stays(statements):
    first = normalise(statements)
    whole = [(s, row[2]) for (s, _), row in zip(statements, first)]
    for (system, text), one, two in zip(whole, first, normalise(whole)):
        assert one[2] == two[2], (system, text)


def test_sql__a_megabyte__in_linear_time():
    unit = "('it''s', 1, NULL), "
    small, large = ("INSERT INTO t VALUES " + unit * n + "(1)" for n in (5000, 50000))
    for fingerprint, flags, text, summary in normalise([("mysql", small), ("mysql", large)]):
        assert (flags, text, summary) == (0, "INSERT INTO t VALUES (?)", "INSERT t")
    opened = "SELECT " + "(" * 1000000
    quotes = "SELECT '" + "\\'" * 500000
    dollars = "SELECT " + "$a$" * 333333
    comments = "SELECT " + "/*" * 500000
    for row in normalise([("postgresql", text) for text in (opened, quotes, dollars, comments)]):
        assert row[0] != b"0" * 16
