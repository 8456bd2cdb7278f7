/* SPDX-License-Identifier: MIT */
/* watch.h - pitviper watch: the state that its parts share.
 *
 *   cmd_watch.c        options, the run: live, once, JSON
 *   watch_processes.c  which processes: found, joined, lost; what each takes of the host
 *   watch_view.c       rows of a section: merged, filtered, sorted
 *   watch_columns.c    the columns of each section, and numbers in few characters
 *   watch_draw.c       the screens
 *   watch_keys.c       what a key does
 *   watch_text.c       one table for people without a terminal
 *   watch_json.c       the same for programs (docs/watch.md)
 */
#pragma once

#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/opt.h"
#include "cli/row_filter.h"
#include "cli/tty.h"
#include "collect/service.h"
#include "os/usage.h"

#define WATCH_MAX_PROCESSES 4096u
#define WATCH_MAX_REQUESTS 512u /* in flight, of all processes, that are listed */
#define WATCH_MAX_DEAD 64u      /* processes that died at work */
#define WATCH_SCAN_NS 1000000000u
#define WATCH_COMMAND_MAX 256u
#define WATCH_MESSAGE_NS 5000000000u
#define WATCH_NUMBER 8u

struct buf;
struct err;

/* ---- processes ----------------------------------------------------------------------------- */

enum watch_state {
    WATCH_OTHER,   /* not Python, as far as one can see */
    WATCH_BARE,    /* Python without the agent */
    WATCH_IDLE,    /* the agent is loaded, nothing was counted yet */
    WATCH_DENIED,  /* may not be looked into */
    WATCH_FOREIGN, /* an agent that cannot be read */
    WATCH_OPEN,
    WATCH_DIED, /* at work: requests were in flight */
};

struct watch_process {
    pid_t pid;
    uint64_t start_ticks; /* with the pid: which process */
    enum watch_state state;
    bool is_chosen, is_seen; /* by the options; by the last scan */
    char command[WATCH_COMMAND_MAX], exe[WATCH_COMMAND_MAX];
    uint64_t next_try_ns;
    struct collect *collect;
    struct service_member *member;
    uint64_t died_ns;
    /* From outside: now, and one interval before. */
    struct usage usage, usage_before;
    uint64_t usage_ns, usage_before_ns;
    /* From its keys of kind GC. */
    uint64_t gc_count, gc_total_ns, gc_max_ns;
    uint32_t in_flight;
};

struct watch_choice {
    const struct opt_pids *pids;
    bool children, all;
    const regex_t *name; /* NULL: none */
};

/* A request in flight, or cut off by the death of its process. */
struct watch_request {
    uint32_t process; /* index */
    struct collect_request request;
    uint64_t at_ns; /* when it was looked at; of the dead: when they died */
    uint64_t age_ns;
};

/* ---- rows ---------------------------------------------------------------------------------- */

enum watch_section {
    WATCH_ENDPOINTS,
    WATCH_STATEMENTS,
    WATCH_OUTBOUND,
    WATCH_CACHE,
    WATCH_TASKS,
    WATCH_ERRORS,
    WATCH_REQUESTS,
    WATCH_REST,
    WATCH_PROCESSES,
    WATCH_SECTIONS
};

enum watch_sort {
    WATCH_BY_TOTAL,
    WATCH_BY_RATE,
    WATCH_BY_ERRORS,
    WATCH_BY_P50,
    WATCH_BY_P95,
    WATCH_BY_P99,
    WATCH_BY_MAX,
    WATCH_BY_COUNT,
    WATCH_BY_NAME,
    WATCH_SORTS
};

struct watch_figures {
    uint64_t count, errors, total_ns, max_ns, rows, repeats;
    uint64_t p50_ns, p90_ns, p95_ns, p99_ns;
    double rate; /* per second */
    struct service_parts parts;
};

#define WATCH_GROUPS 6 /* status classes: none, 1xx to 5xx */

/* One line: rows of the service that differ in their group alone are one. */
struct watch_row {
    enum agent_kind kind;
    const struct service_row *first;
    uint64_t groups[WATCH_GROUPS]; /* events, since the start */
    struct watch_figures figures[SERVICE_PERIODS];
};

struct watch_view {
    struct watch_row *rows; /* of the section, filtered, sorted */
    uint32_t count, capacity;
};

enum watch_screen { WATCH_TABLE, WATCH_DETAIL, WATCH_HELP };

struct watch {
    struct watch_choice choice;
    struct service *service;
    struct watch_process *processes;
    uint32_t process_count, process_capacity, dead_count;
    uint64_t scanned_ns, gathered_ns, since_ns;
    bool is_complete;  /* false: /proc had more than we look at */
    bool has_services; /* more than one */

    struct watch_request *requests;
    uint32_t request_count;
    uint64_t request_total;
    struct watch_view view;

    /* What is shown. */
    enum watch_screen screen, before_help;
    enum watch_section section;
    enum watch_sort sort;
    enum service_period period;
    bool is_frozen;
    struct row_filter filter;
    uint32_t position, first, page;

    /* The bottom line. */
    char message[256];
    uint64_t message_until_ns;

    struct tty_look look;
    volatile sig_atomic_t *stop;
    int fault; /* ERR_*, what ended the run; 0: nothing */
};

/* ---- watch_processes.c ---- */

/* Looks for processes, opens agents, notices deaths. 0 or ERR_NO_MEMORY. */
int watch_scan(struct watch *watch, uint64_t mono_ns);
/* Reads all agents; lists the requests in flight. 0 or ERR_NO_MEMORY. */
int watch_gather(struct watch *watch, uint64_t mono_ns);
/* Forgets those that died. */
void watch_forget_dead(struct watch *watch);
void watch_processes_done(struct watch *watch);
/* Chosen processes in that state. */
uint32_t watch_count(const struct watch *watch, enum watch_state state);
bool watch_has_ended(const struct watch *watch); /* all that were named are gone */
/* "no agent: …": what the state means and what to do. */
const char *watch_state_text(enum watch_state state);
const char *watch_state_name(enum watch_state state); /* one word */
/* CPU seconds per second, negative: not known; context switches per second. */
double watch_cpu(const struct watch_process *process);
double watch_switches(const struct watch_process *process);

/* ---- watch_view.c ---- */

const char *watch_section_name(enum watch_section section);
/* Fills watch->view with the section's rows (not: requests, processes). 0 or ERR_NO_MEMORY. */
int watch_arrange(struct watch *watch, enum watch_section section, enum service_period period,
                  uint64_t mono_ns);
bool watch_matches(const struct watch *watch, const char *text);
/* Lines of the section that is shown. */
uint32_t watch_item_count(const struct watch *watch);

/* ---- watch_columns.c ---- */

struct watch_column {
    const char *name;
    int width, from_columns;
    enum watch_sort sort; /* WATCH_SORTS: none */
    void (*show)(char out[WATCH_NUMBER], const struct watch_row *row, enum service_period period);
};
/* Ended by a row without a name. */
const struct watch_column *watch_columns(enum watch_section section);
/* What stands right of the columns: "GET /orders/<id>", a statement, a type and where; with the
 * service before it when there are several. */
void watch_title(const struct watch *watch, const struct watch_row *row, struct buf *out);
/* "N+1 in GET /orders, at most 12": what is worth saying about a row; may be empty. */
void watch_remark(const struct watch *watch, const struct watch_row *row, struct buf *out);
/* Safe for terminals: "GET /orders for 120 ms, waiting for SELECT orders 80 ms". */
void watch_request_title(const struct watch *watch, const struct watch_request *request,
                         struct buf *out);
void watch_time(char out[WATCH_NUMBER], uint64_t ns);    /* "12.3ms", at most six columns */
void watch_number(char out[WATCH_NUMBER], double value); /* "12.3k", at most five */
void watch_bytes(char out[WATCH_NUMBER], uint64_t bytes);

/* ---- watch_draw.c, watch_keys.c ---- */
void watch_draw(struct watch *watch, uint64_t mono_ns);
void watch_key(struct watch *watch, int key);
void watch_say(struct watch *watch, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct watch_binding {
    const char *label; /* as the help screen shows it; NULL: another name of a key */
    int code;          /* of curses; a row with 0 ends the table */
    const char *help;
    void (*act)(struct watch *watch, int argument);
    int argument;
};
extern const struct watch_binding watch_bindings[];

/* ---- watch_text.c, watch_json.c ---- */
int watch_text(struct watch *watch, uint32_t limit, uint64_t mono_ns, struct buf *out);
int watch_json(struct watch *watch, uint32_t limit, uint64_t mono_ns, struct buf *out);
