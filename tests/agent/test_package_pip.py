# SPDX-License-Identifier: MIT
"""`pip install .`: what is in the wheel, and that it works in an environment of its own.

Builds in isolation, which needs a package index.
"""

import json
import os
import subprocess
import sys
import zipfile

import pytest

from support.pythons import REPO
from support.target import clean_environment

pytestmark = pytest.mark.time_limit(600)


def run(*words, **env):
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name.lower()}
    return subprocess.run(
        [str(word) for word in words],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, env={**kept, **clean_environment(**env)},
    )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, REPO)
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """bin/ of a fresh virtual environment with the wheel in it and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    assert run(sys.executable, "-m", "venv", folder).returncode == 0
    done = run(folder / "bin/pip", "install", "-q", "--no-index", wheel)
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def test_pip__wheel__has_the_package_and_the_command(wheel):
    assert "-abi3-" in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    sources = {str(path.relative_to(REPO / "python")) for path in (REPO / "python/pitviper").rglob("*.py")}
    assert sources <= set(names)
    assert [name for name in names if name.endswith(".so")] == ["pitviper/_core.abi3.so"]
    assert [name for name in names if ".data/scripts/" in name] == ["pitviper-0.1.0.data/scripts/pitviper"]
    assert not [name for name in names if "__pycache__" in name or name.endswith((".c", ".h"))]


def test_pip__fresh_environment__command_and_package_work_together(environment, tmp_path):
    version = run(environment / "pitviper", "version")
    assert version.returncode == 0 and "0.1.0" in version.stdout
    program = tmp_path / "program.py"
    program.write_text(
        "import json, pitviper, sqlite3\n"
        "print(json.dumps([pitviper.__version__, pitviper.__file__, pitviper.hooks.status()['sqlite3'][0]]))\n"
    )
    done = run(environment / "pitviper", "run", "-q", "--", environment / "python", program)
    assert done.returncode == 0, done.stderr
    release, file, state = json.loads(done.stdout)
    assert (release, state) == ("0.1.0", "hooked")
    assert file.startswith(str(environment.parent))


def test_pip__other_environment__instrumented_without_seeing_ours(environment, tmp_path):
    """Another Python's program gets the agent, and none of the packages that lie beside it."""
    site = next((environment.parent / "lib").glob("python3*/site-packages"))
    (site / "only_ours.py").write_text("")
    other = tmp_path / "other"
    assert run(sys.executable, "-m", "venv", "--without-pip", other).returncode == 0
    code = "import sys, pitviper, sqlite3; print(pitviper.hooks.status()['sqlite3'][0]); import only_ours"
    done = run(environment / "pitviper", "run", "-q", "--", other / "bin/python", "-c", code)
    assert done.stdout == "hooked\n" and "No module named 'only_ours'" in done.stderr
