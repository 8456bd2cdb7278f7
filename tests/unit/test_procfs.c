/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "os/caps.h"
#include "os/pidfd.h"
#include "os/probe.h"
#include "os/procfs.h"
#include "os/remote.h"
#include "os/task.h"

static void test_procfs__names_may_hold_brackets(void **state)
{
    (void)state;
    struct proc_stat stat;
    assert_int_equal(
        proc_stat_parse("42 (a) R 1 (b)) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 "
                        "12345 1000 20 18446744073709551615",
                        &stat),
        0);
    assert_string_equal(stat.comm, "a) R 1 (b)");
    assert_int_equal(stat.state, 'S');
    assert_int_equal(stat.parent, 7);
    assert_int_equal(stat.threads, 3);
    assert_int_equal(stat.start_ticks, 12345);
    assert_false(stat.kernel_thread);
}

static void test_procfs__kernel_threads_are_known_by_their_flag(void **state)
{
    (void)state;
    struct proc_stat stat;
    assert_int_equal(
        proc_stat_parse("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0", &stat),
        0);
    assert_true(stat.kernel_thread);
}

static void test_procfs__broken_stat_is_refused(void **state)
{
    (void)state;
    struct proc_stat stat;
    static const char *const texts[] = {"",       "42",       "42 (x",      "42 )x(",
                                        "42 (x)", "42 (x) S", "(x) S 1 2 3"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(proc_stat_parse(texts[i], &stat), ERR_BAD_DATA);
}

static void test_procfs__status_gives_namespaces(void **state)
{
    (void)state;
    struct proc_status status;
    proc_status_parse(
        "Name:\tx\nUid:\t1000\t1001\t0\t0\nNSpid:\t900\t17\t3\nCapEff:\t0000000000080000\n"
        "Seccomp:\t2\n",
        &status);
    assert_int_equal(status.uid, 1000);
    assert_int_equal(status.euid, 1001);
    assert_int_equal(status.ns_depth, 3);
    assert_int_equal(status.ns_pids[2], 3);
    assert_int_equal(status.cap_effective, 0x80000);
    assert_int_equal(status.seccomp, 2);
    proc_status_parse("NSpid:\n", &status);
    assert_int_equal(status.ns_depth, 0);
    assert_int_equal(status.seccomp, -1);
}

static void test_procfs__we_see_ourselves(void **state)
{
    (void)state;
    struct pid_list list = {0};
    struct proc_stat stat;
    char text[256];
    bool found = false;
    assert_int_equal(proc_list(&list), 0);
    for (size_t i = 0; i < list.count; i++)
        found |= list.pids[i] == getpid();
    assert_true(found);
    assert_int_equal(proc_list_tasks(getpid(), &list), 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.pids[0], getpid());
    pid_list_done(&list);

    assert_int_equal(proc_stat_read(getpid(), &stat), 0);
    assert_int_equal(stat.parent, getppid());
    assert_true(proc_age_ms(&stat) < 600000);
    assert_int_equal(proc_command(getpid(), text, sizeof text), 0);
    assert_non_null(strstr(text, "test_procfs"));
    assert_int_equal(proc_link(getpid(), "exe", text, sizeof text), 0);
    assert_non_null(strstr(text, "test_procfs"));
    assert_int_equal(proc_stat_read(1 << 30, &stat), ERR_GONE);
    assert_int_equal(proc_list_tasks(1 << 30, &list), ERR_GONE);
    pid_list_done(&list);
}

static void test_procfs__texts_and_numbers_of_the_system(void **state)
{
    (void)state;
    char text[64];
    assert_true(proc_text("/proc/sys/kernel/ostype", text, sizeof text) > 0);
    assert_string_equal(text, "Linux");
    assert_true(proc_number("/proc/sys/kernel/pid_max", -1) > 300);
    assert_int_equal(proc_number("/proc/sys/kernel/no_such_thing", -7), -7);
    assert_int_equal(proc_number("/proc/sys/kernel/ostype", -7), -7);
    assert_int_equal(proc_text("/proc/no_such_thing", text, sizeof text), ERR_NOT_FOUND);
}

struct worker {
    pthread_t thread;
    _Atomic pid_t tid;
    _Atomic int job; /* 0 spin, 1 sleep, 2 end */
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    prctl(PR_SET_NAME, "wor) ker (");
    worker->tid = gettid();
    while (worker->job == 0)
        ;
    while (worker->job == 1)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    return NULL;
}

static void start(struct worker *worker, int job)
{
    *worker = (struct worker){.job = job};
    assert_int_equal(pthread_create(&worker->thread, NULL, work, worker), 0);
    while (!worker->tid)
        usleep(100);
}

static void end(struct worker *worker)
{
    worker->job = 2;
    pthread_join(worker->thread, NULL);
}

static void test_procfs__busy_task_runs_and_counts(void **state)
{
    (void)state;
    struct worker worker;
    struct task task;
    uint64_t cpu[2], wait[2], switches[2];
    char letter;
    start(&worker, 0);
    assert_int_equal(task_open(&task, getpid(), worker.tid), 0);
    assert_int_equal(task_schedstat(&task, &cpu[0], &wait[0], &switches[0]), 0);
    usleep(100000);
    assert_int_equal(task_schedstat(&task, &cpu[1], &wait[1], &switches[1]), 0);
    assert_true(cpu[1] + wait[1] >= cpu[0] + wait[0] + 50000000);
    assert_true(switches[1] >= switches[0] && switches[0] >= 1);
    assert_int_equal(task_state(&task, &letter), 0);
    assert_int_equal(letter, 'R');
    end(&worker);
    task_close(&task);
}

static void test_procfs__sleeping_task_stands_still(void **state)
{
    (void)state;
    int pipe_fds[2];
    struct task task;
    uint64_t cpu[2], wait, switches[2];
    char letter = 0;
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t child = fork();
    if (child == 0) {
        close(pipe_fds[1]);
        _exit(read(pipe_fds[0], &letter, 1) < 0);
    }
    assert_int_equal(task_open(&task, child, child), 0);
    for (int i = 0; letter != 'S' && i < 1000; i++) {
        usleep(1000);
        assert_int_equal(task_state(&task, &letter), 0);
    }
    assert_int_equal(letter, 'S');
    assert_int_equal(task_schedstat(&task, &cpu[0], &wait, &switches[0]), 0);
    usleep(20000);
    assert_int_equal(task_schedstat(&task, &cpu[1], &wait, &switches[1]), 0);
    assert_int_equal(cpu[0], cpu[1]);
    assert_int_equal(switches[0], switches[1]);
    close(pipe_fds[1]);
    waitpid(child, NULL, 0);
    assert_int_equal(task_schedstat(&task, &cpu[1], &wait, &switches[1]), ERR_GONE);
    assert_int_equal(task_state(&task, &letter), ERR_GONE);
    task_close(&task);
    close(pipe_fds[0]);
}

static void test_procfs__ended_task_is_gone(void **state)
{
    (void)state;
    struct worker worker;
    struct task task, other;
    uint64_t number;
    char letter, name[16];
    start(&worker, 1);
    pid_t tid = worker.tid;
    assert_int_equal(task_open(&task, getpid(), tid), 0);
    assert_int_equal(task_name(getpid(), tid, name), 0);
    assert_string_equal(name, "wor) ker (");
    assert_int_equal(task_state(&task, &letter), 0);
    assert_int_equal(letter, 'S');
    end(&worker);
    for (int i = 0; task_schedstat(&task, &number, &number, &number) == 0 && i < 1000; i++)
        usleep(1000);
    assert_int_equal(task_schedstat(&task, &number, &number, &number), ERR_GONE);
    assert_int_equal(task_open(&other, getpid(), tid), ERR_GONE);
    task_close(&task);
    assert_int_equal(task.schedstat_fd, -1);
}

static void test_procfs__remote_reads_stop_at_holes(void **state)
{
    (void)state;
    struct remote self;
    char out[8192];
    char *pages = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    memset(pages, 'x', 12288);
    assert_int_equal(munmap(pages + 4096, 4096), 0);
    remote_open(&self, getpid());
    for (int through_mem = 0; through_mem < 2; through_mem++) {
        struct iovec pieces[] = {{pages, 100}, {pages + 4000, 200}, {pages + 8192, 100}};
        assert_int_equal(remote_readv(&self, out, 400, pieces, 3), 196);
        assert_int_equal(remote_readv(&self, out, 100, pieces + 2, 1), 100);
        struct iovec hole = {pages + 4096, 8};
        assert_int_equal(remote_readv(&self, out, 8, &hole, 1), ERR_FAULT);
        assert_int_equal(remote_readv(&self, out, 8, pieces, REMOTE_MAX_PIECES + 1), ERR_LIMIT);
        self.through_mem = true; /* the fallback gives the same */
        self.mem_fd = self.mem_fd < 0 ? open("/proc/self/mem", O_RDONLY) : self.mem_fd;
        assert_true(self.mem_fd >= 0);
    }
    remote_close(&self);
    remote_open(&self, 1 << 30);
    struct iovec piece = {pages, 8};
    assert_int_equal(remote_readv(&self, out, 8, &piece, 1), ERR_GONE);
    remote_close(&self);
    munmap(pages, 4096);
    munmap(pages + 8192, 4096);
}

static void test_procfs__pidfd_tells_the_end(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    int fd = pidfd_get(child);
    assert_true(fd >= 0);
    assert_false(pidfd_exited(fd, child));
    assert_false(pidfd_exited(-1, child));
    kill(child, SIGKILL);
    for (int i = 0; !pidfd_exited(fd, child) && i < 1000; i++)
        usleep(1000);
    assert_true(pidfd_exited(fd, child)); /* a zombie counts */
    assert_true(pidfd_exited(-1, child));
    waitpid(child, NULL, 0);
    close(fd);
    assert_int_equal(pidfd_get(child), ERR_GONE);
}

static void test_procfs__probes_agree_with_capabilities(void **state)
{
    (void)state;
    struct caps caps;
    struct probe probe;
    caps_read(&caps);
    assert_int_equal(caps.euid, geteuid());
    probe_remote_read(&probe);
    assert_true(probe.works); /* our own child, always */
    assert_true(probe.text[0]);
    probe_bpf(&probe);
    assert_true(probe.text[0]);
    probe_perf(&probe);
    assert_true(probe.text[0]);
}
