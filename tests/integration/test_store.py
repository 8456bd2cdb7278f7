# SPDX-License-Identifier: MIT
"""pitviper store, on a store made from a recording of a real program."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from support.recorder import binary_path

DRIVER = Path(binary_path()).parent / "tests" / "drivers" / "store_figures"
DAY = "2025-03-13T00:00:00Z"  # where the driver's time begins
NEXT = "2025-03-14T00:00:00Z"
RECORD_S = 22  # two whole windows of ten seconds


def run(pitviper, *words):
    return subprocess.run([pitviper, *map(str, words)], capture_output=True, text=True, timeout=100)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(directory, what the driver said): two processes, two hours."""
    from support.pythons import newest_local
    from support.target import start_target

    folder = tmp_path_factory.mktemp("store")
    with start_target(newest_local(), "c_calls", ["60"]) as target:
        done = run(binary_path(), "record", "-p", target.pid, "-d", RECORD_S, "-o", folder / "x.pv")
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [DRIVER, folder / "x.pv", folder / "data", "2", "2"], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return folder / "data", json.loads(done.stdout)


@pytest.fixture
def data(made, tmp_path):
    """A copy that a test may damage."""
    shutil.copytree(made[0], tmp_path / "data")
    return tmp_path / "data"


def samples(pitviper, data, *words):
    done = run(pitviper, "query", "threads", "--data", data, "--from", DAY, "--to", NEXT, "--json", *words)
    assert done.returncode == 0, done.stderr
    return sum(row["samples"] for row in json.loads(done.stdout)["rows"])


def test_store__info_as_json__lists_files_and_their_sum(pitviper, data):
    done = run(pitviper, "store", "info", "--json", "--data", data)
    told = json.loads(done.stdout)
    assert {f["name"].rsplit("-", 1)[0] for f in told["files"]} >= {"profile-10s", "profile-1m", "profile-1h"}
    assert told["bytes"] == sum(f["bytes"] for f in told["files"])


def test_store__check_of_a_flipped_byte__says_which_file(pitviper, data):
    assert run(pitviper, "store", "check", "--data", data).returncode == 0
    path = next(data.glob("profile-1m-*.db"))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    done = run(pitviper, "store", "check", "--data", data)
    assert done.returncode == 2
    assert path.name in done.stdout


def test_store__export_and_import__keep_every_sample(pitviper, data, tmp_path):
    total = samples(pitviper, data)
    assert run(pitviper, "store", "export", tmp_path / "copy", "--data", data).returncode == 0
    assert samples(pitviper, tmp_path / "copy") == total
    done = run(pitviper, "store", "import", tmp_path / "copy", "--data", tmp_path / "new", "--json")
    assert json.loads(done.stdout)["damaged"] == 0
    assert samples(pitviper, tmp_path / "new") == total
    again = run(pitviper, "store", "import", tmp_path / "copy", "--data", tmp_path / "new", "--json")
    assert json.loads(again.stdout)["windows"] == 0
    assert samples(pitviper, tmp_path / "new") == total


def test_store__prune__deletes_what_ended(pitviper, data):
    done = run(pitviper, "store", "prune", "--before", "1h", "--data", data)
    assert done.returncode == 0, done.stderr
    assert not list(data.glob("*.db"))


@pytest.mark.parametrize(
    "words, text",
    [
        (["store", "explode"], "not info"),
        (["store", "export"], "which directory"),
        (["store", "prune"], "--before"),
        (["store", "info", "--data", "/nonexistent/place"], "/nonexistent/place"),
    ],
)
def test_store__wrong_use__is_one_sentence(pitviper, data, words, text):
    if "--data" not in words:
        words = [*words, "--data", data]
    done = run(pitviper, *words)
    assert done.returncode == 2
    assert text in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_store__all_samples_that_were_written__are_in_the_sums(pitviper, data, made):
    assert samples(pitviper, data) == made[1]["all"]["samples"] > 0
    assert sum(samples(pitviper, data, "--pid", pid) for pid in (1000, 1001)) == samples(pitviper, data)
