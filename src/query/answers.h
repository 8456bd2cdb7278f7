/* SPDX-License-Identifier: MIT */
/* answers.h - the functions behind the rows of answer_kinds. */
#pragma once

#include "query/ask.h"

typedef int answer_fn(struct store *store, const struct answer_request *request, struct buf *out,
                      const char **media_type, struct err *err);

answer_fn answer_services, answer_processes, answer_threads, answer_versions;
answer_fn answer_endpoints, answer_queries, answer_errors;
answer_fn answer_outbound, answer_cache, answer_templates, answer_tasks;
answer_fn answer_traces, answer_events;
answer_fn answer_histogram, answer_series;
answer_fn answer_profile, answer_top, answer_diff;

/* The parameters of each beside the filters, as its row says. */
#define ANSWER_PROFILE_PARAMS                                                                      \
    "format split seconds min_duration max_duration base_from base_to base_version base_service"
#define ANSWER_TOP_PARAMS "limit search min_duration max_duration"
#define ANSWER_TRACES_PARAMS "min_duration max_duration status " ASK_LIST
#define ANSWER_EVENTS_PARAMS "kind " ASK_LIST
#define ANSWER_HISTOGRAM_PARAMS "kind name"
#define ANSWER_SERIES_PARAMS "what by name points"
#define ANSWER_DIFF_PARAMS "base_from base_to base_version base_service norm all"
