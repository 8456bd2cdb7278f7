# SPDX-License-Identifier: MIT
"""Celery: tasks as requests, the sender's trace, queue time, children that are recycled."""

import json
import os
import subprocess
import sys
import time

from support.instrumented import instrumented_environment
from support.region import Region, read_region
from support.target import end_with_parent
from support.web_servers import family
from support.webs import errors, web_program

APP = """
import os, sys, time, sqlite3
import celery
app = celery.Celery("work", broker="filesystem://", backend="file:///" + os.getcwd())
app.conf.update(broker_transport_options={"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"},
    worker_hijack_root_logger=False, broker_connection_retry_on_startup=True, task_track_started=False)
@app.task
def add(a, b):
    sqlite3.connect(":memory:").execute("SELECT 1").fetchone()
    return a + b
@app.task(name="named.fail")
def fail(): raise ValueError("planted-5")
@app.task(bind=True, max_retries=1, default_retry_delay=0)
def again(self):
    if not self.request.retries: raise self.retry(exc=KeyError("planted-6"))
    return "done"
@app.task
def whoami():
    from pitviper import _core
    return [_core.current().trace_id, os.getpid()]
"""


def test_web_celery__eager_tasks__counted_with_errors(package):
    with web_program(APP + """
app.conf.task_always_eager = True
say([add.delay(1, 2).get(), again.delay().get()])
say(error(fail.delay().get)[:2])
with_request = _core.begin(_core.KIND_REQUEST, "/enqueue", "POST")
say([whoami.delay().get()[0] == with_request.trace_id, _core.current() is not None])
with_request.end()
say(_core.current() is None)
""") as done:
        assert done.said == [[3, "done"], ["ValueError", "planted-5"], [True, True], True]
        tasks = {key.name: (key.detail, key.count, key.errors) for key in done.keys("TASK")}
        assert tasks == {
            "work.add": ("celery", 1, 0),
            "work.again": ("celery", 2, 0),
            "work.whoami": ("celery", 1, 0),
            "named.fail": ("celery", 1, 1),
        }
        assert errors(done.region) == {("ValueError", False): 1, ("KeyError", True): 1}
        assert done.has("planted-5", "planted-6") == []
        assert done.region.requests() == []


def _keep_regions(seen, parent):
    """Opens the regions of `parent` and its children before they end; {pid: region}."""
    for pid in family(parent):
        if pid not in seen:
            region = read_region(pid)
            if region is not None and region.header["pid"] == int(pid):  # a child has its parent's open, too
                seen[pid] = region


def _now(region):
    return Region(region.data)


def test_web_celery__prefork_with_recycled_children__no_task_is_lost(package, tmp_path):
    for folder in ("queue", "control"):
        (tmp_path / folder).mkdir()
    (tmp_path / "work.py").write_text("import pitviper.auto\n" + APP)
    environment = instrumented_environment(PYTHONPATH=package + os.pathsep + str(tmp_path))
    words = [sys.executable, "-m", "celery", "-A", "work", "worker", "--pool", "prefork", "--concurrency", "2", "--max-tasks-per-child", "1",
             "--loglevel", "error", "--without-gossip", "--without-mingle", "--without-heartbeat"]  # fmt: skip
    with open(tmp_path / "log", "w+") as log:
        worker = subprocess.Popen(
            words, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent
        )
        try:
            sent = subprocess.run([sys.executable, "-c", SEND], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
            assert sent.returncode == 0, sent.stderr
            trace, wanted = json.loads(sent.stdout)
            seen, end = {}, time.monotonic() + 60
            while time.monotonic() < end:
                _keep_regions(seen, worker.pid)
                tasks = [region for region in map(_now, seen.values()) if region.keys("TASK")]
                if sum(key.count for region in tasks for key in region.keys("TASK")) >= wanted:
                    break
                time.sleep(0.02)
            log.seek(0)
            assert sum(key.count for region in tasks for key in region.keys("TASK")) == wanted, log.read()
            assert all(key.name == "work.slow" for region in tasks for key in region.keys("TASK"))
            assert len(tasks) == wanted  # one process each
            assert {record.values["trace"] for region in tasks for record in region.records("TRACE")} == {trace}
            assert all(region.keys("QUEUE") for region in tasks)
        finally:
            worker.terminate()
            try:
                worker.wait(timeout=15)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


SEND = """
import json, work
from pitviper import _core
request = _core.begin(_core.KIND_REQUEST, "/enqueue", "POST")
for number in range(6):
    work.slow.delay(0.2)
print(json.dumps([request.trace_id, 6]))
"""

APP += """
@app.task
def slow(seconds): time.sleep(seconds)
"""
