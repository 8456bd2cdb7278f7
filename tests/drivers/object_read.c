/* SPDX-License-Identifier: MIT */
/* object_read.c - threads' names, or the locals of a function, of a running process.
 *
 *     object_read names PID ROUNDS      every other round reads anew only those without a name, and
 *                                       every third thread
 *     object_read locals PID FUNCTION ROUNDS
 *
 * Prints one line of JSON per round: {"names": {"<pthread ident>": name or null}, "unknown": n}, or
 * {"frames": [[{"kind", "name", "value", "changing"}]]}. A round whose target moved on too fast is
 * {"error": text}. Exit status 0, or 1 when the process could not be opened or was lost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "target/target.h"
#include "unwind/gather.h"
#include "unwind/locals.h"
#include "unwind/names.h"
#include "unwind/runtime.h"
#include "unwind/stack.h"

#define WALK_ATTEMPTS 50
#define SOME_MAX 64

static void print_line(struct buf *text)
{
    puts(text->data);
    fflush(stdout);
    buf_reset(text);
}

static void print_error(struct buf *text, int code)
{
    struct jsonw json;
    jsonw_init(&json, text);
    jsonw_object_begin(&json);
    jsonw_key_string(&json, "error", err_text(code));
    jsonw_object_end(&json);
    print_line(text);
}

static bool is_lost(int code)
{
    return code == ERR_GONE || code == ERR_DENIED;
}

static int load_some(struct target *target, struct thread_names *names,
                     const struct runtime *runtime)
{
    uint64_t ids[SOME_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < runtime->thread_count && count < SOME_MAX; i++)
        if (i % 3 == 0 || !thread_names_find(names, runtime->threads[i].thread_id))
            ids[count++] = runtime->threads[i].thread_id;
    return thread_names_load_some(target, names, ids, count);
}

static int show_names(struct target *target, struct thread_names *names, struct runtime *runtime,
                      unsigned round, struct buf *text)
{
    struct jsonw json;
    int result = runtime_list(runtime, target);
    if (result == 0)
        result = round & 1 ? load_some(target, names, runtime) : thread_names_load(target, names);
    if (result < 0) {
        print_error(text, result);
        return is_lost(result) ? result : 0;
    }
    jsonw_init(&json, text);
    jsonw_object_begin(&json);
    jsonw_key(&json, "names");
    jsonw_object_begin(&json);
    for (uint32_t i = 0; i < runtime->thread_count; i++) {
        char key[32];
        const char *name = thread_names_find(names, runtime->threads[i].thread_id);
        snprintf(key, sizeof key, "%llu", (unsigned long long)runtime->threads[i].thread_id);
        jsonw_key(&json, key);
        if (name)
            jsonw_string(&json, name);
        else
            jsonw_null(&json);
    }
    jsonw_object_end(&json);
    jsonw_key_u64(&json, "unknown", names->unknown);
    jsonw_object_end(&json);
    print_line(text);
    return 0;
}

static int names_main(struct target *target, unsigned rounds)
{
    struct thread_names names;
    struct runtime runtime;
    struct buf text;
    int result = 0;
    thread_names_init(&names);
    runtime_init(&runtime);
    buf_init(&text, 0);
    for (unsigned round = 0; round < rounds && result == 0; round++)
        result = show_names(target, &names, &runtime, round, &text);
    thread_names_done(&names);
    runtime_done(&runtime);
    buf_done(&text);
    return result;
}

static void show_locals(struct jsonw *json, const struct locals *locals)
{
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < locals->count; i++) {
        const struct local *local = &locals->list[i];
        jsonw_object_begin(json);
        jsonw_key_string(json, "kind", local_kind_name(local->kind));
        jsonw_key_string(json, "name", locals_text(locals, local->name));
        jsonw_key_string(json, "value", locals_text(locals, local->value));
        jsonw_key_bool(json, "changing", local->changing);
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

static bool is_function(struct target *target, const struct raw_frame *frame, const char *function)
{
    char name[256];
    uint64_t str = 0;
    return target_read(target, (struct raddr){frame->code + (uint64_t)target->abi.code.name}, &str,
                       sizeof str) == 0 &&
           target_read_str(target, (struct raddr){str}, name, sizeof name) > 0 &&
           strcmp(name, function) == 0;
}

/* The frames of `function` in one thread. */
static int show_thread(struct target *target, uint64_t tstate, const char *function,
                       struct locals *locals, struct jsonw *json)
{
    const struct locals_options options = {.namespaces = true};
    struct stack stack;
    struct gather gather;
    enum stack_result walked = STACK_AGAIN;
    int result = 0;
    stack_init(&stack, &target->abi, tstate);
    gather_init(&gather);
    for (int i = 0; i < WALK_ATTEMPTS && (walked == STACK_AGAIN || walked == STACK_TORN); i++) {
        gather_reset(&gather);
        if (stack_plan(&stack, &gather) < 0 || (result = gather_run(&gather, target)) < 0)
            break;
        walked = stack_walk(&stack, &gather, target);
    }
    bool usable = result == 0 && (walked == STACK_EXACT || walked == STACK_TORN);
    for (uint32_t i = 0; usable && i < stack.frame_count && result == 0; i++) {
        if (!is_function(target, &stack.frames[i], function))
            continue;
        result = locals_read(target, &stack.frames[i], &options, locals);
        if (result == 0)
            show_locals(json, locals);
        else if (!is_lost(result))
            result = 0;
    }
    gather_done(&gather);
    stack_done(&stack);
    return result;
}

static int locals_main(struct target *target, const char *function, unsigned rounds)
{
    struct runtime runtime;
    struct locals locals;
    struct buf text;
    int result = 0;
    runtime_init(&runtime);
    locals_init(&locals);
    buf_init(&text, 0);
    for (unsigned round = 0; round < rounds && !is_lost(result); round++) {
        struct jsonw json;
        result = runtime_list(&runtime, target);
        if (result < 0) {
            print_error(&text, result);
            continue;
        }
        jsonw_init(&json, &text);
        jsonw_object_begin(&json);
        jsonw_key(&json, "frames");
        jsonw_array_begin(&json);
        for (uint32_t i = 0; i < runtime.thread_count && result == 0; i++)
            result = show_thread(target, runtime.threads[i].tstate, function, &locals, &json);
        jsonw_array_end(&json);
        jsonw_object_end(&json);
        print_line(&text);
    }
    runtime_done(&runtime);
    locals_done(&locals);
    buf_done(&text);
    return is_lost(result) ? result : 0;
}

int main(int argc, char **argv)
{
    struct target *target;
    struct err err = {0};
    const struct target_options options = {.wait_ms = 5000};
    bool names = argc == 4 && strcmp(argv[1], "names") == 0;
    if (!names && !(argc == 5 && strcmp(argv[1], "locals") == 0)) {
        fprintf(stderr, "usage: object_read names PID ROUNDS | locals PID FUNCTION ROUNDS\n");
        return 2;
    }
    if (target_open(atoi(argv[2]), &options, &target, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    unsigned rounds = (unsigned)atoi(argv[argc - 1]);
    int result = names ? names_main(target, rounds) : locals_main(target, argv[3], rounds);
    target_close(target);
    return result < 0;
}
