/* SPDX-License-Identifier: MIT */
#include "os/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "os/procfs.h"

#define NS_PER_S UINT64_C(1000000000)

/* Since Linux 6.2 the size of the folder is their number; before it is 0. */
static int64_t count_descriptors(pid_t pid)
{
    char path[32];
    struct stat stat_;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    if (stat(path, &stat_) == 0 && stat_.st_size > 0)
        return stat_.st_size;
    DIR *entries = opendir(path);
    if (!entries)
        return -1;
    int64_t count = -2; /* "." and ".." */
    while (readdir(entries))
        count++;
    closedir(entries);
    return count;
}

static uint64_t status_number(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void add_switches(pid_t pid, struct usage *out)
{
    struct pid_list tasks = {0};
    if (proc_list_tasks(pid, &tasks) < 0)
        return;
    for (size_t i = 0; i < tasks.count && i < USAGE_MAX_THREADS; i++) {
        char path[64], text[8192];
        snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)pid, (int)tasks.pids[i]);
        if (proc_text(path, text, sizeof text) < 0)
            continue;
        out->switches_voluntary += status_number(text, "\nvoluntary_ctxt_switches:");
        out->switches_forced += status_number(text, "\nnonvoluntary_ctxt_switches:");
    }
    pid_list_done(&tasks);
}

int usage_read(pid_t pid, struct usage *out)
{
    char path[32], text[1024];
    struct proc_stat stat;
    int result = proc_stat_read(pid, &stat);
    if (result < 0)
        return result;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (proc_text(path, text, sizeof text) < 0)
        return ERR_GONE;
    /* Fields 10, 12, 14, 15 and 24 of proc_pid_stat(5). */
    const char *close = strrchr(text, ')');
    unsigned long long minor, major, user, system, pages;
    if (!close || sscanf(close + 1,
                         " %*c %*d %*d %*d %*d %*d %*u %llu %*u %llu %*u %llu %llu %*d %*d %*d %*d "
                         "%*d %*d %*u %*u %llu",
                         &minor, &major, &user, &system, &pages) != 5)
        return ERR_IO;
    uint64_t tick_ns = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
    *out = (struct usage){
        .resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE),
        .cpu_user_ns = user * tick_ns,
        .cpu_system_ns = system * tick_ns,
        .threads = stat.threads,
        .descriptors = count_descriptors(pid),
        .faults_minor = minor,
        .faults_major = major,
    };
    add_switches(pid, out);
    return 0;
}

/* Switches are those of the threads that live, so their sum may fall. */
static double per_second(uint64_t before, uint64_t now, uint64_t passed_ns)
{
    if (!passed_ns || now < before)
        return -1;
    return (double)(now - before) * (double)NS_PER_S / (double)passed_ns;
}

double usage_cores(const struct usage *before, const struct usage *now, uint64_t passed_ns)
{
    double cpu_ns = per_second(before->cpu_user_ns + before->cpu_system_ns,
                               now->cpu_user_ns + now->cpu_system_ns, passed_ns);
    return cpu_ns < 0 ? -1 : cpu_ns / (double)NS_PER_S;
}

double usage_switches(const struct usage *before, const struct usage *now, uint64_t passed_ns)
{
    return per_second(before->switches_voluntary + before->switches_forced,
                      now->switches_voluntary + now->switches_forced, passed_ns);
}
