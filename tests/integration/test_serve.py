# SPDX-License-Identifier: MIT
"""serve: finding, naming and adding up real processes; its life, its limits, its bad days."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from support.serve import Serve, ask_at_rest
from support.target import clean_environment, cpu_ns, end_with_parent

WINDOW_S = 10
FOUND_S = 1.2  # a second, and what it takes to begin
ROOT = os.geteuid() == 0
READING = {2, 19, 40}  # DAC_READ_SEARCH, SYS_PTRACE, CHECKPOINT_RESTORE
BURN = """
import sys, time
def hot(n):
    total = 0
    for i in range(n):
        total += i * i
    return total
def cold(n):
    total = 0
    for i in range(n):
        total += i * i
    return total
end = time.process_time() + float(sys.argv[1])
spent = {"hot": 0.0, "cold": 0.0}
while time.process_time() < end:
    for name, work in (("hot", 60000), ("cold", 20000)):
        before = time.process_time()
        globals()[name](work)
        spent[name] += time.process_time() - before
    time.sleep(0.002)
print(time.process_time(), spent["hot"], spent["cold"])
"""
WAIT = "import time\nwhile True:\n    time.sleep(0.05)\n"


class Programs:
    def __init__(self, folder):
        self.folder, self.started = folder, []

    def start(self, name, text, *words, module=False, **env):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        what = ["-m", path.stem] if module else [str(path)]
        process = subprocess.Popen(
            [sys.executable, *what, *map(str, words)], cwd=path.parent, text=True, stdout=subprocess.PIPE,
            env=clean_environment(**env), preexec_fn=end_with_parent,
        )
        self.started.append(process)
        return process

    def stop(self):
        for process in self.started:
            process.kill()
            process.communicate()


@pytest.fixture
def programs(tmp_path):
    programs = Programs(tmp_path / "programs")
    yield programs
    programs.stop()


def until(found, timeout_s=20):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        result = found()
        if result:
            return result
        time.sleep(0.1)
    raise AssertionError("waited for it for %d s" % timeout_s)


def metrics(serve):
    """name with its labels → value"""
    lines = serve.get("/metrics")[2].decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def live(serve, service):
    return metrics(serve).get('pitviper_service_processes{service="%s"}' % service, 0)


def post(serve, name, **body):
    request = urllib.request.Request(
        "%s/api/v1/%s" % (serve.address, name), json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def row(answer, **wanted):
    rows = [row for row in answer["rows"] if all(row[key] == value for key, value in wanted.items())]
    assert len(rows) == 1, answer["rows"]
    return rows[0]


# ---- finding and naming ----------------------------------------------------------------------


def test_serve__processes_come_and_go__within_a_second(pitviper, programs, tmp_path):
    with Serve(pitviper, tmp_path / "data", "--include", "/programs/") as serve:
        born = time.time()
        process = programs.start("comes.py", WAIT)
        until(lambda: live(serve, "comes.py") == 1, 5)
        killed = time.time()
        process.kill()
        process.wait()
        until(lambda: live(serve, "comes.py") == 0, 5)
    events = ask_at_rest(pitviper, serve.data, "events")
    start = row(events, pid=process.pid, kind="start")
    assert 0 <= start["at_s"] - born < FOUND_S
    assert start["detail"]["python"] == "%d.%d.%d" % sys.version_info[:3]
    assert 0 <= row(events, pid=process.pid, kind="exit")["at_s"] - killed < FOUND_S


def test_serve__services__have_the_names_that_were_given(pitviper, programs, tmp_path):
    programs.start("given.py", WAIT, PITVIPER_SERVICE="shop", PITVIPER_VERSION="1.4.2")
    programs.start("shop/main.py", WAIT)
    programs.start("jobs.py", WAIT, module=True)
    programs.start("ruled.py", WAIT, "--queue", "mail")
    config = tmp_path / "serve.yaml"
    config.write_text("services:\n  - match: queue mail\n    service: mailer\n")
    with Serve(pitviper, tmp_path / "data", "--config", config) as serve:
        for name in ("shop", "shop/main.py", "jobs", "mailer"):
            until(lambda name=name: live(serve, name) == 1)
    events = ask_at_rest(pitviper, serve.data, "events")
    assert row(events, kind="start", service="shop")["version"] == "1.4.2"


def test_serve__multiprocessing__belongs_to_who_started_it(pitviper, programs, tmp_path):
    text = (
        "import multiprocessing, os, time\n"
        "def work(parent):\n    while os.getppid() == parent:\n        time.sleep(0.1)\n"
        "if __name__ == '__main__':\n"
        "    multiprocessing.set_start_method('spawn')\n"
        "    for _ in range(2):\n        multiprocessing.Process(target=work, args=(os.getpid(),), daemon=True).start()\n"
        "    time.sleep(60)\n"
    )
    programs.start("pool.py", text)
    with Serve(pitviper, tmp_path / "data") as serve:
        until(lambda: live(serve, "pool.py") >= 3)


def test_serve__patterns__choose(pitviper, programs, tmp_path):
    programs.start("wanted.py", WAIT)
    programs.start("unwanted.py", WAIT)
    with Serve(pitviper, tmp_path / "data", "--include", "wanted", "--exclude", "unwanted") as serve:
        until(lambda: live(serve, "wanted.py") == 1)
        time.sleep(1)
        assert live(serve, "unwanted.py") == 0
        assert serve.answer("status")["processes"] == 1


@pytest.mark.time_limit(60)
def test_serve__hostile_names__stay_text(pitviper, programs, tmp_path):
    name = '"><script>alert(1)<\n\x1b[31m\\.py'
    programs.start(name, WAIT)
    with Serve(pitviper, tmp_path / "data") as serve:
        until(lambda: any("script" in key for key in metrics(serve)))
        serve.answer("status")
    text = json.dumps(ask_at_rest(pitviper, serve.data, "events"))
    assert "alert(1)<??[31m" in text


# ---- numbers ---------------------------------------------------------------------------------


@pytest.mark.time_limit(180)
def test_serve__sums__are_what_the_programs_measured(pitviper, programs, tmp_path):
    """CPU time to a few percent, and the shares of two functions, on however busy a machine."""
    with Serve(pitviper, tmp_path / "data", "--budget", 100, "--process-budget", 100) as serve:
        running = [programs.start("burn.py", BURN, 4) for _ in range(3)]
        truth = [list(map(float, process.communicate(timeout=120)[0].split())) for process in running]
        until(lambda: live(serve, "burn.py") == 0)
    services = ask_at_rest(pitviper, serve.data, "services")
    spent = sum(cpu for cpu, _, _ in truth)
    late = 0.3 * len(truth)  # before they were found
    assert spent - late < row(services, service="burn.py")["cpu_s"] < 1.03 * spent
    for process, (cpu, _, _) in zip(running, truth):
        seen = row(ask_at_rest(pitviper, serve.data, "processes"), pid=process.pid)
        assert cpu - 0.3 < seen["cpu_s"] < 1.05 * cpu
    done = subprocess.run(
        [pitviper, "query", "profile", "--data", str(serve.data), "--service", "burn.py", "--format", "folded"],
        capture_output=True, text=True, timeout=60,
    )
    counts = {"hot": 0, "cold": 0}
    for line in done.stdout.splitlines():
        stack, _, count = line.rpartition(" ")
        for name in counts:
            counts[name] += int(count) * ("%s (" % name in stack)
    share = sum(hot for _, hot, _ in truth) / sum(hot + cold for _, hot, cold in truth)
    assert counts["hot"] + counts["cold"] > 500
    assert abs(counts["hot"] / (counts["hot"] + counts["cold"]) - share) < 0.06


@pytest.mark.time_limit(120)
def test_serve__waiting__is_in_the_wall_profile_only(pitviper, programs, tmp_path):
    with Serve(pitviper, tmp_path / "data", "--include", "/programs/") as serve:
        programs.start("waits.py", "import time\ntime.sleep(100)\n")
        until(lambda: live(serve, "waits.py") == 1)
        time.sleep(6)
    query = ["services", "--service", "waits.py"]
    wall = row(ask_at_rest(pitviper, serve.data, *query, "--type", "wall"), service="waits.py")["cpu_s"]
    cpu = ask_at_rest(pitviper, serve.data, *query)["rows"]
    assert 5 < wall < 9
    assert not cpu or cpu[0]["cpu_s"] < 0.3


@pytest.mark.time_limit(120)
def test_serve__killed__has_what_was_flushed(pitviper, programs, tmp_path):
    process = programs.start("burn.py", BURN, 100)
    serve = Serve(pitviper, tmp_path / "data", "--include", "/programs/")
    until(lambda: live(serve, "burn.py") == 1)
    begin = cpu_ns(process.pid)
    time.sleep(2.5 * WINDOW_S)
    spent = (cpu_ns(process.pid) - begin) / 1e9
    serve.kill()
    before = row(ask_at_rest(pitviper, serve.data, "services"), service="burn.py")["cpu_s"]
    assert before > spent * 0.5 / 2.5
    with Serve(pitviper, tmp_path / "data", "--include", "/programs/") as again:
        until(lambda: live(again, "burn.py") == 1)
        time.sleep(2)
        assert again.answer("status")["store"]["damaged_windows"] == 0
    after = ask_at_rest(pitviper, serve.data, "processes")
    assert row(after, pid=process.pid)["cpu_s"] > before  # the same process, not another one
    assert subprocess.run([pitviper, "store", "check", "--data", str(serve.data)], capture_output=True).returncode == 0


# ---- budgets ---------------------------------------------------------------------------------


@pytest.mark.time_limit(120)
def test_serve__above_its_budget__samples_less_and_says_so(pitviper, programs, tmp_path):
    for _ in range(4):
        programs.start("burn.py", BURN, 100)
    with Serve(pitviper, tmp_path / "data", "--budget", 0.05, "--process-budget", 100) as serve:
        status = until(lambda: (lambda s: s if s["rate_hz"] <= 49 else None)(serve.answer("status")), 60)
        assert any("%d Hz instead of 100" % status["rate_hz"] in warning for warning in status["warnings"])
        seen = metrics(serve)
        assert seen["pitviper_sampling_rate_hertz"] < seen["pitviper_sampling_rate_wanted_hertz"] == 100
        assert seen["pitviper_sampling_rate_changes_total"] >= 2
    events = ask_at_rest(pitviper, serve.data, "events")["rows"]
    assert any(event["kind"] == "rate" and "67 Hz" in event["text"] for event in events)


@pytest.mark.time_limit(60)
def test_serve__boost__samples_a_service_more_often(pitviper, programs, tmp_path):
    programs.start("burn.py", BURN, 100)
    with Serve(pitviper, tmp_path / "data", "--include", "/programs/", "--rate", 19) as serve:
        until(lambda: live(serve, "burn.py") == 1)
        rounds = metrics(serve)["pitviper_rounds_total"]
        assert post(serve, "boost", service="burn.py", rate_hz=500, seconds=4) == 202
        time.sleep(3)
        boosted = metrics(serve)["pitviper_rounds_total"] - rounds
        assert boosted > 3 * 19 * 3
        assert post(serve, "boost", service="nobody", rate_hz=500, seconds=4) == 404
        assert post(serve, "boost", service="burn.py", rate_hz=5000, seconds=4) == 400
        for _ in range(5):
            post(serve, "boost", service="burn.py", rate_hz=100, seconds=30)
        assert post(serve, "boost", service="burn.py", rate_hz=100, seconds=30) == 413


@pytest.mark.time_limit(120)
def test_serve__short_lives__cost_little(pitviper, programs, tmp_path):
    """330 processes of some milliseconds, twice: bounded work, no memory that stays."""
    text = (
        "import subprocess, sys\n"
        "for _ in range(300):\n    subprocess.run(['/bin/true'])\n"
        "for _ in range(30):\n    subprocess.run([sys.executable, '-S', '-c', 'pass'])\n"
        "print('done')\n"
    )
    with Serve(pitviper, tmp_path / "data") as serve:
        programs.start("spawns.py", text).communicate(timeout=60)
        before = serve.rss_bytes()  # with what all other processes of the host take
        programs.start("spawns.py", text).communicate(timeout=60)
        status = serve.answer("status")
        assert serve.get("/-/healthy")[0] == 200
        assert serve.rss_bytes() - before < 12 << 20
        assert status["cores"] < 0.6


# ---- life ------------------------------------------------------------------------------------


def run_serve(pitviper, *words):
    return subprocess.run(
        [pitviper, "serve", *map(str, words)], capture_output=True, text=True, timeout=30, env=clean_environment()
    )


def test_serve__port_in_use__is_said(pitviper, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_serve(pitviper, "--listen", "127.0.0.1:%d" % port, "--data", tmp_path / "data")
    assert done.returncode == 75
    assert str(port) in done.stderr


def test_serve__second_on_the_same_data__is_refused(pitviper, tmp_path):
    with Serve(pitviper, tmp_path / "data"):
        done = run_serve(pitviper, "--listen", "127.0.0.1:0", "--data", tmp_path / "data")
    assert done.returncode == 75
    assert "another" in done.stderr and str(tmp_path / "data") in done.stderr


def test_serve__beyond_loopback__wants_a_token(pitviper, tmp_path):
    done = run_serve(pitviper, "--listen", "0.0.0.0:0", "--data", tmp_path / "data")
    assert done.returncode == 2
    assert "token" in done.stderr


@pytest.mark.parametrize("words", [["--rate", "7"], ["--include", "("], ["--config", "/nonexistent"], ["--wall", "x"]])
def test_serve__wrong_options__are_refused(pitviper, tmp_path, words):
    done = run_serve(pitviper, "--listen", "127.0.0.1:0", "--data", tmp_path / "data", *words)
    assert done.returncode == 2
    assert done.stderr.startswith("pitviper: ")


@pytest.mark.time_limit(60)
def test_serve__sighup__reads_the_configuration_again(pitviper, programs, tmp_path):
    config = tmp_path / "serve.yaml"
    config.write_text("rate: 100\nexclude: [nothing]\n")
    programs.start("stays.py", WAIT)
    with Serve(pitviper, tmp_path / "data", "--config", config) as serve:
        until(lambda: live(serve, "stays.py") == 1)
        config.write_text("rate: 49\nexclude: [stays]\n")
        serve.process.send_signal(signal.SIGHUP)
        until(lambda: serve.answer("status")["rate_hz"] == 49)
        until(lambda: live(serve, "stays.py") == 0)
        config.write_text("rate: many\n")
        serve.process.send_signal(signal.SIGHUP)
        until(lambda: "stays as it was" in serve.log.read_text())
        assert serve.answer("status")["rate_hz"] == 49
        config.write_text("rate: 49\nexclude: [nothing]\n")
        serve.process.send_signal(signal.SIGHUP)
        until(lambda: live(serve, "stays.py") == 1)


def test_serve__json_log__is_json(pitviper, tmp_path):
    with Serve(pitviper, tmp_path / "data", "--log", "json") as serve:
        pass
    lines = [json.loads(line) for line in serve.log.read_text().splitlines()]
    assert lines and all(set(line) == {"time", "level", "message"} for line in lines)


def test_serve__deploy__is_an_event_at_once(pitviper, tmp_path):
    with Serve(pitviper, tmp_path / "data") as serve:
        assert post(serve, "deploys", service="shop", version="1.5", text="faster") == 201
        found = until(lambda: serve.answer("events", kind="deploy")["rows"], 5)
        assert (found[0]["service"], found[0]["version"], found[0]["text"]) == ("shop", "1.5", "faster")


@pytest.mark.skipif(not ROOT, reason="only root has rights to give up")
def test_serve__rights__are_given_up(pitviper, tmp_path):
    with Serve(pitviper, tmp_path / "data") as serve:
        rights = {}
        for task in Path("/proc/%d/task" % serve.pid).iterdir():
            status = (task / "status").read_text()
            bits = int(re.search(r"^CapEff:\s+(\w+)", status, re.MULTILINE)[1], 16)
            name = (task / "comm").read_text().strip()
            rights.setdefault(name, set()).update(bit for bit in range(64) if bits >> bit & 1)
            assert re.search(r"^NoNewPrivs:\s+1", status, re.MULTILINE)
    assert 19 in rights["sampler"] <= READING
    assert rights["keeper"] <= READING
    assert not set().union(*(found for name, found in rights.items() if name not in ("sampler", "keeper")))


@pytest.mark.skipif(not ROOT, reason="only root may mount a small disk")
@pytest.mark.time_limit(120)
def test_serve__disk_full__goes_on_and_says_so(pitviper, programs, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        programs.start("burn.py", BURN, 100)
        with Serve(pitviper, disk / "data", "--include", "/programs/") as serve:
            until(lambda: live(serve, "burn.py") == 1)
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"x" * 4096)
                except OSError:
                    pass
            status = until(lambda: (lambda s: s if s["store"]["failing"] else None)(serve.answer("status")), 40)
            assert status["store"]["reason"]
            assert any("cannot be written" in warning for warning in status["warnings"])
            samples = status["samples"]
            filler.unlink()
            status = until(lambda: (lambda s: None if s["store"]["failing"] else s)(serve.answer("status")), 40)
            assert status["samples"] > samples
        assert "is written again" in serve.log.read_text()
        assert ask_at_rest(pitviper, serve.data, "services")["rows"]
    finally:
        subprocess.run(["umount", str(disk)], check=False)
