/* SPDX-License-Identifier: MIT */
#include "bpf/pystack.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "os/procfs.h"
#include "pystack.skel.h"

#define LISTINGS_MAX 16u /* of a process that starts threads as fast as we look */
#define FIRST_PID_NAMESPACE "pid:[4026531836]" /* linux/proc_ns.h: PROC_PID_INIT_INO */

#define DRAIN_MAX_NS                                                                               \
    100000000u /* then the caller has its turn, even if samples come faster than they go */
#define DRAIN_LOOKS 64

struct timer {
    pid_t pid, tid;
    int fd;
};

struct pystack {
    struct pystack_bpf *program;
    struct ring_buffer *ring;
    struct timer *timers;
    uint32_t timer_count, timer_capacity;
    pystack_take_fn *take;
    void *take_context;
    int take_result;
    int taken;
    uint64_t drain_until_ns;
};

static int on_sample(void *context, void *data, size_t size)
{
    struct pystack *pystack = context;
    const struct pystack_sample *sample = data;
    if (size < offsetof(struct pystack_sample, frames) || pystack->take_result < 0)
        return 0;
    pystack->take_result = pystack->take(pystack->take_context, sample);
    if (++pystack->taken % DRAIN_LOOKS == 0 && clock_mono_ns() > pystack->drain_until_ns)
        return -ETIME;
    return 0;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
    (void)level, (void)format, (void)arguments;
    return 0;
}

static int load(struct pystack *pystack, struct err *err)
{
    libbpf_set_print(quiet); /* what failed is said in one sentence, below */
    pystack->program = pystack_bpf__open();
    if (!pystack->program)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int cpus = libbpf_num_possible_cpus();
    if (cpus > 0)
        bpf_map__set_max_entries(pystack->program->maps.scratch, (uint32_t)cpus);
    int result = pystack_bpf__load(pystack->program);
    if (result == -EPERM || result == -EACCES)
        return err_set(
            err, ERR_DENIED,
            "the kernel program may not be loaded: it takes root, or CAP_BPF and CAP_PERFMON");
    if (result < 0)
        return err_set(err, ERR_UNSUPPORTED, "this kernel cannot run the program: %s",
                       strerror(-result));
    pystack->ring =
        ring_buffer__new(bpf_map__fd(pystack->program->maps.samples), on_sample, pystack, NULL);
    return pystack->ring ? 0 : err_set(err, ERR_NO_MEMORY, "out of memory");
}

static bool in_first_namespace(void)
{
    char link[64];
    ssize_t size = readlink("/proc/self/ns/pid", link, sizeof link - 1);
    return size > 0 && (link[size] = 0, strcmp(link, FIRST_PID_NAMESPACE) == 0);
}

int pystack_open(struct pystack **out, struct err *err)
{
    if (!in_first_namespace())
        return err_set(err, ERR_UNSUPPORTED,
                       "the kernel program needs the first pid namespace, and this is a container");
    struct pystack *pystack = calloc(1, sizeof *pystack);
    if (!pystack)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int result = load(pystack, err);
    if (result < 0) {
        pystack_close(pystack);
        return result;
    }
    *out = pystack;
    return 0;
}

void pystack_close(struct pystack *pystack)
{
    if (!pystack)
        return;
    for (uint32_t i = 0; i < pystack->timer_count; i++)
        close(pystack->timers[i].fd);
    free(pystack->timers);
    ring_buffer__free(pystack->ring);
    pystack_bpf__destroy(pystack->program);
    free(pystack);
}

/* ---- timers -------------------------------------------------------------------------------- */

static bool has_timer(const struct pystack *pystack, pid_t tid)
{
    for (uint32_t i = 0; i < pystack->timer_count; i++)
        if (pystack->timers[i].tid == tid)
            return true;
    return false;
}

static int reserve_timer(struct pystack *pystack)
{
    if (pystack->timer_count < pystack->timer_capacity)
        return 0;
    uint32_t capacity = pystack->timer_capacity ? pystack->timer_capacity * 2 : 32;
    void *moved = realloc(pystack->timers, capacity * sizeof *pystack->timers);
    if (!moved)
        return ERR_NO_MEMORY;
    pystack->timers = moved;
    pystack->timer_capacity = capacity;
    return 0;
}

static int code_of(int error)
{
    switch (error) {
    case ESRCH:
        return ERR_GONE;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case EMFILE:
    case ENFILE:
        return ERR_LIMIT;
    default:
        return ERR_IO;
    }
}

static int start_timer(struct pystack *pystack, pid_t pid, pid_t tid, uint64_t period_ns)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .config = PERF_COUNT_SW_CPU_CLOCK,
        .size = sizeof attr,
        .sample_period = period_ns,
        .disabled = 1,
        .inherit = 1,
        .inherit_thread = 1, /* not into children: they are other processes */
    };
    int result = reserve_timer(pystack);
    if (result < 0)
        return result;
    int fd = (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return code_of(errno);
    if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(pystack->program->progs.on_timer)) < 0 ||
        ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0) {
        result = code_of(errno);
        close(fd);
        return result;
    }
    pystack->timers[pystack->timer_count++] = (struct timer){pid, tid, fd};
    return 0;
}

static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A thread that starts between the listing and its parent's timer is in the next listing, so it
 * ends when one shows nothing new. */
static int start_timers(struct pystack *pystack, pid_t pid, uint64_t period_ns)
{
    struct pid_list tasks = {0};
    int result = 0;
    bool found = true;
    for (uint32_t i = 0; result == 0 && found && i < LISTINGS_MAX; i++) {
        found = false;
        result = proc_list_tasks(pid, &tasks);
        for (size_t j = 0; result == 0 && j < tasks.count; j++) {
            if (has_timer(pystack, tasks.pids[j]))
                continue;
            found = true;
            result = start_timer(pystack, pid, tasks.pids[j], period_ns);
            if (result == ERR_GONE && tasks.pids[j] != pid)
                result = 0; /* a thread that has ended meanwhile */
        }
    }
    pid_list_done(&tasks);
    return result;
}

int pystack_add(struct pystack *pystack, pid_t pid, const struct pystack_config *config,
                uint64_t period_ns)
{
    uint32_t key = (uint32_t)pid;
    if (bpf_map__update_elem(pystack->program->maps.processes, &key, sizeof key, config,
                             sizeof *config, BPF_ANY) < 0)
        return ERR_LIMIT;
    allow_many_files();
    int result = start_timers(pystack, pid, period_ns);
    if (result < 0)
        pystack_remove(pystack, pid);
    return result;
}

void pystack_remove(struct pystack *pystack, pid_t pid)
{
    uint32_t key = (uint32_t)pid, kept = 0;
    for (uint32_t i = 0; i < pystack->timer_count; i++)
        if (pystack->timers[i].pid == pid)
            close(pystack->timers[i].fd);
        else
            pystack->timers[kept++] = pystack->timers[i];
    pystack->timer_count = kept;
    bpf_map__delete_elem(pystack->program->maps.processes, &key, sizeof key, BPF_ANY);
}

void pystack_stop(struct pystack *pystack)
{
    for (uint32_t i = 0; i < pystack->timer_count; i++)
        ioctl(pystack->timers[i].fd, PERF_EVENT_IOC_DISABLE, 0);
}

void pystack_vary(struct pystack *pystack, uint64_t period_ns, uint64_t *random)
{
    for (uint32_t i = 0; i < pystack->timer_count; i++) {
        uint64_t period = period_ns / 2 + random_next(random) % (period_ns + 1);
        ioctl(pystack->timers[i].fd, PERF_EVENT_IOC_PERIOD, &period);
    }
}

/* ---- samples ------------------------------------------------------------------------------- */

int pystack_drain(struct pystack *pystack, pystack_take_fn *take, void *context)
{
    pystack->take = take;
    pystack->take_context = context;
    pystack->take_result = 0;
    pystack->taken = 0;
    pystack->drain_until_ns = clock_mono_ns() + DRAIN_MAX_NS;
    int result = ring_buffer__consume(pystack->ring);
    if (pystack->take_result < 0)
        return pystack->take_result;
    return result < 0 && result != -ETIME ? ERR_IO : pystack->taken;
}

uint64_t pystack_lost(const struct pystack *pystack)
{
    return __atomic_load_n(&pystack->program->bss->lost, __ATOMIC_RELAXED);
}
