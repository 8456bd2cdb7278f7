/* SPDX-License-Identifier: MIT */
/* write.c - canonical text and the fingerprint, and lists that shrink while they are written.
 *
 * Spaces depend on the tokens alone, never on the input's. A list inside IN (...), VALUES (...),
 * (...) or ARRAY[...] shows equal neighbours once. An element is not known to be a repetition
 * before its end, so it is written first; at its end its hash is compared with its neighbour's, and
 * the text goes back to the mark before the separator:
 *
 *     IN (?, ?            the second element ends, hash equal: back to the mark
 *     IN (?               and on
 *
 * Hashes are a tree like the brackets: a level's is made of its elements', and an element's of its
 * tokens and the levels inside. So an element that is dropped needs no undoing: it is not added.
 * Nothing is remembered but one mark per open bracket, whatever the length of a list, and what does
 * not fit into the text is still in the fingerprint.
 */
#include "sql/scan.h"

#include <string.h>

#define ELLIPSIS " \xe2\x80\xa6"
#define ELLIPSIS_BYTES 4u
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD, for a byte that is no UTF-8 */
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash << 23 | hash >> 41) ^ value;
    return (hash ^ hash >> 32) * HASH_FACTOR;
}

static uint64_t hash_bytes(const unsigned char *text, size_t size)
{
    uint64_t hash = size, word;
    for (; size >= 8; text += 8, size -= 8) {
        memcpy(&word, text, 8);
        hash = mix(hash, word);
    }
    word = 0;
    for (size_t i = 0; i < size; i++)
        word |= (uint64_t)text[i] << 8 * i;
    return mix(hash, word);
}

/* Length of the UTF-8 sequence at `text`; 0: it is none. */
static size_t utf8_size(const unsigned char *text, size_t size)
{
    unsigned char first = text[0];
    size_t need = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (first < 0x80)
        return 1;
    if (need == 0 || need > size)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
        (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f))
        return 0;
    return need;
}

static bool is_ascii(const unsigned char *text, size_t size)
{
    unsigned char all = 0;
    for (size_t i = 0; i < size; i++)
        all |= text[i];
    return all < 0x80;
}

/* Copies with every byte that is no UTF-8 replaced; returns the size, > room when it does not fit.
 */
static size_t copy_clean(char *out, size_t room, const unsigned char *text, size_t size)
{
    size_t used = 0;
    if (size <= room && is_ascii(text, size)) {
        memcpy(out, text, size);
        return size;
    }
    while (size) {
        size_t step = utf8_size(text, size);
        const void *from = step ? (const void *)text : REPLACEMENT;
        size_t bytes = step ? step : sizeof REPLACEMENT - 1;
        if (used + bytes > room)
            return room + 1;
        memcpy(out + used, from, bytes);
        used += bytes;
        step += !step;
        text += step;
        size -= step;
    }
    return used;
}

/* A token whole, or not at all and nothing after it. */
static void put(struct scan *scan, bool space, const unsigned char *text, size_t size)
{
    struct sql_result *out = scan->out;
    if (scan->silent || scan->full)
        return;
    size_t room = SQL_TEXT_MAX - ELLIPSIS_BYTES - scan->text_size;
    if (space + size > room) {
        scan->full = true;
        return;
    }
    size_t used = copy_clean(out->text + scan->text_size + space, room - space, text, size);
    if (used + space > room) {
        scan->full = true;
        return;
    }
    if (space)
        out->text[scan->text_size] = ' ';
    scan->text_size += (uint32_t)(space + used);
}

static bool wants_space(const struct scan *scan, enum token token)
{
    switch (scan->before) {
    case TOKEN_NONE:
    case TOKEN_OPEN:
    case TOKEN_TIGHT:
        return false;
    default:
        return token != TOKEN_CLOSE && token != TOKEN_COMMA && token != TOKEN_TIGHT;
    }
}

static void add_hash(struct scan *scan, uint64_t hash)
{
    struct level *level = scan_level(scan);
    level->element = mix(level->element, hash);
}

static void put_semicolon(struct scan *scan)
{
    if (!scan->semicolon)
        return;
    scan->semicolon = false;
    if (scan->before == TOKEN_NONE)
        return;
    put(scan, false, (const unsigned char *)";", 1);
    add_hash(scan, ';');
}

void write_token(struct scan *scan, enum token token, const unsigned char *text, size_t size)
{
    put_semicolon(scan);
    put(scan, wants_space(scan, token), text, size);
    add_hash(scan, hash_bytes(text, size));
    scan->before = token;
}

/* Places beyond the mark would point into what is written next. */
static void go_back(struct scan *scan, const struct level *level)
{
    struct place *places[] = {&scan->first_string, &scan->first_quoted, &scan->first_ambiguous};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (places[i]->set && places[i]->text_size > level->mark) {
            places[i]->text_size = level->mark;
            places[i]->full = level->mark_full;
            if (places[i]->summary_size > level->summary_mark)
                places[i]->summary_size = level->summary_mark;
        }
    }
    scan->text_size = level->mark;
    scan->full = level->mark_full;
    scan->summary_size = level->summary_mark;
    scan->summary_full = level->summary_full;
}

static void end_element(struct scan *scan)
{
    struct level *level = scan_level(scan);
    if (level->list && level->has_previous && level->element == level->previous) {
        go_back(scan, level);
    } else {
        level->done = mix(level->done, level->element);
        level->previous = level->element;
        level->has_previous = true;
    }
    level->element = 0;
}

void write_open(struct scan *scan, char bracket, bool list, bool call)
{
    unsigned char text = (unsigned char)bracket;
    bool space = wants_space(scan, TOKEN_OPEN);
    bool indexes = bracket == '[' && (scan->before == TOKEN_WORD || scan->before == TOKEN_CLOSE);
    put_semicolon(scan);
    put(scan, space && !call && !indexes, &text, 1);
    add_hash(scan, text);
    scan->before = TOKEN_OPEN;
    if (scan->depth + 1 == SCAN_LEVELS) {
        scan->overflow++;
        return;
    }
    scan->depth++;
    *scan_level(scan) = (struct level){.list = list, .call = call};
}

void write_close(struct scan *scan, char bracket)
{
    unsigned char text = (unsigned char)bracket;
    if (scan->overflow) {
        scan->overflow--;
    } else if (scan->depth) {
        uint64_t inside;
        end_element(scan);
        inside = scan_level(scan)->done;
        scan->depth--;
        add_hash(scan, inside);
    }
    put_semicolon(scan);
    put(scan, false, &text, 1);
    add_hash(scan, text);
    scan->before = TOKEN_CLOSE;
}

void write_comma(struct scan *scan)
{
    struct level *level = scan_level(scan);
    put_semicolon(scan);
    if (level->list && !scan->overflow) {
        end_element(scan);
        level->mark = scan->text_size;
        level->mark_full = scan->full;
        level->summary_mark = scan->summary_size;
        level->summary_full = scan->summary_full;
    } else {
        add_hash(scan, ',');
    }
    put(scan, false, (const unsigned char *)",", 1);
    scan->before = TOKEN_COMMA;
}

void write_rows_begin(struct scan *scan)
{
    struct level *level = scan_level(scan);
    level->done = mix(level->done, level->element);
    level->element = 0;
    level->has_previous = false;
    level->list = level->rows = true;
}

void write_rows_end(struct scan *scan)
{
    struct level *level = scan_level(scan);
    end_element(scan);
    level->list = level->rows = false;
}

void write_summary(struct scan *scan, const unsigned char *text, size_t size, char before)
{
    struct sql_result *out = scan->out;
    bool separated = before && scan->summary_size;
    if (scan->silent || scan->summary_full)
        return;
    size_t room = SQL_SUMMARY_MAX - scan->summary_size;
    if (separated + size > room) {
        scan->summary_full = true;
        return;
    }
    size_t used =
        copy_clean(out->summary + scan->summary_size + separated, room - separated, text, size);
    if (used + separated > room) {
        scan->summary_full = true;
        return;
    }
    if (separated)
        out->summary[scan->summary_size] = before;
    scan->summary_size += (uint32_t)(separated + used);
}

struct place write_place(const struct scan *scan)
{
    return (struct place){true, scan->full, scan->text_size, scan->summary_size};
}

/* The hash of what is shown, so that it does not depend on what is not. */
static uint64_t withhold(struct scan *scan)
{
    struct sql_result *out = scan->out;
    out->flags |= SQL_WITHHELD;
    scan->text_size = scan->failure.text_size;
    scan->summary_size = scan->failure.summary_size;
    scan->full = scan->failure.full;
    return mix(hash_bytes((const unsigned char *)out->text, scan->text_size), SQL_WITHHELD);
}

static uint64_t close_levels(struct scan *scan)
{
    end_element(scan);
    while (scan->depth) {
        uint64_t inside = scan_level(scan)->done;
        scan->depth--;
        add_hash(scan, inside);
        end_element(scan);
    }
    return scan_level(scan)->done;
}

static void end_text(struct scan *scan)
{
    struct sql_result *out = scan->out;
    if (scan->full)
        out->flags |= SQL_CUT;
    if (out->flags) {
        size_t skip = scan->text_size == 0; /* no space in front */
        memcpy(out->text + scan->text_size, &ELLIPSIS[skip], ELLIPSIS_BYTES - skip);
        scan->text_size += (uint32_t)(ELLIPSIS_BYTES - skip);
    }
    out->text_size = scan->text_size;
    out->summary_size = scan->summary_size;
    out->text[out->text_size] = 0;
    out->summary[out->summary_size] = 0;
}

void write_finish(struct scan *scan)
{
    if (scan->silent && scan->failed)
        return;
    uint64_t hash = scan->failed ? withhold(scan) : close_levels(scan);
    hash = mix(mix(hash, 0), HASH_FACTOR);
    scan->fingerprint = hash ? hash : 1;
    if (!scan->silent)
        end_text(scan);
}
