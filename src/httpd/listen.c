/* SPDX-License-Identifier: MIT */
#include "httpd/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

union any_address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static int bad_address(const char *text, struct err *err)
{
    return err_set(err, ERR_USAGE,
                   "%.100s is no address to listen on; write 127.0.0.1:7117, [::1]:7117 or :7117 "
                   "(all addresses)",
                   text);
}

int listen_parse(const char *text, struct listen_address *out, struct err *err)
{
    struct listen_address address = {.family = AF_INET6};
    const char *colon = strrchr(text, ':');
    char *end;
    struct in_addr four;
    struct in6_addr six;
    if (!colon || colon - text >= LISTEN_TEXT_MAX || colon[1] < '0' || colon[1] > '9')
        return bad_address(text, err);
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end || port > 65535)
        return bad_address(text, err);
    address.port = (uint16_t)port;
    size_t size = (size_t)(colon - text);
    bool bracket = size > 2 && text[0] == '[' && text[size - 1] == ']';
    memcpy(address.text, text + bracket, size - 2 * bracket);
    if (!strcmp(address.text, "localhost"))
        strcpy(address.text, "127.0.0.1");
    if (!bracket && inet_pton(AF_INET, address.text, &four) == 1) {
        address.family = AF_INET;
        address.loopback = ntohl(four.s_addr) >> 24 == 127;
        if (four.s_addr == INADDR_ANY)
            address.text[0] = 0;
    } else if (bracket && inet_pton(AF_INET6, address.text, &six) == 1) {
        address.loopback = IN6_IS_ADDR_LOOPBACK(&six);
        if (IN6_IS_ADDR_UNSPECIFIED(&six))
            address.text[0] = 0;
    } else if (size > 0) {
        return bad_address(text, err);
    }
    *out = address;
    return 0;
}

static socklen_t fill(const struct listen_address *address, int family, union any_address *to)
{
    *to = (union any_address){0};
    to->any.sa_family = (sa_family_t)family;
    if (family == AF_INET) {
        to->four.sin_port = htons(address->port);
        inet_pton(AF_INET, *address->text ? address->text : "0.0.0.0", &to->four.sin_addr);
        return sizeof to->four;
    }
    to->six.sin6_port = htons(address->port);
    inet_pton(AF_INET6, *address->text ? address->text : "::", &to->six.sin6_addr);
    return sizeof to->six;
}

static int try_open(const struct listen_address *address, int family)
{
    union any_address to;
    int on = 1, off = 0, fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, *address->text ? &on : &off, sizeof on);
    socklen_t size = fill(address, family, &to);
    if (bind(fd, &to.any, size) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int listen_open(struct listen_address *address, int *fd, struct err *err)
{
    union any_address bound = {0};
    socklen_t size = sizeof bound;
    int made = try_open(address, address->family);
    if (made < 0 && !*address->text && address->family == AF_INET6 && errno != EADDRINUSE)
        made = try_open(address, AF_INET); /* a kernel without IPv6 */
    if (made < 0) {
        int why = errno;
        bool denied = why == EACCES || why == EPERM;
        return err_set(err, denied ? ERR_DENIED : ERR_IO, "cannot listen on port %u of %s: %s%s",
                       address->port, *address->text ? address->text : "all addresses",
                       strerror(why),
                       why == EADDRINUSE ? "; another program has it, choose one with --listen"
                       : denied          ? "; choose a port above 1023 with --listen"
                                         : "");
    }
    if (getsockname(made, &bound.any, &size) == 0)
        address->port =
            ntohs(bound.any.sa_family == AF_INET ? bound.four.sin_port : bound.six.sin6_port);
    *fd = made;
    return 0;
}
