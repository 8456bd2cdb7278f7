# SPDX-License-Identifier: MIT
"""Enough of a MongoDB server for pymongo to talk to: hello, and commands that are answered from a table.

Debian has no MongoDB server. This one speaks the wire protocol (OP_MSG, and OP_QUERY for the first hello)
and keeps no data: `find` finds what the table says, `insert` counts, `fail` fails.
"""

import contextlib
import socketserver
import struct
import threading

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HELLO = {
    "ismaster": True, "isWritablePrimary": True, "helloOk": True, "minWireVersion": 0, "maxWireVersion": 21,
    "maxBsonObjectSize": 16 << 20, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000,
    "logicalSessionTimeoutMinutes": 30, "readOnly": False, "ok": 1.0,
}  # fmt: skip


def _answer(command):
    name = next(iter(command))
    if name.lower() in ("hello", "ismaster"):
        return HELLO
    target = command[name]
    if name == "find":
        rows = [{"_id": number, "name": "somebody"} for number in range(3)]
        return {"cursor": {"id": 7, "ns": "test.%s" % target, "firstBatch": rows}, "ok": 1.0}
    if name == "getMore":
        return {"cursor": {"id": 0, "ns": "test.%s" % command["collection"], "nextBatch": []}, "ok": 1.0}
    if name in ("insert", "update", "delete"):
        return {"n": 1, "nModified": 1, "ok": 1.0}
    if name == "fail":
        return {"ok": 0.0, "errmsg": "asked to", "code": 42, "codeName": "Asked"}
    return {"ok": 1.0}


class _Handler(socketserver.BaseRequestHandler):
    def handle(self):
        import bson

        while True:
            head = self._read(16)
            if head is None:
                return
            size, number, _, operation = struct.unpack("<iiii", head)
            body = self._read(size - 16)
            if operation == OP_QUERY:
                name_end = body.index(b"\0", 4) + 1
                document = bson.encode(_answer(bson.decode(body[name_end + 8 :])))
                reply = struct.pack("<iqii", 8, 0, 0, 1) + document
                kind = OP_REPLY
            else:
                command_size = struct.unpack_from("<i", body, 5)[0]
                command = bson.decode(body[5 : 5 + command_size])
                reply = struct.pack("<iB", 0, 0) + bson.encode(_answer(command))
                kind = OP_MSG
            self.request.sendall(struct.pack("<iiii", 16 + len(reply), 0, number, kind) + reply)

    def _read(self, size):
        data = b""
        while len(data) < size:
            part = self.request.recv(size - len(data))
            if not part:
                return None
            data += part
        return data


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextlib.contextmanager
def mongo_server():
    """Its port."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
