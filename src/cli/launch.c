/* SPDX-License-Identifier: MIT */
#include "cli/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

int launch_start(char *const argv[], pid_t *out, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, ERR_IO, "cannot start %s: %s", argv[0], strerror(errno));
    pid_t child = fork();
    if (child < 0) {
        int result = err_set(err, ERR_LIMIT, "cannot start %s: %s", argv[0], strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return result;
    }
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        execvp(argv[0], argv);
        int failure = errno;
        ssize_t unused = write(ends[1], &failure, sizeof failure);
        (void)unused;
        _exit(127);
    }
    close(ends[1]);
    int failure = 0;
    ssize_t got;
    do
        got = read(ends[0], &failure, sizeof failure);
    while (got < 0 && errno == EINTR);
    close(ends[0]);
    if (got == 0) { /* closed by the exec */
        *out = child;
        return 0;
    }
    waitpid(child, NULL, 0);
    return err_set(err, failure == EACCES ? ERR_DENIED : ERR_NOT_FOUND, "cannot start %s: %s",
                   argv[0], strerror(failure));
}

/* True when the child was reaped. */
static bool wait_ms(pid_t child, uint32_t patience_ms)
{
    uint64_t until_ns = clock_mono_ns() + (uint64_t)patience_ms * 1000000u;
    for (;;) {
        pid_t got = waitpid(child, NULL, WNOHANG);
        if (got == child || (got < 0 && errno == ECHILD))
            return true;
        if (clock_mono_ns() >= until_ns)
            return false;
        clock_sleep_until(clock_mono_ns() + 5000000u);
    }
}

int launch_end(pid_t child, uint32_t patience_ms)
{
    if (wait_ms(child, 0))
        return 0;
    kill(child, SIGTERM);
    if (!wait_ms(child, patience_ms)) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    return 1;
}
