# SPDX-License-Identifier: MIT
"""What `make install` puts beside the program: the unit for systemd, the configuration and its schema."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import jsonschema
import pytest

from support.serve import Serve
from support.target import end_with_parent

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
CAP_SYS_PTRACE, CAP_SYS_ADMIN = 19, 21
SEEN_TIMEOUT_S = 40
EXPOSURE_MAX = 3.0  # of 10, as systemd-analyze counts; a unit without any of it has 9.6


@pytest.fixture
def unit(tmp_path):
    """The unit as it is installed, with a program where it says."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not on this machine")
    program = tmp_path / "bin/pitviper"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = (PACKAGING / "pitviper.service.in").read_text()
    for name, value in {"bindir": program.parent, "sysconfdir": "/etc"}.items():
        text = text.replace("@%s@" % name, str(value))
    path = tmp_path / "pitviper.service"
    path.write_text(text)
    return path


def test_packaging__unit__systemd_finds_nothing_wrong(unit):
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60
    )
    about_it = [line for line in done.stderr.splitlines() if "pitviper" in line]
    assert (done.returncode, about_it) == (0, [])


def test_packaging__unit__is_hardened(unit):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True, text=True, timeout=60,
    )
    exposure = re.search(r"exposure level for .*: ([\d.]+)", done.stdout)
    assert exposure, done.stdout + done.stderr
    assert float(exposure[1]) <= EXPOSURE_MAX, done.stdout


def test_packaging__configuration__is_installed_once(tmp_path):
    def install():
        subprocess.run(
            [PACKAGING / "install_configuration", PACKAGING / "serve.yaml", "/etc/pitviper"],
            env={**os.environ, "DESTDIR": str(tmp_path)}, check=True,
        )

    path = tmp_path / "etc/pitviper/serve.yaml"
    install()
    assert path.read_text() == (PACKAGING / "serve.yaml").read_text()
    path.write_text("rate: 49\n")
    install()
    assert path.read_text() == "rate: 49\n"


def test_packaging__schema__is_one_and_accepts_its_examples():
    schema = json.loads((ROOT / "schema/serve.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    schema.pop("dependentRequired")
    check = jsonschema.Draft202012Validator(schema)
    for name, of_key in schema["properties"].items():
        for value in of_key["examples"] + ([of_key["default"]] if "default" in of_key else []):
            check.validate({name: value})
    for wrong in ({"lissten": "x"}, {"rate": 101}, {"services": [{"match": "x"}]}, {"data": "store"}):
        assert not check.is_valid(wrong), wrong


def confined(unit_text):
    """setpriv with the rights that the unit leaves."""
    names = re.search(r"^CapabilityBoundingSet=(.*)$", unit_text, re.MULTILINE)[1].lower().split()
    assert re.search(r"^AmbientCapabilities=(.*)$", unit_text, re.MULTILINE)[1].lower().split() == names
    given = ",".join("+" + name[len("cap_") :] for name in names)
    return [
        "setpriv", "--bounding-set=-all," + given, "--inh-caps=-all," + given, "--ambient-caps=-all," + given,
        "--securebits=+noroot,+noroot_locked", "--no-new-privs",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give rights up and to run programs of others")
def test_packaging__the_units_rights__are_enough_for_other_users_processes(pitviper, tmp_path):
    program = "import time\nwhile True:\n    sum(range(20000))\n    time.sleep(0.001)\n"
    other = subprocess.Popen(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", program, "of-others"],
        preexec_fn=end_with_parent, cwd="/",
    )
    wrapper = tmp_path / "confined"
    words = " ".join(confined((PACKAGING / "pitviper.service.in").read_text()))
    wrapper.write_text('#!/bin/sh\nexec %s %s "$@"\n' % (words, pitviper))
    wrapper.chmod(0o755)
    try:
        with Serve(str(wrapper), tmp_path / "store", "--include", "of-others", "--budget", "50%") as serve:
            rights = 0  # each thread has its own
            for status in Path("/proc/%d/task" % serve.pid).glob("*/status"):
                rights |= int(re.search(r"^CapEff:\s+(\w+)", status.read_text(), re.MULTILINE)[1], 16)
            assert rights & 1 << CAP_SYS_PTRACE and not rights & 1 << CAP_SYS_ADMIN
            end = time.monotonic() + SEEN_TIMEOUT_S
            rows = []
            while not rows and time.monotonic() < end:
                time.sleep(1)
                rows = [row for row in serve.answer("processes")["rows"] if row["pid"] == other.pid and row["samples"]]
            assert rows, serve.log.read_text()
    finally:
        other.kill()
        other.wait()
