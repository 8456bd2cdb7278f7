# SPDX-License-Identifier: MIT
"""The shared memory of an instrumented process (src/abi/agent.h), read in Python for the tests.

    region = read_region(pid)         # or read_region("self"); None: there is none (yet)
    region.keys("STATEMENT")          # [Key(...)], without the "other" keys that counted nothing
    region.records("ERROR")           # [Record(...)], oldest first
    region.requests()                 # slots in use
"""

import glob
import mmap
import os
import struct
from collections import namedtuple

KINDS = "NONE REQUEST TASK STATEMENT OUTBOUND CACHE TEMPLATE EXCEPTION USER GC QUEUE LOOP".split()
RECORDS = "NONE SPAN REQUEST PARTS TRACE ERROR".split()
FLAGS = {"ERROR": 1, "SAMPLED": 2, "ASYNC": 4, "REPEATED": 8, "REMOTE_PARENT": 16, "FIRST": 32}
MAGIC = 0x7265706976746970
VERSION = 1

HEADER = struct.Struct("<Q II Q QQ II 5Q 4I II Q II QQQ Ii")
HEADER_FIELDS = (
    "magic version pid region_bytes start_mono_ns start_wall_ns python_hex free_threaded "
    "strings_offset keys_offset histograms_offset slots_offset ring_offset "
    "strings_bytes keys_limit slots_limit ring_records strings_used keys_used ring_next service release "
    "context_variable context_hash request_type object_header_bytes tstate_context"
).split()
COUNTERS = struct.Struct("<3Q16Q3Q")
KEY = struct.Struct("<4I Q 8Q I36x")
RECORD = struct.Struct("<I B B H Q 48s")
SPAN = struct.Struct("<QQ QQ IIII")
PARTS = struct.Struct("<8I I HH II")
TRACE = struct.Struct("<QQQ I20x")
SLOT = struct.Struct("<II Q QQ QQ Q II II I II I Q 8Q 16I 32x")
HISTOGRAM_BYTES, HISTOGRAM_BUCKETS = 3 * 4096, 2368

Key = namedtuple(
    "Key",
    "index kind name detail group fingerprint count errors total_ns max_ns rows repeats first_ns last_ns summary",
)
Record = namedtuple("Record", "number kind about flags request values")
Slot = namedtuple("Slot", "id kind route method thread flags leaf_key statements outbound trace span remote_parent")


def bucket_of(value_ns):
    """Index of the histogram's bucket that counts this duration."""
    if value_ns < 64:
        return value_ns
    shift = value_ns.bit_length() - 7
    return min(64 * (shift + 1) + (value_ns >> shift) - 64, HISTOGRAM_BUCKETS - 1)


class Region:
    """Header and counters as they were when it was read; keys, records and slots as they are now."""

    def __init__(self, data):
        self.data = data
        self.header = dict(zip(HEADER_FIELDS, HEADER.unpack_from(data)))
        if (self.header["magic"], self.header["version"]) != (MAGIC, VERSION):
            raise ValueError("not a region of version %d" % VERSION)
        values = COUNTERS.unpack_from(data, HEADER.size)
        names = ("events", "slots_full", "strings_full")
        self.counters = dict(zip(names, values))
        self.counters["keys_full"] = dict(zip(KINDS, values[3:19]))
        self.counters.update(zip(("hook_errors", "sql_withheld", "warnings_dropped"), values[19:]))

    def string(self, number):
        if not number:
            return ""
        start = self.header["strings_offset"] + number * 8
        size = struct.unpack_from("<I", self.data, start)[0]
        return self.data[start + 4 : start + 4 + size].decode("utf-8", "backslashreplace")

    def key(self, index):
        values = KEY.unpack_from(self.data, self.header["keys_offset"] + index * KEY.size)
        kind, name, detail, *rest, summary = values
        return Key(index, KINDS[kind], self.string(name), self.string(detail), *rest, self.string(summary))

    def keys(self, kind=None):
        """Those that counted something, of one kind or of all."""
        found = [self.key(index) for index in range(1, self.header["keys_used"])]
        return [key for key in found if key.count and kind in (None, key.kind)]

    def histogram(self, key):
        """{bucket: count}"""
        start = self.header["histograms_offset"] + key.index * HISTOGRAM_BYTES
        counts = struct.unpack_from("<%dI" % HISTOGRAM_BUCKETS, self.data, start)
        return {bucket: count for bucket, count in enumerate(counts) if count}

    def records(self, kind=None, about=None):
        """What the ring still has, oldest first; `values` by the names of agent.h."""
        found, last = [], self.header["ring_next"]
        for number in range(max(0, last - self.header["ring_records"]), last):
            record = self._record(number)
            if record and kind in (None, record.kind) and about in (None, record.about):
                found.append(record)
        return found

    def requests(self):
        """Requests and tasks in progress."""
        found = []
        for number in range(self.header["slots_limit"]):
            values = SLOT.unpack_from(self.data, self.header["slots_offset"] + number * SLOT.size)
            if values[0] % 2:
                found.append(self._slot(values))
        return found

    def _record(self, number):
        start = self.header["ring_offset"] + number % self.header["ring_records"] * RECORD.size
        sequence, kind, about, flags, request, rest = RECORD.unpack_from(self.data, start)
        if sequence != (number + 1) & 0xFFFFFFFF:
            return None
        name = RECORDS[kind]
        if name == "PARTS":
            fields = "queue_us cpu_us database_us outbound_us cache_us template_us gc_us loop_us gil_us"
            fields += " statements outbound repeated_key repeated"
            values = dict(zip(fields.split(), PARTS.unpack(rest)))
        elif name == "TRACE":
            high, low, remote_parent, state = TRACE.unpack(rest)
            values = {"trace": "%016x%016x" % (high, low), "remote_parent": remote_parent}
            values["state"] = self.string(state)
        else:
            fields = "start_ns duration_ns span parent key thread status rows"
            values = dict(zip(fields.split(), SPAN.unpack(rest)))
            values["key"] = self.key(values["key"])
            if name == "ERROR":
                values["message"] = self.string(values["status"])
        return Record(number, name, KINDS[about], flags, request, values)

    def _slot(self, values):
        kind, number, high, low, span, parent, _, route, method, thread, flags, leaf = values[1:13]
        trace = "%016x%016x" % (high, low)
        return Slot(
            number, KINDS[kind], self.string(route), self.string(method), thread, flags,
            self.key(leaf) if leaf else None, values[13], values[14], trace, span, parent,
        )  # fmt: skip


def read_region(pid="self"):
    """The region of a process, or None. The newest, where a fork left more than one descriptor."""
    newest = None
    for link in glob.glob("/proc/%s/fd/*" % pid):
        try:
            if os.readlink(link).startswith("/memfd:pitviper-agent"):
                with open(link, "rb") as file:
                    region = Region(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
                if newest is None or region.header["start_mono_ns"] > newest.header["start_mono_ns"]:
                    newest = region
        except (OSError, ValueError, struct.error):
            continue
    return newest
