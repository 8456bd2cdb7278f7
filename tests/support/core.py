# SPDX-License-Identifier: MIT
"""Programs that use the extension and look at their own shared memory.

The reader of support/region.py is put in front of them, so they need nothing but the package, also in
another root. What a program asserts is told by its traceback.
"""

from pathlib import Path

from . import region as reader
from .instrumented import run_python

PRELUDE = Path(reader.__file__).read_text().replace("# SPDX-License-Identifier: MIT", "", 1) + """
import sys
from pitviper import _core

def counts(kind):
    return {(key.name, key.detail): key.count for key in read_region().keys(kind)}

def records(*args):
    return read_region().records(*args)
"""


def core_program(python, code, **options):
    """Runs it; what it printed. It must end well and say nothing on stderr."""
    done = run_python(python, PRELUDE + code, **options)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout
