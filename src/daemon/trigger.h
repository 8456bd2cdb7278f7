/* SPDX-License-Identifier: MIT */
/* trigger.h - a service that takes far more than it usually does. Pure.
 *
 * Usual is the median of the last hour, which a peak of minutes does not move. Until five minutes
 * are known nothing is unusual, nor is what stays below TRIGGER_LEAST.
 *
 * Ownership: trigger_new() / trigger_free(). Threads: one. Memory: TRIGGER_SERVICES of 1.5 kB;
 * further services have no triggers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TRIGGER_SERVICES 128u
#define TRIGGER_VALUES 360u /* an hour of ten seconds */
#define TRIGGER_FIRST 30u
#define TRIGGER_FACTOR 2.0
#define TRIGGER_LEAST 0.1 /* cores */

struct trigger;

struct trigger *trigger_new(void);          /* NULL: no memory */
void trigger_free(struct trigger *trigger); /* NULL is fine */

/* Notes how many cores the service took, and says whether that is unusual. */
bool trigger_note(struct trigger *trigger, const char *service, double cores);
