/* SPDX-License-Identifier: MIT */
/* clients.h - the connections there are, how many of an address, and how long each may take.
 *
 * The library's own time limit begins anew with every byte, so that a client which sends one now
 * and then stays for ever. Here each step has an end that bytes do not move: the head of a request,
 * its body, the taking of the answer.
 *
 * Ownership: clients_init() / clients_done(); entries belong to the table. Threads: any.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define CLIENTS_MAX 256u
#define CLIENTS_PER_ADDRESS 32u /* loopback is not one address but this whole machine: no limit */
#define CLIENTS_HEAD_NS UINT64_C(10000000000) /* for the head of a first request */
#define CLIENTS_BODY_NS UINT64_C(10000000000)
#define CLIENTS_IDLE_NS                                                                            \
    UINT64_C(30000000000)                     /* from an answer to the next request's whole head   \
                                               */
#define CLIENTS_CROWD (CLIENTS_MAX / 4 * 3)   /* from so many on … */
#define CLIENTS_CROWD_NS UINT64_C(2000000000) /* … nobody is waited for longer than this */
#define CLIENTS_BYTES_PER_S 65536u            /* slower readers are cut off */

enum client_step { CLIENT_HEAD, CLIENT_BODY, CLIENT_ANSWER, CLIENT_TAKES };

struct client {
    int fd;
    bool used;
    enum client_step step;
    uint64_t address;            /* IPv4, or the network part of IPv6 */
    uint64_t since_ns, until_ns; /* until 0: no end */
};

struct clients {
    pthread_mutex_t lock;
    struct client table[CLIENTS_MAX];
    uint32_t count;
};

void clients_init(struct clients *clients);
void clients_done(struct clients *clients);

/* May one more come from there? */
bool clients_may_come(struct clients *clients, const struct sockaddr *address);
/* NULL: no room. */
struct client *clients_add(struct clients *clients, int fd, const struct sockaddr *address,
                           uint64_t now_ns);
void clients_remove(struct clients *clients, struct client *client);

/* The client is at this step now; `size` bytes are to be taken (CLIENT_TAKES). NULL is fine. */
void clients_step(struct clients *clients, struct client *client, enum client_step step,
                  uint64_t size, uint64_t now_ns);
/* A stream has no end. */
void clients_endless(struct clients *clients, struct client *client);

/* Ends connections whose time is over: the library then sees them closed. Returns how many. */
unsigned clients_expire(struct clients *clients, uint64_t now_ns);
uint32_t clients_count(struct clients *clients);
