# SPDX-License-Identifier: MIT
"""Line tables of the whole standard library of every interpreter: ours against its own reading.

The interpreter compiles each file of its library and writes, for every code object, its table and the
line of every instruction as it sees it (PyCode_Addr2Line up to 3.9, co_lines from 3.10, checked
against co_positions from 3.11 on); linetable_check decodes the table and compares.
"""

import subprocess
from pathlib import Path

from support.recorder import binary_path

CHECKER = Path(binary_path()).parent / "tests" / "drivers" / "linetable_check"
CODES_MIN = 10000  # a standard library that was found has more code objects than this
TIMEOUT_S = 600

# Runs under every version, from standard input: no syntax newer than 3.6.
DUMPER = r'''
import ctypes, os, struct, sys, sysconfig, warnings

warnings.simplefilter("ignore")
out = sys.stdout.buffer

def expected_lines(code):
    """[(byte offset, line or 0)] for every instruction."""
    if sys.version_info < (3, 10):
        line_at = ctypes.pythonapi.PyCode_Addr2Line
        self = ctypes.py_object(code)
        return [(offset, line_at(self, offset)) for offset in range(0, len(code.co_code), 2)]
    rows = []
    for start, end, line in code.co_lines():
        rows += [(offset, line or 0) for offset in range(start, end, 2)]
    if sys.version_info >= (3, 11):
        positions = [position[0] or 0 for position in code.co_positions()]
        assert positions == [line for _, line in rows], code
    rows.append((len(code.co_code) + 2, 0))
    return rows

def dump(code):
    table = code.co_lnotab if sys.version_info < (3, 10) else code.co_linetable
    rows = expected_lines(code)
    out.write(struct.pack("<IiI", len(table), code.co_firstlineno, len(rows)))
    out.write(table)
    out.write(b"".join(struct.pack("<Ii", *row) for row in rows))
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            dump(constant)

for folder, names, files in os.walk(sysconfig.get_path("stdlib")):
    names[:] = sorted(name for name in names if name not in ("site-packages", "__pycache__"))
    for name in sorted(files):
        if not name.endswith(".py"):
            continue
        with open(os.path.join(folder, name), "rb") as file:
            source = file.read()
        try:
            code = compile(source, name, "exec")
        except (SyntaxError, ValueError, RecursionError):
            continue  # the library's own tests of bad files
        dump(code)
'''


def format_of(python):
    return "lnotab" if python.minor <= 9 else "310" if python.minor == 10 else "location"


def test_linetable__standard_library__agrees_with_the_interpreter(python):
    dumper = subprocess.Popen(
        python.command() + ["-c", DUMPER], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    checker = subprocess.run(
        [str(CHECKER), format_of(python)],
        stdin=dumper.stdout, capture_output=True, text=True, timeout=TIMEOUT_S,
    )
    dumper.stdout.close()
    assert dumper.wait(timeout=30) == 0
    assert checker.returncode == 0, checker.stdout + checker.stderr
    words = checker.stdout.split()
    codes, mismatches = int(words[1]), int(words[5])
    assert codes >= CODES_MIN
    assert mismatches == 0
    print(python.name, checker.stdout)
