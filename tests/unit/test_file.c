/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"

static char folder[64];
static struct err err;

static const char *in_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/pitviper-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

/* Removes it and returns how many files were in it. */
static int remove_folder(void)
{
    int count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            remove(in_folder(entry->d_name));
            count++;
        }
    closedir(dir);
    rmdir(folder);
    return count;
}

static void expect_content(const char *path, const char *content)
{
    struct buf buf;
    buf_init(&buf, 0);
    assert_int_equal(file_read(path, &buf, &err), 0);
    assert_string_equal(buf.data, content);
    buf_done(&buf);
}

static void test_file__replaces_and_keeps_the_mode(void **state)
{
    (void)state;
    struct stat info;
    make_folder();
    const char *path = in_folder("out");
    assert_int_equal(file_check_writable(path, &err), 0);
    assert_int_equal(access(path, F_OK), -1); /* the check leaves nothing */
    assert_int_equal(file_replace(path, "first", 5, &err), 0);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(file_replace(path, "second", 6, &err), 0);
    expect_content(path, "second");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
    assert_int_equal(remove_folder(), 1);
}

static void test_file__links_are_followed(void **state)
{
    (void)state;
    struct stat info;
    char link[512];
    make_folder();
    snprintf(link, sizeof link, "%s", in_folder("link"));
    assert_int_equal(symlink("real", link), 0);
    assert_int_equal(file_replace(in_folder("real"), "1", 1, &err), 0);
    assert_int_equal(file_replace(link, "22", 2, &err), 0);
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    expect_content(in_folder("real"), "22");
    assert_int_equal(remove_folder(), 2);
}

static void test_file__impossible_outputs_are_refused_before_the_work(void **state)
{
    (void)state;
    char long_name[300];
    make_folder();
    assert_int_equal(file_check_writable(in_folder("missing/out"), &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "missing/out"));
    assert_int_equal(file_check_writable(folder, &err), ERR_USAGE);
    assert_int_equal(file_check_writable(in_folder(""), &err), ERR_USAGE);
    assert_int_equal(file_check_writable(in_folder("newfolder/"), &err), ERR_USAGE);
    assert_int_equal(file_check_writable("", &err), ERR_USAGE);
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    assert_int_equal(file_check_writable(in_folder(long_name), &err), ERR_USAGE);
    assert_int_equal(file_check_writable("/proc/pitviper", &err), ERR_NOT_FOUND);
    if (geteuid() != 0) {
        assert_int_equal(chmod(folder, 0500), 0);
        assert_int_equal(file_check_writable(in_folder("out"), &err), ERR_DENIED);
        assert_int_equal(chmod(folder, 0700), 0);
    }
    assert_int_equal(remove_folder(), 0);
}

/* RLIMIT_FSIZE fails a write half-way, as a full disk does. */
static void test_file__a_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    struct rlimit old, limit;
    static char big[100000];
    make_folder();
    assert_int_equal(file_replace(in_folder("out"), "old", 3, &err), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = (struct rlimit){.rlim_cur = 50000, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int result = file_replace(in_folder("out"), big, sizeof big, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(result, ERR_IO);
    expect_content(in_folder("out"), "old");
    assert_int_equal(remove_folder(), 1); /* no temporary file either */
}

static void test_file__devices_are_written_directly(void **state)
{
    (void)state;
    assert_int_equal(file_check_writable("/dev/null", &err), 0);
    assert_int_equal(file_replace("/dev/null", "x", 1, &err), 0);
    assert_int_equal(file_check_writable("-", &err), 0);
    if (access("/dev/full", W_OK) == 0)
        assert_int_equal(file_replace("/dev/full", "x", 1, &err), ERR_IO);
}

static void test_file__reading_has_a_ceiling(void **state)
{
    (void)state;
    static char big[200000];
    struct buf buf;
    make_folder();
    assert_int_equal(file_replace(in_folder("big"), big, sizeof big, &err), 0);
    buf_init(&buf, 100000);
    assert_int_equal(file_read(in_folder("big"), &buf, &err), ERR_LIMIT);
    buf_done(&buf);
    buf_init(&buf, 0);
    assert_int_equal(file_read(in_folder("big"), &buf, &err), 0);
    assert_int_equal(buf.size, sizeof big);
    buf_done(&buf);
    assert_int_equal(file_read(in_folder("none"), &buf, &err), ERR_NOT_FOUND);
    assert_int_equal(file_read(folder, &buf, &err), ERR_USAGE);
    buf_done(&buf);
    assert_int_equal(remove_folder(), 1);
}
