# SPDX-License-Identifier: MIT
"""A terminal of a given size whose screen can be looked at: tmux, with a server of its own.

The command runs below a shell, so that what it leaves behind of the terminal can be seen, too.
"""

import os
import shutil
import subprocess
import tempfile
import time

SETTLE_S = 0.1
WAIT_S = 30


def tmux_path():
    return shutil.which("tmux")


class Terminal:
    def __init__(self, columns, rows, env=None):
        self.folder = tempfile.mkdtemp(prefix="pv-tmux-")
        self._words = [tmux_path(), "-f", "/dev/null", "-S", self.folder + "/socket"]
        keep = {"PATH": os.environ["PATH"], "HOME": self.folder, "LC_ALL": "C.UTF-8"}
        shell = ["env", *("%s=%s" % pair for pair in (env or {}).items()), "PS1=$ ", "sh"]
        subprocess.run(
            [*self._words, "new-session", "-d", "-s", "t", "-x", str(columns), "-y", str(rows),
             "-c", self.folder, *shell],
            env=keep, check=True, timeout=20,
        )  # fmt: skip

    def _tmux(self, *words):
        done = subprocess.run(
            [*self._words, *words], capture_output=True, text=True, timeout=20, check=True
        )
        return done.stdout

    def run(self, *words):
        """Types a command line. What it prints is on the screen."""
        self._tmux("send-keys", "-t", "t", "-l", " ".join(str(word) for word in words))
        self.press("Enter")

    def press(self, *keys):
        """Keys as tmux calls them ("Enter", "Down", "C-c", "q")."""
        for key in keys:
            self._tmux("send-keys", "-t", "t", key)
            time.sleep(SETTLE_S)

    def screen(self, colours=False):
        """Its lines, without blanks at their ends; with `colours` escape sequences are in them."""
        extra = ["-e"] if colours else []
        return self._tmux("capture-pane", "-p", *extra, "-t", "t").split("\n")[:-1]

    def wait_for(self, condition, timeout_s=WAIT_S):
        """The screen as soon as condition(lines) holds, or a text is in it."""
        test = condition if callable(condition) else lambda lines: condition in "\n".join(lines)
        deadline = time.monotonic() + timeout_s
        while True:
            lines = self.screen()
            if test(lines):
                return lines
            if time.monotonic() > deadline:
                wanted = condition if isinstance(condition, str) else "what was waited for"
                raise AssertionError("no %r on the screen:\n%s" % (wanted, "\n".join(lines)))
            time.sleep(SETTLE_S)

    def resize(self, columns, rows):
        self._tmux("resize-window", "-t", "t", "-x", str(columns), "-y", str(rows))

    def shell_pid(self):
        return int(self._tmux("list-panes", "-t", "t", "-F", "#{pane_pid}"))

    def close(self):
        subprocess.run([*self._words, "kill-server"], capture_output=True, timeout=20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
