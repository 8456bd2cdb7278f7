#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns files into C arrays: embed.py OUT.c NAME=FILE...

Each becomes `const char NAME[]` with a NUL at its end, and `const size_t NAME_size`. (A string
literal may have 4095 bytes; an array has no such limit.) Lines that are
blank or only a comment in JavaScript or CSS are left out with --strip.
"""
import sys

BYTES_PER_LINE = 32


def strip(text: bytes) -> bytes:
    lines = (line.strip() for line in text.split(b"\n"))
    kept = (line for line in lines if line and not line.startswith((b"//", b"/* SPDX")))
    return b"\n".join(kept) + b"\n"


def signed(byte: int) -> str:
    return str(byte - 256 if byte > 127 else byte)


def main() -> None:
    args = sys.argv[1:]
    stripping = "--strip" in args
    out, *pairs = [arg for arg in args if arg != "--strip"]
    with open(out, "w", encoding="ascii") as to:
        to.write("#include <stddef.h>\n")
        for pair in pairs:
            name, path = pair.split("=", 1)
            with open(path, "rb") as source:
                text = source.read()
            if stripping:
                text = strip(text)
            to.write(f"extern const char {name}[];\nextern const size_t {name}_size;\n")
            to.write(f"const char {name}[] = {{\n")
            for at in range(0, len(text), BYTES_PER_LINE):
                to.write(",".join(map(signed, text[at:at + BYTES_PER_LINE])) + ",\n")
            to.write(f"0}};\nconst size_t {name}_size = {len(text)};\n")


main()
