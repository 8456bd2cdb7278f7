# SPDX-License-Identifier: MIT
"""CPU time of noting one sighting of a thread: in the profile, and in a capture being written."""

import json
import subprocess
from pathlib import Path

from support.recorder import binary_path

TITLE = "Noting one sighting"
FIGURE = "sighting"
GOAL_NS = 50.0
NAMES = {
    "profile_repeated_ns": "profile, same stack as before",
    "profile_moving_ns": "profile, one of 4,096 stacks",
    "capture_repeated_ns": "capture, same stack as before",
    "capture_moving_ns": "capture, one of 4,096 stacks",
}


def measure(context):
    """The driver lies beside the binary, in every build folder with tests."""
    root = Path(binary_path()).resolve().parent
    found = [folder / "tests/drivers/profile_speed" for folder in (root, *root.parents)]
    drivers = [path for path in found if path.exists()]
    if not drivers:
        context.say("tests/drivers/profile_speed is not built")
        return
    done = subprocess.run([drivers[0]], capture_output=True, text=True, check=True, timeout=120)
    for key, value in json.loads(done.stdout).items():
        goal = GOAL_NS if key.startswith("profile") else None
        context.add(FIGURE, NAMES[key], "pitviper", value, "ns", goal)
