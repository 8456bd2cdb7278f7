# SPDX-License-Identifier: MIT
"""Every stack carries the request its thread was working on, seen from outside."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from support.instrumented import package_folder
from support.recorder import binary_path, record

FULL = os.environ.get("PITVIPER_TEST_FULL") == "1"
LOOKS = 200_000 if FULL else 20_000  # interleaved tasks, per version
LOOKS_OF_MODE = 20_000 if FULL else 2_000
LOOK_SECONDS = 60
UNKNOWN_MAX = 0.02  # of all looks; a busy machine interrupts some
TOLERANCE = 0.03
RATE_HZ = 500
SECONDS = 6
DRIVER = Path(binary_path()).parent


def driver():
    """tests/drivers/join_truth beside the binary, wherever the binary is in its build folder."""
    for folder in (DRIVER, *DRIVER.parents[:2]):
        path = folder / "tests" / "drivers" / "join_truth"
        if path.exists():
            return path
    raise FileNotFoundError("tests/drivers/join_truth is not built")


@pytest.fixture
def start(start_target, agent_python):
    """start(program, *args): a truth program that can import the package."""
    copied = []

    def begin(program, *args):
        root = agent_python.root
        path = package_folder()
        if root:
            folder = tempfile.mkdtemp(prefix="pitviper-agent-", dir=root + "/tmp")
            copied.append(folder)
            os.chmod(folder, 0o755)
            shutil.copytree(path, folder + "/python")
            path = folder[len(root) :] + "/python"
        return start_target(agent_python, program, args, env={"PYTHONPATH": path})

    yield begin
    for folder in copied:
        shutil.rmtree(folder, ignore_errors=True)


def look(target, looks):
    words = [driver(), target.pid, target.folder + "/truth", looks, LOOK_SECONDS]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=2 * LOOK_SECONDS)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(seen, looks):
    print(seen)
    assert seen["wrong"] == 0, seen
    assert seen["right"] >= looks / 2, seen
    assert seen["unknown"] <= UNKNOWN_MAX * seen["right"], seen


@pytest.mark.time_limit(200)
def test_join__interleaved_tasks__none_wrong(start):
    seen = look(start("join", "tasks"), LOOKS)
    check(seen, LOOKS)
    assert seen["reads"] <= 4 * seen["rounds"], seen


@pytest.mark.parametrize("mode", ["requests", "nested", "flood", "threads", "executor", "variables"])
@pytest.mark.time_limit(200)
def test_join__mode__none_wrong(start, mode):
    check(look(start("join", mode), LOOKS_OF_MODE), LOOKS_OF_MODE)


def shares(recording):
    """Root of a stack → share of all samples."""
    total = sum(recording.stacks.values())
    found = {}
    for stack, count in recording.stacks.items():
        found[stack[0].name] = found.get(stack[0].name, 0) + count / total
    return found


def functions(recording):
    return {frame.last_name for stack in recording.stacks for frame in stack}


def record_shares(target, words):
    """Shares by root, and the seconds that the program itself counted meanwhile."""
    before = target.board()
    recording = record(target.pid, SECONDS, RATE_HZ, words)
    return shares(recording), [after - earlier for after, earlier in zip(target.board(), before)]


@pytest.mark.time_limit(180)
def test_record__by_endpoint__known_shares(start):
    found, took = record_shares(start("endpoints"), ["--by-endpoint"])
    for name, seconds in zip(("GET /report", "GET /users/<int:id>", "(no request)"), took):
        assert abs(found.get(name, 0) - seconds / sum(took[:3])) < TOLERANCE, (name, found, took)


@pytest.mark.time_limit(180)
def test_record__slower_than__only_the_slow(start):
    found, took = record_shares(start("endpoints"), ["--by-endpoint", "--slower-than", "15ms"])
    slow = took[3:5]
    assert found["GET /report"] > 0.4 and "(no request)" not in found, found
    for name, seconds in zip(("GET /report", "GET /users/<int:id>"), slow):
        assert abs(found.get(name, 0) - seconds / sum(slow)) < 2 * TOLERANCE, (name, found, took)


@pytest.mark.parametrize(
    "words",
    [["--endpoint", "GET /users/<int:id>"], ["--endpoint", "^GET /u.*id"], ["--endpoint", "users", "--by-endpoint"]],
    ids=["text", "expression", "part"],
)
def test_record__endpoint__only_that(start_target, local_python, words):
    env = {"PYTHONPATH": package_folder()}
    recording = record(start_target(local_python, "endpoints", env=env).pid, 2, RATE_HZ, words)
    seen = functions(recording)
    assert "user" in seen
    assert "report" not in seen and "housekeeping" not in seen
    if "--by-endpoint" in words:
        assert list(shares(recording)) == ["GET /users/<int:id>"]


def test_record__trace__only_that(start_target, local_python):
    target = start_target(local_python, "endpoints", env={"PYTHONPATH": package_folder()})
    recording = record(target.pid, 2, RATE_HZ, ["--trace", target.read_line()])
    seen = functions(recording)
    assert "report" in seen
    assert "user" not in seen and "housekeeping" not in seen


def test_record__capture__keeps_the_roots(start_target, local_python, pitviper, tmp_path):
    target = start_target(local_python, "endpoints", env={"PYTHONPATH": package_folder()})
    capture = tmp_path / "a.pv"
    words = [pitviper, "record", "-q", "-p", target.pid, "-d", 2, "--by-endpoint", "-o", capture]
    subprocess.run([str(word) for word in words], check=True, timeout=30)
    for name in ("a.folded", "a.json", "a.svg", "a.html", "a.speedscope.json", "a.pb.gz", "a.callgrind"):
        subprocess.run([pitviper, "convert", capture, "-o", tmp_path / name], check=True, timeout=30)
    lines = (tmp_path / "a.folded").read_text().splitlines()
    roots = {line.split(";")[0] for line in lines if ";" in line}
    assert {"GET /report", "GET /users/<int:id>", "(no request)"} <= roots
    page = json.loads((tmp_path / "a.json").read_text())
    assert page["kinds"].index("request") in page["frames"]["kind"]
    assert "GET /users/&lt;int:id&gt;" in (tmp_path / "a.svg").read_text()


def test_record__no_agent__says_what_to_do(start_target, local_python, pitviper, tmp_path):
    target = start_target(local_python, "busy")
    words = [pitviper, "record", "-p", target.pid, "-d", 1, "--by-endpoint", "-o", tmp_path / "a.svg"]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "no pitviper agent" in done.stderr and "pitviper run" in done.stderr
    assert not (tmp_path / "a.svg").exists()


def test_record__not_a_trace_id__is_refused(pitviper):
    done = subprocess.run([pitviper, "record", "-p", "1", "--trace", "abc"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and "32 hexadecimal digits" in done.stderr


def test_dump__in_a_request__says_which(start, pitviper):
    target = start("join", "tasks")
    done = subprocess.run([pitviper, "dump", "-p", str(target.pid)], capture_output=True, text=True, timeout=30)
    assert "  request: /task/" in done.stdout, done.stdout
    done = subprocess.run([pitviper, "dump", "-p", str(target.pid), "-j"], capture_output=True, text=True, timeout=30)
    found = [thread["request"] for thread in json.loads(done.stdout)["threads"] if thread["request"]]
    assert found and found[0]["endpoint"].startswith("/task/"), done.stdout
    assert len(found[0]["trace_id"]) == 32 and found[0]["in_flight"] and found[0]["seconds"] > 0


def test_top__in_a_request__says_which(start_target, local_python, pitviper):
    target = start_target(local_python, "join", ["threads"], env={"PYTHONPATH": package_folder()})
    words = [pitviper, "top", "-p", target.pid, "-d", 1, "-j"]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=30)
    threads = json.loads(done.stdout)["threads"]
    assert any(thread["request"] and thread["request"]["endpoint"].startswith("/request/") for thread in threads)
