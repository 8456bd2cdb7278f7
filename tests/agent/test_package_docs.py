# SPDX-License-Identifier: MIT
"""The snippets of docs/python.md run as they stand, one after the other, in one folder."""

import re
import sys

import pytest

from support.instrumented import run_python
from support.pythons import REPO

PAGE = (REPO / "docs/python.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_docs__snippets__run_as_they_stand(package, tmp_path):
    pytest.importorskip("pandas")
    assert len(SNIPPETS) >= 7
    for snippet in SNIPPETS:
        done = run_python(sys.executable, snippet, cwd=tmp_path)
        assert done.returncode == 0, snippet + done.stderr
    assert len((tmp_path / "performance_log.jsonl").read_text().splitlines()) == 3


def test_docs__yaml_snippet__is_understood(package, tmp_path):
    (yaml,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    file = tmp_path / "pitviper.yaml"
    file.write_text(yaml)
    code = "from pitviper import config; config.load(); print(config.text('version'), config.words('disable'))"
    done = run_python(sys.executable, code, PITVIPER_CONFIG=str(file))
    assert (done.stdout, done.stderr) == ("2026.11 ('redis', 'flask')\n", "")


def test_docs__warnings__are_worded_as_the_page_says(package):
    done = run_python(sys.executable, """
import pitviper
monitor = pitviper.PerformanceMonitor()
monitor.add("invoice", 312.4)
""")
    assert done.stderr.strip() in PAGE
