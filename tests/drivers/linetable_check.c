/* SPDX-License-Identifier: MIT */
/* linetable_check.c - compares our line tables with what an interpreter says.
 *
 * Standard input, little-endian, for every code object:
 *     u32 table size · i32 first line · u32 count · table · count × (u32 byte offset, i32 line or
 * 0) Argument: lnotab, 310 or location. Prints "codes N lookups N mismatches N"; the first few
 * mismatches go to standard error. Exit status 0: no mismatch, 1: some, 2: a broken stream.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pyabi/linetable.h"

#define SHOWN_MAX 10
#define TABLE_MAX (16u << 20)

struct head {
    uint32_t table_size;
    int32_t first_line;
    uint32_t count;
};

struct totals {
    unsigned long codes, lookups, mismatches;
};

static int compare(const struct linetable *table, const struct head *head, struct totals *totals)
{
    for (uint32_t i = 0; i < head->count; i++) {
        struct line_range expected;
        if (fread(&expected, sizeof expected, 1, stdin) != 1)
            return -1;
        int32_t line = linetable_find(table, (int32_t)expected.start, head->first_line);
        totals->lookups++;
        if (line == expected.line)
            continue;
        if (totals->mismatches++ < SHOWN_MAX)
            fprintf(stderr, "code %lu (line %d) offset %u: line %d, should be %d\n", totals->codes,
                    head->first_line, expected.start, line, expected.line);
    }
    return 0;
}

static int check_code(enum pyabi_lines format, const struct head *head, struct totals *totals)
{
    int result = -1;
    struct linetable table = {NULL, 0};
    if (head->table_size > TABLE_MAX)
        return -1;
    char *bytes = malloc(head->table_size + 1);
    if (!bytes || fread(bytes, 1, head->table_size, stdin) != head->table_size)
        goto done;
    if (linetable_decode(format, bytes, head->table_size, head->first_line, &table) < 0)
        goto done;
    result = compare(&table, head, totals);
done:
    linetable_done(&table);
    free(bytes);
    return result;
}

static int parse_format(const char *name, enum pyabi_lines *format)
{
    static const char *const names[] = {"lnotab", "310", "location"}; /* as in the enum */
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0) {
            *format = (enum pyabi_lines)i;
            return 0;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    enum pyabi_lines format;
    struct head head;
    struct totals totals = {0, 0, 0};
    if (argc != 2 || parse_format(argv[1], &format) < 0)
        return 2;
    while (fread(&head, sizeof head, 1, stdin) == 1) {
        if (check_code(format, &head, &totals) < 0)
            return 2;
        totals.codes++;
    }
    printf("codes %lu lookups %lu mismatches %lu\n", totals.codes, totals.lookups,
           totals.mismatches);
    return totals.mismatches ? 1 : 0;
}
