/* SPDX-License-Identifier: MIT */
/* cmd_doctor.c - what works here, what does not, and what to do about it.
 *
 * Facts are gathered first, into one struct; two renderers print them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "cli/cli.h"
#include "os/caps.h"
#include "os/probe.h"
#include "os/procfs.h"
#include "target/target.h"

#define STARTING_WAIT_MS 300
#define COMMAND_WIDTH 60

static struct {
    struct opt_pids pids;
    bool json;
} args;

static const struct opt options[] = {
    {"pid", 'p', OPT_PIDS, &args.pids, NULL, NULL, "only this process"},
    {"json", 'j', OPT_FLAG, &args.json, NULL, NULL, "as JSON"},
    {0},
};

static const struct cli_example examples[] = {
    {"pitviper doctor", "what works on this host, and which Pythons can be read"},
    {"pitviper doctor -p 4242", "why one process cannot be read"},
    {0},
};

/* One process and what came of opening it. */
struct patient {
    pid_t pid;
    struct err err; /* code 0: readable */
    char version[32];
    char executable[256];
    char command[256];
    uint64_t open_us;
    uint64_t reads;
};

struct findings {
    struct utsname kernel;
    struct caps caps;
    struct probe remote_read, perf, bpf;
    struct patient *patients;
    size_t count;
};

static bool looks_like_python(const struct patient *patient)
{
    struct proc_stat stat;
    const char *name = strstr(patient->command, "python");
    return (name && name < strchrnul(patient->command, ' ')) ||
           (proc_stat_read(patient->pid, &stat) == 0 && strstr(stat.comm, "python"));
}

static void examine(struct patient *patient, pid_t pid)
{
    struct target *target;
    struct target_options wait = {0};
    *patient = (struct patient){.pid = pid};
    uint64_t begin_ns = clock_mono_ns();
    int result = target_open(pid, &wait, &target, &patient->err);
    if (result == ERR_STARTING) {
        wait.wait_ms = STARTING_WAIT_MS;
        result = target_open(pid, &wait, &target, &patient->err);
    }
    patient->open_us = (clock_mono_ns() - begin_ns) / 1000;
    if (result < 0) {
        if (proc_command(pid, patient->command, sizeof patient->command) < 0)
            patient->command[0] = 0;
        return;
    }
    patient->err = (struct err){0};
    patient->reads = target->reads_total;
    memcpy(patient->version, target->version_text, sizeof patient->version);
    memcpy(patient->executable, target->executable, sizeof patient->executable);
    memcpy(patient->command, target->command, sizeof patient->command);
    target_close(target);
}

/* Of all processes of the host, those that are Python, or that we cannot tell from one. */
static bool worth_showing(const struct patient *patient)
{
    switch (patient->err.code) {
    case ERR_NOT_PYTHON:
    case ERR_GONE:
        return false;
    case ERR_DENIED:
        return looks_like_python(patient);
    default:
        return true;
    }
}

static int examine_all(struct findings *findings, struct err *err)
{
    struct pid_list list = {0};
    bool chosen = args.pids.count > 0;
    int result = chosen ? 0 : proc_list(&list);
    const pid_t *pids = chosen ? args.pids.items : list.pids;
    size_t count = chosen ? args.pids.count : list.count;
    if (result == 0)
        findings->patients = calloc(count + 1, sizeof *findings->patients);
    if (result < 0 || !findings->patients)
        result =
            err_set(err, result < 0 ? result : ERR_NO_MEMORY, "doctor: processes cannot be listed");
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct patient *patient = &findings->patients[findings->count];
        if (!chosen && pids[i] == getpid())
            continue;
        examine(patient, pids[i]);
        findings->count += chosen || worth_showing(patient);
    }
    pid_list_done(&list);
    return result;
}

/* The status of the worst: not permitted, then unstable, then unsupported, then gone. */
static int worst_status(const struct findings *findings)
{
    int worst = findings->remote_read.works ? 0 : err_exit_status(ERR_DENIED);
    for (size_t i = 0; i < findings->count; i++) {
        int code = findings->patients[i].err.code;
        int status = code ? err_exit_status(code) : 0;
        if (status > worst)
            worst = status;
    }
    return worst;
}

static void write_probe(struct jsonw *json, const char *key, const struct probe *probe)
{
    jsonw_key(json, key);
    jsonw_object_begin(json);
    jsonw_key_bool(json, "works", probe->works);
    jsonw_key_string(json, "text", probe->text);
    jsonw_object_end(json);
}

static void write_patient(struct jsonw *json, const struct patient *patient)
{
    bool readable = patient->err.code == 0;
    jsonw_object_begin(json);
    jsonw_key_i64(json, "pid", patient->pid);
    jsonw_key_bool(json, "readable", readable);
    jsonw_key_string(json, "command", patient->command);
    if (readable) {
        jsonw_key_string(json, "python", patient->version);
        jsonw_key_string(json, "executable", patient->executable);
        jsonw_key_u64(json, "reads", patient->reads);
    } else {
        jsonw_key_string(json, "problem", patient->err.text);
        jsonw_key_i64(json, "status", err_exit_status(patient->err.code));
    }
    jsonw_key_u64(json, "open_us", patient->open_us);
    jsonw_object_end(json);
}

static void write_json(const struct findings *findings, struct buf *out)
{
    const struct caps *caps = &findings->caps;
    struct jsonw writer, *json = &writer;
    jsonw_init(json, out);
    jsonw_object_begin(json);
    jsonw_key_string(json, "pitviper", PITVIPER_VERSION);
    jsonw_key_string(json, "pythons", pyabi_supported());
    jsonw_key_string(json, "kernel", findings->kernel.release);
    jsonw_key_string(json, "machine", findings->kernel.machine);
    jsonw_key_u64(json, "uid", caps->euid);
    jsonw_key(json, "capabilities");
    jsonw_object_begin(json);
    jsonw_key_bool(json, "CAP_SYS_PTRACE", caps->sys_ptrace);
    jsonw_key_bool(json, "CAP_PERFMON", caps->perfmon);
    jsonw_key_bool(json, "CAP_BPF", caps->bpf);
    jsonw_object_end(json);
    jsonw_key(json, "yama_ptrace_scope");
    if (caps->yama_scope < 0)
        jsonw_null(json);
    else
        jsonw_i64(json, caps->yama_scope);
    jsonw_key_i64(json, "seccomp", caps->seccomp);
    jsonw_key_string(json, "container", caps->container);
    jsonw_key_bool(json, "pid_namespace", caps->pid_namespace);
    jsonw_key_bool(json, "user_namespace", caps->user_namespace);
    write_probe(json, "memory_read", &findings->remote_read);
    write_probe(json, "perf_events", &findings->perf);
    write_probe(json, "bpf", &findings->bpf);
    jsonw_key(json, "processes");
    jsonw_array_begin(json);
    for (size_t i = 0; i < findings->count; i++)
        write_patient(json, &findings->patients[i]);
    jsonw_array_end(json);
    jsonw_object_end(json);
    buf_add_char(out, '\n');
}

static const char *mark(bool good)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool color =
        isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
    if (color)
        return good ? "\033[32myes\033[0m" : "\033[31mno \033[0m";
    return good ? "yes" : "no ";
}

static void print_row(struct buf *out, const char *name, bool good, const char *text)
{
    buf_printf(out, "  %-16s %s%s%s\n", name, mark(good), *text ? "  " : "", text);
}

static void print_yama(struct buf *out, int scope)
{
    static const char *const meaning[] = {"everybody may read their own processes",
                                          "only parents and CAP_SYS_PTRACE may read a process",
                                          "only CAP_SYS_PTRACE may read a process",
                                          "nobody may read a process"};
    if (scope >= 0 && scope <= 3)
        buf_printf(out, "  %-16s %d (%s)\n", "Yama scope", scope, meaning[scope]);
    else
        buf_printf(out, "  %-16s %s\n", "Yama scope", "none (not in this kernel)");
}

static void print_host(const struct findings *findings, struct buf *out)
{
    const struct caps *caps = &findings->caps;
    const char *missing = "a process of another user cannot be read without it";
    buf_printf(out, "Host\n  %-16s %s (%s)\n", "kernel", findings->kernel.release,
               findings->kernel.machine);
    buf_printf(out, "  %-16s %u%s\n", "user", (unsigned)caps->euid,
               caps->euid == 0 ? " (root)" : "");
    buf_printf(out, "  %-16s %s%s%s\n", "container", caps->container[0] ? caps->container : "none",
               caps->pid_namespace ? ", its own processes only" : "",
               caps->user_namespace ? ", users mapped" : "");
    print_yama(out, caps->yama_scope);
    if (caps->seccomp > 0)
        buf_printf(out, "  %-16s %s\n", "seccomp", "a filter is active");
    print_row(out, "CAP_SYS_PTRACE", caps->sys_ptrace, caps->sys_ptrace ? "" : missing);
    print_row(out, "CAP_PERFMON", caps->perfmon, "");
    print_row(out, "CAP_BPF", caps->bpf, "");
    print_row(out, "memory reads", findings->remote_read.works, findings->remote_read.text);
    print_row(out, "perf events", findings->perf.works, findings->perf.text);
    print_row(out, "eBPF", findings->bpf.works, findings->bpf.text);
}

static void print_patient(const struct patient *patient, int width, struct buf *out)
{
    bool readable = patient->err.code == 0;
    buf_printf(out, "  %8d  %-10s %s  %-*s  %.*s", (int)patient->pid,
               readable ? patient->version : "?", mark(readable), width,
               readable ? patient->executable : "?", COMMAND_WIDTH, patient->command);
    while (out->size && out->data[out->size - 1] == ' ')
        out->size--;
    buf_add_char(out, '\n');
    if (!readable)
        buf_printf(out, "            %s\n", patient->err.text);
}

static void print_patients(const struct findings *findings, struct buf *out)
{
    buf_printf(out, "\nPython processes (this pitviper reads %s)\n", pyabi_supported());
    if (!findings->count) {
        buf_add_str(out, "  none found\n");
        return;
    }
    size_t width = strlen("EXECUTABLE");
    for (size_t i = 0; i < findings->count; i++)
        if (strlen(findings->patients[i].executable) > width)
            width = strlen(findings->patients[i].executable);
    buf_printf(out, "  %8s  %-10s %-4s %-*s  %s\n", "PID", "VERSION", "READ", (int)width,
               "EXECUTABLE", "COMMAND");
    for (size_t i = 0; i < findings->count; i++)
        print_patient(&findings->patients[i], (int)width, out);
}

static int run(const struct cli_args *unused, struct err *err)
{
    (void)unused;
    struct findings findings = {0};
    uname(&findings.kernel);
    caps_read(&findings.caps);
    probe_remote_read(&findings.remote_read);
    probe_perf(&findings.perf);
    probe_bpf(&findings.bpf);
    int result = examine_all(&findings, err);
    if (result == 0) {
        struct buf out;
        buf_init(&out, 0);
        if (args.json) {
            write_json(&findings, &out);
        } else {
            print_host(&findings, &out);
            print_patients(&findings, &out);
        }
        result = worst_status(&findings);
        if (buf_failed(&out))
            result = err_set(err, ERR_NO_MEMORY, "doctor: out of memory");
        else
            fwrite(out.data, 1, out.size, stdout);
        buf_done(&out);
    }
    free(findings.patients);
    return result;
}

const struct cli_command cmd_doctor = {
    .name = "doctor",
    .summary = "show what can be read here, and the remedy where it cannot",
    .description =
        "Tells what this host allows: capabilities, Yama, containers, memory reads, perf events, "
        "eBPF. Then opens every Python process, as record would, and says for each that cannot be "
        "read why, and what to do.\n\n"
        "The exit status is 0 when everything can be read, else that of the worst: 77 not "
        "permitted, 75 in the middle of starting or stopping, 69 not Python or not a supported "
        "one, 66 no such process.",
    .examples = examples,
    .options = options,
    .run = run,
};
