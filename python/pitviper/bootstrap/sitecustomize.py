# SPDX-License-Identifier: MIT
"""Python reads this at its start when `pitviper run` has put this folder on PYTHONPATH.

Instruments the process, then steps aside: the folder leaves sys.path (PYTHONPATH stays, so that children
are instrumented too), and the sitecustomize that this one hides, if there is one, runs as it would have.
Any Python may find this file, also one that pitviper does not know: nothing here needs more than 2.7.
"""
import os
import sys


def _instrument(root):
    """Imports pitviper from `root`, which need not be on sys.path: it may be another environment's."""
    if sys.version_info < (3, 8) or os.environ.get("PITVIPER_DISABLED", "0") not in ("", "0"):
        return
    try:
        sys.path.insert(0, root)
        try:
            import pitviper  # noqa: F401
        finally:
            sys.path.remove(root)
        import pitviper.auto  # noqa: F401
    except Exception:  # the application comes first
        pass


def _step_aside(here):
    """Runs the sitecustomize that would have been found without us; what it raises is its own affair."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    own = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if getattr(error, "name", "sitecustomize") != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", own)


_here = os.path.dirname(os.path.abspath(__file__))
_instrument(os.path.dirname(os.path.dirname(_here)))
_step_aside(_here)
