/* SPDX-License-Identifier: MIT */
/* From Python objects to ids of the shared area.
 *
 * Two direct-mapped caches stand before the shared tables. Both are keyed by what CPython keeps in
 * the object anyway, its 64-bit content hash (keyed siphash), and its length: nothing is owned, an
 * object that is built anew for each call (Django's SQL) hits as well as a constant, and no text is
 * compared. Only exact str and bytes are asked for their hash, so no code of the application runs.
 * An entry carries the region's generation, and so is void in a forked child. Without the GIL each
 * thread has caches of its own.
 */
#include "agent/names.h"
#include "agent/region.h"
#include "sql/sql.h"

enum { STRING_ENTRIES = 512, STATEMENT_ENTRIES = 1024, COMMAND_ENTRIES = 64, COMMAND_MAX = 32 };

struct entry {
    Py_hash_t hash;
    Py_ssize_t size;
    uint32_t generation; /* 0: empty */
    uint32_t system;
    uint32_t id;
};
static PER_THREAD struct entry strings[STRING_ENTRIES], statements[STATEMENT_ENTRIES],
    commands[COMMAND_ENTRIES];

/* The place of a text in a cache; whether it is there is for the caller to see. */
static struct entry *place(struct entry *entries, size_t count, Py_hash_t hash)
{
    uint64_t spread = (uint64_t)hash * UINT64_C(0x9e3779b97f4a7c15);
    return &entries[(spread >> 32) & (count - 1)];
}

static bool same(const struct entry *entry, const struct entry *wanted)
{
    return entry->hash == wanted->hash && entry->size == wanted->size &&
           entry->generation == wanted->generation && entry->system == wanted->system;
}

uint32_t core_string(const char *text, size_t size)
{
    struct region *region = region_get();
    return region ? region_string(region, text, size) : 0;
}

static uint32_t string_of_slow(struct region *region, PyObject *text)
{
    struct pending pending;
    pending_save(&pending);
    Py_ssize_t size;
    const char *bytes = api.text_utf8(text, &size);
    uint32_t id = bytes ? region_string(region, bytes, (size_t)size) : 0;
    pending_restore(&pending);
    return id;
}

uint32_t core_string_of(PyObject *text)
{
    struct region *region = region_get();
    if (!region || !text || !PyUnicode_Check(text))
        return 0;
    if (!PyUnicode_CheckExact(text))
        return string_of_slow(region, text);
    struct entry wanted = {PyObject_Hash(text), PyUnicode_GetLength(text), region->generation, 0,
                           0};
    struct entry *entry = place(strings, STRING_ENTRIES, wanted.hash);
    if (same(entry, &wanted))
        return entry->id;
    wanted.id = string_of_slow(region, text);
    *entry = wanted;
    return wanted.id;
}

uint32_t core_generation(void)
{
    struct region *region = region_get();
    return region ? region->generation : 0;
}

uint32_t core_key(enum agent_kind kind, uint32_t name, uint32_t detail, uint32_t group)
{
    struct region *region = region_get();
    struct agent_key key = {.kind = kind, .name = name, .detail = detail, .group = group};
    return region ? region_key(region, &key) : AGENT_KIND_NONE;
}

void core_count(uint32_t key, uint64_t duration_ns, bool error)
{
    struct region *region = region_get();
    if (region && core_enabled)
        region_count(region, key, core_now_ns(), duration_ns, error);
}

/* ---- statements ------------------------------------------------------------------------------ */

static uint32_t withheld(struct region *region, uint32_t system)
{
    static const char text[] = "(text withheld)";
    struct agent_key key = {.kind = AGENT_KIND_STATEMENT, .detail = system};
    key.name = region_string(region, text, sizeof text - 1);
    region_add(&region->header->counters.sql_withheld, 1);
    return region_key(region, &key);
}

static uint32_t normalised(struct region *region, const char *text, size_t size, uint32_t system)
{
    const struct agent_string *name = (const void *)(region->strings + (size_t)system * 8);
    struct sql_result result;
    sql_normalise(sql_dialect_of(name->text, name->size), text, size, &result);
    if (result.flags & SQL_WITHHELD)
        region_add(&region->header->counters.sql_withheld, 1);
    struct agent_key key = {.kind = AGENT_KIND_STATEMENT, .detail = system};
    key.name = region_string(region, result.text, result.text_size);
    key.summary = region_string(region, result.summary, result.summary_size);
    key.fingerprint = result.fingerprint;
    return region_key(region, &key);
}

/* The bytes of a str or bytes object; NULL: neither, or not to be had as UTF-8. Nothing may be
 * pending. */
static const char *bytes_of(PyObject *object, Py_ssize_t *size)
{
    char *bytes = NULL;
    if (PyUnicode_Check(object))
        return api.text_utf8(object, size);
    if (PyBytes_Check(object) && PyBytes_AsStringAndSize(object, &bytes, size) < 0)
        return NULL;
    return bytes;
}

typedef uint32_t (*make_key)(struct region *region, const char *text, size_t size, uint32_t system);

static uint32_t key_slow(struct region *region, PyObject *object, uint32_t system, make_key make)
{
    struct pending pending;
    pending_save(&pending);
    Py_ssize_t size = 0;
    const char *text = bytes_of(object, &size);
    uint32_t key = make(region, text, text ? (size_t)size : 0, system);
    pending_restore(&pending);
    return key;
}

/* A key by the text of an object, from the cache or made. */
static uint32_t key_of(struct entry *entries, size_t count, PyObject *object, uint32_t system,
                       make_key make)
{
    struct region *region = region_get();
    if (!region)
        return AGENT_KIND_NONE;
    if (!object)
        return make(region, NULL, 0, system);
    Py_ssize_t size;
    if (PyUnicode_CheckExact(object))
        size = PyUnicode_GetLength(object);
    else if (PyBytes_CheckExact(object))
        size = ~PyBytes_Size(object); /* never the length of a str */
    else
        return key_slow(region, object, system, make);
    struct entry wanted = {PyObject_Hash(object), size, region->generation, system, 0};
    struct entry *entry = place(entries, count, wanted.hash);
    if (same(entry, &wanted))
        return entry->id;
    wanted.id = key_slow(region, object, system, make);
    *entry = wanted;
    return wanted.id;
}

static uint32_t make_statement(struct region *region, const char *text, size_t size,
                               uint32_t system)
{
    return text ? normalised(region, text, size, system) : withheld(region, system);
}

uint32_t core_statement_key(PyObject *statement, uint32_t system)
{
    return key_of(statements, STATEMENT_ENTRIES, statement, system, make_statement);
}

/* What names a command and can be no secret: Redis's own words, and those of its modules. */
static bool is_command_letter(char letter)
{
    return (letter >= 'A' && letter <= 'Z') || letter == '.' || letter == '_';
}

static uint32_t make_command(struct region *region, const char *text, size_t size, uint32_t system)
{
    static const char other[] = "(other)";
    char word[COMMAND_MAX];
    size_t length = 0;
    for (; length < size && length < COMMAND_MAX && (unsigned char)text[length] > ' '; length++)
        word[length] = (char)(text[length] >= 'a' && text[length] <= 'z' ? text[length] - 'a' + 'A'
                                                                         : text[length]);
    struct agent_key key = {.kind = AGENT_KIND_CACHE, .detail = system};
    size_t letters = 0;
    while (letters < length && is_command_letter(word[letters]))
        letters++;
    key.name = letters == length ? region_string(region, word, length)
                                 : region_string(region, other, sizeof other - 1);
    return region_key(region, &key);
}

uint32_t names_command_key(PyObject *command, uint32_t system)
{
    return key_of(commands, COMMAND_ENTRIES, command, system, make_command);
}
