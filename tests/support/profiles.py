# SPDX-License-Identifier: MIT
"""Profiles made up for the tests, as profile JSON (docs/formats.md), and converting them."""

import json
import subprocess

from .recorder import binary_path

ODD_NAMES = [
    "semi;colon", "new\nline\rtab\t", 'quote"back\\slash', "<script>alert(1)</script>", "]]>&amp;&",
    "'single' (paren", "trailing 12", "\x01\x1f\x7f control", "\ufffe nonchar", "\u2028 separator",
    "漢字", "", " ", "%s%n", "=cmd", "calls=1 1", "fn=(1)", '{"a":1}', "\U0001f40d", "<module>",
    "a (b.py:3)", "</title><img src=x onerror=alert(2)>", "\u202e reversed", "(7) numbered",
]


class Builder:
    """Strings, frames and nodes by content; runs in order."""

    def __init__(self):
        self.strings, self.frames, self.nodes = {"": 0}, {}, {(-1, -1): 0}
        self.threads, self.samples, self.tracks = [], {}, []

    def string(self, text):
        return self.strings.setdefault(text, len(self.strings))

    def stack(self, *frames):
        """Each frame is (name, file, line) or (name, file, line, kind); the innermost last."""
        node = 0
        for name, file, line, *kind in frames:
            row = (self.string(name), self.string(file), line, *(kind or [0]))
            frame = self.frames.setdefault(row, len(self.frames))
            node = self.nodes.setdefault((node, frame), len(self.nodes))
        return node

    def thread(self, tid, name, pid=42):
        self.threads.append({"pid": pid, "tid": tid, "name": name, "process": "worker"})
        self.tracks.append([])
        return len(self.threads) - 1

    def see(self, thread, node, count=1, duration_us=10000, gap_us=0):
        total = self.samples.setdefault((thread, node), [0, 0])
        total[0] += count
        total[1] += duration_us * 1000
        self.tracks[thread].append((gap_us, duration_us, node, count))

    def json(self, order=True):
        samples = [(t, n, c, w) for (t, n), (c, w) in self.samples.items()]
        count = sum(row[2] for row in samples)
        frames = list(self.frames)
        nodes = list(self.nodes)
        column = lambda rows, i: [row[i] for row in rows]
        tracks = [
            {"thread": t, "gap": column(rows, 0), "duration": column(rows, 1),
             "node": column(rows, 2), "count": column(rows, 3)}
            for t, rows in enumerate(self.tracks) if rows
        ]
        return json.dumps({
            "format": "pitviper-profile", "version": 1,
            "meta": {"command": "python app.py", "python": "3.12.1", "host": "web7", "mode": "cpu",
                     "pid": 42, "start_us": 1700000000000000, "duration_us": 2000000,
                     "period_ns": 10000000},
            "stats": {"samples": count, "rounds": count, "exact": count},
            "strings": list(self.strings),
            "frames": {"name": column(frames, 0), "file": column(frames, 1),
                       "full_file": column(frames, 1), "line": column(frames, 2),
                       "first_line": [max(1, row[2] - 2) if row[2] else 0 for row in frames],
                       "kind": column(frames, 3)},
            "nodes": {"parent": column(nodes, 0), "frame": column(nodes, 1)},
            "threads": self.threads,
            "samples": {"thread": column(samples, 0), "node": column(samples, 1),
                        "count": column(samples, 2), "weight_ns": column(samples, 3)},
            "timeline": {"unit_us": 1, "threads": tracks} if order else None,
        })


def small():
    """Two threads, 100 samples: main → handle (60), → <GC> (15); worker (25), every 10 ms."""
    b = Builder()
    main, worker = b.thread(42, "MainThread"), b.thread(43, "worker-1")
    top = ("main", "app.py", 12)
    handle = b.stack(top, ("handle", "app.py", 30))
    for _ in range(5):
        b.see(main, handle, 12, 120000)
        b.see(main, b.stack(top, ("handle", "app.py", 30), ("<GC>", "", 0, 5)), 3, 30000)
        b.see(worker, b.stack(("run", "pool.py", 5), ("work", "pool.py", 9)), 5, 50000, gap_us=100000)
    return b


def odd():
    b = Builder()
    threads = [b.thread(42, 'Main"<Thread>;'), b.thread(43, "w\n1")]
    for i, name in enumerate(ODD_NAMES):
        file = ODD_NAMES[(i + 5) % len(ODD_NAMES)]
        b.see(threads[i % 2], b.stack(("main", "app.py", 3), (name, file, i, i % 8)), 1 + i % 3)
    return b


def empty():
    return Builder()


ENDINGS = {"flamegraph": "svg", "pprof": "pb.gz"}  # where the consumers look at them


def convert(source, format_name, tmp_path, *options):
    """`source`: a Builder or a path. The converted file's path."""
    if isinstance(source, Builder):
        path = tmp_path / "in.json"
        path.write_text(source.json(), encoding="utf-8")
        source = path
    out = tmp_path / ("out." + ENDINGS.get(format_name, format_name))
    words = [binary_path(), "convert", source, "-f", format_name, "-o", out, *options]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return out
