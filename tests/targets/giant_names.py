# SPDX-License-Identifier: MIT
"""Functions and files whose names have megabytes, in every width of str."""
import sys
import time

from board import ready

SIZE = 2000000


def main(seconds):
    functions = []
    for letter in ("a", "é", "я", "𐎠"):
        names = {}
        source = "def f(n):\n    for _ in range(n):\n        pass\n"
        exec(compile(source, letter * SIZE, "exec"), names)
        function = names["f"]
        if hasattr(function.__code__, "replace"):
            replaced = {"co_name": letter * SIZE}
            if hasattr(function.__code__, "co_qualname"):
                replaced["co_qualname"] = letter * SIZE
            function.__code__ = function.__code__.replace(**replaced)
        functions.append(function)
    end = time.perf_counter() + seconds
    ready()
    while time.perf_counter() < end:
        for function in functions:
            function(1000)


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
