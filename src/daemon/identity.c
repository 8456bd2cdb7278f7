/* SPDX-License-Identifier: MIT */
#include "daemon/identity.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "daemon/command.h"
#include "daemon/daemon.h"
#include "daemon/release.h"
#include "os/procfs.h"

#define ENVIRONMENT_MAX_BYTES ((size_t)4 << 20) /* more than the kernel takes */
#define ARGUMENTS_MAX_BYTES ((size_t)4 << 20)
#define CONTAINER_ID_BYTES 64u
#define CONTAINER_ID_SHOWN 12u

/* ---- rules --------------------------------------------------------------------------------- */

int identity_rules_init(struct identity_rules *out, const struct daemon_rule *rules,
                        struct err *err)
{
    *out = (struct identity_rules){0};
    if (proc_text("/proc/self/cgroup", out->own_cgroup, sizeof out->own_cgroup) < 0)
        out->own_cgroup[0] = 0;
    size_t count = 0;
    while (rules && rules[count].match)
        count++;
    out->rules = calloc(count ? count : 1, sizeof *out->rules);
    if (!out->rules)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    for (; out->count < count; out->count++) {
        const struct daemon_rule *rule = &rules[out->count];
        struct identity_rule *compiled = &out->rules[out->count];
        if (regcomp(&compiled->match, rule->match, REG_EXTENDED | REG_NOSUB) != 0)
            return err_set(err, ERR_USAGE, "services: \"%s\" is not a regular expression",
                           rule->match);
        compiled->service = strdup(rule->service);
        if (!compiled->service) {
            regfree(&compiled->match);
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        }
    }
    return 0;
}

void identity_rules_done(struct identity_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        regfree(&rules->rules[i].match);
        free(rules->rules[i].service);
    }
    free(rules->rules);
    *rules = (struct identity_rules){0};
}

static const char *rule_for(const struct identity_rules *rules, const char *command)
{
    for (size_t i = 0; i < rules->count; i++)
        if (regexec(&rules->rules[i].match, command, 0, NULL, 0) == 0)
            return rules->rules[i].service;
    return NULL;
}

/* ---- environment --------------------------------------------------------------------------- */

bool identity_variable(const char *environment, size_t size, const char *name, char *out,
                       size_t out_size)
{
    size_t name_size = strlen(name);
    for (size_t at = 0; at < size;) {
        size_t length = strnlen(environment + at, size - at);
        if (length > name_size + 1 && environment[at + name_size] == '=' &&
            memcmp(environment + at, name, name_size) == 0) {
            command_copy(out, out_size, environment + at + name_size + 1, length - name_size - 1);
            return true;
        }
        at += length + 1;
    }
    return false;
}

/* Nothing but these two is looked at, and nothing is kept. */
static void read_environment(pid_t pid, struct identity *out)
{
    struct buf text;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    buf_init(&text, ENVIRONMENT_MAX_BYTES);
    if (file_read(path, &text, NULL) == 0 && text.size) {
        identity_variable(text.data, text.size, "PITVIPER_SERVICE", out->service,
                          sizeof out->service);
        identity_variable(text.data, text.size, "PITVIPER_VERSION", out->version,
                          sizeof out->version);
    }
    if (text.data)
        explicit_bzero(text.data, text.size);
    buf_done(&text);
}

/* ---- unit and container -------------------------------------------------------------------- */

static bool is_hex(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!isxdigit((unsigned char)text[i]))
            return false;
    return true;
}

/* "docker-<id>.scope", "cri-containerd-<id>.scope", "<id>", "lxc.payload.<name>": the first bytes
 * of the id, or the name. */
static bool container_of(const char *part, size_t size, char out[IDENTITY_MAX])
{
    static const char lxc[] = "lxc.payload.";
    if (size > sizeof lxc - 1 && memcmp(part, lxc, sizeof lxc - 1) == 0) {
        command_copy(out, IDENTITY_MAX, part + sizeof lxc - 1, size - (sizeof lxc - 1));
        return true;
    }
    if (size > 6 && memcmp(part + size - 6, ".scope", 6) == 0)
        size -= 6;
    if (size < CONTAINER_ID_BYTES || !is_hex(part + size - CONTAINER_ID_BYTES, CONTAINER_ID_BYTES))
        return false;
    snprintf(out, IDENTITY_MAX, "container %.*s", (int)CONTAINER_ID_SHOWN,
             part + size - CONTAINER_ID_BYTES);
    return true;
}

/* Units in which anything may run say nothing about it. */
static bool is_telling(const char *unit)
{
    static const char *const others[] = {"user", "cron",       "crond",  "anacron", "atd",    "ssh",
                                         "sshd", "containerd", "docker", "getty",   "kubelet"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(unit, others[i]) == 0)
            return false;
    return *unit != 0;
}

/* "shop.service", "worker@3.service" (its instances are one service). */
static bool unit_of(const char *part, size_t size, char out[IDENTITY_MAX])
{
    static const char ending[] = ".service";
    if (size <= sizeof ending - 1 ||
        memcmp(part + size - (sizeof ending - 1), ending, sizeof ending - 1) != 0)
        return false;
    size -= sizeof ending - 1;
    const char *instance = memchr(part, '@', size);
    command_copy(out, IDENTITY_MAX, part, instance ? (size_t)(instance - part) : size);
    return is_telling(out);
}

/* The innermost part of a path that says something. */
static bool name_in_path(const char *path, size_t size, char out[IDENTITY_MAX])
{
    while (size) {
        const char *slash = memrchr(path, '/', size);
        const char *part = slash ? slash + 1 : path;
        size_t length = (size_t)(path + size - part);
        if (container_of(part, length, out) || unit_of(part, length, out))
            return true;
        size = slash ? (size_t)(slash - path) : 0;
    }
    return false;
}

bool identity_from_cgroup(const char *text, char out[IDENTITY_MAX])
{
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        const char *path = memchr(line, '/', length);
        if (path && name_in_path(path, (size_t)(line + length - path), out))
            return true;
        line += length + (line[length] == '\n');
    }
    out[0] = 0;
    return false;
}

static bool read_cgroup(pid_t pid, const struct identity_rules *rules, char out[IDENTITY_MAX])
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    return proc_text(path, text, sizeof text) > 0 && strcmp(text, rules->own_cgroup) != 0 &&
           identity_from_cgroup(text, out);
}

/* ---- command line -------------------------------------------------------------------------- */

bool identity_from_command(const char *arguments, size_t size, const char *folder,
                           char out[IDENTITY_MAX])
{
    struct command command;
    command_split(&command, arguments, size);
    return command_name(&command, folder, out, IDENTITY_MAX);
}

static bool read_command(pid_t pid, char out[IDENTITY_MAX], bool *is_helper)
{
    struct buf text;
    char path[64], folder[512];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    if (proc_link(pid, "cwd", folder, sizeof folder) < 0)
        folder[0] = 0;
    buf_init(&text, ARGUMENTS_MAX_BYTES);
    bool is_named = file_read(path, &text, NULL) == 0 && text.size;
    *is_helper = is_named && command_is_helper(text.data, text.size);
    is_named = is_named && identity_from_command(text.data, text.size, folder, out);
    buf_done(&text);
    return is_named;
}

/* What multiprocessing starts belongs to whoever started it. */
static void name_by_command(pid_t pid, char out[IDENTITY_MAX])
{
    bool is_helper = false;
    struct proc_stat stat;
    bool is_named = read_command(pid, out, &is_helper);
    for (int depth = 0; is_helper && depth < 4; depth++) {
        char parent[IDENTITY_MAX];
        if (proc_stat_read(pid, &stat) < 0 || stat.parent <= 1 ||
            !read_command(stat.parent, parent, &is_helper))
            break;
        memcpy(out, parent, IDENTITY_MAX);
        pid = stat.parent;
    }
    if (!is_named)
        snprintf(out, IDENTITY_MAX, "pid %d", (int)pid);
}

void identity_read(pid_t pid, const struct identity_rules *rules, struct identity *out)
{
    char command[4096];
    *out = (struct identity){0};
    read_environment(pid, out);
    if (!out->version[0])
        release_of_folder(pid, out->version, sizeof out->version);
    if (out->service[0])
        return;
    const char *named = NULL;
    if (rules->count && proc_command(pid, command, sizeof command) == 0)
        named = rule_for(rules, command);
    if (named)
        command_copy(out->service, sizeof out->service, named, strlen(named));
    else if (!read_cgroup(pid, rules, out->service))
        name_by_command(pid, out->service);
}
