/* SPDX-License-Identifier: MIT */
/* The agent's shared memory as its writer makes it. There is one region per process, so every test
 * works in a child of its own: its first event makes a new one. */
#include "agent/region.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a child a failure cannot jump back into cmocka. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void in_child(void (*body)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static struct region *get(void)
{
    struct region *region = region_get();
    CHECK(region);
    return region;
}

static uint32_t string(const char *text)
{
    return region_string(get(), text, strlen(text));
}

static uint32_t key(enum agent_kind kind, const char *name)
{
    struct agent_key wanted = {.kind = kind, .name = string(name)};
    return region_key(get(), &wanted);
}

static const struct agent_string *text_at(uint32_t id)
{
    return (const void *)(get()->strings + (size_t)id * 8);
}

/* ---- histograms ------------------------------------------------------------------------------ */

static void test_region__a_bucket_is_a_64th_of_its_values_wide(void **state)
{
    (void)state;
    assert_int_equal(region_bucket(0), 0);
    assert_int_equal(region_bucket(63), 63);
    assert_int_equal(region_bucket(64), 64);
    assert_int_equal(region_bucket(127), 127);
    assert_int_equal(region_bucket(128), 128);
    assert_int_equal(region_bucket(129), 128);
    assert_int_equal(region_bucket((UINT64_C(1) << 42) - 1), AGENT_HISTOGRAM_BUCKETS - 1);
    assert_int_equal(region_bucket(UINT64_C(1) << 42), AGENT_HISTOGRAM_BUCKETS - 1);
    assert_int_equal(region_bucket(UINT64_MAX), AGENT_HISTOGRAM_BUCKETS - 1);
    uint64_t first = 0; /* of the present bucket */
    uint32_t bucket = 0;
    for (uint64_t value = 0; value < (UINT64_C(1) << 42); value += 1 + value / 1000) {
        uint32_t now = region_bucket(value);
        assert_true(now == bucket || now == bucket + 1);
        if (now != bucket)
            first = value;
        bucket = now;
        assert_true(value - first <= first / 64);
    }
}

static void count_events(void)
{
    struct region *region = get();
    uint32_t index = key(AGENT_KIND_USER, "work");
    CHECK(region_count(region, index, 1000, 70, false));
    CHECK(!region_count(region, index, 2000, 500, true));
    CHECK(!region_count(region, index, 3000, 70, false));
    const struct agent_key *found = &region->keys[index];
    CHECK(found->count == 3 && found->errors == 1 && found->total_ns == 640 &&
          found->max_ns == 500);
    CHECK(found->first_ns == 1000 && found->last_ns == 3000);
    CHECK(region->histograms[index].buckets[region_bucket(70)] == 2);
    CHECK(region->histograms[index].buckets[region_bucket(500)] == 1);
    CHECK(!region_count(region, AGENT_KIND_NONE, 1, 1, false));
    CHECK(region->keys[AGENT_KIND_NONE].count == 0);
}

static void test_region__events_are_counted_exactly(void **state)
{
    (void)state;
    in_child(count_events);
}

/* ---- names ----------------------------------------------------------------------------------- */

static void intern_strings(void)
{
    uint32_t one = string("one"), two = string("two");
    CHECK(one && two && one != two);
    CHECK(string("one") == one && string("two") == two);
    CHECK(region_string(get(), "", 0) == 0);
    CHECK(text_at(one)->size == 3 && !strcmp(text_at(one)->text, "one"));
    CHECK(region_string(get(), "a\0b", 3) != region_string(get(), "a", 1));
    char text[16];
    uint32_t ids[3000];
    for (int at = 0; at < 3000; at++) { /* the index grows several times */
        snprintf(text, sizeof text, "text %d", at);
        ids[at] = string(text);
    }
    for (int at = 0; at < 3000; at++) {
        snprintf(text, sizeof text, "text %d", at);
        CHECK(string(text) == ids[at]);
    }
}

static void test_region__one_text_has_one_id(void **state)
{
    (void)state;
    in_child(intern_strings);
}

static void cut_long(void)
{
    char text[AGENT_STRING_MAX + 10];
    memset(text, 'x', sizeof text);
    memcpy(text + AGENT_STRING_MAX - 1, "\xe2\x82\xac", 3); /* a character over the end */
    uint32_t id = region_string(get(), text, sizeof text);
    CHECK(text_at(id)->size == AGENT_STRING_MAX - 1);
    memset(text, 0x80, sizeof text); /* no character begins anywhere: still cut near the end */
    id = region_string(get(), text, sizeof text);
    CHECK(text_at(id)->size <= AGENT_STRING_MAX && text_at(id)->size >= AGENT_STRING_MAX - 4);
}

static void test_region__long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    in_child(cut_long);
}

static void fill_strings(void)
{
    struct region *region = get();
    char text[4000];
    memset(text, 'x', sizeof text);
    uint32_t id = 1;
    for (int at = 0; at < 2000; at++) {
        memcpy(text, &at, sizeof at);
        id = region_string(region, text, sizeof text);
    }
    CHECK(id == 0);
    CHECK(region->header->counters.strings_full > 900);
    CHECK(region->header->strings_used <= AGENT_STRINGS_BYTES);
    CHECK(string("(other)") == region->keys[1].name); /* what is known stays known */
}

static void test_region__a_full_text_area_is_counted(void **state)
{
    (void)state;
    in_child(fill_strings);
}

static void fill_keys(void)
{
    static const uint32_t limits[] = AGENT_KEY_LIMITS;
    struct region *region = get();
    char name[32];
    uint32_t last = 0;
    for (uint32_t at = 0; at < limits[AGENT_KIND_REQUEST] + 500; at++) {
        snprintf(name, sizeof name, "/url/%u", at);
        last = key(AGENT_KIND_REQUEST, name);
        CHECK(last == AGENT_KIND_REQUEST || at < limits[AGENT_KIND_REQUEST]);
    }
    CHECK(last == AGENT_KIND_REQUEST);
    CHECK(region->header->counters.keys_full[AGENT_KIND_REQUEST] == 500);
    CHECK(!strcmp(text_at(region->keys[last].name)->text, "(other)"));
    CHECK(key(AGENT_KIND_REQUEST, "/url/7") > AGENT_KINDS); /* what is known stays known */
    CHECK(key(AGENT_KIND_USER, "/url/7") > AGENT_KINDS);    /* other kinds have their own share */
    struct agent_key none = {.kind = AGENT_KINDS};
    CHECK(region_key(region, &none) == AGENT_KIND_NONE);
}

static void test_region__too_many_keys_go_to_other(void **state)
{
    (void)state;
    in_child(fill_keys);
}

static void test_region__the_limits_of_the_kinds_fit_in_the_table(void **state)
{
    (void)state;
    static const uint32_t limits[] = AGENT_KEY_LIMITS;
    uint32_t sum = AGENT_KINDS;
    assert_int_equal(sizeof limits / sizeof *limits, AGENT_KINDS);
    for (int kind = 0; kind < AGENT_KINDS; kind++)
        sum += limits[kind];
    assert_true(sum <= AGENT_KEYS);
}

static void tell_keys_apart(void)
{
    struct agent_key one = {.kind = AGENT_KIND_OUTBOUND, .name = string("host"), .detail = 3};
    uint32_t index = region_key(get(), &one);
    one.group = 5;
    CHECK(region_key(get(), &one) != index);
    one.group = 0;
    one.detail = 4;
    CHECK(region_key(get(), &one) != index);
    struct agent_key statement = {.kind = AGENT_KIND_STATEMENT,
                                  .name = string("SELECT ?"),
                                  .fingerprint = 77,
                                  .summary = string("SELECT")};
    index = region_key(get(), &statement);
    CHECK(get()->keys[index].fingerprint == 77 && get()->keys[index].summary == statement.summary);
    statement.name = string("SELECT  ?");
    CHECK(region_key(get(), &statement) == index);
    statement.fingerprint = 78;
    CHECK(region_key(get(), &statement) != index);
}

static void test_region__keys_differ_by_all_of_their_parts(void **state)
{
    (void)state;
    in_child(tell_keys_apart);
}

/* ---- ring ------------------------------------------------------------------------------------ */

static void overrun(void)
{
    struct region *region = get();
    const uint64_t written = 2 * AGENT_RING_RECORDS + 5;
    for (uint64_t number = 0; number < written; number++) {
        struct agent_record record = {.kind = AGENT_RECORD_SPAN, .request = number};
        region_append(region, &record);
    }
    CHECK(region->header->ring_next == written);
    CHECK(region->header->counters.events == written);
    for (uint64_t number = written - AGENT_RING_RECORDS; number < written; number++) {
        const struct agent_record *record = &region->ring[number & (AGENT_RING_RECORDS - 1)];
        CHECK(record->sequence == number + 1 && record->request == number);
        CHECK(record->kind == AGENT_RECORD_SPAN);
    }
}

static void test_region__the_newest_records_overwrite_the_oldest(void **state)
{
    (void)state;
    in_child(overrun);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static void use_slots(void)
{
    struct region *region = get();
    for (uint32_t at = 0; at < AGENT_SLOTS; at++) {
        uint32_t slot = region_slot_take(region);
        CHECK(slot == at && region->slots[slot].generation == 0);
        region_slot_publish(region, slot);
        CHECK(region->slots[slot].generation == 1);
    }
    CHECK(region_slot_take(region) == AGENT_NONE);
    CHECK(region->header->counters.slots_full == 1);
    region_slot_free(region, 7);
    region_slot_free(region, 4000);
    CHECK(region->slots[7].generation == 2);
    CHECK(region_slot_take(region) == 4000); /* the one used last: its page is there */
    CHECK(region_slot_take(region) == 7);
    CHECK(region_slot_take(region) == AGENT_NONE);
    region_slot_publish(region, 7);
    CHECK(region->slots[7].generation == 3);
}

static void test_region__slots_are_taken_and_given_back(void **state)
{
    (void)state;
    in_child(use_slots);
}

/* ---- processes ------------------------------------------------------------------------------- */

/* Descriptors of this process that are memfds of the agent. */
static int count_memfds(void)
{
    int found = 0;
    DIR *folder = opendir("/proc/self/fd");
    CHECK(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char link[300], to[100];
        snprintf(link, sizeof link, "/proc/self/fd/%s", entry->d_name);
        ssize_t size = readlink(link, to, sizeof to - 1);
        found += size > 0 && !strncmp(to, "/memfd:" AGENT_MEMFD_NAME,
                                      strlen("/memfd:") + strlen(AGENT_MEMFD_NAME));
    }
    closedir(folder);
    return found;
}

static bool is_mapped(const void *address)
{
    unsigned char resident;
    int ends[2];
    CHECK(pipe(ends) == 0);
    bool mapped = write(ends[1], address, 1) == 1; /* EFAULT where nothing is */
    CHECK(!mapped || read(ends[0], &resident, 1) == 1);
    close(ends[0]);
    close(ends[1]);
    return mapped;
}

static struct {
    void *header;
    uint32_t generation, pid;
    uint64_t id;
} parent;

static void be_the_child(void)
{
    CHECK(!region_page->header && !region_page->lock && !region_page->slot_free);
    CHECK(!is_mapped(parent.header)); /* nothing of the parent's is to be written */
    struct region *region = get();
    CHECK(region->generation != parent.generation);
    CHECK(region->header->pid == (uint32_t)getpid() && region->header->pid != parent.pid);
    CHECK(region->header->ring_next == 0 && region->header->magic == AGENT_MAGIC);
    CHECK(region_id(region) != parent.id);
    CHECK(count_memfds() == 1);
    CHECK(key(AGENT_KIND_USER, "work") == AGENT_KINDS);
    CHECK(string("only here"));
}

static void fork_once(void)
{
    struct region *region = get();
    CHECK(key(AGENT_KIND_USER, "work") == AGENT_KINDS);
    parent.header = region->header;
    parent.generation = region->generation;
    parent.pid = region->header->pid;
    uint32_t used = region->header->strings_used;
    uint64_t seed = region->id_seed;
    parent.id = region_id(region);
    region->id_seed = seed;
    CHECK(is_mapped(parent.header));
    in_child(be_the_child);
    CHECK(region_get() == region && region->header == parent.header);
    CHECK(region->header->strings_used == used);
    CHECK(region_id(region) == parent.id);
}

static void test_region__a_fork_begins_a_region_of_its_own(void **state)
{
    (void)state;
    in_child(fork_once);
}

static void reuse_the_number(void)
{
    int number = -1;
    get();
    for (int fd = 3; fd < 1024 && number < 0; fd++) {
        char link[64], to[100];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t size = readlink(link, to, sizeof to - 1);
        if (size > 0 && !strncmp(to, "/memfd:", 7))
            number = fd;
    }
    CHECK(number >= 200);
    if (fork() == 0) {
        int file = open("/dev/null", O_RDONLY);
        CHECK(dup2(file, number) == number); /* as a daemon does that closes and opens */
        get();
        struct stat now;
        CHECK(fstat(number, &now) == 0 && S_ISCHR(now.st_mode));
        _exit(0);
    }
    int status;
    CHECK(wait(&status) > 0 && status == 0);
}

static void test_region__a_descriptor_of_the_application_is_not_closed(void **state)
{
    (void)state;
    in_child(reuse_the_number);
}

static void limit_files(void)
{
    struct rlimit limit = {1 << 20, 1 << 20};
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(!region_get());
    CHECK(!region_get() && region_page->failed == 1);
    CHECK(count_memfds() == 0);
}

static void test_region__without_a_file_there_is_none_and_no_signal(void **state)
{
    (void)state;
    in_child(limit_files);
}

static void look_at_header(void)
{
    static const struct region_about about = {.python_hex = 0x030b0700,
                                              .service = "shop",
                                              .release = "1.2",
                                              .context_variable = 42,
                                              .object_header_bytes = 16,
                                              .tstate_context = 224};
    region_describe(&about);
    const struct agent_header *header = get()->header;
    CHECK(header->version == AGENT_VERSION && header->python_hex == 0x030b0700);
    CHECK(!strcmp(text_at(header->service)->text, "shop"));
    CHECK(!strcmp(text_at(header->release)->text, "1.2"));
    CHECK(header->context_variable == 42 && header->tstate_context == 224);
    CHECK(header->keys_used == AGENT_KINDS);
    CHECK(header->start_mono_ns && header->start_mono_ns <= region_now_ns());
}

static void test_region__the_header_says_who_it_is(void **state)
{
    (void)state;
    in_child(look_at_header);
}
