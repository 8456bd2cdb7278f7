/* SPDX-License-Identifier: MIT */
/* leaf.h - what leaves and spans share inside the extension. */
#pragma once

#include "agent/core.h"

struct region;

/* leaf_begin() in two halves, for callers that must find the key in between, outside of the time
 * that is measured: false when nothing is to be counted; else leaf_start() or leaf_end(). */
bool leaf_enter(struct leaf *leaf);
void leaf_start(struct leaf *leaf, uint32_t key);

/* After leaf_enter() or leaf_start(): ends it, and nothing was counted. */
void leaf_drop(struct leaf *leaf);

/* Template rendering is timed like a leaf, but what runs below it is counted, too; only rendering
 * below rendering is not. Goes on and ends like a leaf. */
bool template_enter(struct leaf *leaf);
