#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes src/pyabi/layouts.inc: what each CPython looks like in memory, from its own headers.

For every version a small C program is compiled against that version's private headers
(Py_BUILD_CORE) and asked for offsetof and sizeof of what struct pyabi names. From 3.13 on the
process publishes most of this itself (_Py_DebugOffsets); there the row serves for what is not
published, and for free-threaded builds the same headers are compiled once more with
Py_GIL_DISABLED.

    gen_pyabi.py --check                     the committed table equals what the headers say
    gen_pyabi.py --write                     rewrite it (needs the headers of every version)
    gen_pyabi.py --fixtures DIR              also dump each _Py_DebugOffsets, as a fuzz corpus
    gen_pyabi.py --headers DIR ...           further include/pythonX.Y folders to use
    gen_pyabi.py --python PATH ...           take the headers of these interpreters instead

Without --python: every pyenv version and every /usr/include/python3.* is looked at. A version whose
headers are missing is named and skipped by --check, and is an error for --write.

x86-64 Linux with glibc. Derived rather than included: the dict keys of 3.6 to 3.10, which are
private to Objects/dict-common.h there (see DICT_KEYS_OLD).
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE = os.path.join(ROOT, "src", "pyabi", "layouts.inc")
HEADER = os.path.join(ROOT, "src", "pyabi", "pyabi.h")
NEWEST = 15
FREE_THREADED_FROM = 13
NONE = "PYABI_NONE"

# Objects/dict-common.h is not installed; the struct was the same from 3.6 to 3.10.
DICT_KEYS_OLD = """
struct dict_keys_old {
    Py_ssize_t dk_refcnt, dk_size;
    void *dk_lookup;
    Py_ssize_t dk_usable, dk_nentries;
    char dk_indices[];
};
"""

# Name of the struct behind each group of fields, where one name serves all versions.
RUNTIME, INTERP, TSTATE = "_PyRuntimeState", "PyInterpreterState", "PyThreadState"
OLD_FRAME, FRAME, CODE = "PyFrameObject", "_PyInterpreterFrame", "PyCodeObject"


def at(struct, member, first=6, last=NEWEST, only_free_threaded=False):
    return (first, last, only_free_threaded, f"offsetof({struct}, {member})")


def size(struct, first=6, last=NEWEST):
    return (first, last, False, f"sizeof({struct})")


def value(expression, first=6, last=NEWEST):
    return (first, last, False, expression)


def bit(member):
    """Position of the lowest bit of a bit field in the state word of a str."""
    return value(f"BIT_OF({member})")


# One row per field of struct pyabi, in its order: the rules, first match wins; none: PYABI_NONE.
FIELDS = [
    ("runtime.size", [size(RUNTIME, 7)]),
    ("runtime.finalizing", [at(RUNTIME, "finalizing", 7, 8), at(RUNTIME, "_finalizing", 9)]),
    ("runtime.interpreters_head", [at(RUNTIME, "interpreters.head", 7)]),
    ("runtime.tstate_current", [at(RUNTIME, "gilstate.tstate_current", 7, 11)]),
    ("runtime.gil_last_holder", [at(RUNTIME, "ceval.gil.last_holder", 7, 11)]),
    ("runtime.gil_locked", [at(RUNTIME, "ceval.gil.locked", 7, 11)]),
    ("runtime.gc_collecting", [at(RUNTIME, "gc.collecting", 7, 8)]),
    ("runtime.autotsskey",
     [at(RUNTIME, "gilstate.autoTSSkey", 7, 11), at(RUNTIME, "autoTSSkey", 12, 14)]),
    ("interp.size", [size(INTERP)]),
    ("interp.next", [at(INTERP, "next")]),
    ("interp.id", [at(INTERP, "id", 7)]),
    ("interp.threads_head", [at(INTERP, "tstate_head", 6, 10), at(INTERP, "threads.head", 11)]),
    ("interp.threads_main", [at(INTERP, "threads.main", 14)]),
    ("interp.modules", [at(INTERP, "modules", 6, 11), at(INTERP, "imports.modules", 12)]),
    ("interp.sysdict", [at(INTERP, "sysdict")]),
    ("interp.gc_collecting", [at(INTERP, "gc.collecting", 9)]),
    ("interp.ceval_gil", [at(INTERP, "ceval.gil", 12)]),
    ("interp.gil_enabled", [at(INTERP, "_gil.enabled", 13, only_free_threaded=True)]),
    ("interp.code_object_generation", [at(INTERP, "_code_object_generation", 14)]),
    ("interp.tlbc_generation",
     [at(INTERP, "tlbc_indices.tlbc_generation", 14, only_free_threaded=True)]),
    ("gil.last_holder", [at("struct _gil_runtime_state", "last_holder", 12)]),
    ("gil.locked", [at("struct _gil_runtime_state", "locked", 12)]),
    ("tstate.size", [size(TSTATE)]),
    ("tstate.prev", [at(TSTATE, "prev")]),
    ("tstate.next", [at(TSTATE, "next")]),
    ("tstate.interp", [at(TSTATE, "interp")]),
    ("tstate.frame", [at(TSTATE, "frame", 6, 10), at(TSTATE, "cframe", 11, 12),
                      at(TSTATE, "current_frame", 13)]),
    ("tstate.base_frame", [at(TSTATE, "base_frame", 15)]),
    ("tstate.thread_id", [at(TSTATE, "thread_id")]),
    ("tstate.native_thread_id", [at(TSTATE, "native_thread_id", 11)]),
    ("tstate.datastack_chunk", [at(TSTATE, "datastack_chunk", 11)]),
    ("tstate.datastack_top", [at(TSTATE, "datastack_top", 11)]),
    ("tstate.datastack_limit", [at(TSTATE, "datastack_limit", 11)]),
    ("tstate.status", [at(TSTATE, "_status", 12)]),
    ("tstate.holds_gil", [at(TSTATE, "holds_gil", 15)]),
    ("tstate.gil_requested", [at(TSTATE, "gil_requested", 15)]),
    ("tstate.context", [at(TSTATE, "context", 7)]),
    ("cframe.current_frame", [at("struct _PyCFrame", "current_frame", 11, 12)]),
    ("frame.size", [at(OLD_FRAME, "f_localsplus", 6, 10), at(FRAME, "localsplus", 11)]),
    ("frame.previous", [at(OLD_FRAME, "f_back", 6, 10), at(FRAME, "previous", 11)]),
    ("frame.code", [at(OLD_FRAME, "f_code", 6, 10), at(FRAME, "f_code", 11, 12),
                    at(FRAME, "f_executable", 13)]),
    ("frame.instr", [at(OLD_FRAME, "f_lasti", 6, 10), at(FRAME, "prev_instr", 11, 12),
                     at(FRAME, "instr_ptr", 13)]),
    ("frame.instr_is_index", [value("1", 6, 10), value("0", 11)]),
    ("frame.instr_scale", [value("1", 6, 9), value("sizeof(_Py_CODEUNIT)", 10, 10),
                           value("1", 11)]),
    ("frame.instr_bias", [value("0")]),
    ("frame.owner", [at(FRAME, "owner", 11)]),
    ("frame.is_entry", [at(FRAME, "is_entry", 11, 11)]),
    ("frame.localsplus", [at(OLD_FRAME, "f_localsplus", 6, 10), at(FRAME, "localsplus", 11)]),
    ("frame.stacktop", [at(FRAME, "stacktop", 11, 13)]),
    ("frame.stackpointer", [at(FRAME, "stackpointer", 14)]),
    ("frame.valuestack", [at(OLD_FRAME, "f_valuestack", 6, 10)]),
    ("frame.f_locals", [at(OLD_FRAME, "f_locals", 6, 10), at(FRAME, "f_locals", 11)]),
    ("frame.f_globals", [at(OLD_FRAME, "f_globals", 6, 10), at(FRAME, "f_globals", 11)]),
    ("frame.tlbc_index", [at(FRAME, "tlbc_index", 14, only_free_threaded=True)]),
    ("code.size", [at(CODE, "co_code_adaptive", 11), size(CODE, 6, 10)]),
    ("code.argcount", [at(CODE, "co_argcount")]),
    ("code.kwonlyargcount", [at(CODE, "co_kwonlyargcount")]),
    ("code.nlocals", [at(CODE, "co_nlocals")]),
    ("code.flags", [at(CODE, "co_flags")]),
    ("code.firstlineno", [at(CODE, "co_firstlineno")]),
    ("code.name", [at(CODE, "co_name")]),
    ("code.qualname", [at(CODE, "co_qualname", 11)]),
    ("code.filename", [at(CODE, "co_filename")]),
    ("code.lines", [at(CODE, "co_lnotab", 6, 9), at(CODE, "co_linetable", 10)]),
    ("code.varnames", [at(CODE, "co_varnames", 6, 10)]),
    ("code.localsplusnames", [at(CODE, "co_localsplusnames", 11)]),
    ("code.localspluskinds", [at(CODE, "co_localspluskinds", 11)]),
    ("code.bytecode", [at(CODE, "co_code_adaptive", 11)]),
    ("code.bytes", [at(CODE, "co_code", 6, 10)]),
    ("code.version", [at(CODE, "co_version", 12)]),
    ("code.framesize", [at(CODE, "co_framesize", 12)]),
    ("code.tlbc", [at(CODE, "co_tlbc", 14, only_free_threaded=True)]),
    ("object.size", [size("PyObject")]),
    ("object.type", [at("PyObject", "ob_type")]),
    ("object.refcnt", [value("REFCNT_OFFSET")]),
    ("type.name", [at("PyTypeObject", "tp_name")]),
    ("type.flags", [at("PyTypeObject", "tp_flags")]),
    ("type.basicsize", [at("PyTypeObject", "tp_basicsize")]),
    ("type.dictoffset", [at("PyTypeObject", "tp_dictoffset")]),
    ("unicode.ascii_size", [size("PyASCIIObject")]),
    ("unicode.compact_size", [size("PyCompactUnicodeObject")]),
    ("unicode.length", [at("PyASCIIObject", "length")]),
    ("unicode.hash", [at("PyASCIIObject", "hash")]),
    ("unicode.state", [at("PyASCIIObject", "state")]),
    ("unicode.kind_shift", [bit("kind")]),
    ("unicode.compact_shift", [bit("compact")]),
    ("unicode.ascii_shift", [bit("ascii")]),
    ("bytes.ob_size", [at("PyVarObject", "ob_size")]),
    ("bytes.data", [at("PyBytesObject", "ob_sval")]),
    ("tuple.ob_size", [at("PyVarObject", "ob_size")]),
    ("tuple.items", [at("PyTupleObject", "ob_item")]),
    ("list.ob_size", [at("PyVarObject", "ob_size")]),
    ("list.items", [at("PyListObject", "ob_item")]),
    ("dict.used", [at("PyDictObject", "ma_used")]),
    ("dict.keys", [at("PyDictObject", "ma_keys")]),
    ("dict.values", [at("PyDictObject", "ma_values")]),
    ("dict.keys_log2_size", [at("struct _dictkeysobject", "dk_log2_size", 11)]),
    ("dict.keys_size", [at("struct dict_keys_old", "dk_size", 6, 10)]),
    ("dict.keys_log2_index_bytes", [at("struct _dictkeysobject", "dk_log2_index_bytes", 11)]),
    ("dict.keys_kind", [at("struct _dictkeysobject", "dk_kind", 11)]),
    ("dict.keys_nentries", [at("struct dict_keys_old", "dk_nentries", 6, 10),
                            at("struct _dictkeysobject", "dk_nentries", 11)]),
    ("dict.keys_indices", [at("struct dict_keys_old", "dk_indices", 6, 10),
                           at("struct _dictkeysobject", "dk_indices", 11)]),
    ("integer.digit_size", [size("digit")]),
    ("integer.lv_tag", [at("PyVarObject", "ob_size", 6, 11),
                        at("PyLongObject", "long_value.lv_tag", 12)]),
    ("integer.digits", [at("struct _longobject", "ob_digit", 6, 11),
                        at("PyLongObject", "long_value.ob_digit", 12)]),
    ("real.value", [at("PyFloatObject", "ob_fval")]),
    ("chunk.previous", [at("_PyStackChunk", "previous", 11)]),
    ("chunk.size", [at("_PyStackChunk", "size", 11)]),
    ("chunk.top", [at("_PyStackChunk", "top", 11)]),
    ("chunk.data", [at("_PyStackChunk", "data", 11)]),
    ("gen.iframe", [at("PyGenObject", "gi_iframe", 11)]),
    ("gen.frame", [at("PyGenObject", "gi_frame", 6, 10)]),
    ("gen.frame_state", [at("PyGenObject", "gi_frame_state", 11)]),
]

BOOLEANS = {"frame.instr_is_index"}

# Private headers by first and last minor that needs and has them.
INCLUDES = [
    (6, 15, "Python.h"), (6, 15, "frameobject.h"), (6, 10, "longintrepr.h"),
    (7, 7, "internal/pystate.h"), (8, 8, "internal/pycore_pystate.h"),
    (9, 15, "internal/pycore_runtime.h"), (9, 15, "internal/pycore_interp.h"),
    (11, 15, "internal/pycore_frame.h"), (14, 15, "internal/pycore_interpframe.h"),
    (11, 15, "internal/pycore_dict.h"), (12, 15, "internal/pycore_code.h"),
    (13, 13, "internal/pycore_runtime_init.h"), (14, 15, "internal/pycore_debug_offsets.h"),
]

PROBE_TAIL = """
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Sets one bit field of an otherwise empty state word and looks for it. */
#define BIT_OF(member) __extension__({ \\
    PyASCIIObject str_; unsigned word_; \\
    memset(&str_, 0, sizeof str_); str_.state.member = 1; \\
    memcpy(&word_, &str_.state, sizeof word_); __builtin_ctz(word_); })
#ifdef Py_GIL_DISABLED
#define REFCNT_OFFSET (-1) /* split in two: ob_ref_local, ob_ref_shared */
#else
#define REFCNT_OFFSET offsetof(PyObject, ob_refcnt)
#endif
"""


class Headers:
    """One set of installed headers: where, which version, GIL or free-threaded."""

    def __init__(self, folder, free_threaded):
        self.folder = os.path.abspath(folder)
        self.free_threaded = free_threaded
        self.hex = version_of(self.folder)
        self.minor = self.hex >> 16 & 0xFF

    @property
    def name(self):
        return f"3.{self.minor}.{self.hex >> 8 & 0xFF}" + ("t" if self.free_threaded else "")


def version_of(folder):
    with open(os.path.join(folder, "patchlevel.h"), encoding="utf-8") as file:
        text = file.read()
    numbers = {}
    levels = {"ALPHA": 0xA, "BETA": 0xB, "GAMMA": 0xC, "FINAL": 0xF}
    for key in ("MAJOR_VERSION", "MINOR_VERSION", "MICRO_VERSION", "RELEASE_SERIAL"):
        numbers[key] = int(re.search(rf"#define PY_{key}\s+(\d+)", text).group(1))
    level = re.search(r"#define PY_RELEASE_LEVEL\s+PY_RELEASE_LEVEL_(\w+)", text).group(1)
    return (numbers["MAJOR_VERSION"] << 24 | numbers["MINOR_VERSION"] << 16
            | numbers["MICRO_VERSION"] << 8 | levels[level] << 4 | numbers["RELEASE_SERIAL"])


def include_folders(python):
    """The include folder of an interpreter, asked from itself."""
    command = [python, "-c", "import sysconfig; print(sysconfig.get_paths()['include'])"]
    return [subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()]


def default_folders():
    found = []
    for base in (os.path.expanduser("~/.pyenv/versions"),):
        for name in sorted(os.listdir(base)) if os.path.isdir(base) else []:
            include = os.path.join(base, name, "include")
            if re.match(r"3\.\d+", name) and os.path.isdir(include):
                found += [os.path.join(include, entry) for entry in sorted(os.listdir(include))]
    if os.path.isdir("/usr/include"):
        found += [f"/usr/include/{entry}" for entry in sorted(os.listdir("/usr/include"))
                  if re.fullmatch(r"python3\.\d+\w?", entry)]
    return found


def collect(folders):
    """All header sets among the folders, the later patch level of a minor last."""
    sets = []
    for folder in folders:
        if not os.path.exists(os.path.join(folder, "patchlevel.h")):
            continue
        headers = Headers(folder, False)
        if not 6 <= headers.minor <= NEWEST:
            continue
        sets.append(headers)
        if headers.minor >= FREE_THREADED_FROM:
            sets.append(Headers(folder, True))
    return sorted(sets, key=lambda item: (item.minor, item.free_threaded, item.hex))


def expression(rules, headers):
    for first, last, only_free_threaded, text in rules:
        if first <= headers.minor <= last and (headers.free_threaded or not only_free_threaded):
            return text
    return None


def debug_offsets_initializer(headers):
    """C text that initialises a struct _Py_DebugOffsets, or None."""
    if headers.minor < 13:
        return None
    if headers.minor >= 14:
        return '_Py_DebugOffsets_INIT("xdebugpy")'
    path = os.path.join(headers.folder, "internal", "pycore_runtime_init.h")
    with open(path, encoding="utf-8") as file:
        text = file.read().replace("\\\n", "\n")
    start = text.index("{", text.index(".debug_offsets"))
    depth = 0
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            break
    return text[start:position + 1].replace("debug_cookie", '"xdebugpy"')


def probe_source(headers):
    lines = []
    for first, last, name in INCLUDES:
        if first <= headers.minor <= last:
            lines.append(f'#include "{name}"')
    lines.append(PROBE_TAIL)
    if headers.minor <= 10:
        lines.append(DICT_KEYS_OLD)
    initializer = debug_offsets_initializer(headers)
    if initializer:
        lines.append(f"static const struct _Py_DebugOffsets published = {initializer};")
    lines.append("int main(int argc, char **argv) {")
    for name, rules in FIELDS:
        text = expression(rules, headers)
        if text:
            lines.append(f'printf("{name} %ld\\n", (long)({text}));')
    if initializer:
        lines.append("if (argc > 1) { FILE *f = fopen(argv[1], \"wb\");")
        lines.append("fwrite(&published, sizeof published, 1, f); fclose(f); }")
    lines.append("(void)argc; (void)argv; return 0; }")
    return "\n".join(lines) + "\n"


def probe(headers, dump=None):
    """Runs the probe; returns {field: number}."""
    with tempfile.TemporaryDirectory() as scratch:
        source, program = os.path.join(scratch, "probe.c"), os.path.join(scratch, "probe")
        with open(source, "w", encoding="utf-8") as file:
            file.write(probe_source(headers))
        command = ["cc", "-std=gnu17", "-w", "-O1", "-DPy_BUILD_CORE=1", "-DNDEBUG"]
        command += ["-DPy_GIL_DISABLED=1"] if headers.free_threaded else []
        command += ["-I", headers.folder, "-I", os.path.join(headers.folder, "internal"),
                    "-I", os.path.dirname(headers.folder), source, "-o", program,
                    "-Wl,--unresolved-symbols=ignore-all"]
        subprocess.run(command, check=True)
        run = subprocess.run([program] + ([dump] if dump else []), check=True,
                             capture_output=True, text=True)
    return {key: int(number) for key, number in map(str.split, run.stdout.splitlines())}


def fields_of_header():
    """Names of all int32_t and bool fields in the groups of struct pyabi, from pyabi.h."""
    with open(HEADER, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    body = re.search(r"struct pyabi \{(.*?)\n\};", text, re.S).group(1)
    names = []
    for members, group in re.findall(r"struct \{(.*?)\} (\w+);", body, re.S):
        for declaration in re.findall(r"(?:int32_t|bool) ([^;]+);", members):
            names += [f"{group}.{member.strip()}" for member in declaration.split(",")]
    return names


def kinds(headers):
    """The enums and flags at the top of struct pyabi."""
    minor = headers.minor
    stack = "FRAMEOBJECT" if minor <= 10 else "CFRAME" if minor <= 12 else "CURRENT"
    lines = "LNOTAB" if minor <= 9 else "310" if minor == 10 else "LOCATION"
    return [f".version_hex = 0x{headers.hex:08x}",
            f".free_threaded = {str(headers.free_threaded).lower()}",
            f".tagged_refs = {str(minor >= 14).lower()}",
            f".stack = PYABI_STACK_{stack}", f".lines = PYABI_LINES_{lines}"]


def row(headers, numbers):
    """One initialiser of struct pyabi."""
    groups = {}
    for name, _ in FIELDS:
        group, field = name.split(".")
        number = numbers.get(name)
        text = NONE if number is None or number < 0 else str(number)
        if name in BOOLEANS:
            text = "true" if number else "false"
        groups.setdefault(group, []).append(f".{field} = {text}")
    out = [f"{{   /* {headers.name} */", "    " + ", ".join(kinds(headers)) + ","]
    for group, members in groups.items():
        out.append(f"    .{group} = {{" + ", ".join(members) + "},")
    return "\n".join(out) + "\n},\n"


def wrapped(text, width=100):
    """Breaks the long lines of a row at commas."""
    out = []
    for line in text.splitlines():
        indent = "    "
        while len(line) > width:
            cut = line.rfind(", ", 0, width) + 1
            out.append(line[:cut])
            line = indent * 2 + line[cut + 1:]
        out.append(line)
    return "\n".join(out) + "\n"


def preamble():
    return ("/* SPDX-License-Identifier: MIT */\n"
            "/* Generated by scripts/gen_pyabi.py from the headers of each version; do not edit. */\n")


def read_rows():
    """The committed rows by version name."""
    if not os.path.exists(TABLE):
        return {}
    with open(TABLE, encoding="utf-8") as file:
        text = file.read()
    return {match.group(1): match.group(0)
            for match in re.finditer(r"\{   /\* (\S+) \*/\n.*?\n\},\n", text, re.S)}


def write(sets, fixtures):
    """One row per minor and build kind: the newest patch level at hand."""
    newest = {(item.minor, item.free_threaded): item for item in sets}
    wanted = [(minor, False) for minor in range(6, NEWEST + 1)]
    wanted += [(minor, True) for minor in range(FREE_THREADED_FROM, NEWEST + 1)]
    missing = [key for key in wanted if key not in newest]
    if missing:
        sys.exit("gen_pyabi: no headers of " + ", ".join(f"3.{minor}" for minor, _ in missing))
    text = preamble()
    text += "".join(wrapped(row(newest[key], probe(newest[key]))) for key in sorted(wanted))
    with open(TABLE, "w", encoding="utf-8") as file:
        file.write(text)
    for item in newest.values() if fixtures else []:
        if item.minor >= 13:
            probe(item, os.path.join(fixtures, item.name))
    return 0


def differences(committed, made):
    """Fields that differ, ignoring the version line."""
    def split(text):
        text = re.sub(r"\.version_hex = 0x\w+", "", re.sub(r"/\*.*?\*/", "", text))
        found, group = {}, ""
        for name, opened, number in re.findall(r"\.(\w+) = (?:(\{)|(-?\w+))", text):
            if opened:
                group = name + "."
            else:
                found[group + name] = number
        return found
    old, new = split(committed), split(made)
    return [f"{key}: {old.get(key)} committed, {new.get(key)} in the headers"
            for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]


def check(sets):
    """Every header set against its row. 3.13 and later may differ: they say so themselves."""
    rows = {name.rsplit(".", 1)[0] + ("t" if name.endswith("t") else ""): text
            for name, text in read_rows().items()}
    seen, bad = set(), 0
    for item in sets:
        key = f"3.{item.minor}" + ("t" if item.free_threaded else "")
        seen.add(key)
        if key not in rows:
            print(f"gen_pyabi: 3.{item.minor} has no row in layouts.inc")
            bad += 1
            continue
        committed_hex = int(re.search(r"version_hex = (0x\w+)", rows[key]).group(1), 16)
        found = differences(rows[key], wrapped(row(item, probe(item))))
        same_patch = committed_hex == item.hex
        for text in found:
            print(f"gen_pyabi: {item.name}: {text}"
                  + ("" if same_patch else f" (row is of 0x{committed_hex:08x})"))
        bad += len(found) if same_patch or item.minor <= 12 else 0
        if not found:
            print(f"gen_pyabi: {item.name}: as committed")
    for key in sorted(rows.keys() - seen):
        print(f"gen_pyabi: SKIPPED {key}: its headers are not installed")
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", action="append", default=[])
    parser.add_argument("--headers", action="append", default=[])
    parser.add_argument("--fixtures")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if [name for name, _ in FIELDS] != fields_of_header():
        only = set(name for name, _ in FIELDS) ^ set(fields_of_header())
        sys.exit(f"gen_pyabi: FIELDS and struct pyabi differ: {sorted(only) or 'in order'}")
    folders = list(arguments.headers)
    for python in arguments.python:
        folders += include_folders(python)
    if not arguments.python:
        folders += default_folders()
    sets = collect(folders)
    return write(sets, arguments.fixtures) if arguments.write else check(sets)


if __name__ == "__main__":
    sys.exit(main())
