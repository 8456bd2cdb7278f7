#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a folder that PYTHONPATH can name: the package's Python files, copied, and the extension beside them.

    stage_package.py SOURCE TO STAMP DEPFILE [EXTENSION…]

Copies what changed, removes what is gone, touches STAMP, and writes to DEPFILE what the build must look at
next time: the folders too, so that a new file is seen.
"""
import filecmp
import shutil
import sys
from pathlib import Path

SKIPPED = {"__pycache__", "meson.build"}


def wanted_files(source, extensions):
    """{path in the staged folder: where it comes from}, and the folders seen."""
    files, folders = {}, [source]
    for path in sorted(source.rglob("*")):
        if SKIPPED & set(path.relative_to(source).parts) or path.suffix == ".pyc":
            continue
        if path.is_dir():
            folders.append(path)
        else:
            files[path.relative_to(source)] = path
    for extension in extensions:
        files[Path(extension.name)] = extension
    return files, folders


def stage(files, to):
    for relative, origin in files.items():
        target = to / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or not filecmp.cmp(origin, target, shallow=False):
            fresh = target.with_name(target.name + ".new")  # never write into what a process has mapped
            shutil.copy2(origin, fresh)
            fresh.replace(target)
    for path in list(to.rglob("*")):
        relative = path.relative_to(to)
        if path.is_file() and "__pycache__" not in relative.parts and relative not in files:
            path.unlink()


def main():
    source, to, stamp, depfile = (Path(word) for word in sys.argv[1:5])
    files, folders = wanted_files(source, [Path(word) for word in sys.argv[5:]])
    stage(files, to)
    stamp.touch()
    names = [str(path).replace(" ", "\\ ") for path in [*folders, *files.values()]]
    depfile.write_text(f"{stamp.name}: {' '.join(names)}\n")


if __name__ == "__main__":
    main()
