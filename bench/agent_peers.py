# SPDX-License-Identifier: MIT
"""The agents that pitviper's is measured beside, each in an environment of its own: pinned, from PyPI.

All have the same frameworks and the same interpreter. One that cannot be installed is named and left out.
"""

import subprocess
from pathlib import Path

from support.pythons import REPO, find_pythons
from support.recorder import binary_path
from support.target import clean_environment

PROGRAMS = Path(__file__).resolve().parent / "agent"
PREFERRED_MINORS = (12, 13, 11, 10)
INSTALL_S = 600

FRAMEWORKS = ["Flask==3.1.3", "Django==5.2.19", "gunicorn==27.0.1"]
PACKAGES = {
    "none": [],
    "pitviper": [],
    "opentelemetry": [
        "opentelemetry-sdk==1.45.1",
        "opentelemetry-instrumentation-flask==0.66b1",
        "opentelemetry-instrumentation-django==0.66b1",
        "opentelemetry-instrumentation-sqlite3==0.66b1",
    ],
    "ddtrace": ["ddtrace==4.16.0"],
    "sentry": ["sentry-sdk==2.75.0"],
}
SHOWN = {"opentelemetry-1pct": "opentelemetry, 1 % sampled"}


def packages_of(agent):
    return PACKAGES[agent.partition("-1pct")[0]]


def environment_of(agent):
    """Folder of the environment: agents without packages of their own share one."""
    name = agent.partition("-1pct")[0] if packages_of(agent) else "plain"
    return REPO / "build" / ("venv-bench-agent-" + name)


def install(agent, python, say):
    """The environment's interpreter, made once; None when that fails, which is said."""
    folder = environment_of(agent)
    done = folder / "installed"
    wanted = "\n".join([python.name, *FRAMEWORKS, *packages_of(agent)])
    if done.exists() and done.read_text() == wanted:
        return folder / "bin" / "python"
    try:
        make = [*python.command(), "-m", "venv", "--clear", folder]
        subprocess.run(make, check=True, timeout=INSTALL_S, stdout=subprocess.DEVNULL)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
        pip += ["--disable-pip-version-check", *FRAMEWORKS, *packages_of(agent)]
        subprocess.run(pip, check=True, timeout=INSTALL_S)
        done.write_text(wanted)
    except (OSError, subprocess.SubprocessError) as problem:
        say("%s is not installed: %s" % (agent, problem))
        return None
    return folder / "bin" / "python"


def preferred_python(pythons):
    own = {python.minor: python for python in pythons if not python.root}
    return next((own[minor] for minor in PREFERRED_MINORS if minor in own), None)


def command(agent, interpreter, *words):
    """(words, environment) that start a program of bench/agent under `agent`."""
    words = [str(word) for word in (interpreter, *words)]
    environment = clean_environment(PYTHONPATH=str(PROGRAMS), PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0")
    if agent == "pitviper":
        words = [binary_path(), "run", "--quiet", "--", *words]
    return words, environment


class Served:
    """bench/agent/requests_served.py, which serves as many requests as it is told."""

    def __init__(self, agent, interpreter, framework, name=None):
        self.agent = agent
        self.name = name or SHOWN.get(agent, agent)
        words, environment = command(
            agent, interpreter, PROGRAMS / "requests_served.py", framework, agent
        )
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment, text=True,
        )

    def serve_us(self, count):
        self.process.stdin.write("%d\n" % count)
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("%s: %s" % (self.name, self.process.stderr.read()[-500:]))
        return int(line) / 1e3

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def interpreters(context, agents):
    """{agent: interpreter} of those that could be installed; {} without a Python for them."""
    python = preferred_python(find_pythons())
    if not python:
        context.say("no Python 3.%s for the frameworks" % " or 3.".join(map(str, PREFERRED_MINORS)))
        return {}
    found = {agent: install(agent, python, context.say) for agent in agents}
    return {agent: interpreter for agent, interpreter in found.items() if interpreter}

