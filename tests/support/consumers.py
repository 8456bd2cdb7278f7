# SPDX-License-Identifier: MIT
"""Other people's programs that read our files: found or installed once, else the test is skipped."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .pythons import REPO

INSTALL_TIMEOUT_S = 300


def tool(name):
    path = shutil.which(name)
    if not path and name == "go":
        path = shutil.which("/usr/local/go/bin/go")
    if not path:
        pytest.skip("%s is not installed" % name)
    return path


def node_modules():
    """tests/consumers/package-lock.json, installed into build/consumers."""
    tool("node")
    folder = REPO / "build" / "consumers"
    lock = REPO / "tests" / "consumers" / "package-lock.json"
    stamp = folder / "installed.json"
    if not stamp.exists() or stamp.read_text() != lock.read_text():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", "browse.mjs"):
            shutil.copy(lock.parent / name, folder / name)
        done = subprocess.run(
            [tool("npm"), "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True,
            text=True, timeout=INSTALL_TIMEOUT_S,
        )
        if done.returncode != 0:
            pytest.skip("npm could not install tests/consumers: " + done.stderr[-300:])
        stamp.write_text(lock.read_text())
    shutil.copy(lock.parent / "browse.mjs", folder / "browse.mjs")
    return folder / "node_modules"


def browse(url, steps=(), **plan):
    """What tests/consumers/browse.mjs saw: errors, requests, dialogs, values."""
    if not os.environ.get("PITVIPER_CHROMIUM") and not Path("/usr/bin/chromium").exists():
        pytest.skip("Chromium is not installed")
    script = node_modules().parent / "browse.mjs"
    plan.update(url=url, steps=list(steps))
    done = subprocess.run(
        ["node", script, json.dumps(plan)], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
