/* SPDX-License-Identifier: MIT */
#include "httpd/guard.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 256u

/* The name of "name:port", "[::1]:port"; false: it is none of these. */
static bool take_name(const char *host, char out[HOST_MAX])
{
    const char *end;
    bool bracket = *host == '[';
    host += bracket;
    end = strpbrk(host, bracket ? "]" : ":");
    if (!end)
        end = host + strlen(host);
    if ((bracket && *end != ']') || end == host || (size_t)(end - host) >= HOST_MAX)
        return false;
    memcpy(out, host, (size_t)(end - host));
    out[end - host] = 0;
    end += bracket;
    if (*end == ':')
        for (end++; isdigit((unsigned char)*end); end++)
            continue;
    return *end == 0;
}

static bool is_listed(const char *list, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = list; at && *at; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (strcspn(at, " ") == size && !strncasecmp(at, name, size))
            return true;
    }
    return false;
}

static bool is_figures(const char *name, bool *loopback)
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, name, &four) == 1) {
        *loopback = ntohl(four.s_addr) >> 24 == 127;
        return true;
    }
    *loopback = inet_pton(AF_INET6, name, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
    return strchr(name, ':') && inet_pton(AF_INET6, name, &six) == 1;
}

bool guard_host(const struct guard *guard, const char *host)
{
    char name[HOST_MAX];
    bool loopback = false;
    if (!take_name(host, name))
        return false;
    if (is_figures(name, &loopback))
        return loopback || !*guard->address || !strcasecmp(name, guard->address) ||
               is_listed(guard->allowed_hosts, name);
    return !strcasecmp(name, "localhost") || is_listed(guard->allowed_hosts, name);
}

bool guard_origin(const char *origin, const char *host)
{
    static const char *const schemes[] = {"http://", "https://"}; /* a proxy may have added TLS */
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (!strncasecmp(origin, schemes[i], strlen(schemes[i])))
            return !strcasecmp(origin + strlen(schemes[i]), host);
    return false;
}

bool guard_token(const struct guard *guard, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (!guard->token)
        return true;
    if (!authorization || strncasecmp(authorization, scheme, strlen(scheme)) != 0)
        return false;
    const char *given = authorization + strlen(scheme);
    size_t size = strlen(given), want = strlen(guard->token);
    volatile unsigned char different = size != want;
    for (size_t i = 0; i < size; i++) /* as many steps as were sent, whatever they are */
        different |= (unsigned char)(given[i] ^ guard->token[i % (want ? want : 1)]);
    return want && !different;
}
