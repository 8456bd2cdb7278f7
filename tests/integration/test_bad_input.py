# SPDX-License-Identifier: MIT
"""What must not work, or only a little: an error sentence and the right exit status, never a crash, a
hang, or a file that is only half there."""

import os
import pwd
import re
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.measured import Running, run_measured
from support.stacks import parse_folded

LIMIT_S = 30
USAGE, GONE, NOT_PYTHON, GAVE_UP, DENIED = 2, 66, 69, 75, 77
COMMANDS = ["record", "dump"]


def run(pitviper, command, pid, tmp_path, *words):
    extra = ["-d", 1, "-o", tmp_path / "out.svg"] if command == "record" else []
    return run_measured([pitviper, command, "-p", pid, *extra, *words], LIMIT_S)


def assert_refused(done, status, *words):
    assert done.status == status, done.stderr
    assert done.stderr.startswith("pitviper: ")
    assert len(done.stderr.strip().splitlines()) <= 3, "a sentence, not a page"
    for word in words:
        assert word in done.stderr
    assert done.stdout == ""


@pytest.fixture(params=COMMANDS)
def command(request):
    return request.param


@pytest.fixture
def sleeping():
    """Something that is no Python."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


# Processes


def test_bad_input__not_python__69(pitviper, command, tmp_path, sleeping):
    assert_refused(run(pitviper, command, sleeping.pid, tmp_path), NOT_PYTHON, str(sleeping.pid))
    assert not list(tmp_path.iterdir())


def test_bad_input__no_such_process__66(pitviper, command, tmp_path):
    process = subprocess.Popen(["true"])
    process.wait()
    assert_refused(run(pitviper, command, process.pid, tmp_path), GONE, str(process.pid))
    assert not list(tmp_path.iterdir())


def test_bad_input__zombie__66(pitviper, command, tmp_path):
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert_refused(run(pitviper, command, process.pid, tmp_path), GONE)
    process.wait()


def test_bad_input__kernel_thread__69(pitviper, command, tmp_path):
    comm = Path("/proc/2/comm")
    threads = [2] if comm.exists() and comm.read_text() == "kthreadd\n" else []
    if not threads:
        pytest.skip("no kernel thread can be seen here")
    assert_refused(run(pitviper, command, threads[0], tmp_path), NOT_PYTHON, "kernel thread")


def test_bad_input__itself_and_init__refused(pitviper, command, tmp_path):
    done = run(pitviper, command, 1, tmp_path)
    assert done.status in (NOT_PYTHON, DENIED)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_bad_input__another_users_process__77_with_a_remedy(
    pitviper, command, start_target, local_python, tmp_path
):
    if not shutil.which("setpriv"):
        pytest.skip("setpriv is missing")
    nobody = pwd.getpwnam("nobody")
    place = Path("/tmp/pitviper-test-%d" % os.getpid())
    place.mkdir(mode=0o777)
    try:
        place.chmod(0o777)
        shutil.copy(pitviper, place / "pitviper")
        target = start_target(local_python, "busy", [30])
        words = ["setpriv", "--reuid", nobody.pw_uid, "--regid", nobody.pw_gid, "--clear-groups"]
        words += ["--inh-caps=-all", "--bounding-set=-all"]
        words += [place / "pitviper", command, "-p", target.pid]
        words += ["-d", 1, "-o", place / "out.svg"] if command == "record" else []
        done = run_measured(words, LIMIT_S)
        assert_refused(done, DENIED)
        assert re.search(r"root|sudo|CAP_SYS_PTRACE", done.stderr), "says the remedy"
        assert not (place / "out.svg").exists()
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize("seconds", [0, 0.05, 0.2])
def test_bad_input__exits_while_being_read__shorter_profile_or_66(
    pitviper, start_target, local_python, tmp_path, seconds
):
    for turn in range(5):
        out = tmp_path / ("%d.folded" % turn)
        target = start_target(local_python, "ending", ["exit", seconds])
        words = [pitviper, "record", "-p", target.pid, "-r", 5000, "-d", 5, "-o", out]
        done = run_measured(words, LIMIT_S)
        assert done.status in (0, GONE, GAVE_UP, NOT_PYTHON), done.stderr
        assert out.exists() == (done.status == 0)


def test_bad_input__stopped_process__is_read(pitviper, start_target, local_python):
    target = start_target(local_python, "busy", [30])
    os.kill(target.pid, signal.SIGSTOP)
    done = run_measured([pitviper, "dump", "-p", target.pid], LIMIT_S)
    os.kill(target.pid, signal.SIGCONT)
    assert done.status == 0, done.stderr
    assert "leaf" in done.stdout


def test_bad_input__command_that_is_no_python__69(pitviper, tmp_path):
    words = [pitviper, "record", "-d", 2, "-o", tmp_path / "x.svg", "--", "sleep", "1"]
    done = run_measured(words, LIMIT_S)
    assert done.status in (NOT_PYTHON, GONE), done.stderr
    assert not list(tmp_path.iterdir())


def test_bad_input__command_that_does_not_exist__said_by_name(pitviper, tmp_path):
    words = [pitviper, "record", "-o", tmp_path / "x.svg", "--", "/nonexistent/program"]
    done = run_measured(words, LIMIT_S)
    assert done.status == USAGE
    assert "/nonexistent/program" in done.stderr


# Words


@pytest.mark.parametrize(
    "words",
    [
        ["record"],
        ["record", "-p", "abc"],
        ["record", "-p", "0"],
        ["record", "-p", "-5"],
        ["record", "-p", "99999999999999999999"],
        ["record", "-p", "1", "-r", "0"],
        ["record", "-p", "1", "-r", "-100"],
        ["record", "-p", "1", "-r", "1e12"],
        ["record", "-p", "1", "-r", "nan"],
        ["record", "-p", "1", "-r", "99999999999"],
        ["record", "-p", "1", "-r", "100 apples"],
        ["record", "-p", "1", "-d", "-1"],
        ["record", "-p", "1", "-d", "1e30"],
        ["record", "-p", "1", "-d", "10y"],
        ["record", "-p", "1", "-d", "99999999999999999999h"],
        ["record", "-p", "1", "-f", "nonsense"],
        ["record", "-p", "1", "--nonsense"],
        ["record", "-p"],
        ["dump"],
        ["dump", "-p", ""],
        ["dump", "-p", "1", "surplus"],
        ["nonsense"],
        [""],
    ],
    ids=lambda words: " ".join(words) or "nothing",
)
def test_bad_input__wrong_usage__2_and_the_word_is_named(pitviper, words):
    done = run_measured([pitviper, *words], LIMIT_S)
    assert_refused(done, USAGE)
    if len(words) > 2 and words[-1]:
        assert words[-1].lstrip("-")[:20] in done.stderr


@pytest.mark.parametrize("rate", ["1", "1000000", "1khz", "0.5"])
@pytest.mark.parametrize("duration", ["0.01", "10ms", "1s"])
def test_bad_input__odd_but_legal_rates__are_done(
    pitviper, start_target, local_python, tmp_path, rate, duration
):
    target = start_target(local_python, "busy", [30])
    out = tmp_path / "x.folded"
    words = [pitviper, "record", "-p", target.pid, "-r", rate, "-d", duration, "-o", out]
    done = run_measured(words, LIMIT_S)
    assert done.status in (0, USAGE), done.stderr
    assert done.max_rss_bytes < 64 << 20
    assert not done.timed_out


# Files


@pytest.mark.parametrize("option", ["-o", "--stats"])
@pytest.mark.parametrize(
    "place", ["/nonexistent/x.svg", "/proc/x.svg", "/dev/null/x.svg", "/"]
)
def test_bad_input__place_that_cannot_be_written__refused_before_recording(
    pitviper, start_target, local_python, tmp_path, option, place
):
    target = start_target(local_python, "busy", [30])
    words = [pitviper, "record", "-p", target.pid, "-d", 20]
    words += ["-o", tmp_path / "x.svg"] if option == "--stats" else []
    start = time.monotonic()
    done = run_measured([*words, option, place], LIMIT_S)
    assert done.status not in (0, -11, -6)
    assert place.rsplit("/", 1)[0] in done.stderr
    assert time.monotonic() - start < 10, "before, not after"
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_bad_input__disk_full_at_the_end__said_and_nothing_left(
    pitviper, start_target, local_python, tmp_path
):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", small],
                             capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        target = start_target(local_python, "c_calls", [30])
        words = [pitviper, "record", "-p", target.pid, "-d", 1, "-r", 2000]
        done = run_measured([*words, "-o", small / "x.svg"], LIMIT_S)
        assert done.status not in (0, -11, -6), done.stderr
        assert str(small / "x.svg") in done.stderr
        assert not list(small.iterdir()), "no partial file, no temporary one"
    finally:
        subprocess.run(["umount", small], check=True)


def test_bad_input__file_size_limit__said_and_nothing_left(
    pitviper, start_target, local_python, tmp_path
):
    target = start_target(local_python, "c_calls", [30])
    out = tmp_path / "x.svg"
    words = ["sh", "-c", "ulimit -f 2; trap '' XFSZ; exec \"$@\"", "sh"]
    words += [pitviper, "record", "-p", target.pid, "-d", 1, "-r", 2000, "-o", out]
    done = run_measured(words, LIMIT_S)
    assert done.status not in (0, -11, -6), done.stderr
    assert not list(tmp_path.iterdir())


def test_bad_input__old_file_and_failed_recording__old_file_stays(pitviper, tmp_path, sleeping):
    out = tmp_path / "x.svg"
    out.write_text("precious")
    done = run_measured([pitviper, "record", "-p", sleeping.pid, "-d", 1, "-o", out], LIMIT_S)
    assert done.status == NOT_PYTHON
    assert out.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["x.svg"]


def test_bad_input__killed_while_recording__no_partial_file(
    pitviper, start_target, local_python, tmp_path
):
    target = start_target(local_python, "busy", [30])
    out = tmp_path / "x.svg"
    running = Running([pitviper, "record", "-p", target.pid, "-o", out])
    time.sleep(0.5)
    running.send(signal.SIGKILL)
    running.finish(LIMIT_S)
    assert not out.exists()


def test_bad_input__reader_of_the_pipe_is_gone__no_crash(pitviper, start_target, local_python):
    target = start_target(local_python, "c_calls", [30])
    script = '"$0" record -p "$1" -d 1 -f folded -o - | true; exit "${PIPESTATUS[0]}"'
    done = run_measured(["bash", "-c", script, pitviper, target.pid], LIMIT_S)
    assert done.status not in (128 + 11, 128 + 6), done.stderr
    assert not done.timed_out


def test_bad_input__few_file_descriptors__sentence_or_success(
    pitviper, start_target, local_python, tmp_path
):
    target = start_target(local_python, "crowd", [30, 32])
    words = ["sh", "-c", 'ulimit -n 16; exec "$@"', "sh", pitviper, "record", "-p", target.pid]
    done = run_measured([*words, "-d", 1, "-o", tmp_path / "x.folded"], LIMIT_S)
    assert done.status in (0, GAVE_UP, 70, DENIED), done.stderr
    if done.status == 0:
        assert parse_folded((tmp_path / "x.folded").read_text())


def test_bad_input__little_memory__sentence_or_success(
    pitviper, start_target, local_python, tmp_path
):
    target = start_target(local_python, "abyss", [30])

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (48 << 20, 48 << 20))

    process = subprocess.run(
        [str(word) for word in (pitviper, "record", "-p", target.pid, "-d", 1, "-o",
                                tmp_path / "x.folded")],
        capture_output=True, text=True, timeout=LIMIT_S, preexec_fn=limit)
    assert process.returncode in (0, 70, GAVE_UP), process.stderr


# Targets that mean no good


def test_bad_input__names_of_megabytes__bounded(pitviper, start_target, local_python, tmp_path):
    target = start_target(local_python, "giant_names", [30])
    out = tmp_path / "x.folded"
    words = [pitviper, "record", "-p", target.pid, "-d", 1, "-r", 1000, "-o", out]
    done = run_measured(words, LIMIT_S)
    assert done.status == 0, done.stderr
    assert done.max_rss_bytes < 64 << 20
    assert out.stat().st_size < 1 << 20


def test_bad_input__overwritten_interpreter_state__no_crash_no_hang(
    pitviper, start_target, local_python, tmp_path
):
    """A target that scribbles over its own thread states' links, code objects and frames."""
    for seed in range(6):
        target = start_target(local_python, "scribbler", [30, seed])
        out = tmp_path / "x.folded"
        words = [pitviper, "record", "-i", "-p", target.pid, "-d", 1, "-r", 1000, "-o", out]
        done = run_measured(words, LIMIT_S)
        assert done.status in (0, GONE, NOT_PYTHON, GAVE_UP), (done.status, done.stderr)
        assert done.max_rss_bytes < 64 << 20
        assert not done.timed_out


