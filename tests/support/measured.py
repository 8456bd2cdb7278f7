# SPDX-License-Identifier: MIT
"""Running a command to its end with a time limit, and what it cost."""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

WATCH_S = 0.02


@dataclass
class Done:
    status: int  # exit status; -N when signal N ended it
    stdout: str
    stderr: str
    cpu_user_s: float
    cpu_sys_s: float
    max_rss_bytes: int  # looked at every WATCH_S; 0 when it ended sooner
    timed_out: bool = False

    @property
    def cpu_s(self):
        return self.cpu_user_s + self.cpu_sys_s


def peak_rss_bytes(pid):
    try:
        with open("/proc/%d/status" % pid) as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


class Running:
    """A started command. finish() must be called once; it waits, kills when late, and reports."""

    def __init__(self, words, env=None, cwd=None):
        self._out = tempfile.TemporaryFile()
        self._err = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        self.pid = self.process.pid
        self._late = False
        self._peak = 0

    def send(self, number):
        os.kill(self.pid, number)

    def is_running(self):
        """Without reaping it."""
        done = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return done is None

    def stderr_so_far(self):
        return self._text(self._err)

    def finish(self, timeout_s):
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(ended, timeout_s))
        watcher.start()
        try:
            _, status, usage = os.wait4(self.pid, 0)
        finally:
            ended.set()
            watcher.join()
        self.process.returncode = os.waitstatus_to_exitcode(status)
        done = Done(
            self.process.returncode,
            self._text(self._out),
            self._text(self._err),
            usage.ru_utime,
            usage.ru_stime,
            self._peak,
            self._late,
        )
        self._out.close()
        self._err.close()
        return done

    def _watch(self, ended, timeout_s):
        """Keeps the time limit and looks at the memory: ru_maxrss also counts what forked."""
        deadline = time.monotonic() + timeout_s
        while not ended.wait(WATCH_S):
            self._peak = max(self._peak, peak_rss_bytes(self.pid))
            if time.monotonic() > deadline and not self._late:
                self._late = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)

    @staticmethod
    def _text(file):
        """Reads past the child's own offset, which the descriptor shares."""
        size = os.fstat(file.fileno()).st_size
        return os.pread(file.fileno(), size, 0).decode("utf-8", "replace")


def run_measured(words, timeout_s=60, **options):
    return Running(words, **options).finish(timeout_s)
