# SPDX-License-Identifier: MIT
"""pitviper top: its screens, its keys, and that it leaves terminal and target as they were."""

import json
import os
import pty
import re
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import pytest

from support.target import children
from support.terminal import Terminal, tmux_path

FULL = os.environ.get("PITVIPER_TEST_FULL") == "1"
SIZES = [(80, 24), (120, 40), (40, 12)]
ROW = re.compile(r"^.( ?\d+\.?\d*) ")

needs_tmux = pytest.mark.skipif(not tmux_path(), reason="tmux is not on this machine")


@pytest.fixture
def terminal():
    """terminal(columns=80, rows=24, env=None)"""
    opened = []

    def begin(columns=80, rows=24, env=None):
        opened.append(Terminal(columns, rows, env))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()


@pytest.fixture
def skewed(start_target, local_python):
    return start_target(local_python, "skewed", ["120"])


@pytest.fixture
def watching(terminal, pitviper):
    """watching(pid, *options, columns, rows, env): a terminal in which top shows rows."""

    def begin(pid, *options, columns=80, rows=24, env=None):
        screen = terminal(columns, rows, env)
        screen.run(pitviper, "top", "-p", pid, *options, ";", "echo", "status=$?")
        screen.wait_for("work_half" if "--filter" not in options else "own")
        return screen

    return begin


def row_of(lines, name):
    found = [line for line in lines if re.search(r"[ \d]  ?%s\b" % re.escape(name), line)]
    assert found, "no row %r in:\n%s" % (name, "\n".join(lines))
    return found[0]


def numbers(row):
    return [float(word) for word in re.findall(r"\d+\.?\d*", row[1:40].split("work")[0])]


def wait_share(screen, name, low, high):
    """Until the own share now of `name` is in the range."""

    def holds(lines):
        rows = [line for line in lines if name in line]
        return rows and low <= float(rows[0][1:5]) <= high

    return screen.wait_for(holds)


# ---- what is shown -----------------------------------------------------------------------------


@needs_tmux
@pytest.mark.parametrize("columns, rows", SIZES)
def test_top__any_size__header_rows_and_keys_fit(watching, skewed, columns, rows):
    screen = watching(skewed.pid, columns=columns, rows=rows)
    lines = wait_share(screen, "work_half", 30, 70)
    assert str(skewed.pid) in lines[0] and "skewed.py" in lines[0]
    assert re.search(r" cpu +\d+:\d\d$", lines[0])
    assert re.match(r"CPU +\d+ % ", lines[1]) and re.search(r"GIL +\d+ %", lines[1])
    assert len(lines) == rows and lines[-1].startswith("q quit  h help")
    assert max(map(len, lines)) <= columns
    work = [line for line in lines if "work_half" in line][0]
    head = [line for line in lines if re.search(r" own▾ tot ", line)][0]
    if columns >= 80:
        assert "function" in head and head.split() == ["own▾", "tot", "own", "tot", "own", "tot",
                                                       "GIL"] + head.split()[7:]  # fmt: skip
        assert "of 100 Hz" in lines[1] and "threads 1" in lines[1]
        assert re.match(r"stacks \d+ now, \d+ in all  errors 0 lost 0", lines[2])
        assert "skewed.py:" in work
    if columns >= 120:
        assert "own, lately" in head and "Python 3." in lines[0]


@needs_tmux
def test_top__known_shares__own_total_and_time_agree_with_the_program(watching, skewed):
    screen = watching(skewed.pid, columns=100)
    screen.wait_for(lambda lines: re.search(r"0:0[5-9]|0:[1-9]\d", lines[0]))
    lines = screen.screen()
    own_now, total_now, own, total = numbers(row_of(lines, "work_half"))[:4]
    assert 35 <= own <= 65 and abs(own - total) < 3
    assert 30 <= own_now <= 70
    seconds = re.search(r"(\d+\.\d+)s", row_of(lines, "work_half"))[1]
    assert 1 < float(seconds) < 20
    main = numbers(row_of(lines, "main"))
    assert main[3] >= 95 and main[2] < 20


@needs_tmux
def test_top__resized__draws_anew_at_every_size(watching, skewed):
    screen = watching(skewed.pid)
    for columns, rows in [(50, 14), (20, 5), (3, 2), (200, 50), (80, 24)]:
        screen.resize(columns, rows)
        lines = screen.wait_for(lambda seen: len(seen) == rows and any(seen[: max(1, rows - 1)]))
        assert max(map(len, lines)) <= columns
    lines = screen.wait_for("work_half")
    assert lines[0].startswith("pitviper top") and lines[-1].startswith("q quit")
    screen.press("q")
    screen.wait_for("status=0")


@needs_tmux
@pytest.mark.parametrize("env", [{"TERM": "vt100"}, {"NO_COLOR": "1"}])
def test_top__no_colours__none_are_sent(watching, skewed, env):
    screen = watching(skewed.pid, env=env)
    coloured = "\n".join(screen.screen(colours=True))
    assert not re.search(r"\x1b\[[\d;]*\b(3[0-7]|4[0-7]|9[0-7])\b[\d;]*m", coloured)
    assert re.search(r"\x1b\[[\d;]*7[;m]", coloured)  # the header is told by reverse video


@needs_tmux
def test_top__colours__hot_rows_are_red(watching, skewed):
    screen = watching(skewed.pid)
    wait_share(screen, "work_half", 30, 70)
    row = [line for line in screen.screen(colours=True) if "work_half" in line][0]
    assert re.search(r"\x1b\[[\d;]*31m", row)


@needs_tmux
def test_top__plain_locale__plain_characters(watching, skewed):
    screen = watching(skewed.pid, env={"LC_ALL": "C"}, columns=120)
    lines = wait_share(screen, "work_half", 30, 70)
    assert "\n".join(lines).isascii()
    assert "ownv" in "\n".join(lines)


# ---- keys --------------------------------------------------------------------------------------


@needs_tmux
def test_top__filter__only_matching_rows_and_a_mistake_can_be_mended(watching, skewed):
    screen = watching(skewed.pid)
    screen.press("/", *"work(", "Enter")
    screen.wait_for("is not a regular expression")
    screen.press("BSpace", "_", "h", "Enter")
    lines = screen.wait_for("filter /work_h/")
    assert "work_half" in "\n".join(lines) and "work_third" not in "\n".join(lines)
    screen.press("/", "C-u", *"nothing_here", "Enter")
    screen.wait_for("nothing matches the filter")
    screen.press("Escape")
    screen.wait_for("work_third")


@needs_tmux
def test_top__enter__callers_and_callees_and_the_way_back(watching, skewed):
    screen = watching(skewed.pid)
    screen.press("/", *"^middle", "Enter")
    screen.wait_for(lambda seen: "filter /^middle/" in seen[2] and re.search(r"0:0[5-9]|0:[1-9]", seen[0]))
    screen.press("Down", "Enter")
    lines = screen.wait_for("called by (2)")
    called_by = next(i for i, line in enumerate(lines) if "called by" in line)
    calls = next(i for i, line in enumerate(lines) if " calls (" in line)
    callers, callees = "\n".join(lines[called_by:calls]), "\n".join(lines[calls:])
    assert "third " in callers and "seventh " in callers and "work_" not in callers
    assert "work_third" in callees and "lower" in callees
    share = float(re.search(r"([\d.]+)\s+([\d.]+)\s+third ", callers)[2])
    assert 40 <= share <= 92  # 30 of 45, of few samples
    screen.press("Enter")  # the first caller: third
    lines = screen.wait_for("called by (1)")
    assert " third  skewed.py" in lines[3]
    screen.press("Escape")
    screen.wait_for("called by (2)")
    screen.press("Escape")
    screen.wait_for("filter /^middle/")


@needs_tmux
def test_top__line_key__a_row_per_line_and_back(watching, skewed):
    screen = watching(skewed.pid)
    screen.press("l")
    lines = screen.wait_for("a row per line")
    assert len([line for line in lines if "work_half" in line]) >= 2
    screen.press("l")
    lines = screen.wait_for("a row per function")
    assert len([line for line in lines if "work_half" in line]) == 1


@needs_tmux
def test_top__modes_and_threads__waiting_threads_appear_and_can_be_chosen(
    terminal, pitviper, start_target, local_python
):
    target = start_target(local_python, "sleepers")
    screen = terminal(100, 30)
    screen.run(pitviper, "top", "-p", target.pid)
    lines = screen.wait_for(" busy ")
    assert " nap " not in "\n".join(lines)
    screen.press("m")
    lines = screen.wait_for(" nap ")
    assert re.search(r" wall +\d+:\d\d$", lines[0])
    screen.press("m")
    lines = screen.wait_for(lambda seen: re.search(r" gil +\d+:\d\d$", seen[0]))
    assert " nap " not in "\n".join(lines) and " busy " in "\n".join(lines)
    screen.press("m", "t")
    lines = screen.wait_for("all threads")
    threads = [line for line in lines[5:-1] if re.search(r" \d+  \S", line[18:])]
    assert len(threads) >= 6 and str(target.pid) in threads[0]  # the busy one first
    screen.press("Down", "Enter")
    lines = screen.wait_for("thread %d" % target.pid)
    assert " busy " in "\n".join(lines)
    chosen = lines[2]
    screen.press("m", "Right")
    screen.wait_for(lambda seen: seen[2].split("  ")[0] != chosen.split("  ")[0])
    screen.press("t", "Down", "Down", "Enter")  # the second of the list: one that waits
    lines = screen.wait_for(lambda seen: "thread" in seen[2] and " busy " not in "\n".join(seen[4:]))
    assert "Thread._bootstrap" in "\n".join(lines)


@needs_tmux
def test_top__frozen__the_picture_stands_and_goes_on(watching, skewed):
    screen = watching(skewed.pid)
    screen.press("Space")
    before = screen.wait_for("FROZEN")
    time.sleep(2.5)
    assert screen.screen() == before
    screen.press("6")  # still sorts
    screen.wait_for("function▾")
    screen.press("Space")
    screen.wait_for(lambda lines: "FROZEN" not in lines[0] and lines[0] != before[0])


@needs_tmux
def test_top__reset__counts_from_now(watching, skewed):
    screen = watching(skewed.pid)
    screen.wait_for(lambda lines: re.search(r"0:0[4-9]", lines[0]))
    screen.press("r")
    screen.wait_for(lambda lines: "counting from now" in lines[-1] and "0:00" in lines[0])
    lines = screen.wait_for(lambda seen: re.search(r"0:0[12]$", seen[0]) and "work_half" in "\n".join(seen))
    assert float(re.search(r"(\d+\.\d+)s", row_of(lines, "work_half"))[1]) < 2.5


@needs_tmux
def test_top__sort_keys__the_column_is_marked_and_rows_are_in_order(watching, skewed):
    screen = watching(skewed.pid)
    screen.press("4")
    screen.wait_for(lambda lines: re.search(r"own  tot  own  tot▾", lines[4]))
    lines = screen.wait_for(lambda seen: "<module>" in seen[5] or " main " in seen[5])
    totals = [float(line[15:20]) for line in lines[5:10]]
    assert totals == sorted(totals, reverse=True)
    screen.press("<")
    screen.wait_for(lambda seen: re.search(r"own  tot  own▾ tot", seen[4]))
    screen.press("6")
    lines = screen.wait_for("function▾")
    names = [line[39:].split()[0] for line in lines[5:-1] if line[39:].strip()]
    assert names == sorted(names) and len(names) > 5


@needs_tmux
@pytest.mark.parametrize("columns, rows", SIZES)
def test_top__help__lists_keys_and_scrolls(watching, skewed, columns, rows):
    screen = watching(skewed.pid, columns=columns, rows=rows)
    screen.press("h")
    lines = screen.wait_for("quit; Ctrl-C, too")
    text = "\n".join(lines)
    for _ in range(60):
        screen.press("Down")
    text += "\n" + "\n".join(screen.wait_for(lambda seen: "the last two seconds" in "\n".join(seen)))
    assert "q " in text and "GIL" in text
    assert max(map(len, text.split("\n"))) <= columns
    screen.press("?")
    screen.wait_for("work_half")


@needs_tmux
def test_top__save__what_is_in_view_is_a_flame_graph(watching, skewed):
    screen = watching(skewed.pid)
    screen.press("/", *"work_half", "Enter")
    screen.wait_for("filter /work_half/")
    screen.press("s")
    lines = screen.wait_for("saved pitviper-top-%d-" % skewed.pid)
    name = re.search(r"saved (\S+\.svg)", lines[-1])[1]
    path = os.path.join(screen.folder, name)
    text = open(path, encoding="utf-8").read()
    ElementTree.parse(path)
    assert "work_half" in text and "work_third" not in text and "(cpu time)" in text


@needs_tmux
def test_top__folder_cannot_be_written__saving_says_so(terminal, pitviper, skewed):
    screen = terminal(120)
    screen.run("cd /proc;", pitviper, "top", "-p", skewed.pid)
    screen.wait_for("work_half")
    screen.press("s")
    lines = screen.wait_for(lambda seen: "pitviper-top-" in seen[-1])
    assert "saved" not in lines[-1]


@needs_tmux
def test_top__one_round_a_second__keys_are_answered_at_once(watching, skewed):
    screen = watching(skewed.pid, "-r", "1")
    begin = time.monotonic()
    for _ in range(6):
        screen.press("h")
        screen.wait_for("this page, and back")
        screen.press("h")
        screen.wait_for("work_half")
    assert time.monotonic() - begin < 6  # a dozen keys, each would wait for a round


@needs_tmux
def test_top__subprocesses__children_join_and_leave(terminal, pitviper, start_target, local_python):
    target = start_target(local_python, "forks", ["60", "2"])
    screen = terminal(100, 24)
    screen.run(pitviper, "top", "-s", "-p", target.pid)
    screen.wait_for("4 processes")  # and a grandchild
    lines = screen.wait_for("grandchild_work")
    assert " child_work " in "\n".join(lines)
    for child in children(target.pid):
        os.kill(child, signal.SIGKILL)
    screen.wait_for(lambda seen: re.search(r"  [12] processes  python", seen[0]))
    screen.press("t")
    screen.wait_for("of %d python" % target.pid)


# ---- ends --------------------------------------------------------------------------------------


@needs_tmux
def test_top__process_exits__says_so_and_keeps_the_last_picture(watching, skewed):
    screen = watching(skewed.pid)
    wait_share(screen, "work_half", 30, 70)
    os.kill(skewed.pid, signal.SIGKILL)
    lines = screen.wait_for("the process has exited")
    assert "EXITED" in lines[0] and "work_half" in "\n".join(lines)
    screen.press("Down", "Enter")
    screen.wait_for("called by")
    screen.press("q")
    screen.wait_for("status=0")


def below(pid):
    """The deepest of the only children."""
    while children(pid):
        pid = children(pid)[0]
    return pid


@needs_tmux
@pytest.mark.parametrize(
    "how, status",
    [("q", 0), ("C-c", 0), (signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGSEGV, 139), (signal.SIGABRT, 134)],
)
def test_top__leaves__the_terminal_is_as_before(terminal, pitviper, skewed, how, status):
    screen = terminal()
    screen.run("before=$(stty -g)")
    screen.run(pitviper, "top", "-p", skewed.pid, ";", "echo", "status=$?")
    screen.wait_for("work_half")
    if isinstance(how, str):
        screen.press(how)
    else:
        os.kill(below(screen.shell_pid()), how)
    lines = screen.wait_for("status=%d" % status)
    assert "pitviper top  %d" % skewed.pid not in "\n".join(lines)  # the first screen is back
    screen.run('[ "$before" = "$(stty -g)" ] && echo sa""me')
    screen.wait_for("same")


@needs_tmux
def test_top__suspended__gives_the_terminal_back_and_takes_it_again(terminal, pitviper, skewed):
    screen = terminal(env={"ENV": ""})
    screen.run("set -m")
    screen.run(pitviper, "top", "-p", skewed.pid)
    screen.wait_for("work_half")
    screen.press("C-z")
    screen.wait_for(lambda lines: not lines[0].startswith("pitviper top  "))
    screen.run("fg")
    screen.wait_for(lambda lines: lines[0].startswith("pitviper top  ") and "work_half" in "\n".join(lines))
    screen.press("q")


@needs_tmux
def test_top__odd_names__nothing_of_them_acts_on_the_terminal(start_target, local_python, pitviper, terminal):
    target = start_target(local_python, "odd_names")
    screen = terminal(100, 24)
    screen.run(pitviper, "top", "-p", target.pid)
    lines = screen.wait_for("EVIL")
    screen.press("l", "t", "Down", "Enter", "m")
    lines = screen.wait_for(lambda seen: "thread" in seen[2])
    assert lines[0].startswith("pitviper top") and "EVIL" in "\n".join(lines)


def read_pty(words, seconds):
    """What a program writes to its terminal, raw."""
    pid, end = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", LC_ALL="C.UTF-8")
        os.execv(words[0], words)
    seen, deadline = b"", time.monotonic() + seconds
    asked = False
    while True:
        if not asked and time.monotonic() > deadline:
            os.write(end, b"q")
            asked = True
        try:
            chunk = os.read(end, 65536)
        except OSError:  # the other side is closed
            break
        seen += chunk
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(end)
    return seen, status


def test_top__odd_names__raw_output_has_none_of_their_sequences(start_target, local_python, pitviper):
    target = start_target(local_python, "odd_names")
    seen, status = read_pty([pitviper, "top", "-p", str(target.pid)], 4)
    assert status == 0 and "EVIL".encode() in seen
    for sequence in (b"\x1b[31mEVIL", b"\x07", b"\x1b]0", "\x9b".encode(), "\u202e".encode(), b"\xed\xa0\x80"):
        assert sequence not in seen


# ---- for scripts -------------------------------------------------------------------------------


def once(pitviper, *words, **options):
    return subprocess.run(
        [pitviper, "top", *map(str, words)], capture_output=True, text=True, timeout=60, **options
    )


def test_top__once__json_has_the_known_shares(pitviper, skewed):
    before = skewed.board()
    done = once(pitviper, "-p", skewed.pid, "-j", "-d", 5, "-r", 200)
    after = skewed.board()
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    own = {row["function"]: row for row in found["rows"]}
    expected = [late - early for early, late in zip(before, after)]
    whole = sum(expected[2:6])
    for name, time_s in zip(("work_half", "work_third"), expected[2:4]):
        assert abs(own[name]["own"] - time_s / whole) < 0.1
    assert own["main"]["total"] > 0.95 and own["main"]["line"] > 1
    assert found["pid"] == skewed.pid and found["mode"] == "cpu" and not found["exited"]
    assert found["thread_count"] == len(found["threads"]) == 1
    assert 0 < found["cpu"] < 1.1 and 0.5 < found["gil"] < 1.1
    assert found["stacks"] > 100 and found["errors"] == found["lost"] == 0
    assert abs(own["main"]["total_cpu_s"] - found["threads"][0]["cpu_s"]) < 0.2


def test_top__once__text_table_filter_and_limit(pitviper, skewed):
    done = once(pitviper, "-p", skewed.pid, "--once", "-d", "2s", "--filter", "^work", "--limit", 2)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("%d " % skewed.pid) and "of 100 Hz" in lines[1]
    assert lines[4].split() == ["own", "total", "own", "total", "GIL", "function"]
    assert len(lines) == 7 and "  work_half (skewed.py:" in lines[5] and "  work_" in lines[6]


def test_top__once__works_on_every_python(pitviper, start_target, python):
    target = start_target(python, "skewed", ["30"])
    found = json.loads(once(pitviper, "-p", target.pid, "-j", "-d", "1s").stdout)
    assert "work_half" in [row["function"] for row in found["rows"][:3]]
    assert found["python"].startswith("%d.%d" % python.version[:2])


def test_top__once__process_exits__prints_what_there_was(pitviper, start_target, local_python):
    target = start_target(local_python, "skewed", ["2"])
    found = json.loads(once(pitviper, "-p", target.pid, "-j", "-d", "60s").stdout)
    assert found["exited"] and found["stacks"] > 10 and found["thread_count"] == 1


@pytest.mark.parametrize(
    "words, status, sentence",
    [
        ([], 2, "top: of which process? -p PID says it"),
        (["-p", "1", "--all", "--once"], 2, "top: one of -p PID, --name PATTERN or --all"),
        (["-p", "1", "-r", "2mhz", "--once"], 2, "top: --rate is at most 1mhz"),
        (["-p", "1", "-g", "-i", "--once"], 2, "top: --gil and --idle exclude each other"),
        (["-p", "1"], 2, "top: standard output is not a terminal; \"top --once\""),
        (["-p", "1", "--once", "--filter", "("], 2, "top: --filter: '(' is not a regular expression"),
        (["-p", "4194000", "--once"], 66, "4194000"),
    ],
)
def test_top__mistake__one_sentence(pitviper, words, status, sentence):
    done = once(pitviper, *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("pitviper: ") and sentence in done.stderr and done.stderr.count("\n") == 1


@needs_tmux
@pytest.mark.parametrize("kind", ["no-such-terminal", "dumb"])
def test_top__useless_terminal__says_what_helps(terminal, pitviper, skewed, kind):
    screen = terminal(200, 24, env={"TERM": kind})
    screen.run(pitviper, "top", "-p", skewed.pid)
    screen.wait_for("TERM=vt100 pitviper top")


# ---- cost --------------------------------------------------------------------------------------


def cpu_seconds(pid):
    return time.clock_gettime((~pid << 3) | 2)


@needs_tmux
def test_top__default_rate__costs_a_small_part_of_a_core(watching, skewed):
    screen = watching(skewed.pid, columns=120, rows=40)
    pid = below(screen.shell_pid())
    seconds = 20 if FULL else 6
    before = cpu_seconds(pid)
    time.sleep(seconds)
    share = (cpu_seconds(pid) - before) / seconds
    print("top: %.2f %% of a core" % (100 * share))
    assert share <= (0.01 if FULL else 0.03)
