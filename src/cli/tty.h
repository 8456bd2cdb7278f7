/* SPDX-License-Identifier: MIT */
/* tty.h - the terminal of a command with screens: taken, given back, whatever happens. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

struct err;

/* Keys that curses has no name for. */
#define TTY_ESCAPE 27
#define TTY_DELETE 127
#define TTY_CTRL(letter) ((letter)&0x1f)

struct tty_look {
    bool unicode, colour;
};

/* `command` is named in errors ("top"). On an error tty_close() too. */
int tty_open(const char *command, struct tty_look *look, struct err *err);
void tty_close(void); /* fine when not open */
int tty_key(void);    /* ERR of curses: none is waiting */
void tty_wait(int timeout_ms);

/* A key that is typed into a line of text: it is changed in place, whole characters at a time. */
enum tty_edit { TTY_EDIT_MORE, TTY_EDIT_DONE, TTY_EDIT_LEFT };
enum tty_edit tty_edit(char *text, size_t room, int key);

/* SIGINT, SIGTERM, SIGHUP and SIGQUIT only set *stop from now on. */
void tty_catch_stop(volatile sig_atomic_t *stop);
