# SPDX-License-Identifier: MIT
"""The frame around all commands: help, mistakes, man pages, completions, pipes."""

import os
import pty
import re
import shutil
import subprocess

import pytest

STATUS_USAGE = 2


def run(pitviper, *words, **options):
    return subprocess.run(
        [pitviper, *words], capture_output=True, text=True, timeout=20, **options
    )


@pytest.fixture(scope="session")
def commands(pitviper):
    """Names of all commands, from the overview."""
    text = run(pitviper, "--help").stdout
    return re.findall(r"^  (\w+) +\w", text, re.MULTILINE)


def test_cli__no_command__prints_the_overview_and_fails(pitviper):
    done = run(pitviper)
    assert done.returncode == STATUS_USAGE
    assert done.stdout == ""
    assert "pitviper help COMMAND" in done.stderr


def test_cli__version__is_one_line_and_json(pitviper):
    assert re.fullmatch(r"pitviper \d+\.\d+\.\d+\n", run(pitviper, "--version").stdout)
    assert re.fullmatch(r'\{"version":"\d+\.\d+\.\d+"\}\n', run(pitviper, "version", "-j").stdout)


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["recrod"], 'pitviper: unknown command "recrod"; did you mean "record"?'),
        (["--verson"], 'pitviper: unknown command "--verson"; did you mean "--version"?'),
        (["frobnicate"], 'pitviper: unknown command "frobnicate"; "pitviper help" lists them'),
        (["record", "--ouptut", "x"], "pitviper: record: unknown option --ouptut; did you mean --output?"),
        (["record", "-d"], "pitviper: record: --duration needs a value: --duration DURATION"),
        (["version", "x"], 'pitviper: version: "x" is one word too many; see "pitviper help version"'),
        (["completion"], 'pitviper: completion: SHELL is missing; see "pitviper help completion"'),
        (["help", "nothing"], 'pitviper: help: there is no command "nothing"'),
    ],
)
def test_cli__mistake__one_sentence_and_status_2(pitviper, words, sentence):
    done = run(pitviper, *words)
    assert (done.returncode, done.stdout, done.stderr) == (STATUS_USAGE, "", sentence + "\n")


def test_cli__help__every_command_explains_itself_three_ways(pitviper, commands):
    assert {"record", "dump", "doctor", "version", "help"} <= set(commands)
    for command in commands:
        text = run(pitviper, "help", command).stdout
        assert text.startswith("pitviper %s: " % command)
        assert run(pitviper, command, "--help").stdout == text
        assert run(pitviper, command, "-h").stdout == text
        prose = [line for line in text.splitlines() if not line.startswith("  pitviper")]
        assert max(map(len, prose)) <= 100


def test_cli__child_command__keeps_its_own_help_option(pitviper):
    done = run(pitviper, "record", "--", "/nonexistent", "--help")
    assert done.returncode != 0
    assert "/nonexistent" in done.stderr


def test_cli__record__has_py_spys_spellings(pitviper):
    text = run(pitviper, "help", "record").stdout
    for row in ("p pid", "d duration", "r rate", "o output", "f format", "t threads", "g gil",
                "i idle", "F function"):  # fmt: skip
        assert "-%s, --%s" % tuple(row.split()) in text
    assert "--nolineno" in text


def test_cli__man_pages__are_clean_roff(pitviper, commands):
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    for page in [[]] + [[command] for command in commands]:
        source = run(pitviper, "help", "--man", *page).stdout
        assert source.startswith(".TH PITVIPER")
        shown = subprocess.run(
            ["man", "--warnings", "-E", "UTF-8", "-l", "-P", "cat", "-"],
            input=source, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert shown.stderr == ""
        assert "NAME" in shown.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_cli__completion__is_accepted_by_its_shell(pitviper, shell, tmp_path):
    if not shutil.which(shell):
        pytest.skip("%s is not installed" % shell)
    script = tmp_path / "script"
    script.write_text(run(pitviper, "completion", shell).stdout)
    done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")


def complete_in_bash(pitviper, *words):
    script = "source <(%s completion bash); COMP_WORDS=(%s); COMP_CWORD=%d; _pitviper; echo ${COMPREPLY[@]}"
    line = " ".join("'%s'" % word for word in ("pitviper", *words))
    done = subprocess.run(
        ["bash", "-c", script % (pitviper, line, len(words))],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


def test_cli__bash_completion__offers_commands_options_and_values(pitviper, commands):
    assert complete_in_bash(pitviper, "rec") == ["record"]
    assert set(commands) <= set(complete_in_bash(pitviper, ""))
    assert complete_in_bash(pitviper, "record", "--dura") == ["--duration"]
    assert "folded" in complete_in_bash(pitviper, "record", "-f", "")
    assert complete_in_bash(pitviper, "record", "--format", "=", "speed") == ["speedscope"]


def complete_in_fish(pitviper, line):
    script = "%s completion fish | source; complete -C '%s'" % (pitviper, line)
    done = subprocess.run(["fish", "-c", script], capture_output=True, text=True, timeout=20)
    return [row.split("\t")[0] for row in done.stdout.splitlines()]


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_cli__fish_completion__offers_commands_options_and_values(pitviper):
    assert complete_in_fish(pitviper, "pitviper rec") == ["record"]
    assert complete_in_fish(pitviper, "pitviper record --dura") == ["--duration"]
    assert "folded" in complete_in_fish(pitviper, "pitviper record -f ")


def test_cli__reader_leaves__quiet(pitviper):
    line = "%s completion zsh | head -c 1; echo ${PIPESTATUS[0]}" % pitviper
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=20)
    assert done.stderr == ""
    assert done.stdout.splitlines()[0][1:] in ("0", "141")


def test_cli__full_disk__is_an_error(pitviper):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [pitviper, "help", "record"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=20
        )
    assert done.returncode == 75
    assert "No space left" in done.stderr


def test_cli__no_terminal__no_colour(pitviper):
    assert "\033" not in run(pitviper, "nothing").stderr


def on_a_terminal(pitviper, *words, **env):
    """What the command writes to a terminal as its standard error."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", **env}
    for name in [name for name, value in environment.items() if value is None]:
        del environment[name]
    with subprocess.Popen(
        [pitviper, *words], stdout=subprocess.DEVNULL, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 4096):
                said += chunk
        except OSError:  # Linux's way to say that the other end is closed
            pass
        process.wait(20)
    os.close(ours)
    return said.decode()


def test_cli__terminal__colour_unless_unwanted(pitviper):
    assert "\033[31mpitviper:\033[0m unknown" in on_a_terminal(pitviper, "nothing", NO_COLOR=None)
    assert "\033[31mpitviper:" in on_a_terminal(pitviper, "nothing", NO_COLOR="")
    assert "\033" not in on_a_terminal(pitviper, "nothing", NO_COLOR="1")
    assert "\033" not in on_a_terminal(pitviper, "nothing", TERM="dumb")
    assert "\033" not in on_a_terminal(pitviper, "nothing", TERM=None)
