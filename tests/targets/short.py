# truth: {"chains": [["<module>", "<module>", "main", "half", "work_half"],
# truth:             ["<module>", "<module>", "main", "third", "middle", "work_third"],
# truth:             ["<module>", "<module>", "main", "seventh", "middle", "lower", "work_seventh"],
# truth:             ["<module>", "<module>", "main", "twentieth", "work_twentieth"]],
# truth:  "own_only": true, "files": ["skewed.py"], "kernel_only": true,
# truth:  "measured": ["half", "third", "seventh", "twentieth"]}
# SPDX-License-Identifier: MIT
"""skewed.py with chains of a tenth of the length: the shortest takes some 2 us, less than a reading from outside."""
import sys

sys.argv[1:] = (sys.argv[1:2] or ["60"]) + ["200"]
import skewed  # noqa: E402, F401 - importing it is running it
