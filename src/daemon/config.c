/* SPDX-License-Identifier: MIT */
/* config.c - serve's configuration file: YAML in, struct daemon_config out.
 *
 * Whoever edits a file wants to hear the line and the key. So the text becomes a tree with a place
 * at each node (libyaml's document), and the tree is walked along a table of keys; a value that a
 * reader refuses is reported where it stands. libcyaml, which fills structs from a schema, was
 * tried first: for a key that it does not know it names the line where the mapping began, and what
 * only we can judge (a size, a regular expression) comes back from it without a place.
 *
 * The walk goes two levels down and no further, so aliases and nesting cannot make it long.
 */
#include "daemon/config.h"

#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/opt.h"
#include "base/units.h"

#define REPEATS_MAX 1000u /* copies of parts of a pattern: regcomp() takes memory for each */
#define AT(member) offsetof(struct daemon_config, member)

const struct config_key config_keys[] = {
    {"listen", CONFIG_TEXT, AT(listen), "127.0.0.1:7117"},
    {"data", CONFIG_FILE, AT(data), NULL},
    {"keep", CONFIG_SIZE, AT(keep_bytes), "10GB"},
    {"token_file", CONFIG_FILE, AT(token_file), NULL},
    {"allowed_hosts", CONFIG_WORDS, AT(allowed_hosts), NULL},
    {"tls_cert", CONFIG_FILE, AT(tls_cert), NULL},
    {"tls_key", CONFIG_FILE, AT(tls_key), NULL},
    {"client_ca", CONFIG_FILE, AT(client_ca), NULL},
    {"rate", CONFIG_RATE, AT(rate_hz), "100", 19, 100},
    {"budget", CONFIG_SHARE, AT(budget), "1%", 0.01, 10000},
    {"process_budget", CONFIG_SHARE, AT(process_budget), "0.5%", 0.01, 100},
    {"wall", CONFIG_FLAG, AT(wall), "yes"},
    {"include", CONFIG_PATTERNS, AT(include), NULL},
    {"exclude", CONFIG_PATTERNS, AT(exclude), NULL},
    {"services", CONFIG_RULES, AT(services), NULL},
    {"trace_sample", CONFIG_SHARE, AT(trace_sample), "1%", 0, 100},
    {"log", CONFIG_FORMAT, AT(log_json), "text"},
    {0},
};

struct reader {
    yaml_document_t *document; /* NULL while defaults are read */
    const char *path;
    struct daemon_config *config;
    struct err *err;
};

/* Where a value stands, for messages. */
struct place {
    const struct config_key *key;
    size_t line; /* from 1; 0: not in the file */
};

__attribute__((format(printf, 3, 4))) static int
complain(const struct reader *reader, struct place place, const char *format, ...)
{
    char sentence[ERR_TEXT_MAX / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return err_set(reader->err, ERR_USAGE, "%s:%zu: %s: %s", reader->path, place.line,
                   place.key->name, sentence);
}

static int no_memory(const struct reader *reader)
{
    return err_set(reader->err, ERR_NO_MEMORY, "%s: out of memory", reader->path);
}

static int set_text(const struct reader *reader, char **target, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return no_memory(reader);
    free(*target);
    *target = copy;
    return 0;
}

/* ---- one value, from text ------------------------------------------------------------------ */

static int set_flag(const struct reader *reader, struct place place, bool *target, const char *text)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *target = i % 2 == 1;
            return 0;
        }
    }
    return complain(reader, place, "\"%.60s\" is neither yes nor no", text);
}

static int set_format(const struct reader *reader, struct place place, bool *target,
                      const char *text)
{
    bool json = strcmp(text, "json") == 0;
    if (!json && strcmp(text, "text") != 0)
        return complain(reader, place, "\"%.60s\" is neither text nor json", text);
    *target = json;
    return 0;
}

static int set_rate(const struct reader *reader, struct place place, uint32_t *target,
                    const char *text)
{
    uint64_t rate_hz;
    if (units_parse_rate(text, &rate_hz) < 0 || (double)rate_hz < place.key->min ||
        (double)rate_hz > place.key->max)
        return complain(reader, place, "\"%.60s\" is not a rate from %g to %g Hz", text,
                        place.key->min, place.key->max);
    *target = (uint32_t)rate_hz;
    return 0;
}

static int set_share(const struct reader *reader, struct place place, double *target,
                     const char *text)
{
    double percent;
    if (units_parse_percent(text, &percent) < 0 || percent < place.key->min ||
        percent > place.key->max)
        return complain(reader, place, "\"%.60s\" is not a share from %g%% to %g%%", text,
                        place.key->min, place.key->max);
    *target = percent / 100;
    return 0;
}

static int set_size(const struct reader *reader, struct place place, uint64_t *target,
                    const char *text)
{
    if (units_parse_size(text, target) < 0)
        return complain(reader, place, "\"%.60s\" is not a size, such as 512MiB or 10GB; 0 is none",
                        text);
    return 0;
}

static int set_file(const struct reader *reader, struct place place, char **target,
                    const char *text)
{
    if (*text != '/') /* relative to what, when a service reads it? */
        return complain(reader, place, "\"%.60s\" is not a whole path; it must begin with /", text);
    return set_text(reader, target, text);
}

static int set_scalar(const struct reader *reader, struct place place, const char *text)
{
    void *target = (char *)reader->config + place.key->offset;
    switch (place.key->type) {
    case CONFIG_TEXT:
        return set_text(reader, target, text);
    case CONFIG_FILE:
        return set_file(reader, place, target, text);
    case CONFIG_FLAG:
        return set_flag(reader, place, target, text);
    case CONFIG_FORMAT:
        return set_format(reader, place, target, text);
    case CONFIG_RATE:
        return set_rate(reader, place, target, text);
    case CONFIG_SHARE:
        return set_share(reader, place, target, text);
    case CONFIG_SIZE:
        return set_size(reader, place, target, text);
    case CONFIG_WORDS:
    case CONFIG_PATTERNS:
    case CONFIG_RULES:
        break;
    }
    return complain(reader, place, "needs a list");
}

/* ---- nodes --------------------------------------------------------------------------------- */

static size_t line_of(const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}

/* "key:" with nothing behind it: as if the line was not there. */
static bool is_null(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    const char *text = (const char *)node->data.scalar.value;
    return !*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

/* Borrowed from the document; NULL after a complaint. */
static const char *text_of(const struct reader *reader, struct place place, const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE) {
        complain(reader, place, "needs one value, not a %s",
                 node->type == YAML_SEQUENCE_NODE ? "list" : "mapping");
        return NULL;
    }
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length) {
        complain(reader, place, "the value contains a NUL");
        return NULL;
    }
    return text;
}

static size_t list_count(const yaml_node_t *node)
{
    return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

static const yaml_node_t *list_item(const struct reader *reader, const yaml_node_t *node,
                                    size_t index)
{
    return yaml_document_get_node(reader->document, node->data.sequence.items.start[index]);
}

static int check_list(const struct reader *reader, struct place place, const yaml_node_t *node)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return complain(reader, place, "needs a list");
    if (list_count(node) > CONFIG_LIST_MAX)
        return complain(reader, place, "more than %u entries are too many", CONFIG_LIST_MAX);
    return 0;
}

/* ---- regular expressions ------------------------------------------------------------------- */

/* The largest number of an {m,n} at `at`. */
static unsigned interval(const char *at)
{
    unsigned long largest = 1;
    for (char *end = (char *)at; *end == '{' || *end == ',';) {
        const char *digits = end + 1;
        unsigned long number = strtoul(digits, &end, 10);
        if (end == digits)
            break;
        if (number > largest)
            largest = number;
    }
    return largest > REPEATS_MAX ? REPEATS_MAX + 1 : (unsigned)largest;
}

/* How many copies of its parts regcomp() may make, at the most: it writes x{1,3} as x, xx, xxx, and
 * x+ as xx*, where x may have been written so already. */
static unsigned repeats(const char *pattern)
{
    unsigned product = 1;
    for (const char *at = pattern; *at && product <= REPEATS_MAX; at++) {
        if (*at == '{')
            product *= interval(at);
        else if (*at == '+' && at > pattern && strchr(")+*?}", at[-1]))
            product *= 2;
    }
    return product;
}

static int check_pattern(const struct reader *reader, struct place place, const char *pattern)
{
    regex_t compiled;
    if (!*pattern)
        return complain(reader, place, "an empty pattern matches everything");
    if (strlen(pattern) > CONFIG_PATTERN_MAX)
        return complain(reader, place, "the pattern is longer than %u bytes", CONFIG_PATTERN_MAX);
    if (repeats(pattern) > REPEATS_MAX)
        return complain(reader, place, "the pattern repeats more than %u times", REPEATS_MAX);
    int result = regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB);
    if (result != 0) {
        char reason[100];
        regerror(result, &compiled, reason, sizeof reason);
        return complain(reader, place, "\"%.60s\" is not an extended regular expression: %s",
                        pattern, reason);
    }
    regfree(&compiled);
    return 0;
}

/* ---- lists --------------------------------------------------------------------------------- */

static int set_words(const struct reader *reader, struct place place, const yaml_node_t *node)
{
    struct buf all;
    int result = check_list(reader, place, node);
    if (result < 0)
        return result;
    buf_init(&all, 0);
    for (size_t i = 0; i < list_count(node); i++) {
        const yaml_node_t *item = list_item(reader, node, i);
        place.line = line_of(item);
        const char *word = text_of(reader, place, item);
        if (!word || !*word || strpbrk(word, " \t\n")) {
            result = word ? complain(reader, place, "\"%.60s\" is not one name", word) : ERR_USAGE;
            goto out;
        }
        buf_printf(&all, i ? " %s" : "%s", word);
    }
    if (buf_failed(&all))
        result = no_memory(reader);
    else
        result = set_text(reader, (void *)((char *)reader->config + place.key->offset),
                          all.size ? all.data : "");
out:
    buf_done(&all);
    return result;
}

static void free_patterns(char **patterns)
{
    for (char **at = patterns; at && *at; at++)
        free(*at);
    free(patterns);
}

static int set_patterns(const struct reader *reader, struct place place, const yaml_node_t *node)
{
    int result = check_list(reader, place, node);
    if (result < 0)
        return result;
    char **list = calloc(list_count(node) + 1, sizeof *list);
    if (!list)
        return no_memory(reader);
    for (size_t i = 0; i < list_count(node); i++) {
        const yaml_node_t *item = list_item(reader, node, i);
        place.line = line_of(item);
        const char *pattern = text_of(reader, place, item);
        result = pattern ? check_pattern(reader, place, pattern) : ERR_USAGE;
        if (result == 0)
            result = set_text(reader, &list[i], pattern);
        if (result < 0) {
            free_patterns(list);
            return result;
        }
    }
    *(char ***)(void *)((char *)reader->config + place.key->offset) = list;
    return 0;
}

static void free_rules(struct daemon_rule *rules)
{
    for (struct daemon_rule *rule = rules; rule && (rule->match || rule->service); rule++) {
        free(rule->match);
        free(rule->service);
    }
    free(rules);
}

static int set_rule(const struct reader *reader, struct place place, const yaml_node_t *node,
                    struct daemon_rule *rule)
{
    if (node->type != YAML_MAPPING_NODE)
        return complain(reader, place, "each entry needs match and service");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(reader->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(reader->document, pair->value);
        place.line = line_of(name);
        const char *key = text_of(reader, place, name), *text;
        if (!key)
            return ERR_USAGE;
        bool is_match = strcmp(key, "match") == 0;
        char **target = is_match ? &rule->match : &rule->service;
        if (!is_match && strcmp(key, "service") != 0)
            return complain(reader, place, "unknown key \"%.60s\"; an entry has match and service",
                            key);
        if (*target)
            return complain(reader, place, "%s is given twice", key);
        place.line = line_of(value);
        text = text_of(reader, place, value);
        if (!text)
            return ERR_USAGE;
        if (!*text)
            return complain(reader, place, "%s is empty", key);
        int result = is_match ? check_pattern(reader, place, text) : 0;
        if (result == 0)
            result = set_text(reader, target, text);
        if (result < 0)
            return result;
    }
    place.line = line_of(node);
    if (!rule->match || !rule->service)
        return complain(reader, place, "the entry has no %s", rule->match ? "service" : "match");
    return 0;
}

static int set_rules(const struct reader *reader, struct place place, const yaml_node_t *node)
{
    int result = check_list(reader, place, node);
    if (result < 0)
        return result;
    struct daemon_rule *list = calloc(list_count(node) + 1, sizeof *list);
    if (!list)
        return no_memory(reader);
    for (size_t i = 0; i < list_count(node); i++) {
        const yaml_node_t *item = list_item(reader, node, i);
        place.line = line_of(item);
        result = set_rule(reader, place, item, &list[i]);
        if (result < 0) {
            free_rules(list);
            return result;
        }
    }
    *(struct daemon_rule **)(void *)((char *)reader->config + place.key->offset) = list;
    return 0;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static int set_value(const struct reader *reader, struct place place, const yaml_node_t *node)
{
    if (is_null(node))
        return 0;
    switch (place.key->type) {
    case CONFIG_WORDS:
        return set_words(reader, place, node);
    case CONFIG_PATTERNS:
        return set_patterns(reader, place, node);
    case CONFIG_RULES:
        return set_rules(reader, place, node);
    default:
        break;
    }
    const char *text = text_of(reader, place, node);
    if (!text)
        return ERR_USAGE;
    if (!*text)
        return complain(reader, place, "the value is empty");
    return set_scalar(reader, place, text);
}

static const struct config_key *find_key(const char *name)
{
    for (const struct config_key *key = config_keys; key->name; key++)
        if (strcmp(key->name, name) == 0)
            return key;
    return NULL;
}

static int unknown_key(const struct reader *reader, const yaml_node_t *node)
{
    const char *name = (const char *)node->data.scalar.value;
    struct opt_guess guess = {.word = name};
    for (const struct config_key *key = config_keys; key->name; key++)
        opt_guess_consider(&guess, key->name);
    if (guess.best)
        return err_set(reader->err, ERR_USAGE, "%s:%zu: unknown key \"%.60s\"; did you mean %s?",
                       reader->path, line_of(node), name, guess.best);
    return err_set(reader->err, ERR_USAGE, "%s:%zu: unknown key \"%.60s\"", reader->path,
                   line_of(node), name);
}

static int read_mapping(const struct reader *reader, const yaml_node_t *root)
{
    uint32_t seen = 0; /* a bit per row */
    if (root->type != YAML_MAPPING_NODE)
        return err_set(reader->err, ERR_USAGE, "%s:%zu: needs lines of the form \"key: value\"",
                       reader->path, line_of(root));
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(reader->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(reader->document, pair->value);
        if (name->type != YAML_SCALAR_NODE)
            return err_set(reader->err, ERR_USAGE, "%s:%zu: a key is one word", reader->path,
                           line_of(name));
        const struct config_key *key = find_key((const char *)name->data.scalar.value);
        if (!key)
            return unknown_key(reader, name);
        uint32_t bit = UINT32_C(1) << (key - config_keys);
        if (seen & bit)
            return complain(reader, (struct place){key, line_of(name)}, "is given twice");
        seen |= bit;
        int result = set_value(reader, (struct place){key, line_of(value)}, value);
        if (result < 0)
            return result;
    }
    return 0;
}

/* What the parser found wrong, in its words and with our line. */
static int syntax_error(const struct reader *reader, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return no_memory(reader);
    return err_set(reader->err, ERR_USAGE, "%s:%zu: not YAML: %s", reader->path,
                   parser->problem_mark.line + 1, parser->problem ? parser->problem : "unreadable");
}

/* One document, or none. */
static int read_documents(struct reader *reader, yaml_parser_t *parser)
{
    yaml_document_t document, next;
    if (!yaml_parser_load(parser, &document))
        return syntax_error(reader, parser);
    reader->document = &document;
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    int result = root && !is_null(root) ? read_mapping(reader, root) : 0;
    if (root && result == 0) {
        if (!yaml_parser_load(parser, &next)) {
            result = syntax_error(reader, parser);
        } else {
            const yaml_node_t *second = yaml_document_get_root_node(&next);
            if (second)
                result = err_set(reader->err, ERR_USAGE, "%s:%zu: a second document", reader->path,
                                 line_of(second));
            yaml_document_delete(&next);
        }
    }
    yaml_document_delete(&document);
    return result;
}

static int set_defaults(struct reader *reader)
{
    *reader->config = (struct daemon_config){0};
    for (const struct config_key *key = config_keys; key->name; key++) {
        int result = key->initial ? set_scalar(reader, (struct place){key, 0}, key->initial) : 0;
        if (result < 0)
            return result;
    }
    return 0;
}

static int check_together(const struct reader *reader)
{
    const struct daemon_config *config = reader->config;
    if (!config->tls_cert != !config->tls_key)
        return err_set(reader->err, ERR_USAGE,
                       "%s: tls_cert and tls_key go together: %s is not set", reader->path,
                       config->tls_cert ? "tls_key" : "tls_cert");
    if (config->client_ca && !config->tls_cert)
        return err_set(reader->err, ERR_USAGE, "%s: client_ca needs tls_cert and tls_key",
                       reader->path);
    return 0;
}

int config_parse(const char *path, const char *text, size_t size, struct daemon_config *config,
                 struct err *err)
{
    struct reader reader = {.path = path, .config = config, .err = err};
    yaml_parser_t parser;
    int result = set_defaults(&reader);
    if (result < 0)
        return result;
    if (!yaml_parser_initialize(&parser))
        return no_memory(&reader);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    result = read_documents(&reader, &parser);
    yaml_parser_delete(&parser);
    return result < 0 ? result : check_together(&reader);
}

int daemon_config_load(const char *path, struct daemon_config *config, struct err *err)
{
    struct buf text;
    buf_init(&text, CONFIG_FILE_MAX);
    int result = path ? file_read(path, &text, err) : 0;
    if (result == 0)
        result = config_parse(path ? path : "default", text.data ? text.data : "", text.size,
                              config, err);
    else
        *config = (struct daemon_config){0};
    buf_done(&text);
    return result;
}

void daemon_config_done(struct daemon_config *config)
{
    free(config->listen);
    free(config->data);
    free(config->token_file);
    free(config->allowed_hosts);
    free(config->tls_cert);
    free(config->tls_key);
    free(config->client_ca);
    free_patterns(config->include);
    free_patterns(config->exclude);
    free_rules(config->services);
    *config = (struct daemon_config){0};
}
