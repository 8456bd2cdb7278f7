# SPDX-License-Identifier: MIT
"""Starting truth programs and ending them again, whatever happens in between."""

import ctypes
import mmap
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from .program import TARGETS

READY_TIMEOUT_S = 30
END_TIMEOUT_S = 10
BOARD_SLOTS = 32
BOARD_ENV = "PITVIPER_BOARD"
PR_SET_PDEATHSIG = 1
PRCTL = ctypes.CDLL(None).prctl


def clean_environment(**extra):
    keep = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
    fixed = {"LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    return {**keep, **fixed, **extra}


def children(pid):
    """Host pids of the direct children."""
    found = []
    try:
        for tid in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, tid)) as file:
                found += [int(word) for word in file.read().split()]
    except OSError:
        pass
    return found


def process_state(pid):
    """The kernel's letter ("R", "S", "T", "Z"), or "" when the process is gone."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _schedstat_ns(pid, column):
    total = 0
    try:
        for tid in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, tid)) as file:
                total += int(file.read().split()[column])
    except OSError:
        pass
    return total


def cpu_ns(pid):
    """How long the process's threads that are still there have been on a CPU so far."""
    return _schedstat_ns(pid, 0)


def cpu_wait_ns(pid):
    """How long they have waited for one."""
    return _schedstat_ns(pid, 1)


def end_with_parent():
    """In a child before exec: the kernel ends it when whoever runs the tests or figures is killed."""
    PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL)


class Target:
    """One running truth program. `pid` is the host's pid of the interpreter itself."""

    def __init__(self, python, program, args, own_pid_namespace=False, env=None):
        self.python, self.program = python, program
        base = python.root + "/tmp" if python.root else None
        self.folder = tempfile.mkdtemp(prefix="pitviper-target-", dir=base)
        os.chmod(self.folder, 0o755)
        self.files = os.path.join(self.folder, "p")
        shutil.copytree(TARGETS, self.files, ignore=shutil.ignore_patterns("__pycache__"))
        inside = self.folder[len(python.root):]
        self._make_board()
        words = python.command(own_pid_namespace) + ["%s/p/%s" % (inside, program), *args]
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(**{BOARD_ENV: inside + "/board"}, **(env or {})),
            cwd=self.files if not python.root else None,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        self.pid = self.process.pid
        self._tail = b""
        self._own_pid_namespace = own_pid_namespace

    def _make_board(self):
        with open(self.folder + "/board", "wb") as file:
            file.write(bytes(8 * BOARD_SLOTS))
        with open(self.folder + "/board", "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8 * BOARD_SLOTS)
        self._slots = memoryview(self._map).cast("d")

    def board(self):
        """The slots as the program last wrote them."""
        return list(self._slots)

    def read_line(self, timeout_s=READY_TIMEOUT_S):
        """Next line of its output; "" at the end. TimeoutError, never a hang."""
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._tail:
            wait_s = deadline - time.monotonic()
            if wait_s <= 0 or not select.select([self.process.stdout], [], [], wait_s)[0]:
                raise TimeoutError("%s said nothing for %d s" % (self.program, timeout_s))
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                break
            self._tail += chunk
        line, _, self._tail = self._tail.partition(b"\n")
        return line.decode("utf-8", "replace")

    def wait_ready(self):
        """Waits for the line "ready"; what came before it is returned as a list."""
        before = []
        while True:
            line = self.read_line()
            if line == "ready":
                break
            if not line:
                errors = self.process.stderr.read().decode("utf-8", "replace")
                raise RuntimeError("%s ended early: %s" % (self.program, errors[-2000:]))
            before.append(line)
        if self._own_pid_namespace:
            self.pid = children(self.process.pid)[0]
        return before

    def wait_working(self, timeout_s=5):
        """Waits until the program has reported some work: start-up is off its stack then."""
        end = time.monotonic() + timeout_s
        while self.board()[0] == 0 and time.monotonic() < end:
            time.sleep(0.01)

    def say(self, text):
        self.process.stdin.write((text + "\n").encode())
        self.process.stdin.flush()

    def stop(self):
        """Ends the program and everything it started in its session."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(timeout=END_TIMEOUT_S)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except OSError:
                pass
        self._slots.release()
        self._map.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def start_target(python, program, args=(), own_pid_namespace=False, env=None, ready=True):
    """Starts tests/targets/<program>.py under `python`. Use it in a `with`."""
    words = [str(arg) for arg in args]
    target = Target(python, program + ".py", words, own_pid_namespace, env)
    try:
        if ready:
            target.wait_ready()
    except BaseException:
        target.stop()
        raise
    return target
