/* SPDX-License-Identifier: MIT */
/* top_keys.h - the table of keys: what they do and what the help screen says of them. */
#pragma once

struct top;

struct top_binding {
    const char *label; /* as the help screen shows it; NULL: not shown (another name of a key) */
    int code;          /* of curses; a row with 0 ends the table */
    const char *help;
    void (*act)(struct top *top, int argument);
    int argument;
};

extern const struct top_binding top_bindings[];
