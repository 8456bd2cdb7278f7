# SPDX-License-Identifier: MIT
"""Helpers shared by the tests and the benchmarks. Plain Python, standard library only."""
