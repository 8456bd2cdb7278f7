/* SPDX-License-Identifier: MIT */
/* cmd_dump.c - pitviper dump: every thread's stack, now. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "cli/cli.h"
#include "cli/request_text.h"
#include "collect/collect.h"
#include "sampler/process.h"
#include "target/target.h"
#include "unwind/locals.h"
#include "unwind/names.h"

#define DUMP_ROUNDS 20u /* looks at most, until every stack is whole */
#define DUMP_WAIT_MS 2000u
#define DUMP_PAUSE_NS 2000000u

static struct {
    pid_t pid;
    bool json, locals, blocking, full_filenames;
} args;

static const struct opt options[] = {
    {"pid", 'p', OPT_PID, &args.pid, NULL, NULL, "process to look at"},
    {"locals", 'l', OPT_FLAG, &args.locals, NULL, NULL,
     "show arguments and local variables, shortened (the only command that reads values)"},
    {"json", 'j', OPT_FLAG, &args.json, NULL, NULL, "as JSON; docs/dump.md has the schema"},
    {"blocking", 0, OPT_FLAG, &args.blocking, NULL, NULL,
     "stop each thread for the moment it is read"},
    {"full-filenames", 0, OPT_FLAG, &args.full_filenames, NULL, NULL,
     "whole paths instead of package/module.py"},
    {0},
};

struct dumped {
    uint32_t thread; /* of the profile */
    int32_t tid;
    uint32_t node;
    bool partial, idle, holds_gil;
    uint64_t thread_id;
    struct raw_frame *frames; /* own copy, innermost first */
    uint32_t frame_count;
    bool has_request;
    struct collect_request request;
};

static const struct locals_options locals_options = {.namespaces = false};

struct dump {
    struct profile *profile;
    struct process *process;
    struct thread_names names;
    struct locals locals;
    uint64_t mono_ns; /* of the last look */
    struct dumped *threads;
    uint32_t count, capacity;
    bool failed;
};

/* ---- looking ------------------------------------------------------------------------------- */

static void forget(struct dump *dump)
{
    for (uint32_t i = 0; i < dump->count; i++)
        free(dump->threads[i].frames);
    dump->count = 0;
}

static void see(void *context, const struct process_sighting *sighting)
{
    struct dump *dump = context;
    if (dump->count == dump->capacity) {
        uint32_t capacity = dump->capacity ? dump->capacity * 2 : 16;
        void *moved = realloc(dump->threads, capacity * sizeof *dump->threads);
        if (!moved) {
            dump->failed = true;
            return;
        }
        dump->threads = moved;
        dump->capacity = capacity;
    }
    struct dumped *thread = &dump->threads[dump->count];
    *thread = (struct dumped){.thread = sighting->thread,
                              .tid = dump->profile->threads[sighting->thread].tid,
                              .node = sighting->node,
                              .partial = sighting->partial,
                              .idle = sighting->idle,
                              .holds_gil = sighting->holds_gil,
                              .thread_id = sighting->thread_id};
    bool in_request = sighting->request && sighting->request != PROCESS_REQUEST_UNKNOWN;
    thread->has_request = in_request && collect_find(sighting->agent, sighting->request,
                                                     sighting->request_slot, &thread->request);
    size_t bytes = sighting->frame_count * sizeof *thread->frames;
    if (bytes && !sighting->partial) {
        thread->frames = malloc(bytes);
        if (thread->frames) {
            memcpy(thread->frames, sighting->frames, bytes);
            thread->frame_count = sighting->frame_count;
        }
    }
    dump->count++;
}

static uint32_t count_partial(const struct dump *dump)
{
    uint32_t partial = 0;
    for (uint32_t i = 0; i < dump->count; i++)
        partial += dump->threads[i].partial;
    return partial;
}

/* Looks until every stack is whole, or often enough; the last look counts. */
static int look(struct dump *dump, struct err *err)
{
    for (uint32_t i = 0; i < DUMP_ROUNDS; i++) {
        forget(dump);
        dump->mono_ns = clock_mono_ns();
        int result = process_round(dump->process, dump->mono_ns, see, dump);
        if (result == ERR_GONE)
            return err_set(err, result, "pid %d has exited", (int)args.pid);
        if (result < 0)
            return err_set(err, result, "pid %d: %s", (int)args.pid, err_text(result));
        if (dump->failed)
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        if (!count_partial(dump) && dump->count)
            break;
        clock_sleep_until(clock_mono_ns() + DUMP_PAUSE_NS);
    }
    return 0;
}

static int by_tid(const void *a, const void *b)
{
    const struct dumped *x = a, *y = b;
    return x->thread != y->thread ? (x->tid < y->tid ? -1 : 1) : 0;
}

/* ---- showing ------------------------------------------------------------------------------- */

static const char *thread_name(const struct dump *dump, const struct dumped *thread)
{
    const char *python = thread_names_find(&dump->names, thread->thread_id);
    if (python)
        return python;
    return dump->profile->strings[dump->profile->threads[thread->thread].name].text;
}

static const char *state_text(const struct dumped *thread)
{
    if (thread->holds_gil)
        return thread->idle ? "idle+gil" : "active+gil";
    return thread->idle ? "idle" : "active";
}

static void print_locals(struct dump *dump, const struct raw_frame *frame)
{
    if (locals_read(process_target(dump->process), frame, &locals_options, &dump->locals) < 0)
        return;
    const char *heading = "";
    for (uint32_t i = 0; i < dump->locals.count; i++) {
        const struct local *local = &dump->locals.list[i];
        const char *kind = local->kind == LOCAL_ARGUMENT ? "Arguments" : "Locals";
        if (strcmp(kind, heading) != 0)
            printf("        %s:\n", kind);
        heading = kind;
        printf("            %s: %s\n", locals_text(&dump->locals, local->name),
               locals_text(&dump->locals, local->value));
    }
}

/* Python frames of a node's path and the raw frames run side by side; marks (<GC>, <changing>) have
 * no raw frame. */
static void print_thread(struct dump *dump, const struct dumped *thread)
{
    const struct profile *profile = dump->profile;
    printf("\nThread %d (%s): \"%s\"\n", profile->threads[thread->thread].tid, state_text(thread),
           thread_name(dump, thread));
    if (thread->has_request) {
        char text[REQUEST_TEXT_MAX];
        printf("  request: %s\n",
               request_text(process_agent(dump->process), &thread->request, dump->mono_ns, text));
    }
    uint32_t raw = 0;
    for (uint32_t node = thread->node; node; node = profile->nodes[node].parent) {
        char label[PROFILE_MAX_STRING_BYTES];
        profile_frame_label(profile, profile->nodes[node].frame, label, sizeof label);
        printf("    %s\n", label);
        bool is_python = profile->frames[profile->nodes[node].frame].kind == FRAME_PYTHON;
        if (is_python && raw < thread->frame_count) {
            if (args.locals)
                print_locals(dump, &thread->frames[raw]);
            raw++;
        }
    }
}

static void print_text(struct dump *dump)
{
    const struct target *target = process_target(dump->process);
    printf("Process %d: %s\n", (int)target->pid, target->command);
    printf("Python %s (%s)\n", target->version_text, target->executable);
    for (uint32_t i = 0; i < dump->count; i++)
        print_thread(dump, &dump->threads[i]);
}

static void json_locals(struct dump *dump, const struct raw_frame *frame, struct jsonw *json)
{
    if (locals_read(process_target(dump->process), frame, &locals_options, &dump->locals) < 0)
        return;
    jsonw_key(json, "locals");
    jsonw_array_begin(json);
    for (uint32_t i = 0; i < dump->locals.count; i++) {
        const struct local *local = &dump->locals.list[i];
        jsonw_object_begin(json);
        jsonw_key_string(json, "name", locals_text(&dump->locals, local->name));
        jsonw_key_string(json, "kind", local_kind_name(local->kind));
        jsonw_key_string(json, "repr", locals_text(&dump->locals, local->value));
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

static void json_frames(struct dump *dump, const struct dumped *thread, struct jsonw *json)
{
    const struct profile *profile = dump->profile;
    uint32_t raw = 0;
    jsonw_key(json, "frames");
    jsonw_array_begin(json);
    for (uint32_t node = thread->node; node; node = profile->nodes[node].parent) {
        const struct profile_frame *frame = &profile->frames[profile->nodes[node].frame];
        jsonw_object_begin(json);
        jsonw_key_string(json, "name", profile->strings[frame->name].text);
        jsonw_key_string(json, "file", profile->strings[frame->full_file].text);
        jsonw_key_string(json, "short_file", profile->strings[frame->file].text);
        jsonw_key_i64(json, "line", frame->line);
        jsonw_key_i64(json, "first_line", frame->first_line);
        if (frame->kind == FRAME_PYTHON && raw < thread->frame_count) {
            if (args.locals)
                json_locals(dump, &thread->frames[raw], json);
            raw++;
        }
        jsonw_object_end(json);
    }
    jsonw_array_end(json);
}

static void json_thread(struct dump *dump, const struct dumped *thread, struct jsonw *json)
{
    jsonw_object_begin(json);
    jsonw_key_i64(json, "tid", dump->profile->threads[thread->thread].tid);
    jsonw_key_u64(json, "thread_id", thread->thread_id);
    jsonw_key_string(json, "name", thread_name(dump, thread));
    jsonw_key_bool(json, "active", !thread->idle);
    jsonw_key_bool(json, "holds_gil", thread->holds_gil);
    jsonw_key_bool(json, "partial", thread->partial);
    jsonw_key(json, "request");
    request_json(process_agent(dump->process), thread->has_request ? &thread->request : NULL,
                 dump->mono_ns, json);
    json_frames(dump, thread, json);
    jsonw_object_end(json);
}

static int print_json(struct dump *dump, struct err *err)
{
    const struct target *target = process_target(dump->process);
    struct buf out;
    struct jsonw json;
    buf_init(&out, 0);
    jsonw_init(&json, &out);
    jsonw_object_begin(&json);
    jsonw_key_i64(&json, "pid", target->pid);
    jsonw_key_string(&json, "command", target->command);
    jsonw_key_string(&json, "python", target->version_text);
    jsonw_key_string(&json, "executable", target->executable);
    jsonw_key_u64(&json, "time_ms", clock_wall_ns() / 1000000u);
    jsonw_key(&json, "threads");
    jsonw_array_begin(&json);
    for (uint32_t i = 0; i < dump->count; i++)
        json_thread(dump, &dump->threads[i], &json);
    jsonw_array_end(&json);
    jsonw_object_end(&json);
    buf_add_char(&out, '\n');
    int result = buf_failed(&out) ? err_set(err, ERR_NO_MEMORY, "out of memory") : 0;
    if (result == 0)
        fwrite(out.data, 1, out.size, stdout);
    buf_done(&out);
    return result;
}

/* ---- the command --------------------------------------------------------------------------- */

static int dump_target(struct dump *dump, struct err *err)
{
    int result = look(dump, err);
    if (result < 0)
        return result;
    qsort(dump->threads, dump->count, sizeof *dump->threads, by_tid);
    thread_names_load(process_target(dump->process), &dump->names);
    if (args.json)
        result = print_json(dump, err);
    else
        print_text(dump);
    return result;
}

static int run(const struct cli_args *words, struct err *err)
{
    (void)words;
    if (!args.pid)
        return err_set(err, ERR_USAGE, "dump which process? -p PID says it");
    struct dump dump = {.profile = profile_new()};
    if (!dump.profile)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    thread_names_init(&dump.names);
    locals_init(&dump.locals);
    struct process_options process_options = {
        .idle = true,
        .blocking = args.blocking,
        .requests = true,
        .code = {.full_filenames = args.full_filenames},
    };
    struct target *target = NULL;
    int result =
        target_open(args.pid, &(struct target_options){.wait_ms = DUMP_WAIT_MS}, &target, err);
    if (result == 0) {
        result = process_new(target, dump.profile, &process_options, &dump.process, err);
        if (result < 0)
            target_close(target);
    }
    if (result == 0)
        result = dump_target(&dump, err);
    forget(&dump);
    free(dump.threads);
    thread_names_done(&dump.names);
    locals_done(&dump.locals);
    process_free(dump.process);
    profile_free(dump.profile);
    return result;
}

static const struct cli_example examples[] = {
    {"pitviper dump -p 4711", "what is every thread doing?"},
    {"pitviper dump -p 4711 --locals", "and with which arguments?"},
    {"pitviper dump -p 4711 -j | jq '.threads[].frames[0].name'", "for scripts"},
    {0},
};

const struct cli_command cmd_dump = {
    .name = "dump",
    .summary = "print every thread's stack, now",
    .description =
        "Prints the Python stack of every thread, innermost call first, with the thread's name, "
        "kernel id, "
        "whether it is running, and whether it holds the GIL; with pitviper's agent in the process "
        "also "
        "the request it works on. The process is not stopped.\n\n"
        "Values of variables are read only with --locals.",
    .examples = examples,
    .options = options,
    .run = run,
};
