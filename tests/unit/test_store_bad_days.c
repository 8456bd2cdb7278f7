/* SPDX-License-Identifier: MIT */
/* What happens to machines: killed writers, flipped bits, full disks, other versions. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "store_kit.h"

static unsigned rounds(unsigned few)
{
    const char *many = getenv("PITVIPER_TEST_ROUNDS");
    return many ? (unsigned)strtoul(many, NULL, 10) : few;
}

static uint64_t total(struct store *store, uint64_t from_ns, uint64_t to_ns,
                      struct store_answer *answer)
{
    struct store_query query = {.from_ns = from_ns, .to_ns = to_ns};
    struct profile *got = kit_read(store, &query, answer);
    uint64_t count = profile_total_count(got);
    profile_free(got);
    return count;
}

/* Flushes a window every time and says so, until it is killed. Each window has the count 1. */
static void write_until_killed(const char *dir, uint64_t first, int to)
{
    struct store_options options = {.write = true};
    struct store *store = NULL;
    struct err err;
    if (store_open(dir, &options, &store, &err) < 0)
        _exit(3);
    for (uint64_t i = first;; i++) {
        struct profile *profile = profile_new();
        struct profile_thread thread = {.pid = 1};
        char name[32];
        snprintf(name, sizeof name, "f%llu", (unsigned long long)i % 50);
        struct profile_frame frame = {.name = profile_cstring(profile, name)};
        uint32_t node = profile_node(profile, 0, profile_frame(profile, &frame));
        profile_add(profile, profile_thread(profile, &thread), node, 1, 10000000);
        struct store_source source = {.service = "shop"};
        if (store_add_profile(store, &source, T0 + i * 10 * S, profile, &err) < 0 ||
            store_tick(store, T0 + (i + 1) * 10 * S, &err) < 0 ||
            write(to, &i, sizeof i) != sizeof i)
            _exit(4);
        profile_free(profile);
    }
}

static void test_store_bad_days__kill_loses_nothing_acknowledged(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    uint64_t next = 0, random = (uint64_t)time(NULL) | 1, lost_unacknowledged = 0;
    for (unsigned round = 0; round < rounds(30); round++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        if (child == 0)
            write_until_killed(dir, next, pipes[1]);
        close(pipes[1]);
        struct timespec wait = {.tv_nsec = (long)(random_next(&random) % 120000000)};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        uint64_t acknowledged = next, i;
        while (read(pipes[0], &i, sizeof i) == sizeof i)
            acknowledged = i + 1;
        close(pipes[0]);
        struct store *store = kit_open(dir, true);
        struct store_answer answer;
        uint64_t have = total(store, T0, T0 + (acknowledged + 2) * 10 * S, &answer);
        assert_int_equal(answer.damaged_windows, 0);
        assert_true(have == acknowledged + lost_unacknowledged ||
                    have == acknowledged + lost_unacknowledged + 1);
        lost_unacknowledged = have - acknowledged;
        next = acknowledged + lost_unacknowledged;
        lost_unacknowledged = 0;
        store_close(store);
    }
    struct store *store = kit_open(dir, true);
    kit_ok(store_tick(store, T0 + next * 10 * S + MINUTE, &err));
    assert_int_equal(total(store, T0, T0 + (next + 1) * 10 * S, NULL), next);
    store_close(store);
    kit_remove(dir);
}

static int reader(const char *dir, int seconds)
{
    struct store_options options = {.write = false};
    struct store *store = NULL;
    struct err err;
    uint64_t before = 0;
    time_t end = time(NULL) + seconds;
    while (time(NULL) < end) {
        if (!store && store_open(dir, &options, &store, &err) < 0)
            return 1;
        struct store_query query = {.from_ns = T0, .to_ns = T0 + DAY};
        struct store_answer answer;
        struct profile *got = profile_new();
        if (store_read_profile(store, &query, got, &answer, &err) < 0)
            return 2;
        uint64_t count = profile_total_count(got);
        profile_free(got);
        if (count < before || answer.damaged_windows || answer.missing_ns)
            return 3;
        before = count;
    }
    store_close(store);
    return before > 0 ? 0 : 4;
}

static void test_store_bad_days__two_read_while_one_writes(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    struct store *store = kit_open(dir, true);
    pid_t readers[2];
    for (int i = 0; i < 2; i++)
        if ((readers[i] = fork()) == 0)
            _exit(reader(dir, 2));
    time_t end = time(NULL) + 3;
    for (uint64_t at = T0; time(NULL) < end && at < T0 + DAY; at += 10 * S) {
        struct profile *profile = kit_profile(at / S, 20, 7);
        kit_add(store, "shop", at, profile);
        profile_free(profile);
        kit_ok(store_tick(store, at + 10 * S, &err));
    }
    for (int i = 0; i < 2; i++) {
        int status;
        waitpid(readers[i], &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    store_close(store);
    kit_remove(dir);
}

/* -- damage ---------------------------------------------------------------------------------- */

static uint64_t fill(const char *dir, uint64_t minutes)
{
    struct store *store = kit_open(dir, true);
    uint64_t count = 0;
    for (uint64_t at = T0; at < T0 + minutes * MINUTE; at += 10 * S) {
        struct profile *profile = kit_profile(at / S, 40, 7);
        count += profile_total_count(profile);
        kit_add(store, "shop", at, profile);
        profile_free(profile);
        kit_ok(store_tick(store, at + 10 * S, &err));
    }
    struct store_event event = {.at_ns = T0, .kind = "start"};
    kit_ok(store_add_event(store, &event, &err));
    kit_ok(store_tick(store, T0 + minutes * MINUTE + MINUTE, &err));
    store_close(store);
    return count;
}

static void copy_dir(const char *from, const char *to)
{
    mkdir(to, 0700);
    DIR *list = opendir(from);
    struct dirent *entry;
    while ((entry = readdir(list))) {
        char path[700], copy[700], block[65536];
        snprintf(path, sizeof path, "%s/%s", from, entry->d_name);
        snprintf(copy, sizeof copy, "%s/%s", to, entry->d_name);
        FILE *in = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        FILE *out = in ? fopen(copy, "w") : NULL;
        size_t size;
        while (out && (size = fread(block, 1, sizeof block, in)) > 0)
            fwrite(block, 1, size, out);
        if (in)
            fclose(in);
        if (out)
            fclose(out);
    }
    closedir(list);
}

/* One of the databases, by turns. */
static void pick_file(const char *dir, unsigned number, char path[700])
{
    char names[64][256];
    unsigned count = 0;
    DIR *list = opendir(dir);
    struct dirent *entry;
    while ((entry = readdir(list)) && count < 64)
        if (strstr(entry->d_name, ".db"))
            snprintf(names[count++], sizeof names[0], "%s", entry->d_name);
    closedir(list);
    assert_true(count > 0);
    qsort(names, count, sizeof names[0], (int (*)(const void *, const void *))strcmp);
    snprintf(path, 700, "%s/%s", dir, names[number % count]);
}

static void flip(const char *path, uint64_t *random, unsigned bits)
{
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    for (unsigned i = 0; i < bits && size > 0; i++) {
        long at = (long)(random_next(random) % (uint64_t)size);
        fseek(file, at, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(byte ^ 1 << (random_next(random) % 8), file);
    }
    fclose(file);
}

static void count_finding(void *context, const char *file, const char *finding)
{
    (void)file;
    assert_true(finding[0] != '\0');
    ++*(unsigned *)context;
}

static void test_store_bad_days__flipped_bits_are_found_and_never_fatal(void **state)
{
    (void)state;
    char dir[64], copy[80];
    snprintf(dir, sizeof dir, "%s", kit_dir());
    snprintf(copy, sizeof copy, "%s-copy", dir);
    uint64_t count = fill(dir, 75), random = 77;
    unsigned noticed = 0, silent = 0;
    for (unsigned round = 0; round < rounds(60); round++) {
        char path[700];
        kit_remove(copy);
        copy_dir(dir, copy);
        pick_file(copy, round, path);
        flip(path, &random, 1 + round % 3);
        struct store_options options = {.write = round % 2, .no_sync = true};
        struct store *store = NULL;
        struct err err = {0};
        if (store_open(copy, &options, &store, &err) < 0) {
            assert_int_equal(err.code, ERR_UNSUPPORTED); /* the version's byte */
            continue;
        }
        struct store_answer answer;
        uint64_t have = total(store, T0, T0 + 2 * HOUR, &answer);
        assert_true(have <= count);
        unsigned findings = 0;
        int result = store_check(store, count_finding, &findings, &err);
        assert_true(result == (findings ? ERR_BAD_DATA : 0));
        struct store_stats stats;
        store_stats(store, &stats);
        bool told = findings || stats.damaged_files || answer.damaged_windows;
        assert_true(have == count || told);
        noticed += told;
        silent += !told;
        if (options.write) { /* it goes on */
            struct profile *profile = kit_profile(1, 10, 7);
            kit_add(store, "shop", T0 + 80 * MINUTE, profile);
            store_tick(store, T0 + 81 * MINUTE, &err);
            assert_int_equal(store_tick(store, T0 + 81 * MINUTE + 10 * S, &err), 0);
            assert_int_equal(total(store, T0 + 80 * MINUTE, T0 + 81 * MINUTE, NULL),
                             profile_total_count(profile));
            profile_free(profile);
        }
        store_close(store);
    }
    printf("# %u of %u flips noticed, the others changed nothing\n", noticed, noticed + silent);
    assert_true(noticed > silent);
    kit_remove(copy);
    kit_remove(dir);
}

static int stop_at_damage(void *context, const struct store_event *event)
{
    (void)event;
    ++*(unsigned *)context;
    return 0;
}

static void test_store_bad_days__a_damaged_file_is_set_aside_and_told(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    uint64_t count = fill(dir, 75);
    char path[700];
    snprintf(path, sizeof path, "%s/profile-1m-20241004T000000Z.db", dir);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    fputs("this is not a database, not any more", file);
    fclose(file);
    struct store *store = kit_open(dir, true);
    kit_ok(store_tick(store, T0 + 77 * MINUTE, &err));
    struct store_stats stats;
    store_stats(store, &stats);
    assert_int_equal(stats.damaged_files, 1);
    unsigned events = 0;
    kit_ok(store_tick(store, T0 + 78 * MINUTE, &err));
    struct store_query query = {.from_ns = T0, .to_ns = T0 + DAY};
    kit_ok(store_read_events(store, &query, "damage", stop_at_damage, &events, &err));
    assert_int_equal(events, 1);
    assert_int_equal(total(store, T0, T0 + 2 * HOUR, NULL), count); /* other levels have it */
    strcat(path, ".damaged0");
    assert_int_equal(access(path, F_OK), 0);
    store_close(store);
    kit_remove(dir);
}

/* -- versions -------------------------------------------------------------------------------- */

static void sql(const char *path, const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *error = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s", error);
    sqlite3_close(db);
}

static void test_store_bad_days__newer_is_refused(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    fill(dir, 2);
    char path[700];
    snprintf(path, sizeof path, "%s/profile-1m-20241004T000000Z.db", dir);
    sql(path, "PRAGMA user_version=99; PRAGMA wal_checkpoint(TRUNCATE)");
    for (int write = 0; write < 2; write++) {
        struct store_options options = {.write = write};
        struct store *store = NULL;
        struct err err;
        assert_int_equal(store_open(dir, &options, &store, &err), ERR_UNSUPPORTED);
        assert_non_null(strstr(err.text, "99"));
    }
    kit_remove(dir);
}

static void test_store_bad_days__older_is_migrated_with_a_backup(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    uint64_t count = fill(dir, 2);
    char path[700];
    snprintf(path, sizeof path, "%s/profile-1m-20241004T000000Z.db", dir);
    sql(path, "DELETE FROM state WHERE id>1; PRAGMA user_version=1"); /* as version 1 left it */
    struct store *store = kit_open(dir, true);
    kit_ok(store_tick(store, T0 + 4 * MINUTE, &err));
    unsigned findings = 0;
    kit_ok(store_check(store, count_finding, &findings, &err)); /* the tally is there and right */
    assert_int_equal(total(store, T0, T0 + HOUR, NULL), count);
    store_close(store);
    snprintf(path, sizeof path, "%s/backup/v1-profile-1m-20241004T000000Z.db", dir);
    assert_int_equal(access(path, F_OK), 0);
    kit_remove(dir);
}

/* -- disks ----------------------------------------------------------------------------------- */

static int fill_until_full(const char *dir)
{
    struct store *store = kit_open(dir, true);
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    rlim_t unlimited = limit.rlim_cur;
    signal(SIGXFSZ, SIG_IGN);
    uint64_t count = 0, at = T0;
    struct err err;
    struct store_stats stats = {0};
    for (unsigned i = 0; i < 60; i++, at += 10 * S) {
        if (i == 20) {
            limit.rlim_cur = 48 << 10; /* the log is larger by now */
            setrlimit(RLIMIT_FSIZE, &limit);
        }
        if (i == 40) {
            store_stats(store, &stats);
            limit.rlim_cur = unlimited;
            setrlimit(RLIMIT_FSIZE, &limit);
        }
        struct profile *profile = kit_profile(at / S, 300, 7);
        count += profile_total_count(profile);
        kit_add(store, "shop", at, profile);
        profile_free(profile);
        store_tick(store, at + 10 * S, &err);
    }
    if (!stats.failing || !stats.reason[0] || !stats.pending_bytes)
        return 2;
    store_stats(store, &stats);
    if (stats.failing || stats.dropped_windows)
        return 3;
    if (total(store, T0, at, NULL) != count)
        return 4;
    store_close(store);
    return 0;
}

static void test_store_bad_days__a_full_disk_is_waited_for(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    pid_t child = fork();
    if (child == 0)
        _exit(fill_until_full(dir));
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    kit_remove(dir);
}

/* Root may write everywhere: as somebody else. */
static int read_without_rights(const char *dir)
{
    if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
        return 2;
    struct store_options options = {.write = true};
    struct store *store = NULL;
    struct err err;
    if (store_open(dir, &options, &store, &err) != ERR_DENIED)
        return 3;
    store = kit_open(dir, false);
    return total(store, T0, T0 + HOUR, NULL) > 0 ? 0 : 4;
}

static void test_store_bad_days__what_cannot_be_written_can_be_read(void **state)
{
    (void)state;
    const char *dir = kit_dir();
    fill(dir, 2);
    DIR *list = opendir(dir);
    struct dirent *entry;
    while ((entry = readdir(list)))
        if (entry->d_name[0] != '.')
            fchmodat(dirfd(list), entry->d_name, 0444, 0);
    closedir(list);
    chmod(dir, 0555);
    pid_t child = fork();
    if (child == 0)
        _exit(read_without_rights(dir));
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    chmod(dir, 0755);
    kit_remove(dir);
}
