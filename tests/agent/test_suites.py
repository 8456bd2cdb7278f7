# SPDX-License-Identifier: MIT
"""Flask's and Django's own tests, from their source releases, under `pitviper run`: exactly as without.

The frameworks, their tests and the pytest that Flask's were written for get an environment of their own, in build/.
What counts is that both runs say the same: a test that fails in both is the machine's affair.
"""

import os
import re
import subprocess
import tarfile

import pytest

from support.pythons import REPO, find_pythons
from support.recorder import binary_path
from support.target import clean_environment

FOLDER = REPO / "build" / "venv-suites"
RELEASES = {"flask": "Flask==3.1.3", "django": "Django==5.2.19"}
PACKAGES = [*RELEASES.values(), "pytest==8.3.5", "python-dotenv==1.1.1", "asgiref==3.8.1"]
PREFERRED_MINORS = (12, 13, 11, 10)
INSTALL_S, SUITE_S = 600, 600
FLASK_TESTS_MIN, DJANGO_TESTS_MIN = 450, 1500

pytestmark = pytest.mark.time_limit(900)

# What requests, views, middleware, servers and database connections of Django go through.
DJANGO_LABELS = (
    "asgi async backends basic context_processors csrf_tests db_utils handlers httpwrappers "
    "logging_tests middleware middleware_exceptions raw_query requests_tests signals template_backends "
    "test_client transactions urlpatterns urlpatterns_reverse view_tests wsgi"
).split()


def call(*words, **options):
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options
    )


def must(*words):
    done = call(*words, timeout=INSTALL_S, env=clean_environment())
    assert done.returncode == 0, (words, done.stdout[-1000:], done.stderr[-2000:])


def unpack(release):
    """The folder of a source release, fetched once."""
    sources = FOLDER / "sources"
    must(FOLDER / "bin" / "python", "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
         "--dest", sources, release)
    name = release.lower().replace("==", "-")
    with tarfile.open(sources / (name + ".tar.gz")) as archive:
        archive.extractall(sources)
    return sources / name


@pytest.fixture(scope="module")
def suites():
    """{"python": interpreter, "flask": folder, "django": folder}"""
    own = {python.minor: python for python in find_pythons() if not python.root and not python.free_threaded}
    python = next((own[minor] for minor in PREFERRED_MINORS if minor in own), None)
    if python is None:
        pytest.skip("no Python 3.%s on this machine" % " or 3.".join(map(str, PREFERRED_MINORS)))
    interpreter, done = FOLDER / "bin" / "python", FOLDER / "installed"
    wanted = "\n".join([python.name, *PACKAGES])
    if not done.exists() or done.read_text() != wanted:
        must(*python.command(), "-m", "venv", "--clear", FOLDER)
        must(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES)
        for release in RELEASES.values():
            unpack(release)
        done.write_text(wanted)
    folders = {name: FOLDER / "sources" / text.lower().replace("==", "-") for name, text in RELEASES.items()}
    return {"python": interpreter, **folders}


def run_both(cwd, *words):
    """(without, with) the agent; each CompletedProcess."""
    environment = clean_environment(PYTHONDONTWRITEBYTECODE="1")
    agent = [binary_path(), "run", "--quiet", "--"]
    return [
        call(*prefix, *words, cwd=cwd, timeout=SUITE_S, env=environment) for prefix in ([], agent)
    ]


def test_suites__agent__is_in_what_is_run(suites):
    program = "import sys; print('pitviper._core' in sys.modules, 'flask' in sys.modules)"
    plain, watched = run_both(None, suites["python"], "-c", program)
    assert plain.stdout == "False False\n", plain.stderr
    assert watched.stdout == "True False\n", watched.stderr


def pytest_outcomes(done):
    """{test: outcome} from -rA's lines."""
    found = re.findall(r"^(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) (\S+)", done.stdout, re.MULTILINE)
    return {test: outcome for outcome, test in found}


def test_suites__flask__same_outcomes(suites):
    words = [suites["python"], "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "tests"]
    plain, watched = (pytest_outcomes(done) for done in run_both(suites["flask"], *words))
    assert sum(outcome == "PASSED" for outcome in plain.values()) >= FLASK_TESTS_MIN
    assert watched == plain


def unittest_outcome(done):
    """(number of tests, last line, tests that failed)"""
    ran = re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    last = re.search(r"^(OK|FAILED)\b.*$", done.stderr, re.MULTILINE)
    assert ran and last, done.stderr[-2000:]
    failed = re.findall(r"^(?:FAIL|ERROR): .*$", done.stderr, re.MULTILINE)
    return int(ran[1]), last[0], sorted(failed)


def test_suites__django__same_outcomes(suites):
    words = [suites["python"], "runtests.py", "--parallel", "1", "--verbosity", "0", *DJANGO_LABELS]
    tests = os.path.join(suites["django"], "tests")
    plain, watched = (unittest_outcome(done) for done in run_both(tests, *words))
    assert plain[0] >= DJANGO_TESTS_MIN
    assert watched == plain
