/* SPDX-License-Identifier: MIT */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "codec/capture.h"

static bool is_capture(const struct output *output)
{
    return strcmp(output->format->name, "pv") == 0;
}

static void make_path(struct output *output, pid_t pid)
{
    const char *endings = output->format->endings;
    char stamp[32];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &local);
    snprintf(output->path, sizeof output->path, "pitviper-%d-%s%.*s", (int)pid, stamp,
             (int)strcspn(endings, " "), endings);
}

int output_choose(struct output *output, const char *path, const char *format_name, pid_t pid,
                  struct err *err)
{
    *output = (struct output){.fd = -1};
    if (format_name)
        output->format = codec_find(format_name);
    else if (path)
        output->format = codec_find_by_path(path);
    if (!output->format)
        output->format = codec_find("flamegraph");
    if (!output->format->write)
        return err_set(err, ERR_USAGE, "%s can be read but not written", output->format->name);
    if (!path)
        make_path(output, pid);
    else if (snprintf(output->path, sizeof output->path, "%s", path) >= (int)sizeof output->path)
        return err_set(err, ERR_USAGE, "the path of the output is too long");
    return file_check_writable(output->path, err);
}

int output_begin(struct output *output, struct profile *profile, struct err *err)
{
    if (!is_capture(output)) {
        if (output->format->needs_timeline)
            profile_keep_runs(profile);
        return 0;
    }
    bool is_stdout = strcmp(output->path, "-") == 0;
    output->fd = is_stdout ? STDOUT_FILENO
                           : open(output->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (output->fd < 0)
        return err_set(err, ERR_IO, "%s cannot be written: %s", output->path, strerror(errno));
    return capture_writer_open(profile, output->fd, &output->capture, err);
}

void output_see(struct output *output, uint32_t thread, uint32_t node, uint64_t start_us,
                uint64_t duration_us)
{
    if (output->capture) /* errors are sticky, and told at the end */
        capture_writer_see(output->capture, thread, node, start_us, duration_us);
}

void output_tick(struct output *output, uint64_t now_us)
{
    if (output->capture)
        capture_writer_tick(output->capture, now_us);
}

static int write_file(struct output *output, const struct profile *profile, struct err *err)
{
    struct buf out;
    buf_init(&out, 0);
    int result = output->format->write(profile, NULL, &out, err);
    if (result == 0 && buf_failed(&out))
        result = err_set(err, ERR_NO_MEMORY, "out of memory while writing the profile");
    if (result == 0)
        result = file_replace(output->path, out.data ? out.data : "", out.size, err);
    buf_done(&out);
    return result;
}

int output_snapshot(struct output *output, const struct profile *profile, struct err *err)
{
    if (output->capture) /* what is older than a second is there already */
        return 0;
    if (strcmp(output->path, "-") == 0)
        return err_set(err, ERR_USAGE, "no snapshot: the output is standard output");
    return write_file(output, profile, err);
}

int output_end(struct output *output, const struct profile *profile, struct err *err)
{
    if (!output->capture)
        return write_file(output, profile, err);
    int result = capture_writer_close(output->capture, err);
    output->capture = NULL;
    if (output->fd != STDOUT_FILENO && close(output->fd) < 0 && result == 0)
        result = err_set(err, ERR_IO, "%s could not be written: %s", output->path, strerror(errno));
    return result;
}
