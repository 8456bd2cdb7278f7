/* SPDX-License-Identifier: MIT */
/* fuzz_debug_offsets.c - a table that is accepted has no offset outside its struct.
 *
 * Input: the first bytes of _PyRuntime as a process, perhaps hostile, would show them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "pyabi/pyabi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* A required pointer lies in its struct, aligned. */
static void check_pointer(int32_t offset, int32_t struct_size)
{
    must(offset >= 0 && offset % 8 == 0 && offset + 8 <= struct_size);
}

static void check_abi(const struct pyabi *abi)
{
    check_pointer(abi->runtime.interpreters_head, abi->runtime.size);
    check_pointer(abi->interp.next, abi->interp.size);
    check_pointer(abi->interp.threads_head, abi->interp.size);
    check_pointer(abi->tstate.next, abi->tstate.size);
    check_pointer(abi->tstate.frame, abi->tstate.size);
    check_pointer(abi->tstate.native_thread_id, abi->tstate.size);
    check_pointer(abi->code.name, 16 << 20);
    must(abi->frame.size == abi->frame.localsplus);
    must(abi->stack == PYABI_STACK_CURRENT && abi->lines == PYABI_LINES_LOCATION);
    /* of what is not published a guess may be missing, never negative or wild */
    const int32_t *first = &abi->runtime.size, *last = &abi->gen.frame_state;
    for (const int32_t *field = first; field <= last; field++)
        must(*field >= PYABI_NONE && *field <= 64 << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyabi abi;
    struct err err = {0};
    size_t wanted = pyabi_debug_offsets_size(data, size);
    must(wanted <= PYABI_RUNTIME_MAX);
    int result = pyabi_from_debug_offsets(data, size, &abi, &err);
    if (result == 0) {
        must(size >= wanted);
        check_abi(&abi);
    } else {
        must(result == ERR_BAD_DATA || result == ERR_UNSUPPORTED);
        must(err.text[0] != 0);
    }
    return 0;
}
