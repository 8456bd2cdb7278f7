# SPDX-License-Identifier: MIT
"""The interpreters of this machine, 3.6 to 3.15.

Found through pyenv, through PATH, and in a root of the distribution's newer release
($PITVIPER_SID_ROOT or build/sid, made by scripts/sid_root). An interpreter in that root is started
through chroot in a mount namespace of its own, so it is also the container test.
"""

import functools
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
MINORS = range(6, 16)
PROBE = (
    "import sys, sysconfig; print('%d.%d.%d %d' % (sys.version_info[:3] + "
    "(int(sysconfig.get_config_var('Py_GIL_DISABLED') or 0),)))"
)
PROBE_TIMEOUT_S = 20


@dataclass(frozen=True)
class Python:
    version: tuple  # (3, 12, 1)
    free_threaded: bool
    path: str  # as seen inside `root`
    root: str = ""  # "" is the machine's own

    @property
    def name(self):
        """"3.12", "3.14t"."""
        return "%d.%d%s" % (self.version[0], self.version[1], "t" if self.free_threaded else "")

    @property
    def minor(self):
        return self.version[1]

    def command(self, own_pid_namespace=False):
        """The words that start it, before its own arguments."""
        return in_root(self.root, own_pid_namespace) + [self.path]


def in_root(root, own_pid_namespace=False):
    """Words that run a command inside `root`, with a /proc of its own that ends with it."""
    if not root:
        return []
    script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
    words = ["unshare", "--mount", "--propagation", "private"]
    if own_pid_namespace:
        words += ["--pid", "--fork", "--kill-child"]
    return words + ["sh", "-c", script, root]


def beside(pid):
    """Words that run a command where the process `pid` lives: same mounts, same root."""
    words = ["nsenter", "--target", str(pid), "--mount", "--root"]
    return words + ["sh", "-c", 'cd / && exec "$@"', "sh"]


def sid_root():
    """The newer release's root, or "" when there is none that can be entered."""
    root = os.environ.get("PITVIPER_SID_ROOT") or str(REPO / "build" / "sid")
    usable = os.geteuid() == 0 and shutil.which("unshare") and shutil.which("chroot")
    return root if usable and os.path.isdir(root + "/usr/bin") else ""


def _probe(path, root=""):
    try:
        words = in_root(root) + [path, "-c", PROBE]
        done = subprocess.run(words, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+) ([01])\s*", done.stdout)
    if done.returncode != 0 or not match:
        return None
    version = tuple(int(part) for part in match.groups()[:3])
    return Python(version, match.group(4) == "1", path, root)


def _candidates():
    home = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for path in sorted(Path(home, "versions").glob("3.*/bin/python"), reverse=True):
        yield str(path), ""
    names = ["python3.%d%s" % (minor, kind) for minor in MINORS for kind in ("", "t", "-nogil")]
    shims = str(Path(home, "shims"))
    folders = [p for p in os.environ.get("PATH", "").split(os.pathsep) if p and p != shims]
    for name in names:
        found = shutil.which(name, path=os.pathsep.join(folders))
        if found:
            yield found, ""
    root = sid_root()
    if root:
        for name in names:
            if os.path.exists(root + "/usr/bin/" + name):
                yield "/usr/bin/" + name, root


@functools.lru_cache(maxsize=None)
def find_pythons():
    """One interpreter per name, oldest first. $PITVIPER_TEST_PYTHONS ("3.8,3.12") narrows it."""
    found = {}
    for path, root in _candidates():
        python = _probe(path, root)
        if python and python.version[0] == 3 and python.minor in MINORS:
            found.setdefault(python.name, python)
    wanted = os.environ.get("PITVIPER_TEST_PYTHONS")
    if wanted:
        found = {name: found[name] for name in wanted.split(",") if name in found}
    return sorted(found.values(), key=lambda python: (python.version, python.free_threaded))


def missing_pythons():
    """Names of the versions that no interpreter was found for."""
    found = {python.name for python in find_pythons()}
    expected = ["3.%d" % minor for minor in MINORS] + ["3.13t", "3.14t", "3.15t"]
    return [name for name in expected if name not in found]


def newest_local():
    """The newest interpreter that needs no chroot."""
    return [python for python in find_pythons() if not python.root][-1]
