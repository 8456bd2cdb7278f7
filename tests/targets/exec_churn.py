# truth: {"regex": "<module> \\(exec_churn.py\\)(;main \\(exec_churn.py\\)(;(<module> \\(code_\\d+\\)|run \\(exec_churn.py\\)(;outer_(\\d+) \\(code_\\5\\)(;middle_\\5 \\(code_\\5\\)(;inner_\\5 \\(code_\\5\\))?)?)?))?)?"}
# SPDX-License-Identifier: MIT
"""Code that is compiled, run for a moment and freed; the next one gets its addresses, other names and
another file. The number is the same all along a legal stack.
"""
import sys
import time

from board import open_board, ready

SOURCE = """
def inner_{0}(n):
    total = 0
    for i in range(n):
        total += i
    return total

def middle_{0}(n):
    return inner_{0}(n) + 1

def outer_{0}(n):
    return middle_{0}(n) + 1
"""
VARIANTS = 50


def run(function):
    for _ in range(10):
        function(100)


def main(seconds):
    board = open_board()
    end = time.perf_counter() + seconds
    sources = [SOURCE.format(number) for number in range(VARIANTS)]
    ready()
    number = 0
    while time.perf_counter() < end:
        number = (number + 1) % VARIANTS
        names = {}
        exec(compile(sources[number], "code_%d" % number, "exec"), names)
        run(names["outer_%d" % number])
        del names
        board[0] += 1


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
