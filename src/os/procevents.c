/* SPDX-License-Identifier: MIT */
/* Layout of the messages: Linux include/uapi/linux/cn_proc.h and connector.h. */
#include "os/procevents.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include "base/err.h"

#define PID_NS_INIT_INO 0xEFFFFFFCu /* Linux include/linux/proc_ns.h */

static int subscribe(int fd)
{
    /* struct nlmsghdr, struct cn_msg, enum proc_cn_mcast_op, without padding between them */
    char request[NLMSG_LENGTH(sizeof(struct cn_msg)) + sizeof(enum proc_cn_mcast_op)] = {0};
    struct nlmsghdr header = {.nlmsg_len = sizeof request, .nlmsg_type = NLMSG_DONE};
    struct cn_msg message = {.id = {CN_IDX_PROC, CN_VAL_PROC},
                             .len = sizeof(enum proc_cn_mcast_op)};
    enum proc_cn_mcast_op operation = PROC_CN_MCAST_LISTEN;
    memcpy(request, &header, sizeof header);
    memcpy(request + NLMSG_HDRLEN, &message, sizeof message);
    memcpy(request + NLMSG_LENGTH(sizeof message), &operation, sizeof operation);
    return send(fd, request, sizeof request, 0) == sizeof request ? 0 : -1;
}

static bool in_first_pid_namespace(void)
{
    struct stat info;
    return stat("/proc/self/ns/pid", &info) == 0 && info.st_ino == PID_NS_INIT_INO;
}

int procevents_open(void)
{
    if (!in_first_pid_namespace())
        return ERR_UNSUPPORTED;
    int fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
    if (fd < 0)
        return ERR_UNSUPPORTED;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
    int size = 1 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || subscribe(fd) < 0) {
        close(fd);
        return ERR_DENIED;
    }
    return fd;
}

void procevents_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* 1: an event of a whole process. */
static int translate(const struct proc_event *event, struct procevent *out)
{
    switch (event->what) {
    case PROC_EVENT_FORK:
        *out = (struct procevent){PROCEVENT_FORK, event->event_data.fork.child_tgid,
                                  event->event_data.fork.parent_tgid};
        return event->event_data.fork.child_pid == event->event_data.fork.child_tgid;
    case PROC_EVENT_EXEC:
        *out = (struct procevent){PROCEVENT_EXEC, event->event_data.exec.process_tgid, 0};
        return 1;
    case PROC_EVENT_EXIT:
        *out = (struct procevent){PROCEVENT_EXIT, event->event_data.exit.process_tgid, 0};
        return event->event_data.exit.process_pid == event->event_data.exit.process_tgid;
    default:
        return 0;
    }
}

int procevents_next(int fd, struct procevent *out)
{
    union {
        struct nlmsghdr header;
        char bytes[1024];
    } message;
    for (;;) {
        ssize_t size = recv(fd, &message, sizeof message, 0);
        if (size < 0)
            return errno == EAGAIN ? 0 : errno == EINTR ? 0 : errno == ENOBUFS ? ERR_LIMIT : ERR_IO;
        size_t before = NLMSG_LENGTH(sizeof(struct cn_msg));
        struct proc_event event = {0};
        if ((size_t)size <= before)
            continue;
        size_t have = (size_t)size - before;
        memcpy(&event, message.bytes + before, have < sizeof event ? have : sizeof event);
        if (translate(&event, out))
            return 1;
    }
}
