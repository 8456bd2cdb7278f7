/* SPDX-License-Identifier: MIT */
#include "httpd/clients.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
#define LOOPBACK UINT64_MAX

/* Whoever has one address of IPv6 has the whole network of 2^64, so that is what counts. */
static uint64_t key_of(const struct sockaddr *address)
{
    const struct sockaddr_in6 *six = (const void *)address;
    const unsigned char *bytes = six->sin6_addr.s6_addr;
    uint64_t key = 0;
    uint32_t four;
    if (address->sa_family == AF_INET)
        four = ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);
    else if (address->sa_family != AF_INET6 || IN6_IS_ADDR_LOOPBACK(&six->sin6_addr))
        return LOOPBACK;
    else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
        four = (uint32_t)bytes[12] << 24 | (uint32_t)bytes[13] << 16 | (uint32_t)bytes[14] << 8 |
               bytes[15];
    else {
        for (int i = 0; i < 8; i++)
            key = key << 8 | bytes[i];
        return key;
    }
    return four >> 24 == 127 ? LOOPBACK : four;
}

void clients_init(struct clients *clients)
{
    memset(clients, 0, sizeof *clients);
    pthread_mutex_init(&clients->lock, NULL);
}

void clients_done(struct clients *clients)
{
    pthread_mutex_destroy(&clients->lock);
}

bool clients_may_come(struct clients *clients, const struct sockaddr *address)
{
    uint64_t key = key_of(address);
    unsigned same = 0;
    if (key == LOOPBACK)
        return true;
    pthread_mutex_lock(&clients->lock);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        same += clients->table[i].used && clients->table[i].address == key;
    pthread_mutex_unlock(&clients->lock);
    return same < CLIENTS_PER_ADDRESS;
}

struct client *clients_add(struct clients *clients, int fd, const struct sockaddr *address,
                           uint64_t now_ns)
{
    struct client *found = NULL;
    pthread_mutex_lock(&clients->lock);
    for (size_t i = 0; i < CLIENTS_MAX && !found; i++)
        if (!clients->table[i].used)
            found = &clients->table[i];
    if (found) {
        *found = (struct client){.fd = fd,
                                 .used = true,
                                 .address = key_of(address),
                                 .since_ns = now_ns,
                                 .until_ns = now_ns + CLIENTS_HEAD_NS};
        clients->count++;
    }
    pthread_mutex_unlock(&clients->lock);
    return found;
}

void clients_remove(struct clients *clients, struct client *client)
{
    if (!client)
        return;
    pthread_mutex_lock(&clients->lock);
    client->used = false;
    clients->count--;
    pthread_mutex_unlock(&clients->lock);
}

void clients_step(struct clients *clients, struct client *client, enum client_step step,
                  uint64_t size, uint64_t now_ns)
{
    static const uint64_t time_ns[] = {
        [CLIENT_HEAD] = CLIENTS_IDLE_NS,
        [CLIENT_BODY] = CLIENTS_BODY_NS,
        [CLIENT_ANSWER] = 0, /* our time, not the client's */
        [CLIENT_TAKES] = CLIENTS_IDLE_NS,
    };
    if (!client)
        return;
    pthread_mutex_lock(&clients->lock);
    client->step = step;
    client->since_ns = now_ns;
    client->until_ns = time_ns[step] ? now_ns + time_ns[step] : 0;
    if (step == CLIENT_TAKES)
        client->until_ns += size / CLIENTS_BYTES_PER_S * SECOND_NS;
    pthread_mutex_unlock(&clients->lock);
}

void clients_endless(struct clients *clients, struct client *client)
{
    clients_step(clients, client, CLIENT_ANSWER, 0, 0);
}

unsigned clients_expire(struct clients *clients, uint64_t now_ns)
{
    unsigned ended = 0;
    pthread_mutex_lock(&clients->lock);
    bool crowd = clients->count >= CLIENTS_CROWD;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &clients->table[i];
        bool late = client->until_ns && now_ns >= client->until_ns;
        if (crowd && client->step == CLIENT_HEAD)
            late = late || now_ns >= client->since_ns + CLIENTS_CROWD_NS;
        if (!client->used || !late)
            continue;
        shutdown(client->fd, SHUT_RDWR); /* the number is still theirs: clients_remove() comes
                                            before it is closed */
        client->until_ns = 0;
        ended++;
    }
    pthread_mutex_unlock(&clients->lock);
    return ended;
}

uint32_t clients_count(struct clients *clients)
{
    pthread_mutex_lock(&clients->lock);
    uint32_t count = clients->count;
    pthread_mutex_unlock(&clients->lock);
    return count;
}
