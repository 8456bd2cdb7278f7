/* SPDX-License-Identifier: MIT */
/* abi_walk.c - walks a process that stands still, with nothing but struct pyabi.
 *
 *     abi_walk PID VERSION_HEX RUNTIME_ADDRESS INTERPRETER_ADDRESS
 *
 * The plainest reader there can be (one read per field), so that a wrong offset has nowhere to
 * hide. The target tells its own addresses; 3.6 has no _PyRuntime (address 0). Prints,
 * tab-separated:
 *
 *     interp  ID  MODULES  GC_COLLECTING
 *     thread  THREAD_ID  NATIVE_ID  STATUS  CHUNK_OK
 *     frame   NAME  QUALNAME  FILE  LINE  FLAGS  ARGCOUNT  KWONLY  NLOCALS  TYPE
 *
 * Frames innermost first. Exit status 0, or 1 with a sentence on standard error.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/err.h"
#include "pyabi/linetable.h"
#include "pyabi/pyabi.h"

#define FRAMES_MAX 1000
#define THREADS_MAX 100
#define TEXT_MAX 1000
#define TABLE_MAX 65536

static pid_t target;
static struct pyabi abi;

static void die(const char *what)
{
    fprintf(stderr, "abi_walk: %s\n", what);
    exit(1);
}

static void read_at(uint64_t address, void *out, size_t size)
{
    struct iovec local = {out, size};
    struct iovec remote = {(void *)(uintptr_t)address, size};
    if (process_vm_readv(target, &local, 1, &remote, 1, 0) != (ssize_t)size)
        die("unreadable address");
}

/* A field of `width` bytes; 0 where the build has none. */
static uint64_t field(uint64_t object, int32_t offset, size_t width)
{
    uint64_t value = 0;
    if (offset != PYABI_NONE)
        read_at(object + (uint64_t)offset, &value, width);
    return value;
}

static uint64_t pointer(uint64_t object, int32_t offset)
{
    return field(object, offset, 8);
}

static void print_utf8(uint32_t c)
{
    if (c < 0x80) {
        printf("%c", (int)c);
    } else if (c < 0x800) {
        printf("%c%c", (int)(0xc0 | c >> 6), (int)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        printf("%c%c%c", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 63)),
               (int)(0x80 | (c & 63)));
    } else {
        printf("%c%c%c%c", (int)(0xf0 | c >> 18), (int)(0x80 | (c >> 12 & 63)),
               (int)(0x80 | (c >> 6 & 63)), (int)(0x80 | (c & 63)));
    }
}

static void print_str(uint64_t object)
{
    uint64_t length = field(object, abi.unicode.length, 8);
    uint64_t state = field(object, abi.unicode.state, 4);
    unsigned kind = state >> abi.unicode.kind_shift & 7;
    bool compact = state >> abi.unicode.compact_shift & 1;
    bool ascii = state >> abi.unicode.ascii_shift & 1;
    if (!compact || kind == 0 || kind > 4 || length > TEXT_MAX)
        die("not a str");
    uint64_t data = object + (uint64_t)(ascii ? abi.unicode.ascii_size : abi.unicode.compact_size);
    for (uint64_t i = 0; i < length; i++)
        print_utf8((uint32_t)field(data, (int32_t)(i * kind), kind));
}

static void print_c_text(uint64_t address)
{
    for (int i = 0; i < TEXT_MAX; i++) {
        char c;
        read_at(address + (uint64_t)i, &c, 1);
        if (!c)
            return;
        printf("%c", c);
    }
}

/* Byte offset of the instruction the frame is at. */
static int32_t frame_index(uint64_t frame, uint64_t code)
{
    if (abi.frame.instr_is_index)
        return (int32_t)field(frame, abi.frame.instr, 4) * abi.frame.instr_scale;
    uint64_t first = code + (uint64_t)abi.code.bytecode;
    return (int32_t)(pointer(frame, abi.frame.instr) - first) + abi.frame.instr_bias;
}

static int32_t frame_line(uint64_t frame, uint64_t code)
{
    static char bytes[TABLE_MAX];
    struct linetable table;
    int32_t first = (int32_t)field(code, abi.code.firstlineno, 4);
    uint64_t lines = pointer(code, abi.code.lines);
    uint64_t size = field(lines, abi.bytes.ob_size, 8);
    if (size > sizeof bytes)
        die("line table too large");
    read_at(lines + (uint64_t)abi.bytes.data, bytes, size);
    if (linetable_decode(abi.lines, bytes, size, first, &table) < 0)
        die("out of memory");
    int32_t line = linetable_find(&table, frame_index(frame, code), first);
    linetable_done(&table);
    return line;
}

static void print_frame(uint64_t frame, uint64_t code)
{
    printf("frame\t");
    print_str(pointer(code, abi.code.name));
    printf("\t");
    if (abi.code.qualname != PYABI_NONE)
        print_str(pointer(code, abi.code.qualname));
    printf("\t");
    print_str(pointer(code, abi.code.filename));
    printf("\t%d\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t", frame_line(frame, code),
           field(code, abi.code.flags, 4), field(code, abi.code.argcount, 4),
           field(code, abi.code.kwonlyargcount, 4), field(code, abi.code.nlocals, 4));
    print_c_text(pointer(pointer(code, abi.object.type), abi.type.name));
    printf("\n");
}

static uint64_t innermost(uint64_t thread)
{
    uint64_t top = pointer(thread, abi.tstate.frame);
    return abi.stack == PYABI_STACK_CFRAME ? pointer(top, abi.cframe.current_frame) : top;
}

static void walk_frames(uint64_t thread)
{
    uint64_t end = pointer(thread, abi.tstate.base_frame);
    uint64_t frame = innermost(thread);
    for (int i = 0; i < FRAMES_MAX && frame && frame != end; i++) {
        uint64_t owner = field(frame, abi.frame.owner, 1);
        uint64_t code = pointer(frame, abi.frame.code);
        if (abi.tagged_refs)
            code &= ~(uint64_t)3;
        if (owner < PYABI_OWNER_BOUNDARY)
            print_frame(frame, code);
        frame = pointer(frame, abi.frame.previous);
    }
    if (frame != end)
        die("the stack does not end");
}

/* The data stack lies inside its chunk. */
static bool chunk_ok(uint64_t thread)
{
    uint64_t chunk = pointer(thread, abi.tstate.datastack_chunk);
    uint64_t top = pointer(thread, abi.tstate.datastack_top);
    uint64_t limit = pointer(thread, abi.tstate.datastack_limit);
    if (abi.tstate.datastack_chunk == PYABI_NONE)
        return true;
    return limit == chunk + field(chunk, abi.chunk.size, 8) &&
           top >= chunk + (uint64_t)abi.chunk.data && top <= limit;
}

static void walk_threads(uint64_t interp)
{
    uint64_t thread = pointer(interp, abi.interp.threads_head);
    for (int i = 0; i < THREADS_MAX && thread; i++) {
        if (pointer(thread, abi.tstate.interp) != interp)
            die("a thread state of another interpreter");
        printf("thread\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%s\n",
               field(thread, abi.tstate.thread_id, 8),
               field(thread, abi.tstate.native_thread_id, 8), field(thread, abi.tstate.status, 4),
               chunk_ok(thread) ? "ok" : "bad");
        walk_frames(thread);
        thread = pointer(thread, abi.tstate.next);
    }
}

static void load_abi(uint32_t version, uint64_t runtime)
{
    struct err err = {0};
    char table[PYABI_RUNTIME_MAX];
    const struct pyabi *row = pyabi_for_version(version);
    if (row) {
        abi = *row;
        return;
    }
    read_at(runtime, table, sizeof table);
    if (pyabi_from_debug_offsets(table, sizeof table, &abi, &err) < 0)
        die(err.text);
    if (abi.version_hex != version)
        die("the table is of another version");
}

int main(int argc, char **argv)
{
    if (argc != 5)
        die("usage: abi_walk PID VERSION_HEX RUNTIME_ADDRESS INTERPRETER_ADDRESS");
    target = atoi(argv[1]);
    uint64_t runtime = strtoull(argv[3], NULL, 0);
    uint64_t interp = strtoull(argv[4], NULL, 0);
    load_abi((uint32_t)strtoul(argv[2], NULL, 0), runtime);
    if (runtime && pointer(runtime, abi.runtime.interpreters_head) != interp)
        die("runtime.interpreters_head is not the interpreter");
    for (; interp; interp = pointer(interp, abi.interp.next)) {
        uint64_t modules = pointer(interp, abi.interp.modules);
        printf("interp\t%" PRId64 "\t%" PRIu64 "\t%" PRIu64 "\n", field(interp, abi.interp.id, 8),
               field(modules, abi.dict.used, 8), field(interp, abi.interp.gc_collecting, 4));
        walk_threads(interp);
    }
    return 0;
}
