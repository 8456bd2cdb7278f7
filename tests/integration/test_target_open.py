# SPDX-License-Identifier: MIT
"""Opening a process: every Python, however it was linked, stripped, deleted or hidden in a namespace."""

import contextlib
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.pythons import find_pythons
from support.recorder import binary_path
from support.target import children, clean_environment

DRIVER = Path(binary_path()).parent / "tests" / "drivers" / "target_open"
WAIT_MS = 10000

EMBED = """
#include <Python.h>
int main(int argc, char **argv)
{
    wchar_t *words[8];
    for (int i = 0; i < argc && i < 8; i++)
        words[i] = Py_DecodeLocale(argv[i], NULL);
    return Py_Main(argc, words);
}
"""

# Needs nothing but built-in modules: hidden symbols cannot serve extension modules.
LOOP = """
import sys
def inner():
    return sum(range(1000))
def outer():
    print("ready", flush=True) if sys.version_info >= (3, 3) else None
    while True:
        inner()
outer()
"""


@dataclass
class Opened:
    status: int
    problem: str
    version: str = ""
    executable: str = ""
    open_us: int = 0
    reads: int = 0
    interpreters: int = 0
    tids: tuple = ()
    tids_by_pthread: tuple = ()


def open_process(pid, wait_ms=None, prefix=()):
    words = [*prefix, str(DRIVER), str(pid)] + ([str(wait_ms)] if wait_ms is not None else [])
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    opened = Opened(done.returncode, done.stderr.strip())
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    for row in rows:
        if row[0] == "target":
            opened.version, opened.executable = row[1:3]
            opened.open_us, opened.reads = int(row[3]), int(row[4])
    opened.interpreters = sum(row[0] == "interp" for row in rows)
    opened.tids = tuple(sorted(int(row[1]) for row in rows if row[0] == "thread"))
    opened.tids_by_pthread = tuple(sorted(int(row[2]) for row in rows if row[0] == "thread"))
    return opened


def must_open(pid, **options):
    """A process that runs may be caught with its list of threads half changed: once more, then."""
    opened = open_process(pid, **options)
    assert opened.status == 0, opened.problem
    return opened


def version_text(python):
    return "%d.%d.%d" % python.version + ("t" if python.free_threaded else "")


def tasks(pid):
    return tuple(sorted(int(tid) for tid in os.listdir("/proc/%d/task" % pid)))


@contextlib.contextmanager
def running(words, **options):
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, **options
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_target__every_python__tells_version_and_threads(python, start_target):
    target = start_target(python, "sleepers")
    opened = must_open(target.pid)
    assert opened.version == version_text(python)
    assert opened.interpreters == 1
    assert opened.tids == tasks(target.pid)
    assert opened.tids_by_pthread == tasks(target.pid)
    print("%s: opened in %d us, %d reads" % (python.name, opened.open_us, opened.reads))


def test_target__own_pid_namespace__threads_have_the_hosts_ids(python, start_target):
    if not python.root:
        pytest.skip("only interpreters in a root of their own are started in a namespace")
    target = start_target(python, "sleepers", own_pid_namespace=True)
    opened = must_open(target.pid)
    assert opened.tids == tasks(target.pid)
    assert opened.tids_by_pthread == tasks(target.pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="a pid namespace needs root")
def test_target__pid_namespace_of_an_old_python__threads_have_the_hosts_ids(python):
    if python.root:
        pytest.skip("see the test before")
    source = "import threading, time; [threading.Thread(target=time.sleep, args=(60,)).start() " \
             "for _ in range(3)]; print('ready', flush=True); time.sleep(60)"
    with running(["unshare", "--pid", "--fork", "--kill-child", python.path, "-c", source]) as process:
        assert process.stdout.readline() == b"ready\n"
        pid = children(process.pid)[0]
        opened = must_open(pid)
        assert len(opened.tids) == 4
        assert opened.tids == tasks(pid)


# Idle ones: up to 3.10 a busy sub-interpreter can starve the thread that would say "ready".
SUB_INTERPRETERS = """
import time
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
kept = [interpreters.create() for _ in range(2)]
print("ready", flush=True)
while True:
    time.sleep(0.01)
"""


def test_target__sub_interpreters__are_all_listed(python):
    if python.version < (3, 8):
        pytest.skip("no module to make them")
    with running(python.command() + ["-c", SUB_INTERPRETERS]) as process:
        assert process.stdout.readline() == b"ready\n"
        assert must_open(process.pid).interpreters == 3


def test_target__just_started__is_waited_for(python):
    for _ in range(5):
        with running(python.command() + ["-c", "import time; time.sleep(60)"]) as process:
            opened = must_open(process.pid, wait_ms=WAIT_MS)
            assert opened.version == version_text(python)


def test_target__started_by_a_shell__is_waited_for(local_python):
    script = "sleep 0.3; exec \"$0\" -c 'import time; time.sleep(60)'"
    with running(["sh", "-c", script, local_python.path]) as process:
        assert must_open(process.pid, wait_ms=WAIT_MS).version == version_text(local_python)


def test_target__exiting_while_opened__is_said(python):
    """From its first to its last moment: an answer, and one of the expected ones."""
    process = subprocess.Popen(python.command() + ["-c", "pass"])
    seen = set()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        opened = open_process(process.pid)
        seen.add(opened.status)
        assert opened.status in (0, 66, 69, 75), opened.problem
        assert opened.status == 0 or opened.problem
        if opened.status == 66:
            break
    process.wait()
    assert 66 in seen


def embed(python, folder):
    """A program with the interpreter inside and nothing exported; None where it cannot be made."""
    show = "import sysconfig as s; print(s.get_config_var('LIBPL'), s.get_config_var('LDVERSION'), " \
           "s.get_path('include'))"
    libpl, version, include = subprocess.check_output([python.path, "-c", show], text=True).split()
    archive = Path(libpl, "libpython%s.a" % version)
    if python.root or not archive.exists() or not shutil.which("gcc"):
        return None
    source, program = folder / "embed.c", folder / "app"
    source.write_text(EMBED)
    words = ["gcc", "-O1", "-I", include, str(source), str(archive), "-o", str(program)]
    done = subprocess.run(words + "-lpthread -ldl -lutil -lm -lrt -lz".split(), capture_output=True)
    return program if done.returncode == 0 else None


def without_section_headers(program):
    data = bytearray(program.read_bytes())
    data[40:48] = bytes(8)  # e_shoff
    data[58:64] = bytes(6)  # e_shentsize, e_shnum, e_shstrndx
    program.write_bytes(data)


@contextlib.contextmanager
def running_embedded(python, program, folder):
    home = str(Path(python.path).resolve().parents[1])
    script = folder / "loop.py"
    script.write_text(LOOP)
    env = clean_environment(PYTHONHOME=home)
    with running([str(program), "-S", "-E", str(script)], env=env) as process:
        assert process.stdout.readline() == b"ready\n"
        yield process.pid


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """embedded(python): the program, built once per version."""
    made = {}

    def get(python):
        if python.root:
            pytest.skip("the compiler is outside of its root")
        if python.name not in made:
            made[python.name] = embed(python, tmp_path_factory.mktemp("embed" + python.name))
        if not made[python.name]:
            pytest.skip("no static library of Python %s" % python.name)
        return made[python.name]

    return get


@pytest.mark.parametrize("kind", ["plain", "stripped", "no_section_headers", "deleted", "replaced"])
def test_target__static_with_hidden_symbols__is_opened(python, embedded, kind, tmp_path):
    program = tmp_path / "app"
    shutil.copy(embedded(python), program)
    if kind != "plain":
        subprocess.run(["strip", "-s", str(program)], check=True)
    if kind == "no_section_headers":
        without_section_headers(program)
    with running_embedded(python, program, tmp_path) as pid:
        if kind in ("deleted", "replaced"):
            program.unlink()
        if kind == "replaced":
            program.write_text("another file now")
        opened = must_open(pid)
        assert opened.version == version_text(python)
        assert opened.executable == str(program)
        assert opened.tids == (pid,)


def test_target__shared_library_deleted__is_opened(local_python, tmp_path):
    home = Path(local_python.path).resolve().parents[1]
    libraries = list(home.glob("lib/libpython*.so.1.0"))
    if not libraries:
        pytest.skip("this Python has no shared library")
    copy = tmp_path / libraries[0].name
    shutil.copy(libraries[0], copy)
    env = clean_environment(LD_LIBRARY_PATH=str(tmp_path))
    words = [local_python.path, "-c", "print('ready', flush=True)\nwhile True: pass"]
    with running(words, env=env) as process:
        assert process.stdout.readline() == b"ready\n"
        copy.unlink()
        opened = must_open(process.pid)
        assert opened.executable == str(copy)


def test_target__forked_child__has_its_own_thread_id(python):
    source = "import os, time\nos.fork()\nos.write(1, b'ready\\n')\nwhile True: time.sleep(0.01)"
    with running(python.command() + ["-c", source]) as process:
        assert [process.stdout.readline() for _ in range(2)] == [b"ready\n"] * 2
        child = children(process.pid)[0]
        assert must_open(child).tids == (child,)


def test_target__python_2__is_unsupported_by_name():
    home = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    found = sorted(Path(home, "versions").glob("2.7*/bin/python"))
    if not found:
        pytest.skip("no Python 2.7 here")
    with running([str(found[0]), "-uc", "print('ready')\nwhile 1: pass"]) as process:
        assert process.stdout.readline() == b"ready\n"
        opened = open_process(process.pid)
        assert opened.status == 69
        assert "Python 2.7." in opened.problem and "3.6 to 3." in opened.problem


def test_target__shell__is_not_python():
    with running(["sh", "-c", "echo ready; read line"], stdin=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        opened = open_process(process.pid)
        assert opened.status == 69
        assert "not a Python process" in opened.problem


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_target__other_users_process__names_the_remedy(local_python, start_target):
    target = start_target(local_python, "sleepers")
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    opened = open_process(target.pid, prefix=nobody)
    assert opened.status == 77
    assert "run as root" in opened.problem and "setcap" in opened.problem


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to drop a capability")
def test_target__root_without_the_capability__names_the_container_remedy(local_python, start_target):
    target = start_target(local_python, "sleepers")
    opened = open_process(target.pid, prefix=["setpriv", "--bounding-set=-sys_ptrace"])
    assert opened.status == 77
    assert "--cap-add SYS_PTRACE" in opened.problem


def test_target__zombie__is_gone():
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    opened = open_process(process.pid)
    process.wait()
    assert opened.status == 66
    assert "zombie" in opened.problem


def test_target__all_pythons__were_found():
    assert find_pythons(), "no interpreter on this machine: nothing above has been proven"
