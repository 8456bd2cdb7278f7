# SPDX-License-Identifier: MIT
"""Running programs with the package and its extension, from the build folder, under any interpreter."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from .pythons import REPO
from .recorder import binary_path
from .region import read_region
from .target import clean_environment

RUN_TIMEOUT_S = 60
SANITIZER_OPTIONS = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}


def package_folder():
    """What PYTHONPATH must name: python/ of the build folder that $PITVIPER belongs to."""
    named = os.environ.get("PITVIPER_PACKAGE")
    if named:
        return named
    start = Path(os.path.realpath(binary_path())).parent
    for folder in (start, *start.parents[:2], REPO / "build"):
        if (folder / "python" / "pitviper" / "__init__.py").exists():
            return str(folder / "python")
    raise FileNotFoundError("no package beside %s; run make, or set PITVIPER_PACKAGE" % binary_path())


def instrumented_environment(**extra):
    """PYTHONPATH names the package; nothing is instrumented until somebody says so.

    $PITVIPER_PRELOAD is loaded before: the sanitizers of an extension that was built with them.
    """
    first = os.environ.get("PITVIPER_PRELOAD")
    preload = {"LD_PRELOAD": first, "PYTHONMALLOC": "malloc", **SANITIZER_OPTIONS} if first else {}
    return clean_environment(**{"PYTHONPATH": package_folder(), **preload, **extra})


def run_python(python, code, *args, timeout_s=RUN_TIMEOUT_S, cwd=None, prefix=(), **env):
    """Runs `code` under one of support.pythons' interpreters, or a path; the CompletedProcess, as text.

    An interpreter of another root gets a copy of the package in that root's /tmp.
    """
    root = getattr(python, "root", "")
    words = python.command() if hasattr(python, "command") else [str(python)]
    with tempfile.TemporaryDirectory(prefix="pitviper-agent-", dir=root + "/tmp" if root else None) as folder:
        os.chmod(folder, 0o755)
        if root:
            shutil.copytree(package_folder(), folder + "/python")
            env.setdefault("PYTHONPATH", folder[len(root) :] + "/python")
        done = subprocess.run(
            [*prefix, *words, "-c", code, *map(str, args)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=cwd or (None if root else folder),
            env=instrumented_environment(**env),
            stdin=subprocess.DEVNULL,
        )
    return done


def wait_for_region(pid, satisfied=lambda region: True, timeout_s=10):
    """The region of `pid` once `satisfied(region)`; AssertionError with what there was instead."""
    end = time.monotonic() + timeout_s
    region = None
    while time.monotonic() < end:
        region = read_region(pid)
        if region is not None and satisfied(region):
            return region
        time.sleep(0.02)
    seen = region.keys() if region is not None else "no region"
    raise AssertionError("pid %s: not what was waited for: %s" % (pid, seen))
