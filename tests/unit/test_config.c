/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/err.h"
#include "daemon/config.h"

static int parse(const char *text, struct daemon_config *config, struct err *err)
{
    return config_parse("serve.yaml", text, strlen(text), config, err);
}

static void assert_refused(const char *text, const char *sentence)
{
    struct daemon_config config;
    struct err err = {0};
    assert_int_equal(parse(text, &config, &err), ERR_USAGE);
    daemon_config_done(&config);
    if (!strstr(err.text, sentence))
        fail_msg("\"%s\" does not say \"%s\"", err.text, sentence);
}

static void test_config__no_file_is_the_defaults(void **state)
{
    (void)state;
    struct daemon_config config;
    struct err err;
    assert_int_equal(daemon_config_load(NULL, &config, &err), 0);
    assert_string_equal(config.listen, "127.0.0.1:7117");
    assert_null(config.data);
    assert_null(config.token_file);
    assert_null(config.allowed_hosts);
    assert_null(config.include);
    assert_null(config.services);
    assert_int_equal(config.rate_hz, 100);
    assert_true(config.budget > 0.00999 && config.budget < 0.01001);
    assert_true(config.process_budget > 0.00499 && config.process_budget < 0.00501);
    assert_true(config.trace_sample > 0.00999 && config.trace_sample < 0.01001);
    assert_true(config.keep_bytes == UINT64_C(10000000000));
    assert_true(config.wall);
    assert_false(config.log_json);
    daemon_config_done(&config);
}

static void test_config__every_key_is_read(void **state)
{
    (void)state;
    static const char text[] = "listen: '[::1]:0'\n"
                               "data: /srv/history\n"
                               "keep: 512MiB\n"
                               "token_file: /etc/token\n"
                               "allowed_hosts: [a.example.org, b]\n"
                               "tls_cert: /c\n"
                               "tls_key: /k\n"
                               "client_ca: /ca\n"
                               "rate: 49\n"
                               "budget: 2.5%\n"
                               "process_budget: 1\n"
                               "wall: no\n"
                               "include: [gunicorn, '^celery']\n"
                               "exclude:\n  - pip\n"
                               "services:\n"
                               "  - match: gunicorn.* shop\n"
                               "    service: shop\n"
                               "  - {service: tasks, match: celery}\n"
                               "trace_sample: 100%\n"
                               "log: json\n";
    struct daemon_config config;
    struct err err;
    assert_int_equal(parse(text, &config, &err), 0);
    assert_string_equal(config.listen, "[::1]:0");
    assert_string_equal(config.data, "/srv/history");
    assert_int_equal(config.keep_bytes, 512 << 20);
    assert_string_equal(config.token_file, "/etc/token");
    assert_string_equal(config.allowed_hosts, "a.example.org b");
    assert_string_equal(config.tls_cert, "/c");
    assert_string_equal(config.tls_key, "/k");
    assert_string_equal(config.client_ca, "/ca");
    assert_int_equal(config.rate_hz, 49);
    assert_true(config.budget == 0.025);
    assert_true(config.process_budget == 0.01);
    assert_false(config.wall);
    assert_string_equal(config.include[0], "gunicorn");
    assert_string_equal(config.include[1], "^celery");
    assert_null(config.include[2]);
    assert_string_equal(config.exclude[0], "pip");
    assert_null(config.exclude[1]);
    assert_string_equal(config.services[0].match, "gunicorn.* shop");
    assert_string_equal(config.services[0].service, "shop");
    assert_string_equal(config.services[1].match, "celery");
    assert_string_equal(config.services[1].service, "tasks");
    assert_null(config.services[2].match);
    assert_true(config.trace_sample == 1.0);
    assert_true(config.log_json);
    daemon_config_done(&config);
}

static void test_config__nothing_and_nulls_leave_the_defaults(void **state)
{
    (void)state;
    static const char *const texts[] = {"",   "# nothing\n",        "---\n",
                                        "{}", "listen:\nrate: ~\n", "include: null\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct daemon_config config;
        struct err err;
        assert_int_equal(parse(texts[i], &config, &err), 0);
        assert_string_equal(config.listen, "127.0.0.1:7117");
        assert_int_equal(config.rate_hz, 100);
        assert_null(config.include);
        daemon_config_done(&config);
    }
}

static void test_config__errors_name_line_and_key(void **state)
{
    (void)state;
    assert_refused("wall: yes\nlissten: x\n",
                   "serve.yaml:2: unknown key \"lissten\"; did you mean listen?");
    assert_refused("zebra: 1\n", "serve.yaml:1: unknown key \"zebra\"");
    assert_refused("rate: 49\nwall: no\nrate: 50\n", "serve.yaml:3: rate: is given twice");
    assert_refused("\nrate: 101\n", "serve.yaml:2: rate: \"101\" is not a rate from 19 to 100 Hz");
    assert_refused("rate: fast", "serve.yaml:1: rate: \"fast\"");
    assert_refused("budget: 0", "serve.yaml:1: budget: \"0\" is not a share from 0.01% to");
    assert_refused("trace_sample: 101%", "serve.yaml:1: trace_sample: ");
    assert_refused("keep: much", "serve.yaml:1: keep: \"much\" is not a size");
    assert_refused("wall: maybe", "serve.yaml:1: wall: \"maybe\" is neither yes nor no");
    assert_refused("log: xml", "serve.yaml:1: log: \"xml\" is neither text nor json");
    assert_refused("data: store", "serve.yaml:1: data: \"store\" is not a whole path");
    assert_refused("listen: ''", "serve.yaml:1: listen: the value is empty");
    assert_refused("listen: [a]", "serve.yaml:1: listen: needs one value, not a list");
    assert_refused("listen:\n  a: b", "serve.yaml:2: listen: needs one value, not a mapping");
    assert_refused("listen: \"a\\0b\"", "serve.yaml:1: listen: the value contains a NUL");
    assert_refused("include: gunicorn", "serve.yaml:1: include: needs a list");
    assert_refused("include:\n - a\n - '('\n", "serve.yaml:3: include: \"(\" is not an extended");
    assert_refused("exclude: ['']", "serve.yaml:1: exclude: an empty pattern matches everything");
    assert_refused("exclude: [[a]]", "serve.yaml:1: exclude: needs one value, not a list");
    assert_refused("allowed_hosts: [a b]", "serve.yaml:1: allowed_hosts: \"a b\" is not one name");
    assert_refused("services: [shop]",
                   "serve.yaml:1: services: each entry needs match and service");
    assert_refused("services:\n - match: x\n", "serve.yaml:2: services: the entry has no service");
    assert_refused("services:\n - match: x\n   servce: y\n",
                   "serve.yaml:3: services: unknown key \"servce\"");
    assert_refused("services:\n - match: x\n   match: y\n",
                   "serve.yaml:3: services: match is given twice");
    assert_refused("services:\n - service: x\n   match: '['\n", "serve.yaml:3: services: \"[\" is");
}

static void test_config__what_is_no_mapping_or_no_yaml_is_refused(void **state)
{
    (void)state;
    assert_refused("gunicorn", "serve.yaml:1: needs lines of the form \"key: value\"");
    assert_refused("- a\n", "serve.yaml:1: needs lines");
    assert_refused("? [a]\n: b\n", "serve.yaml:1: a key is one word");
    assert_refused("wall: yes\nlisten: [\n", "serve.yaml:3: not YAML: ");
    assert_refused("wall: yes\n---\nwall: no\n", "serve.yaml:3: a second document");
    assert_refused("wall: yes\n---\n[", "not YAML");
    assert_refused("listen: \xff\xfe\n", "not YAML");
}

static void test_config__tls_files_go_together(void **state)
{
    (void)state;
    assert_refused("tls_cert: /c", "tls_key is not set");
    assert_refused("tls_key: /k", "tls_cert is not set");
    assert_refused("client_ca: /ca", "client_ca needs tls_cert and tls_key");
}

static void test_config__costly_patterns_are_refused(void **state)
{
    (void)state;
    char text[CONFIG_PATTERN_MAX + 32];
    assert_refused("include: ['a{2000}']", "repeats more than 1000 times");
    assert_refused("include: ['((a{0,100}){2,}){100}']", "repeats more than 1000 times");
    assert_refused("include: ['a++++++++++++++++++++++++++++++++++']", "repeats more than");
    memset(text, 'a', sizeof text);
    memcpy(text, "include: [", 10);
    memcpy(text + sizeof text - 2, "]", 2);
    assert_refused(text, "the pattern is longer than 512 bytes");
    struct daemon_config config;
    struct err err;
    assert_int_equal(
        parse("include: ['^python[0-9]{1,2} (a{3}){4} b+c+[d]+e+f+g+h+i+j+k+l+m+']", &config, &err),
        0);
    daemon_config_done(&config);
}

static void test_config__lists_have_a_limit(void **state)
{
    (void)state;
    char text[3 * CONFIG_LIST_MAX + 32] = "include: [a";
    for (size_t i = 0; i < CONFIG_LIST_MAX; i++)
        strcat(text, ",a");
    assert_refused(strcat(text, "]"), "serve.yaml:1: include: more than 256 entries");
}

static void test_config__a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct daemon_config config;
    struct err err = {0};
    assert_int_equal(daemon_config_load("/nonexistent/serve.yaml", &config, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/serve.yaml"));
    daemon_config_done(&config);
}

/* Values of the schema, as the JSON that they are: YAML reads that too. */
static void assert_value_is_read(const char *name, json_t *value)
{
    struct daemon_config config;
    struct err err = {0};
    char text[600];
    char *json = json_dumps(value, JSON_ENCODE_ANY);
    bool tls = strcmp(name, "tls_cert") == 0, key = strcmp(name, "tls_key") == 0;
    snprintf(text, sizeof text, "%s: %s\n%s%s", name, json,
             strcmp(name, "client_ca") == 0 || key ? "tls_cert: /c\n" : "",
             strcmp(name, "client_ca") == 0 || tls ? "tls_key: /k\n" : "");
    free(json);
    if (parse(text, &config, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    daemon_config_done(&config);
}

static void test_config__the_schema_knows_the_same_keys(void **state)
{
    (void)state;
    json_error_t error;
    json_t *schema = json_load_file(SOURCE_ROOT "/schema/serve.json", 0, &error), *property;
    assert_non_null(schema);
    json_t *properties = json_object_get(schema, "properties");
    for (const struct config_key *key = config_keys; key->name; key++) {
        property = json_object_get(properties, key->name);
        if (!property)
            fail_msg("%s is not in the schema", key->name);
        json_t *value = json_object_get(property, "default");
        assert_int_equal(!value, !key->initial);
        if (value)
            assert_value_is_read(key->name, value);
    }
    const char *name;
    json_object_foreach(properties, name, property)
    {
        json_t *examples = json_object_get(property, "examples"), *value;
        size_t index;
        assert_true(json_array_size(examples) > 0);
        json_array_foreach(examples, index, value) assert_value_is_read(name, value);
    }
    json_decref(schema);
}

/* The example that is installed: as it is, and with all its lines in force. */
static void test_config__the_example_file_is_read(void **state)
{
    (void)state;
    struct daemon_config config;
    struct err err = {0};
    char text[8192];
    FILE *file = fopen(SOURCE_ROOT "/packaging/serve.yaml", "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text, file), used = 0;
    fclose(file);
    assert_int_equal(config_parse("example", text, size, &config, &err), 0);
    assert_null(config.services);
    daemon_config_done(&config);
    for (size_t i = 0; i < size; i++) /* "#key" is a line that waits, "# text" is prose */
        if (text[i] != '#' || (i + 1 < size && text[i + 1] == ' ' && text[i + 2] != ' '))
            text[used++] = text[i];
    if (config_parse("example", text, used, &config, &err) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(config.services[1].service, "shop-tasks");
    daemon_config_done(&config);
}
