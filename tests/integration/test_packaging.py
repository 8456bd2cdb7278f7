# SPDX-License-Identifier: MIT
"""What `make install` puts beside the program: the unit for systemd, the configuration and its schema."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
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
