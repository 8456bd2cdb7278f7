# SPDX-License-Identifier: MIT
"""pitviper run: the command becomes what it would have been, with the agent in it."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys

import pytest

from support.instrumented import package_folder
from support.target import clean_environment

LOADED = "import sys; print('pitviper._core' in sys.modules)"
USAGE, DENIED = 2, 77


@pytest.fixture
def run(pitviper):
    """run(*options, command=[...], env={...}): the CompletedProcess, as text."""

    def go(*options, command, env=None, cwd=None):
        words = [pitviper, "run", *options, "--", *command]
        return subprocess.run(
            [str(word) for word in words], capture_output=True, text=True, timeout=60, cwd=cwd,
            stdin=subprocess.DEVNULL, env=clean_environment(**(env or {})),
        )  # fmt: skip

    return go


def script(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def own_python(python):
    """The words that start it; interpreters of another root cannot see our package."""
    if getattr(python, "root", ""):
        pytest.skip("the package is not in that root")
    return python.command()


# ---- the command is itself ----------------------------------------------------------------------


def test_run__every_python__has_the_agent_and_the_same_path(run, package, agent_python):
    code = "import sys, json; print(json.dumps([sys.path, 'pitviper._core' in sys.modules]))"
    words = [*own_python(agent_python), "-c", code]
    plain = subprocess.run(words, capture_output=True, text=True, timeout=60, env=clean_environment())
    done = run(command=words)
    assert done.returncode == 0, done.stderr
    path, is_loaded = json.loads(done.stdout)
    assert is_loaded
    assert path == json.loads(plain.stdout)[0]


def test_run__old_python__runs_without_the_agent(run, package, python):
    if python.minor >= 8:
        pytest.skip("the agent is for this one")
    done = run(command=[*own_python(python), "-c", LOADED])
    assert done.returncode == 0 and done.stdout == "False\n", done.stderr


def test_run__any_command__takes_over_the_process(pitviper, package):
    process = subprocess.Popen(
        [pitviper, "run", "--", sys.executable, "-c", "import os; print(os.getpid(), flush=True); os._exit(37)"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment(),
    )  # fmt: skip
    out, err = process.communicate(timeout=60)
    assert process.returncode == 37
    assert out == "%d\n" % process.pid
    assert err == 'pitviper: the agent is on: "pitviper watch -p %d" shows requests, queries and errors\n' % (
        process.pid
    )


def test_run__quiet__says_nothing(run, package):
    done = run("-q", command=["true"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_run__signals_that_we_ignore__are_not_inherited(run, package):
    done = run("-q", command=["grep", "SigIgn", "/proc/self/status"])
    ignored = int(done.stdout.split()[1], 16)
    assert not ignored & 1 << (signal.SIGPIPE - 1)


def test_run__shell_between__its_children_have_the_agent(run, package):
    done = run("-q", command=["sh", "-c", '"$0" -c "$1"; exit 3', sys.executable, LOADED])
    assert (done.returncode, done.stdout) == (3, "True\n"), done.stderr


def test_run__path_and_sitecustomize_of_the_user__stay(run, package, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.own_site = __file__\n")
    code = "import sys, os; print(sys.own_site); print(os.environ['PYTHONPATH'])"
    done = run("-q", command=[sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    site, path = done.stdout.splitlines()
    assert site == str(tmp_path / "sitecustomize.py")
    assert path.split(":") == [os.path.join(package_folder(), "pitviper/bootstrap"), str(tmp_path)]


def test_run__within_run__does_not_add_up(run, pitviper, package):
    code = "import os; print(os.environ['PYTHONPATH'])"
    done = run("-q", command=[pitviper, "run", "-q", "--", sys.executable, "-c", code])
    assert done.stdout.count("bootstrap") == 1, done.stdout + done.stderr


def test_run__disabled__leaves_python_alone(run, package):
    done = run("-q", command=[sys.executable, "-c", LOADED], env={"PITVIPER_DISABLED": "1"})
    assert done.stdout == "False\n"


# ---- options ------------------------------------------------------------------------------------


def test_run__options__become_the_environment(run, package, tmp_path):
    (tmp_path / "agent.yaml").write_text("log_ids: yes\n")
    done = run(
        "-q", "--service", "shop", "--release", "1.4", "--sample-rate", "5%", "--slow", "1.5s",
        "--disable", "redis", "--disable", "flask", "--config", "agent.yaml",
        command=["env"], cwd=tmp_path, env={"PITVIPER_DISABLE": "django"},
    )  # fmt: skip
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("PITVIPER_"))
    found.pop("PITVIPER", None)
    assert found == {
        "PITVIPER_SERVICE": "shop",
        "PITVIPER_VERSION": "1.4",
        "PITVIPER_SAMPLE_RATE": "0.05",
        "PITVIPER_SLOW_MS": "1500",
        "PITVIPER_DISABLE": "django,redis,flask",
        "PITVIPER_CONFIG": str(tmp_path / "agent.yaml"),
    }


@pytest.mark.parametrize(
    "options, word",
    [(["--sample-rate", "often"], "share"), (["--sample-rate", "101"], "share"), (["--slow", "soon"], "duration"),
     (["--config", "/no/such/file"], "/no/such/file")],
)  # fmt: skip
def test_run__options_that_are_none__are_refused(run, package, options, word):
    done = run(*options, command=["true"])
    assert done.returncode == USAGE and word in done.stderr and done.stdout == ""


# ---- what cannot work ---------------------------------------------------------------------------


def test_run__no_command__says_how(pitviper):
    done = subprocess.run([pitviper, "run"], capture_output=True, text=True, timeout=60)
    assert done.returncode == USAGE and "pitviper run -- " in done.stderr


@pytest.mark.parametrize("name", ["no-such-command", "./no-such-command", "/etc/no/such"])
def test_run__command_that_is_not_there__is_said(run, package, name):
    done = run(command=[name])
    assert done.returncode == USAGE and "there is no command %s" % name in done.stderr


def test_run__command_that_cannot_be_executed__is_said(run, package, tmp_path):
    (tmp_path / "plain").write_text("text")
    for name in [tmp_path / "plain", tmp_path]:
        done = run(command=[name])
        assert done.returncode == DENIED and "not an executable file" in done.stderr
    broken = script(tmp_path / "broken", "#!/no/such/interpreter\n")
    done = run("-q", command=[broken])
    assert done.returncode == USAGE and "interpreter" in done.stderr


@pytest.mark.parametrize(
    "options, letter", [(["-I"], "I"), (["-E", "-c", "1"], "E"), (["-uS", "x.py"], "S"), (["-W", "error", "-sE"], "E"),
                        (["-X", "dev", "-I", "-m", "x"], "I")]
)  # fmt: skip
def test_run__python_that_would_not_load_the_agent__is_refused(run, package, options, letter):
    done = run(command=[sys.executable, *options])
    assert done.returncode == USAGE
    assert " -%s " % letter in done.stderr and "import pitviper.auto" in done.stderr


def test_run__letters_that_are_no_options_of_python__are_not_refused(run, package, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(LOADED + "\nprint(sys.argv[1:])\n")
    done = run("-q", command=[sys.executable, "-u", program, "-I", "-E"])
    assert done.stdout == "True\n['-I', '-E']\n", done.stderr
    done = run("-q", command=[sys.executable, "-c", LOADED, "-S"])
    assert done.stdout == "True\n", done.stderr
    done = run("-q", command=[sys.executable, "-Wignore::ImportWarning:SIE", "-c", LOADED])
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize("line", ["{python} -sE", "/usr/bin/env -S {python} -I"])
def test_run__script_whose_first_line_ignores_the_path__is_refused(run, package, tmp_path, line):
    name = script(tmp_path / "tool", "#!%s\n%s\n" % (line.format(python=sys.executable), LOADED))
    done = run(command=[name])
    assert done.returncode == USAGE and "begins with #!" in done.stderr


def test_run__script_found_in_path__has_the_agent(run, package, tmp_path):
    script(tmp_path / "tool", "#!%s\n%s\n" % (sys.executable, LOADED))
    done = run("-q", command=["tool"], env={"PATH": "%s:%s" % (tmp_path, os.environ["PATH"])})
    assert done.stdout == "True\n", done.stderr


# ---- where the package is -----------------------------------------------------------------------


def test_run__executable_without_its_package__says_what_to_set(pitviper, package, tmp_path):
    lonely = tmp_path / "a/b/c/pitviper"
    lonely.parent.mkdir(parents=True)
    shutil.copy(os.path.realpath(pitviper), lonely)
    words = [str(lonely), "run", "-q", "--", sys.executable, "-c", LOADED]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=clean_environment())
    assert done.returncode == USAGE and "PITVIPER_PYTHON" in done.stderr
    for folder, code in [(package, 0), (tmp_path, USAGE)]:
        env = clean_environment(PITVIPER_PYTHON=str(folder))
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=env)
        assert done.returncode == code, done.stderr
    assert "bootstrap" in done.stderr


def test_run__installed__finds_its_package(pitviper, package, tmp_path):
    for name in ["bin", "lib/pitviper"]:
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(os.path.realpath(pitviper), tmp_path / "bin/pitviper")
    shutil.copytree(package, tmp_path / "lib/pitviper/python")
    code = "import pitviper; print(pitviper.__file__)"
    words = [str(tmp_path / "bin/pitviper"), "run", "-q", "--", sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=clean_environment())
    assert done.stdout.startswith(str(tmp_path / "lib/pitviper/python")), done.stderr
