/* SPDX-License-Identifier: MIT */
#include "daemon/command.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 256

void command_copy(char *out, size_t size, const char *text, size_t length)
{
    size_t used = length < size ? length : size - 1;
    if (used < length)
        while (used && ((unsigned char)text[used] & 0xc0) == 0x80)
            used--;
    for (size_t i = 0; i < used; i++)
        out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    out[used] = 0;
}

void command_split(struct command *command, const char *arguments, size_t size)
{
    command->count = 0;
    for (size_t at = 0; at < size && command->count < COMMAND_MAX_WORDS;) {
        command->words[command->count++] = arguments + at;
        at += strnlen(arguments + at, size - at) + 1;
    }
}

static bool contains(const char *arguments, size_t size, const char *text)
{
    return memmem(arguments, size, text, strlen(text)) != NULL;
}

bool command_is_helper(const char *arguments, size_t size)
{
    return contains(arguments, size, "--multiprocessing-fork") ||
           contains(arguments, size, "from multiprocessing.");
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_any(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

/* ---- where the program begins -------------------------------------------------------------- */

enum program_kind { PROGRAM_NONE, PROGRAM_SCRIPT, PROGRAM_MODULE, PROGRAM_CODE };

/* Behind the interpreter's own options. `*at`: the word that names the program. */
static enum program_kind find_program(const struct command *command, size_t *at)
{
    if (!command->count)
        return PROGRAM_NONE;
    *at = 0;
    const char *first = base_name(command->words[0]);
    if (!begins(first, "python") && !begins(first, "pypy"))
        return PROGRAM_SCRIPT;
    for (size_t i = 1; i < command->count; i++) {
        const char *word = command->words[i];
        *at = i;
        if (word[0] != '-')
            return PROGRAM_SCRIPT;
        if (strcmp(word, "-") == 0)
            return PROGRAM_CODE;
        if (word[1] == '-') {
            i += strcmp(word, "--check-hash-based-pycs") == 0;
            continue;
        }
        size_t letter = 1 + strcspn(word + 1, "mcWX"); /* those that take a value */
        if (word[letter] == 'c')
            return PROGRAM_CODE;
        if (word[letter] == 'm') {
            *at = word[letter + 1] ? i : i + 1;
            return *at < command->count ? PROGRAM_MODULE : PROGRAM_NONE;
        }
        i += word[letter] && !word[letter + 1];
    }
    *at = 0;
    return PROGRAM_CODE; /* the prompt */
}

/* ---- servers and their applications -------------------------------------------------------- */

static size_t identifier(const char *text)
{
    size_t size = 0;
    if (!isalpha((unsigned char)text[0]) && text[0] != '_')
        return 0;
    while (isalnum((unsigned char)text[size]) || text[size] == '_' || text[size] == '.')
        size++;
    return size;
}

/* "shop.wsgi:app", "shop:create_app()"; not "localhost:8000". */
static bool is_application(const char *word)
{
    size_t module = identifier(word);
    return module && word[module] == ':' && identifier(word + module + 1);
}

/* "shop.wsgi"; not "gunicorn.conf.py". */
static bool is_module(const char *word)
{
    static const char *const endings[] = {".py", ".conf", ".sock", ".ini", ".log", ".pid", NULL};
    const char *ending = strrchr(word, '.');
    return identifier(word) && !word[identifier(word)] && !(ending && is_any(ending, endings));
}

static const char *find_application(const struct command *command, size_t from)
{
    for (size_t i = from; i < command->count; i++)
        if (is_application(command->words[i]))
            return command->words[i];
    for (size_t i = from; i < command->count; i++) /* not an option's value, if it can be told */
        if (is_module(command->words[i]) && (i == from || command->words[i - 1][0] != '-'))
            return command->words[i];
    return NULL;
}

static const char *option_value(const struct command *command, size_t from, const char *letter,
                                const char *name)
{
    size_t name_size = strlen(name);
    for (size_t i = from; i < command->count; i++) {
        const char *word = command->words[i];
        bool has_next = i + 1 < command->count;
        if (has_next && (strcmp(word, letter) == 0 || strcmp(word, name) == 0))
            return command->words[i + 1];
        if (strncmp(word, name, name_size) == 0 && word[name_size] == '=')
            return word + name_size + 1;
    }
    return NULL;
}

/* False: not a server that is known. */
static bool name_server(const struct command *command, const char *program, size_t from, char *out,
                        size_t size)
{
    static const char *const servers[] = {"gunicorn", "uvicorn",  "hypercorn",
                                          "daphne",   "granian",  "waitress-serve",
                                          "uwsgi",    "dramatiq", NULL};
    static const char *const with_app[] = {"celery", "flask", "huey_consumer", NULL};
    const char *application = NULL;
    if (is_any(program, servers)) {
        application = find_application(command, from);
        snprintf(out, size, "%s%s%s", program, application ? " " : "",
                 application ? application : "");
        return true;
    }
    if (!is_any(program, with_app))
        return false;
    application = option_value(command, from, "-A", "--app");
    snprintf(out, size, "%s%s%s", program, application ? " -A " : "",
             application ? application : "");
    return true;
}

/* "gunicorn: worker [shop:app]", written over the command line by the server itself. */
static bool name_title(const char *title, char *out, size_t size)
{
    const char *open = strchr(title, '['), *close = open ? strchr(open, ']') : NULL;
    const char *colon = strstr(title, ": ");
    if (!colon || !close || colon > open || colon == title)
        return false;
    snprintf(out, size, "%.*s %.*s", (int)(colon - title), title, (int)(close - open - 1),
             open + 1);
    return true;
}

/* ---- scripts ------------------------------------------------------------------------------- */

/* The folder above a script whose name says little, else "". */
static void folder_of(const char *script, const char *folder, char *out, size_t size)
{
    const char *slash = strrchr(script, '/');
    char path[512];
    if (slash && slash > script)
        snprintf(path, sizeof path, "%.*s", (int)(slash - script), script);
    else
        snprintf(path, sizeof path, "%s", folder);
    const char *last = base_name(path);
    bool says_something = *last && strcmp(last, ".") != 0 && strcmp(last, "..") != 0;
    snprintf(out, size, "%.100s%s", says_something ? last : "", says_something ? "/" : "");
}

static void name_script(const struct command *command, size_t at, const char *folder, char *out,
                        size_t size)
{
    static const char *const common[] = {"manage.py", "main.py",   "app.py", "wsgi.py",
                                         "asgi.py",   "server.py", "run.py", "__main__.py",
                                         "start.py",  NULL};
    const char *script = command->words[at], *name = base_name(script);
    char above[128] = "";
    const char *task = "";
    if (is_any(name, common))
        folder_of(script, folder, above, sizeof above);
    if (strcmp(name, "manage.py") == 0 && at + 1 < command->count &&
        command->words[at + 1][0] != '-')
        task = command->words[at + 1];
    snprintf(out, size, "%s%s%s%s", above, name, *task ? " " : "", task);
}

bool command_name(const struct command *command, const char *folder, char *out, size_t size)
{
    char name[NAME_MAX_BYTES] = "";
    size_t at = 0;
    enum program_kind kind = find_program(command, &at);
    const char *word = kind == PROGRAM_NONE ? "" : command->words[at];
    if (kind == PROGRAM_MODULE && word[0] == '-')
        word += strcspn(word, "m") + 1;
    if (kind == PROGRAM_CODE)
        snprintf(name, sizeof name, "python");
    else if (kind == PROGRAM_SCRIPT && at == 0 && name_title(word, name, sizeof name))
        ;
    else if (kind != PROGRAM_NONE &&
             !name_server(command, base_name(word), at + 1, name, sizeof name)) {
        if (kind == PROGRAM_SCRIPT)
            name_script(command, at, folder, name, sizeof name);
        else
            snprintf(name, sizeof name, "%s", word);
    }
    command_copy(out, size, name, strlen(name));
    return *out != 0;
}
