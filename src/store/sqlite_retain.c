/* SPDX-License-Identifier: MIT */
/* sqlite_retain.c - what goes, and when: whole files, because deleting rows leaves holes.
 *
 * By age: a file whose period ended longer ago than its level is kept. By budget: while all files
 * together are more than the budget less a reserve (what a tick may add until the next look), the
 * file goes that is furthest through its time; files that are still written come last. What
 * lies beside the store, files set aside and backups of migrations, goes first.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite_store.h"

#define STEP_NS (5 * MINUTE_NS) /* between two ticks: the clock was set, or we slept */
#define DOUBT_NS HOUR_NS        /* so long afterwards nothing is old */
#define RETIRE_NS (10 * MINUTE_NS)
#define RESERVE_BYTES (UINT64_C(512) << 10)

static uint64_t keep_of(const struct store *store, const struct file *file)
{
    if (file->shelf->duty == DUTY_TRACE)
        return store->options.keep_traces_ns;
    if (file->shelf->duty == DUTY_EVENT)
        return store->options.keep_events_ns;
    return store->options.keep_ns[file->shelf->level];
}

static uint64_t end_of(const struct file *file)
{
    return file->start_ns + file->shelf->period_ns;
}

static bool in_doubt(struct store *store, uint64_t now_ns)
{
    if (store->now_ns && now_ns > store->now_ns + STEP_NS)
        store->stepped_ns = now_ns;
    if (store->stepped_ns > now_ns)
        store->stepped_ns = 0; /* set back again */
    return store->stepped_ns && now_ns < store->stepped_ns + DOUBT_NS;
}

static int retain_by_age(struct store *store, uint64_t now_ns, struct err *err)
{
    int result = 0;
    for (uint32_t i = store->file_count; i-- > 0 && result == 0;) {
        struct file *file = store->files[i];
        if (end_of(file) + keep_of(store, file) <= now_ns)
            result = store_delete_file(store, file, err);
        else if (file->db && file->writable && end_of(file) + RETIRE_NS <= now_ns)
            file_retire(file);
    }
    return result;
}

/* Sum, or deletes them all. */
static uint64_t strays(const char *dir_path, const char *needle, bool delete)
{
    DIR *dir = opendir(dir_path);
    if (!dir)
        return 0;
    uint64_t bytes = 0;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        struct stat status;
        if (!strstr(entry->d_name, needle) ||
            fstatat(dirfd(dir), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        bytes += (uint64_t)status.st_blocks * 512;
        if (delete)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    return bytes;
}

static uint64_t all_strays(const struct store *store, bool delete)
{
    char backup[sizeof store->dir + 16];
    snprintf(backup, sizeof backup, "%s/backup", store->dir);
    return strays(store->dir, ".db.damaged", delete) + strays(backup, ".db", delete);
}

/* How far through its time; files in use are always behind those that have ended. */
static double urgency(const struct store *store, const struct file *file, uint64_t now_ns)
{
    if (end_of(file) > now_ns)
        return -1.0 / (double)(file->bytes + 1); /* the largest first */
    return (double)(now_ns - end_of(file)) / (double)keep_of(store, file);
}

static struct file *most_urgent(const struct store *store, uint64_t now_ns)
{
    struct file *most = NULL;
    for (uint32_t i = 0; i < store->file_count; i++) {
        struct file *file = store->files[i];
        if (!file->bytes)
            continue;
        if (!most || urgency(store, file, now_ns) > urgency(store, most, now_ns))
            most = file;
    }
    return most;
}

static void tell_drop(struct store *store, const struct file *file, uint64_t now_ns)
{
    char text[160], name[SHELF_NAME_MAX];
    shelf_file_name(file->shelf, file->start_ns, name);
    snprintf(text, sizeof text, "%s was deleted while in use: the budget is too small", name);
    struct store_event event = {.at_ns = now_ns, .kind = "drop", .text = text};
    if (file->shelf->duty != DUTY_EVENT)
        store_add_event(store, &event, NULL);
}

static int retain_by_budget(struct store *store, uint64_t now_ns, struct err *err)
{
    uint64_t budget = store->options.budget_bytes, before = store->stats.bytes;
    uint64_t bytes = store_bytes(store);
    if (!budget)
        return 0;
    if (before && bytes > before && bytes - before > store->largest_flush)
        store->largest_flush = bytes - before;
    uint64_t reserve = 2 * store->largest_flush + RESERVE_BYTES;
    if (reserve > budget / 2)
        reserve = budget / 2;
    if (bytes + all_strays(store, false) > budget - reserve)
        all_strays(store, true);
    int result = 0;
    while (bytes > budget - reserve && result == 0) {
        struct file *file = most_urgent(store, now_ns);
        if (!file)
            break;
        bytes -= file->bytes;
        bool active = end_of(file) > now_ns && now_ns >= file->start_ns;
        struct file copy = {.shelf = file->shelf, .start_ns = file->start_ns};
        result = store_delete_file(store, file, err);
        store->seals_known = false; /* one may have gone with it */
        if (active)
            tell_drop(store, &copy, now_ns);
    }
    store->stats.bytes = bytes;
    return result;
}

int store_retain(struct store *store, uint64_t now_ns, struct err *err)
{
    int result = in_doubt(store, now_ns) ? 0 : retain_by_age(store, now_ns, err);
    return result == 0 ? retain_by_budget(store, now_ns, err) : result;
}

int store_tick(struct store *store, uint64_t now_ns, struct err *err)
{
    struct err local;
    int result = store_flush(store, err);
    int other = result == 0 ? store_roll_up(store, now_ns, &local) : 0;
    if (other == 0)
        other = store_retain(store, now_ns, &local); /* also when the disk is full: it may help */
    if (now_ns)
        store->now_ns = now_ns;
    if (result < 0 || other == 0)
        return result;
    store->stats.failing = true;
    memcpy(store->stats.reason, local.text, sizeof store->stats.reason);
    return err_set(err, other, "%s", local.text);
}

int store_prune(struct store *store, uint64_t before_ns, struct err *err)
{
    int result = store->write ? 0 : err_set(err, ERR_USAGE, "%s: opened to be read", store->dir);
    for (uint32_t i = store->file_count; i-- > 0 && result == 0;)
        if (end_of(store->files[i]) <= before_ns)
            result = store_delete_file(store, store->files[i], err);
    return result;
}
