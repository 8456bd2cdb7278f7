/* SPDX-License-Identifier: MIT */
#include "unwind/repr.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "unwind/object.h"

#define INT_DIGITS_MAX 24u  /* of 30 bits: 217 decimal digits; longer ones show their size only */
#define INT_GROUPS_MAX 32u  /* of 9 decimal digits */
#define DICT_SCAN_MAX 4096u /* entries of a dict, empty ones too, that are looked at */
#define TEXT_BYTES (4 * (REPR_TEXT_MAX + 1) + 1)

struct repr {
    struct target *target;
    struct buf *out;
    struct repr_limits limits;
    uint32_t objects_left;
};

static int show(struct repr *repr, uint64_t object, uint32_t depth);

/* ---- text ---------------------------------------------------------------------------------- */

/* The next character of UTF-8 made by target_read_str, which is valid but for its cut end. */
static size_t decode(const char *text, size_t size, uint32_t *code)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (length > size || (at[0] >= 0x80 && at[0] < 0xc0)) {
        *code = 0xfffd;
        return 1;
    }
    *code = length == 1 ? at[0] : at[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++)
        *code = *code << 6 | (at[i] & 0x3fu);
    return length;
}

/* Not to be printed as it is: controls, invisible characters, changes of direction. */
static bool is_unsafe(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0xad || code == 0x61c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || (code >= 0xd800 && code <= 0xf8ff) ||
           code == 0xfeff || (code >= 0xfff9 && code <= 0xfffc) || code >= 0xe0000;
}

static void add_escaped(struct buf *out, uint32_t code)
{
    static const char letters[] = {['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    if (code < sizeof letters && letters[code])
        buf_printf(out, "\\%c", letters[code]);
    else if (code < 0x100)
        buf_printf(out, "\\x%02x", code);
    else
        buf_printf(out, code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
}

bool repr_escape(const char *text, size_t size, char quote, uint32_t limit, struct buf *out)
{
    size_t at = 0;
    for (uint32_t count = 0; at < size && count < limit; count++) {
        uint32_t code;
        size_t length = decode(text + at, size - at, &code);
        if (is_unsafe(code)) {
            add_escaped(out, code);
        } else if (quote && (code == '\\' || code == (unsigned char)quote)) {
            buf_add_char(out, '\\');
            buf_add_char(out, (char)code);
        } else if (code == 0xfffd && length == 1) {
            buf_add_str(out, "\xef\xbf\xbd");
        } else {
            buf_add(out, text + at, length);
        }
        at += length;
    }
    return at >= size;
}

/* Python prefers ' unless the text has one and no ". */
static char quote_for(const char *text, size_t size)
{
    return memchr(text, '\'', size) && !memchr(text, '"', size) ? '"' : '\'';
}

static int show_str(struct repr *repr, uint64_t object)
{
    char text[TEXT_BYTES];
    size_t limit = 4 * ((size_t)repr->limits.text_max + 1) + 1; /* room for one more character */
    ssize_t size = target_read_str(repr->target, (struct raddr){object}, text, limit);
    if (size < 0)
        return (int)size;
    char quote = quote_for(text, (size_t)size);
    buf_add_char(repr->out, quote);
    bool whole = repr_escape(text, (size_t)size, quote, repr->limits.text_max, repr->out);
    buf_add_char(repr->out, quote);
    if (!whole)
        buf_add_str(repr->out, "…");
    return 0;
}

static int show_bytes(struct repr *repr, uint64_t object)
{
    unsigned char bytes[REPR_TEXT_MAX];
    uint64_t full_size;
    ssize_t size = target_read_bytes(repr->target, (struct raddr){object}, bytes,
                                     repr->limits.text_max, &full_size);
    if (size < 0)
        return (int)size;
    char quote = quote_for((const char *)bytes, (size_t)size);
    buf_printf(repr->out, "b%c", quote);
    for (ssize_t i = 0; i < size; i++) {
        if (bytes[i] < 0x20 || bytes[i] >= 0x7f)
            add_escaped(repr->out, bytes[i]);
        else
            buf_printf(repr->out, bytes[i] == '\\' || bytes[i] == quote ? "\\%c" : "%c", bytes[i]);
    }
    buf_printf(repr->out, "%c%s", quote, full_size > (uint64_t)size ? "…" : "");
    return 0;
}

/* ---- numbers ------------------------------------------------------------------------------- */

void repr_small_int(int64_t value, struct buf *out)
{
    buf_printf(out, "%lld", (long long)value);
}

/* Number of digits and sign: ob_size up to 3.11, the upper bits of lv_tag and its lowest two later.
 */
static int int_header(struct repr *repr, uint64_t object, uint64_t *digits, bool *negative)
{
    const struct pyabi *abi = &repr->target->abi;
    int64_t word;
    int result = target_read(repr->target, (struct raddr){object + (uint64_t)abi->integer.lv_tag},
                             &word, sizeof word);
    if (result < 0)
        return result;
    bool tagged = repr->target->version_hex >= 0x030c0000;
    *negative = tagged ? (word & 3) == 2 : word < 0;
    *digits = tagged ? (uint64_t)word >> 3 : *negative ? 0 - (uint64_t)word : (uint64_t)word;
    return *digits >> 40 ? ERR_BAD_DATA : 0;
}

/* Base 2^bits digits, lowest first, to groups of nine decimal digits, lowest first. */
static uint32_t to_decimal(uint32_t *digits, uint32_t count, uint32_t bits, uint32_t *groups)
{
    uint32_t made = 0;
    while (count && made < INT_GROUPS_MAX) {
        uint64_t rest = 0;
        for (uint32_t i = count; i-- > 0;) {
            rest = rest << bits | digits[i];
            digits[i] = (uint32_t)(rest / 1000000000u);
            rest %= 1000000000u;
        }
        groups[made++] = (uint32_t)rest;
        while (count && !digits[count - 1])
            count--;
    }
    return made;
}

static int read_digits(struct repr *repr, uint64_t from, uint32_t *digits, uint32_t count)
{
    uint16_t narrow[INT_DIGITS_MAX];
    bool wide = repr->target->abi.integer.digit_size == 4;
    void *place = wide ? (void *)digits : narrow;
    size_t size = count * (wide ? sizeof *digits : sizeof *narrow);
    int result = size ? target_read(repr->target, (struct raddr){from}, place, size) : 0;
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        if (!wide)
            digits[i] = narrow[i];
        if (digits[i] >> (wide ? 30 : 15))
            result = ERR_BAD_DATA;
    }
    return result;
}

static int show_int(struct repr *repr, uint64_t object)
{
    uint32_t digits[INT_DIGITS_MAX], groups[INT_GROUPS_MAX];
    uint64_t from = object + (uint64_t)repr->target->abi.integer.digits, count;
    uint32_t bits = repr->target->abi.integer.digit_size == 4 ? 30 : 15;
    bool negative;
    int result = int_header(repr, object, &count, &negative);
    if (result < 0)
        return result;
    if (count > INT_DIGITS_MAX) {
        uint64_t top = from + (count - 1) * (uint64_t)repr->target->abi.integer.digit_size;
        result = read_digits(repr, top, digits, 1);
        if (result < 0 || !digits[0])
            return result < 0 ? result : ERR_BAD_DATA;
        uint64_t size = (count - 1) * bits + 32 - (uint32_t)__builtin_clz(digits[0]);
        buf_printf(repr->out, "<%sint of %llu bits>", negative ? "negative " : "",
                   (unsigned long long)size);
        return 0;
    }
    result = read_digits(repr, from, digits, (uint32_t)count);
    if (result < 0)
        return result;
    uint32_t made = to_decimal(digits, (uint32_t)count, bits, groups);
    buf_printf(repr->out, "%s%u", negative ? "-" : "", made ? groups[made - 1] : 0);
    for (uint32_t i = made; i-- > 1;)
        buf_printf(repr->out, "%09u", groups[i - 1]);
    return 0;
}

static int show_bool(struct repr *repr, uint64_t object)
{
    uint64_t digits;
    bool negative;
    int result = int_header(repr, object, &digits, &negative);
    if (result == 0)
        buf_add_str(repr->out, digits ? "True" : "False");
    return result;
}

/* The fewest digits that read back as the same number, laid out as Python does: with an exponent
 * below 1e-4 and from 1e16 on. */
static void add_float(struct buf *out, double value)
{
    char text[40], digits[24];
    int precision = 0, exponent = 0;
    size_t count = 0;
    do
        snprintf(text, sizeof text, "%.*e", precision, fabs(value));
    while (strtod(text, NULL) != fabs(value) && ++precision < 17);
    const char *mark = strchr(text, 'e');
    for (const char *at = text; at < mark; at++)
        if (*at >= '0' && *at <= '9')
            digits[count++] = *at;
    exponent = atoi(mark + 1);
    buf_add_str(out, signbit(value) ? "-" : "");
    if (exponent < -4 || exponent >= 16) {
        buf_printf(out, "%c%s%.*se%s%02d", digits[0], count > 1 ? "." : "", (int)count - 1,
                   digits + 1, exponent < 0 ? "-" : "+", abs(exponent));
        return;
    }
    if (exponent < 0)
        buf_printf(out, "0.%.*s", -exponent - 1, "000");
    for (int i = 0; i < (int)count || i <= exponent; i++) {
        buf_add_char(out, i < (int)count ? digits[i] : '0');
        if (i == exponent)
            buf_add_char(out, '.');
    }
    if ((int)count <= exponent + 1 && exponent >= 0)
        buf_add_char(out, '0');
}

static int show_float(struct repr *repr, uint64_t object)
{
    double value;
    int result =
        target_read(repr->target, (struct raddr){object + (uint64_t)repr->target->abi.real.value},
                    &value, sizeof value);
    if (result < 0)
        return result;
    if (isnan(value))
        buf_add_str(repr->out, "nan");
    else if (isinf(value))
        buf_add_str(repr->out, value < 0 ? "-inf" : "inf");
    else
        add_float(repr->out, value);
    return 0;
}

/* ---- containers ---------------------------------------------------------------------------- */

enum container { LIST, TUPLE, DICT, SET, FROZENSET };

static const char *const brackets[][2] = {
    [LIST] = {"[", "]"},
    [TUPLE] = {"(", ")"},
    [DICT] = {"{", "}"},
    [SET] = {"{", "}"},
    [FROZENSET] = {"frozenset({", "})"},
};

/* What is shown of a container: pointers, of a dict keys and values by turns. */
struct content {
    uint64_t total; /* items that it says it has */
    uint32_t count; /* pointers */
    uint64_t members[2 * REPR_ITEMS_MAX];
};

static int collect_items(struct repr *repr, uint64_t object, const struct object_type *type,
                         struct content *out)
{
    struct object_items items;
    int result = object_items_open(repr->target, object, type, &items);
    if (result < 0)
        return result;
    out->total = items.size;
    out->count =
        items.size < repr->limits.items_max ? (uint32_t)items.size : repr->limits.items_max;
    return object_items_read(repr->target, &items, out->members, out->count);
}

static int collect_dict(struct repr *repr, uint64_t object, struct content *out)
{
    struct object_dict dict;
    struct object_cursor cursor;
    struct object_entry entry;
    int result = object_dict_open(repr->target, object, &dict);
    if (result < 0)
        return result;
    out->total = dict.used;
    if (dict.entry_count > DICT_SCAN_MAX)
        dict.entry_count = DICT_SCAN_MAX;
    object_cursor_init(&cursor, &dict);
    while (out->count < 2 * repr->limits.items_max && out->count < 2 * dict.used &&
           (result = object_cursor_next(&cursor, repr->target, &entry)) > 0) {
        out->members[out->count++] = entry.key;
        out->members[out->count++] = entry.value;
    }
    return result < 0 ? result : 0;
}

static int collect_set(struct repr *repr, uint64_t object, struct content *out)
{
    struct object_set set;
    int result = object_set_open(repr->target, object, &set);
    if (result == 0)
        result = object_set_read(repr->target, &set, out->members, repr->limits.items_max);
    if (result < 0)
        return result;
    out->total = set.used;
    out->count = (uint32_t)result;
    return 0;
}

static int collect(struct repr *repr, uint64_t object, const struct object_type *type,
                   enum container kind, struct content *out)
{
    out->total = out->count = 0;
    switch (kind) {
    case DICT:
        return collect_dict(repr, object, out);
    case SET:
    case FROZENSET:
        return collect_set(repr, object, out);
    default:
        return collect_items(repr, object, type, out);
    }
}

static int show_members(struct repr *repr, const struct content *content, bool is_dict,
                        uint32_t depth)
{
    for (uint32_t i = 0; i < content->count; i++) {
        if (i)
            buf_add_str(repr->out, is_dict && i & 1 ? ": " : ", ");
        int result = show(repr, content->members[i], depth + 1);
        if (result < 0)
            return result;
    }
    uint64_t shown = is_dict ? content->count / 2 : content->count;
    if (content->total > shown)
        buf_printf(repr->out, "%s… %llu more", shown ? ", " : "",
                   (unsigned long long)(content->total - shown));
    return 0;
}

static int show_container(struct repr *repr, uint64_t object, const struct object_type *type,
                          enum container kind, uint32_t depth)
{
    struct content content;
    int result = collect(repr, object, type, kind, &content);
    if (result < 0)
        return result;
    if (!content.total && kind >= SET) {
        buf_add_str(repr->out, kind == SET ? "set()" : "frozenset()");
        return 0;
    }
    bool too_deep = content.total && depth >= repr->limits.depth_max;
    buf_add_str(repr->out, brackets[kind][0]);
    if (too_deep)
        buf_add_str(repr->out, "…");
    else
        result = show_members(repr, &content, kind == DICT, depth);
    if (kind == TUPLE && content.total == 1 && !too_deep)
        buf_add_char(repr->out, ',');
    buf_add_str(repr->out, brackets[kind][1]);
    return result;
}

/* ---- everything ---------------------------------------------------------------------------- */

/* "module.Class"; by the C name where that is all there is (which has the module, or is a
 * builtin's). */
static void add_class_name(struct repr *repr, const struct object_type *type)
{
    uint64_t module, qualname;
    char text[512];
    size_t before = repr->out->size;
    ssize_t size = -1;
    if (object_class_names(repr->target, type, &module, &qualname) == 0) {
        size = target_read_str(repr->target, (struct raddr){module}, text, sizeof text);
        if (size >= 0 && strcmp(text, "builtins") != 0) {
            repr_escape(text, (size_t)size, 0, UINT32_MAX, repr->out);
            buf_add_char(repr->out, '.');
        }
        size = target_read_str(repr->target, (struct raddr){qualname}, text, sizeof text);
        if (size > 0)
            repr_escape(text, (size_t)size, 0, UINT32_MAX, repr->out);
    }
    if (size > 0)
        return;
    repr->out->size = before;
    repr_escape(type->name, strlen(type->name), 0, UINT32_MAX, repr->out);
}

static int show_class(struct repr *repr, uint64_t object)
{
    struct object_type type;
    int result = object_type_read(repr->target, object, &type);
    if (result == 0)
        result = object_type_name(repr->target, &type);
    if (result < 0)
        return result;
    buf_add_str(repr->out, "<class ");
    add_class_name(repr, &type);
    buf_add_char(repr->out, '>');
    return 0;
}

static int show_constant(struct repr *repr, const struct object_type *type)
{
    static const char *const constants[][2] = {
        {"NoneType", "None"}, {"ellipsis", "Ellipsis"}, {"NotImplementedType", "NotImplemented"}};
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++)
        if (object_type_is(type, constants[i][0])) {
            buf_add_str(repr->out, constants[i][1]);
            return 0;
        }
    return ERR_NOT_FOUND;
}

/* By the kinds that tp_flags tells: the type or a subclass of it. */
static int show_by_flag(struct repr *repr, uint64_t object, const struct object_type *type,
                        uint32_t depth)
{
    if (type->flags & OBJECT_STR)
        return show_str(repr, object);
    if (type->flags & OBJECT_BYTES)
        return show_bytes(repr, object);
    if (type->flags & OBJECT_INT)
        return show_int(repr, object);
    if (type->flags & (OBJECT_LIST | OBJECT_TUPLE))
        return show_container(repr, object, type, type->flags & OBJECT_LIST ? LIST : TUPLE, depth);
    if (type->flags & OBJECT_DICT)
        return show_container(repr, object, type, DICT, depth);
    return ERR_NOT_FOUND;
}

static int show_builtin(struct repr *repr, uint64_t object, const struct object_type *type,
                        uint32_t depth)
{
    static const char *const by_flag[] = {"str", "bytes", "int", "list", "tuple", "dict"};
    for (size_t i = 0; i < sizeof by_flag / sizeof by_flag[0]; i++)
        if (object_type_is(type, by_flag[i]))
            return show_by_flag(repr, object, type, depth);
    if (object_type_is(type, "bool"))
        return show_bool(repr, object);
    if (object_type_is(type, "float"))
        return show_float(repr, object);
    if (object_type_is(type, "set"))
        return show_container(repr, object, type, SET, depth);
    if (object_type_is(type, "frozenset"))
        return show_container(repr, object, type, FROZENSET, depth);
    if (type->flags & OBJECT_CLASS)
        return show_class(repr, object);
    return show_constant(repr, type);
}

/* Instances of subclasses: the class' name around what it inherits. A frozendict (3.15) is no
 * subclass of dict, but laid out as one. */
static int show_subclass(struct repr *repr, uint64_t object, const struct object_type *type,
                         uint32_t depth)
{
    const uint64_t kinds =
        OBJECT_STR | OBJECT_BYTES | OBJECT_INT | OBJECT_LIST | OBJECT_TUPLE | OBJECT_DICT;
    bool is_frozen = object_type_is(type, "frozendict");
    if (!is_frozen && !(type->flags & kinds))
        return ERR_NOT_FOUND;
    add_class_name(repr, type);
    buf_add_char(repr->out, '(');
    int result = is_frozen ? show_container(repr, object, type, DICT, depth)
                           : show_by_flag(repr, object, type, depth);
    buf_add_char(repr->out, ')');
    return result;
}

static void show_instance(struct repr *repr, uint64_t object, const struct object_type *type)
{
    buf_add_char(repr->out, '<');
    add_class_name(repr, type);
    buf_printf(repr->out, " at 0x%llx>", (unsigned long long)object);
}

/* Nothing to be said by whoever asked for this value. */
static bool is_final(int result)
{
    return result == ERR_GONE || result == ERR_DENIED || result == ERR_TORN;
}

/* What fails half-way is replaced by what can still be said of it. */
static int show(struct repr *repr, uint64_t object, uint32_t depth)
{
    struct object_type type;
    size_t before = repr->out->size;
    if (!repr->objects_left) {
        buf_add_str(repr->out, "…");
        return 0;
    }
    repr->objects_left--;
    int result = object_type_of(repr->target, object, &type);
    if (result == 0)
        result = object_type_name(repr->target, &type);
    if (result < 0) {
        buf_add_str(repr->out, "<unreadable>");
        return is_final(result) ? result : 0;
    }
    result = show_builtin(repr, object, &type, depth);
    if (result == ERR_NOT_FOUND)
        result = show_subclass(repr, object, &type, depth);
    if (result >= 0 || is_final(result))
        return result;
    repr->out->size = before;
    show_instance(repr, object, &type);
    return 0;
}

static uint32_t limit_of(uint32_t asked, uint32_t usual, uint32_t ceiling)
{
    uint32_t limit = asked ? asked : usual;
    return limit < ceiling ? limit : ceiling;
}

int repr_object(struct target *target, uint64_t object, const struct repr_limits *limits,
                struct buf *out)
{
    struct repr repr = {
        .target = target,
        .out = out,
        .limits = {.text_max = limit_of(limits->text_max, 80, REPR_TEXT_MAX),
                   .items_max = limit_of(limits->items_max, 6, REPR_ITEMS_MAX),
                   .depth_max = limit_of(limits->depth_max, 3, REPR_DEPTH_MAX)},
        .objects_left = REPR_OBJECTS_MAX,
    };
    return show(&repr, object, 0);
}
