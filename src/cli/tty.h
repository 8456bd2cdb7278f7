/* SPDX-License-Identifier: MIT */
/* tty.h - the terminal of a command with screens: taken, given back, whatever happens. */
#pragma once

#include <stdbool.h>

struct err;

struct tty_look {
    bool unicode, colour;
};

/* `command` is named in errors ("top"). On an error tty_close() too. */
int tty_open(const char *command, struct tty_look *look, struct err *err);
void tty_close(void); /* fine when not open */
int tty_key(void);    /* ERR of curses: none is waiting */
void tty_wait(int timeout_ms);
