# SPDX-License-Identifier: MIT
"""What having the agent costs before anything happens, as JSON. Runs with and without it.

    python starts.py import FOLDER   import and enable: milliseconds, and megabytes that stay resident
    python starts.py fork CALLS      microseconds of a fork whose child ends at once
"""
import json
import os
import sys
import time

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE_BYTES / 1e6


def measure_import(folder):
    before_mb, start = resident_mb(), time.perf_counter()
    if folder:
        sys.path.insert(0, folder)
        import pitviper.auto  # noqa: F401
    took_ms = (time.perf_counter() - start) * 1e3
    if folder:  # the shared memory comes with the first event
        from pitviper import _core

        for number in range(100):
            request = _core.begin(_core.KIND_REQUEST, "/%d" % number)
            with _core.span("step"):
                pass
            request.end()
    return {"ms": took_ms, "mb": resident_mb() - before_mb}


def measure_fork(calls):
    took = []
    for _ in range(calls):
        start = time.perf_counter()
        child = os.fork()
        if child == 0:
            os._exit(0)
        took.append(time.perf_counter() - start)
        os.waitpid(child, 0)
    took.sort()
    return {"us": took[len(took) // 2] * 1e6}


def main():
    what, value = sys.argv[1], sys.argv[2]
    print(json.dumps(measure_import(value) if what == "import" else measure_fork(int(value))))


main()
