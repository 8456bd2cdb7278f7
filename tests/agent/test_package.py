# SPDX-License-Identifier: MIT
"""The package without any library: imports, the registry of hooks, settings, what is restored."""

import json
import os
import subprocess
import sys

import pytest

from support.instrumented import instrumented_environment, package_folder, run_python
from support.pythons import REPO


def answer(done):
    """What the program printed as JSON on its last line."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# ---- on every interpreter --------------------------------------------------------------------------


def test_package__auto__hooks_what_is_imported_and_what_will_be(agent_python):
    found = answer(run_python(agent_python, """
import json, sqlite3
import pitviper.auto
import http.client
done = pitviper.hooks.status()
print(json.dumps([done["sqlite3"][:1], done["http_client"][:1], pitviper.hooks.errors]))
"""))
    assert found == [["hooked"], ["hooked"], 0]


def test_package__import_alone__hooks_nothing(agent_python):
    found = answer(run_python(agent_python, """
import json, sys, sqlite3
before, path = sqlite3.connect, list(sys.meta_path)
import pitviper
print(json.dumps([sqlite3.connect is before, sys.meta_path == path, "logging" in sys.modules]))
"""))
    assert found == [True, True, False]


def test_package__disable__puts_everything_back_and_enable_begins_again(agent_python):
    found = answer(run_python(agent_python, """
import json, sys, sqlite3, http.client, urllib.request, concurrent.futures.thread
def attributes():
    return {
        (owner.__name__, name): id(value)
        for module in (sqlite3, sqlite3.dbapi2, http.client, urllib.request, concurrent.futures.thread)
        for owner in [module] + [c for c in vars(module).values() if isinstance(c, type)]
        for name, value in vars(owner).items() if callable(value)
    }
before, path = attributes(), list(sys.meta_path)
import pitviper.auto
during = attributes()
pitviper.disable()
after, left = attributes(), sys.meta_path == path
rows = sqlite3.connect(":memory:").execute("SELECT 1").fetchall()
assert pitviper.enable()
again = attributes()
changed = sorted("%s.%s" % key for key in before if before[key] != during.get(key))
print(json.dumps([changed, before == after, left, rows, before != again]))
"""))
    changed, restored, left, rows, again = found
    assert "sqlite3.connect" in changed
    assert restored and left and again
    assert rows == [[1]]


def test_package__switched_off__vanishes(agent_python):
    found = answer(run_python(agent_python, """
import json, sys, pitviper.auto
@pitviper.track("f")
def f(): return 1
@pitviper.track
def g(): return 2
with pitviper.track("block"): pass
pitviper.log_metric("/", 5000)
monitor = pitviper.PerformanceMonitor()
monitor.track("f")(f)()
loaded = sorted(name for name in sys.modules if name.startswith("pitviper"))
print(json.dumps([f(), g(), monitor.report(), pitviper.enable(), pitviper.current_trace_id(), loaded]))
""", PITVIPER_DISABLED="1"))
    assert found[:5] == [1, 2, {}, False, None]
    assert not {"pitviper._core", "pitviper.hooks"} & set(found[5])


def test_package__no_extension__does_nothing_after_one_warning(agent_python, tmp_path):
    root = tmp_path if not agent_python.root else None
    done = run_python(agent_python, """
import importlib.machinery, sys
class Without:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "pitviper._core": raise ImportError("no such thing")
sys.meta_path.insert(0, Without)
import pitviper.auto
assert pitviper.track("x")(len)([1]) == 1
pitviper.log_metric("/", 1.0)
assert pitviper.enable() is False
""", cwd=root)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("pitviper does nothing in this process: no such thing") == 1


LIBRARY = """
import sys, types, os, tempfile
folder = tempfile.mkdtemp()
os.makedirs(folder + "/fakelib/sub")
open(folder + "/fakelib/__init__.py", "w").write("ready = False\\nfrom . import core\\nready = True\\n")
open(folder + "/fakelib/core.py", "w").write(
    "class Client:\\n"
    "    def run(self, what): return what * 2\\n"
    "    @staticmethod\\n"
    "    def still(what): return what\\n"
    "    @classmethod\\n"
    "    def of(cls, what): return cls\\n")
open(folder + "/fakelib/sub/__init__.py", "w").write("")
open(folder + "/fakelib/broken.py", "w").write("raise RuntimeError('on import')\\n")
os.makedirs(folder + "/Fake_Lib-%s.dist-info")
sys.path.insert(0, folder)
import pitviper
from pitviper import hooks
log = []
file = types.ModuleType("pitviper.hooks.fakelib")
file.DISTRIBUTION, file.VERSIONS = "fake-lib", ("1.2", "2.5")
def client(module, patch):
    log.append("client")
    patch.method(module.Client, "run", patch.observe(before=lambda args, kwargs: log.append(args[1])))
    patch.method(module.Client, "still", patch.observe(before=lambda args, kwargs: log.append(args[0])))
    patch.method(module.Client, "of", patch.observe(before=lambda args, kwargs: log.append(args[1])))
    patch.method(module.Client, "gone", patch.observe())
file.MODULES = {"fakelib.core": client, "fakelib.broken": client}
sys.modules["pitviper.hooks.fakelib"] = file
hooks.ROWS["fakelib"] = ("fakelib",)
import json, logging
said = []
class Keep(logging.Handler):
    def emit(self, record): said.append(record.getMessage())
logging.getLogger("pitviper").addHandler(Keep())
logging.getLogger("pitviper").setLevel(logging.INFO)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_package__library__methods_replaced_whenever_it_is_imported(agent_python, when):
    found = answer(run_python(agent_python, LIBRARY % "2.4.1" + """
order = [pitviper.enable, lambda: __import__("fakelib")]
for step in order if sys.argv[1] == "before" else order[::-1]: step()
import fakelib
loader = fakelib.core.__spec__.loader
assert loader.get_filename() == fakelib.core.__file__
C = fakelib.core.Client
results = [C().run(2), C.still(3), C().still(4), C.of(5) is C]
pitviper.disable()
C().run(9)
raw = [type(vars(C)[name]).__name__ for name in ("run", "still", "of")]
print(json.dumps([results, log, raw, hooks.errors]))
""", when))
    assert found[0] == [4, 3, 4, True]
    assert found[1] == ["client", 2, 3, 4, 5]
    assert found[2] == ["function", "staticmethod", "classmethod"]
    assert found[3] == 0


@pytest.mark.parametrize(
    "version, state",
    [("1.2", "hooked"), ("1.1.9", "left alone"), ("2.5.7", "hooked"), ("2.6", "left alone"), ("odd", "left alone")],
)
def test_package__version_out_of_range__left_alone_and_said_once(local_python, package, version, state):
    found = answer(run_python(local_python, LIBRARY % version + """
pitviper.enable()
import fakelib
fakelib.core.Client().run(1)
try: import fakelib.broken
except RuntimeError: pass
print(json.dumps([hooks.status()["fakelib"], said, len(log)]))
"""))
    (got, seen, reason, notes), said, calls = found
    assert got == state
    if state == "hooked":
        assert seen == version and notes == ["Client has no gone"] and said == [] and calls == 2
    else:
        assert len(said) == 1 and "fakelib is left alone" in said[0] and reason in said[0]
        assert calls == 0


def test_package__failing_import__traceback_unchanged(agent_python):
    done = run_python(agent_python, LIBRARY % "2.0" + """
import traceback
def frames():
    try: import fakelib.broken
    except RuntimeError: return traceback.format_exc()
before = frames()
pitviper.enable()
after = frames()
print(json.dumps([before == after, after, log]))
""")
    same, text, log = answer(done)
    assert same, text
    assert log == ["client"]  # of fakelib.core, imported before; none for the broken one


def test_package__error_in_a_hook_file__disables_that_library_only(agent_python):
    found = answer(run_python(agent_python, LIBRARY % "2.0" + """
def client(module, patch): raise KeyError("mistake")
file.MODULES = {"fakelib.core": client}
pitviper.enable()
import fakelib, sqlite3
print(json.dumps([hooks.status()["fakelib"][:3], hooks.errors, said, hooks.status()["sqlite3"][0]]))
"""))
    (state, _, reason), errors, said, other = found
    assert (state, errors, other) == ("failed", 1, "hooked")
    assert "KeyError" in reason and len(said) == 1


@pytest.mark.parametrize("names", ["fakelib", "sqlite3, fakelib"])
def test_package__disabled_library__not_touched(local_python, package, names):
    found = answer(run_python(local_python, LIBRARY % "2.0" + """
pitviper.enable()
import fakelib
fakelib.core.Client().run(1)
print(json.dumps([hooks.status()["fakelib"][0], log]))
""", PITVIPER_DISABLE=names))
    assert found == ["disabled", []]


# ---- what does not depend on the interpreter ---------------------------------------------------------


def test_package__hook_files__each_has_its_row(package):
    code = """
import importlib, json, pitviper.hooks as hooks
from pathlib import Path
rows = {name: top for top, names in hooks.ROWS.items() for name in names}
wrong = []
for path in sorted(Path(hooks.__file__).parent.glob("[a-z]*.py")):
    file = importlib.import_module("pitviper.hooks." + path.stem)
    tops = {name.partition(".")[0] for name in file.MODULES} or {rows.get(path.stem)}
    for top in tops:
        if path.stem not in hooks.ROWS.get(top, ()): wrong.append([path.stem, top, "no row"])
    if len(file.VERSIONS) != 2 or not hasattr(file, "DISTRIBUTION"): wrong.append([path.stem, "no versions"])
for name in rows:
    if not (Path(hooks.__file__).parent / (name + ".py")).exists(): wrong.append([name, "no file"])
print(json.dumps(wrong))
"""
    assert answer(run_python(sys.executable, code)) == []


def test_package__documented_settings__are_those_of_the_table(package):
    settings = answer(run_python(sys.executable, "import json; from pitviper import config; print(json.dumps(config.SETTINGS))"))
    rows = {}
    for line in (REPO / "docs/python.md").read_text().splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0].startswith("PITVIPER_"):
            rows[cells[0][len("PITVIPER_") :].lower()] = cells[2:]
    assert rows == settings


def test_package__settings_file__read_and_overridden_by_the_environment(package, tmp_path):
    file = tmp_path / "pitviper.yaml"
    file.write_text('service: shop\nversion: 1.10\nslow_ms: 250\ndisable: [redis, flask]\ndisabled: no\nnonsense: 1\n')
    code = """
import json, os, pitviper
from pitviper import config
print(json.dumps([config.text("service"), config.text("version"), config.number("slow_ms"),
                  config.words("disable"), config.flag("disabled"), os.environ.get("PITVIPER_CONFIG")]))
"""
    done = run_python(sys.executable, code, PITVIPER_CONFIG=str(file), PITVIPER_SLOW_MS="70")
    assert answer(done) == ["shop", "1.10", 70.0, ["redis", "flask"], False, None]
    assert done.stderr.count("there is no setting nonsense") == 1


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [\n", "service: {a: 1}\n", None])
def test_package__bad_settings_file__said_and_ignored(package, tmp_path, text):
    file = tmp_path / "pitviper.yaml"
    if text is not None:
        file.write_text(text)
    done = run_python(sys.executable, "import pitviper; pitviper.track('x')(len)('')", PITVIPER_CONFIG=str(file))
    assert done.returncode == 0
    assert done.stderr.count("pitviper: ") == 1, done.stderr


def test_package__cost_of_import__below_15_ms_and_5_MB(package):
    """Best of many: the machine may be busy. Compared with the same interpreter without."""
    code = """
import sys, time, json
def resident():
    with open("/proc/self/statm") as file: return int(file.read().split()[1]) * 4096
before, start = resident(), time.perf_counter()
import pitviper.auto
spent = time.perf_counter() - start
print(json.dumps([spent, resident() - before]))
"""
    run_python(sys.executable, code, PYTHONDONTWRITEBYTECODE="")  # writes the .pyc files
    runs = [answer(run_python(sys.executable, code)) for _ in range(12)]
    milliseconds = min(spent for spent, _ in runs) * 1e3
    megabytes = min(size for _, size in runs) / 1e6
    print("import pitviper.auto: %.1f ms, %.2f MB" % (milliseconds, megabytes))
    assert milliseconds <= 15
    assert megabytes <= 5


# ---- bootstrap: what `pitviper run` puts on PYTHONPATH ------------------------------------------------


def bootstrap(*entries):
    return os.pathsep.join([package_folder() + "/pitviper/bootstrap", *map(str, entries)])


def test_package__bootstrap__instruments_and_leaves_no_trace_on_the_path(agent_python):
    if agent_python.root:
        pytest.skip("the other root has its own copy of the package")
    found = answer(run_python(agent_python, """
import json, sys, sqlite3
import pitviper
status = pitviper.hooks.status()["sqlite3"][0]
print(json.dumps([status, [entry for entry in sys.path if "pitviper" in entry and "agent" not in entry]]))
""", PYTHONPATH=bootstrap()))
    assert found == ["hooked", []]


def test_package__bootstrap__own_sitecustomize_still_runs(local_python, package, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.own_ran = __file__\n")
    found = answer(run_python(local_python, """
import json, sys, sitecustomize
print(json.dumps([own_ran, sitecustomize.__file__, "pitviper" in sys.modules]))
""", PYTHONPATH=bootstrap(tmp_path)))
    assert found == [str(tmp_path / "sitecustomize.py")] * 2 + [True]


def test_package__bootstrap__errors_of_own_sitecustomize_are_shown(local_python, package, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("raise RuntimeError('of the application')\n")
    with_us = run_python(local_python, "print(1)", PYTHONPATH=bootstrap(tmp_path))
    without = run_python(local_python, "print(1)", PYTHONPATH=str(tmp_path))
    assert with_us.stdout == without.stdout == "1\n"
    assert "of the application" in with_us.stderr and "of the application" in without.stderr


@pytest.mark.parametrize("start", ["subprocess", "spawn", "fork"])
def test_package__bootstrap__children_are_instrumented(local_python, package, tmp_path, start):
    program = tmp_path / "program.py"
    program.write_text("""
import multiprocessing, subprocess, sys
def tell():
    print("hooked" if "pitviper.hooks" in sys.modules else "not", flush=True)
if __name__ == "__main__":
    if sys.argv[1] == "subprocess":
        subprocess.run([sys.executable, "-c", "import program; program.tell()"], check=True)
    else:
        process = multiprocessing.get_context(sys.argv[1]).Process(target=tell)
        process.start(); process.join()
""")
    done = subprocess.run(
        [local_python.path, str(program), start],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
        env=instrumented_environment(PYTHONPATH=bootstrap()),
    )  # fmt: skip
    assert done.stdout == "hooked\n", done.stderr


@pytest.mark.parametrize("option", ["-I", "-E", "-S"])
def test_package__bootstrap__isolated_interpreters_just_run(local_python, package, option):
    done = subprocess.run(
        [local_python.path, option, "-c", "print(1)"],
        capture_output=True, text=True, timeout=60, env=instrumented_environment(PYTHONPATH=bootstrap()),
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_package__bootstrap__old_python_just_runs(python):
    if python.minor >= 8 or python.root:
        pytest.skip("for versions before 3.8")
    done = run_python(python, "import sys; print('pitviper' in sys.modules)", PYTHONPATH=bootstrap())
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_package__bootstrap__package_in_a_broken_state__the_program_runs(local_python, tmp_path):
    folder = tmp_path / "pitviper"
    (folder / "bootstrap").mkdir(parents=True)
    source = REPO / "python/pitviper/bootstrap/sitecustomize.py"
    (folder / "bootstrap/sitecustomize.py").write_bytes(source.read_bytes())
    (folder / "__init__.py").write_text("this is no Python")
    done = run_python(local_python, "print(1)", PYTHONPATH=str(folder / "bootstrap"))
    assert (done.stdout, done.stderr) == ("1\n", "")
