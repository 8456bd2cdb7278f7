/* SPDX-License-Identifier: MIT */
/* context.h - the ContextVar that holds the request, and what is known about thread states. */
#pragma once

#include "agent/core.h"

struct region;

extern PyTypeObject *request_type;

/* Makes the variable, finds the thread state's `context` field, describes both in the region.
 * -1 with an exception. */
int context_start(void);

/* The innermost live request, owned; NULL: none. `generation`: the region's. */
struct request *context_take(uint32_t generation);
/* Makes it current. False when there is no memory; no exception is set. */
bool context_set(struct request *request);
/* If `request` is current, none is. */
void context_drop(struct request *request);

/* What tells apart flows of control that may be inside a leaf at the same time: the context object
 * (threads, asyncio tasks and greenlets have their own), else the thread state. Not owned. */
const void *context_flow(void);

/* The kernel's thread id, remembered per thread. */
uint32_t context_thread(uint32_t generation);
