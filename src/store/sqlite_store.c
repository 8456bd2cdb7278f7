/* SPDX-License-Identifier: MIT */
/* sqlite_store.c - the directory. Files are listed when the store is opened and, by readers, before
 * each query; a database is opened when it is first needed, and closed again when too many are.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite_store.h"

#define OPEN_MAX_FILES 40u

static const char *const type_names[STORE_TYPES] = {"cpu", "wall", "gil", "alloc"};

const char *store_type_name(enum store_type type)
{
    return type < STORE_TYPES ? type_names[type] : "?";
}

int store_type_find(const char *name)
{
    for (int i = 0; i < STORE_TYPES; i++)
        if (!strcmp(name, type_names[i]))
            return i;
    return -1;
}

/* -- the listing ---------------------------------------------------------------------------- */

static uint64_t size_on_disk(const char *path, uint64_t *inode)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    uint64_t bytes = 0;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char name[PATH_MAX];
        struct stat status;
        int size = snprintf(name, sizeof name, "%s%s", path, endings[i]);
        if (size < 0 || (size_t)size >= sizeof name || stat(name, &status) < 0)
            continue;
        uint64_t blocks = (uint64_t)status.st_blocks * 512;
        bytes += blocks > (uint64_t)status.st_size ? blocks : (uint64_t)status.st_size;
        if (i == 0 && inode)
            *inode = status.st_ino;
    }
    return bytes;
}

uint64_t store_bytes(struct store *store)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < store->file_count; i++)
        sum += store->files[i]->bytes = size_on_disk(store->files[i]->path, NULL);
    return sum;
}

static int compare_place(const struct file *a, const struct shelf *shelf, uint64_t start_ns)
{
    if (a->shelf != shelf)
        return a->shelf < shelf ? -1 : 1;
    return a->start_ns < start_ns ? -1 : a->start_ns > start_ns;
}

/* Where it is or would be. */
static uint32_t place_of(const struct store *store, const struct shelf *shelf, uint64_t start_ns)
{
    uint32_t low = 0, high = store->file_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_place(store->files[middle], shelf, start_ns) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct file *store_find_file(struct store *store, const struct shelf *shelf, uint64_t at_ns)
{
    uint64_t start = at_ns - at_ns % shelf->period_ns;
    uint32_t place = place_of(store, shelf, start);
    if (place < store->file_count && !compare_place(store->files[place], shelf, start))
        return store->files[place];
    return NULL;
}

static struct file *insert(struct store *store, const struct shelf *shelf, uint64_t start_ns)
{
    if (store->file_count == store->file_capacity) {
        uint32_t capacity = store->file_capacity ? store->file_capacity * 2 : 64;
        struct file **files = realloc(store->files, capacity * sizeof *files);
        if (!files)
            return NULL;
        store->files = files;
        store->file_capacity = capacity;
    }
    struct file *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    file->shelf = shelf;
    file->start_ns = start_ns;
    file->no_sync = store->options.no_sync;
    char name[SHELF_NAME_MAX];
    shelf_file_name(shelf, start_ns, name);
    snprintf(file->path, sizeof file->path, "%s/%s", store->dir, name);
    uint32_t place = place_of(store, shelf, start_ns);
    memmove(store->files + place + 1, store->files + place,
            (store->file_count - place) * sizeof *store->files);
    store->files[place] = file;
    store->file_count++;
    return file;
}

void store_forget_file(struct store *store, struct file *file)
{
    store_drop_pending_of(store, file);
    uint32_t place = place_of(store, file->shelf, file->start_ns);
    store->file_count--;
    memmove(store->files + place, store->files + place + 1,
            (store->file_count - place) * sizeof *store->files);
    file_close(file);
    free(file);
}

/* An open file that was replaced by another one of the same name is closed. */
static int note_file(struct store *store, const struct shelf *shelf, uint64_t start_ns)
{
    struct file *file = store_find_file(store, shelf, start_ns);
    if (!file && !(file = insert(store, shelf, start_ns)))
        return ERR_NO_MEMORY;
    uint64_t inode = 0;
    file->bytes = size_on_disk(file->path, &inode);
    file->listed = true;
    if (file->db && file->inode != inode)
        file_close(file);
    return 0;
}

static void forget_unlisted(struct store *store)
{
    for (uint32_t i = store->file_count; i-- > 0;)
        if (!store->files[i]->listed)
            store_forget_file(store, store->files[i]);
}

int store_refresh(struct store *store, struct err *err)
{
    DIR *dir = opendir(store->dir);
    if (!dir)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, "%s: %s", store->dir,
                       strerror(errno));
    for (uint32_t i = 0; i < store->file_count; i++)
        store->files[i]->listed = false;
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(dir))) {
        uint64_t start;
        const struct shelf *shelf = shelf_parse(entry->d_name, ".db", &start);
        if (shelf)
            result = note_file(store, shelf, start);
    }
    closedir(dir);
    if (result < 0)
        return err_set(err, result, "%s: out of memory", store->dir);
    forget_unlisted(store);
    return 0;
}

/* -- files ---------------------------------------------------------------------------------- */

int store_make_file(struct store *store, const struct shelf *shelf, uint64_t at_ns,
                    struct file **out, struct err *err)
{
    struct file *file = store_find_file(store, shelf, at_ns);
    if (!file)
        file = insert(store, shelf, at_ns - at_ns % shelf->period_ns);
    if (!file)
        return err_set(err, ERR_NO_MEMORY, "%s: out of memory", store->dir);
    struct err why;
    int result = store_use(store, file, &why);
    if (result == ERR_BAD_DATA) {
        store_file_is_bad(store, file, why.text);
        file = insert(store, shelf, at_ns - at_ns % shelf->period_ns);
        result =
            file ? store_use(store, file, &why) : err_set(&why, ERR_NO_MEMORY, "out of memory");
    }
    if (result == 0)
        *out = file;
    else if (err)
        *err = why;
    return result;
}

static bool is_pending(const struct store *store, const struct file *file)
{
    for (uint32_t i = 0; i < store->pending_count; i++)
        if (store->pending[i].file == file)
            return true;
    for (uint32_t i = 0; i < store->row_count; i++)
        if (store->rows[i].file == file)
            return true;
    return false;
}

/* Files in a transaction, and those that something waits for, stay. */
static void close_least_used(struct store *store)
{
    uint32_t open = 0;
    struct file *least = NULL;
    for (uint32_t i = 0; i < store->file_count; i++) {
        struct file *file = store->files[i];
        if (!file->db)
            continue;
        open++;
        if (sqlite3_get_autocommit(file->db) && !is_pending(store, file) &&
            (!least || file->last_used < least->last_used))
            least = file;
    }
    if (open < OPEN_MAX_FILES || !least)
        return;
    if (store_file_ended(store, least))
        file_retire(least);
    file_close(least);
}

int store_use(struct store *store, struct file *file, struct err *err)
{
    file->last_used = ++store->use;
    if (file->db)
        return 0;
    close_least_used(store);
    return file_open(file, store->tools, store->write, err);
}

static void tell_damage(struct store *store, const struct file *file, const char *name,
                        const char *why)
{
    if (file->shelf->duty == DUTY_EVENT)
        return; /* the event would want the very file */
    char text[ERR_TEXT_MAX + 128];
    snprintf(text, sizeof text, "%s was damaged and has been set aside: %s", name, why);
    struct store_event event = {
        .at_ns = store->now_ns ? store->now_ns : file->start_ns, .kind = "damage", .text = text};
    store_add_event(store, &event, NULL);
}

void store_file_is_bad(struct store *store, struct file *file, const char *why)
{
    store->stats.damaged_files++;
    if (!store->write) {
        file_close(file);
        return;
    }
    char reason[ERR_TEXT_MAX], to[sizeof file->path + 32], from[sizeof to];
    snprintf(reason, sizeof reason, "%s", why);
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct file copy = {.shelf = file->shelf, .start_ns = file->start_ns};
    memcpy(copy.path, file->path, sizeof copy.path);
    store_forget_file(store, file);
    unsigned number = 0;
    do
        snprintf(to, sizeof to, "%s.damaged%u", copy.path, number++);
    while (access(to, F_OK) == 0 && number < 1000);
    size_t size = strlen(to);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(from, sizeof from, "%s%s", copy.path, endings[i]);
        snprintf(to + size, sizeof to - size, "%s", endings[i]);
        rename(from, to);
    }
    char name[SHELF_NAME_MAX];
    shelf_file_name(copy.shelf, copy.start_ns, name);
    tell_damage(store, &copy, name, reason);
}

int store_delete_file(struct store *store, struct file *file, struct err *err)
{
    static const char *const endings[] = {"", "-wal", "-shm"}; /* never a file without its log */
    char path[sizeof file->path + 8], base[sizeof file->path];
    snprintf(base, sizeof base, "%s", file->path);
    store_forget_file(store, file);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(path, sizeof path, "%s%s", base, endings[i]);
        if (unlink(path) < 0 && errno != ENOENT)
            return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    }
    store->stats.deleted_files++;
    return 0;
}

/* -- open and close ------------------------------------------------------------------------- */

static int make_dir(const char *path, struct err *err)
{
    char part[400];
    snprintf(part, sizeof part, "%s", path);
    for (char *at = part + 1; *at; at++)
        if (*at == '/') {
            *at = '\0';
            mkdir(part, 0750);
            *at = '/';
        }
    if (mkdir(part, 0750) < 0 && errno != EEXIST)
        return err_set(err, errno == EACCES || errno == EROFS ? ERR_DENIED : ERR_IO, "%s: %s", path,
                       strerror(errno));
    return 0;
}

static int lock(struct store *store, struct err *err)
{
    char path[sizeof store->dir + 16];
    snprintf(path, sizeof path, "%s/lock", store->dir);
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (store->lock_fd < 0)
        return err_set(err, errno == EACCES || errno == EROFS ? ERR_DENIED : ERR_IO, "%s: %s", path,
                       strerror(errno));
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return err_set(err, ERR_LIMIT, "%s: another program is writing this store", store->dir);
    return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
}

/* Newer files refuse the store; what is no database at all is set aside when it is needed. */
static int probe_all(struct store *store, struct err *err)
{
    for (uint32_t i = 0; i < store->file_count; i++) {
        uint32_t version = 0;
        if (file_probe(store->files[i]->path, &version) == ERR_UNSUPPORTED)
            return err_set(err, ERR_UNSUPPORTED,
                           "%s has version %u, this pitviper knows up to %d; use a newer one",
                           store->files[i]->path, (unsigned)version, FILE_VERSION);
    }
    return 0;
}

static void fill_options(struct store_options *options)
{
    for (uint32_t level = 0; level < LEVELS; level++)
        if (!options->keep_ns[level])
            options->keep_ns[level] = shelf_of(DUTY_PROFILE, level)->keep_ns;
    if (!options->keep_traces_ns)
        options->keep_traces_ns = shelf_of(DUTY_TRACE, 0)->keep_ns;
    if (!options->keep_events_ns)
        options->keep_events_ns = shelf_of(DUTY_EVENT, 0)->keep_ns;
}

_Static_assert(STORE_LEVELS == LEVELS, "one keep time per level");

int store_open(const char *place, const struct store_options *options, struct store **out,
               struct err *err)
{
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        return err_set(err, ERR_NO_MEMORY, "%s: out of memory", place);
    store->lock_fd = -1;
    store->write = options->write;
    store->options = *options;
    fill_options(&store->options);
    buf_init(&store->raw, BLOB_MAX_BYTES);
    buf_init(&store->scratch, BLOB_MAX_BYTES);
    int result = 0;
    if (snprintf(store->dir, sizeof store->dir, "%s", place) >= (int)sizeof store->dir)
        result = err_set(err, ERR_USAGE, "%s: the path is too long", place);
    store->tools = blob_tools_new();
    if (result == 0 && !store->tools)
        result = err_set(err, ERR_NO_MEMORY, "%s: out of memory", place);
    if (result == 0 && store->write)
        result = make_dir(store->dir, err);
    if (result == 0 && store->write)
        result = lock(store, err);
    if (result == 0)
        result = store_refresh(store, err);
    if (result == 0)
        result = probe_all(store, err);
    if (result < 0) {
        store_close(store);
        return result;
    }
    *out = store;
    return 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    while (store->file_count)
        store_forget_file(store, store->files[store->file_count - 1]);
    free(store->files);
    free(store->pending);
    free(store->rows);
    blob_tools_free(store->tools);
    buf_done(&store->raw);
    buf_done(&store->scratch);
    window_sections_done(&store->sections);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    free(store);
}

/* -- what is told --------------------------------------------------------------------------- */

void store_stats(struct store *store, struct store_stats *stats)
{
    store->stats.bytes = store_bytes(store);
    store->stats.files = store->file_count;
    store->stats.budget_bytes = store->options.budget_bytes;
    *stats = store->stats;
}

static int list_one(const struct shelf *shelf, uint64_t start_ns, const char *name,
                    const char *path, bool damaged, store_file_fn *fn, void *context)
{
    struct store_file out = {
        .duty = duty_names[shelf->duty],
        .window_ns = shelf->window_ns,
        .from_ns = start_ns,
        .to_ns = start_ns + shelf->period_ns,
        .bytes = size_on_disk(path, NULL),
        .damaged = damaged,
    };
    size_t size = strnlen(name, sizeof out.name - 1);
    memcpy(out.name, name, size);
    return fn(context, &out);
}

static int list_damaged(struct store *store, store_file_fn *fn, void *context, struct err *err)
{
    DIR *dir = opendir(store->dir);
    if (!dir)
        return err_set(err, ERR_IO, "%s: %s", store->dir, strerror(errno));
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(dir))) {
        uint64_t start;
        const struct shelf *shelf = shelf_parse(entry->d_name, ".db.damaged", &start);
        if (!shelf || strstr(entry->d_name, "-wal") || strstr(entry->d_name, "-shm"))
            continue;
        char path[sizeof store->dir + sizeof entry->d_name + 2];
        snprintf(path, sizeof path, "%s/%s", store->dir, entry->d_name);
        result = list_one(shelf, start, entry->d_name, path, true, fn, context);
    }
    closedir(dir);
    return result;
}

int store_list(struct store *store, store_file_fn *fn, void *context, struct err *err)
{
    int result = store->write ? 0 : store_refresh(store, err);
    for (uint32_t i = 0; i < store->file_count && result == 0; i++) {
        const struct file *file = store->files[i];
        result = list_one(file->shelf, file->start_ns, strrchr(file->path, '/') + 1, file->path,
                          false, fn, context);
    }
    return result == 0 ? list_damaged(store, fn, context, err) : result;
}
