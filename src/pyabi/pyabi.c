/* SPDX-License-Identifier: MIT */
/* pyabi.c - the rows that scripts/gen_pyabi.py made from each version's headers.
 *
 * One row per minor (and, from 3.13, per build kind). Within a minor the layouts have been frozen
 * since long before the patch levels that are still met; who reads a process proves the row by
 * walking interpreters and threads before it is used.
 */
#include "pyabi/pyabi.h"

static const struct pyabi rows[] = {
#include "pyabi/layouts.inc"
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])
#define MINOR_MASK 0xffff0000u
#define DEBUG_OFFSETS_SINCE 0x030d0000u

const struct pyabi *pyabi_from_headers(uint32_t version_hex, bool free_threaded)
{
    const struct pyabi *best = NULL;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct pyabi *row = &rows[i];
        bool same_kind = row->free_threaded == free_threaded;
        if (same_kind && (row->version_hex & MINOR_MASK) <= (version_hex & MINOR_MASK))
            best = row; /* the rows ascend */
    }
    return best;
}

const struct pyabi *pyabi_for_version(uint32_t version_hex)
{
    const struct pyabi *row = pyabi_from_headers(version_hex, false);
    bool same_minor = row && ((row->version_hex ^ version_hex) & MINOR_MASK) == 0;
    return same_minor && version_hex < DEBUG_OFFSETS_SINCE ? row : NULL;
}

const char *pyabi_supported(void)
{
    return "3.6 to 3.15";
}
