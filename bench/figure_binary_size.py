# SPDX-License-Identifier: MIT
"""Size of the program, stripped. Shared system libraries (libelf, zlib, zstd) are not in it."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from support.recorder import binary_path
from tools import VENV

TITLE = "Size of the program, stripped"
FIGURE = "binary_size"
GOAL_MB = 2.0


def stripped_mb(path):
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "program")
        shutil.copy(path, copy)
        subprocess.run(["strip", copy], check=False, capture_output=True, timeout=60)
        return copy.stat().st_size / 1e6


def measure(context):
    places = {
        "pitviper": Path(binary_path()),
        "py-spy": VENV / "bin" / "py-spy",
        "austin": VENV / "bin" / "austin",
    }
    for name, path in places.items():
        if path.exists():
            goal = GOAL_MB if name == "pitviper" else None
            context.add(FIGURE, "program", name, stripped_mb(path), "MB", goal)
