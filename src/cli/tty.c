/* SPDX-License-Identifier: MIT */
/* tty.c - the terminal, taken and given back.
 *
 * A terminal that stays in raw mode on its second screen is worse than no viewer at all. There are
 * three ways out, and each gives it back: the normal end (endwin), a signal that asks us to leave
 * (the handler sets a flag, the run ends normally), and a fault of ours, for which the bytes and
 * the settings are kept ready, since nothing of curses may be called in a handler. After SIGTSTP
 * and SIGCONT curses does the same by itself.
 */
#include "cli/tty.h"

#include <curses.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "live/fit.h"

#include <term.h> /* last: it makes macros of "columns" and "lines" */

#define ESCAPE_MS 25 /* an Escape alone, or the first byte of an arrow */

static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
#define FAULT_COUNT (sizeof faults / sizeof *faults)

static struct {
    SCREEN *screen;
    FILE *input;
    bool own_input; /* /dev/tty, opened here */
    struct termios settings;
    char bytes[128]; /* leave the second screen, plain letters, cursor on */
    size_t size;
} term;

static void on_fault(int signal_number)
{
    ssize_t written = write(STDOUT_FILENO, term.bytes, term.size);
    (void)written;
    tcsetattr(fileno(term.input), TCSANOW, &term.settings);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void keep_bytes(const char *capability)
{
    const char *bytes = tigetstr(capability);
    if (!bytes || bytes == (char *)-1 || term.size + strlen(bytes) >= sizeof term.bytes)
        return;
    memcpy(term.bytes + term.size, bytes, strlen(bytes));
    term.size += strlen(bytes);
}

static void guard_against_faults(void)
{
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND};
    term.size = 0;
    keep_bytes("sgr0");
    keep_bytes("cnorm");
    keep_bytes("rmkx");
    keep_bytes("rmcup");
    for (size_t i = 0; i < FAULT_COUNT; i++)
        sigaction(faults[i], &action, NULL);
}

static int open_input(const char *command, struct err *err)
{
    term.input = stdin;
    if (isatty(STDIN_FILENO))
        return 0;
    term.input = fopen("/dev/tty", "r+e");
    term.own_input = term.input != NULL;
    return term.input
               ? 0
               : err_set(err, ERR_USAGE, "%s: there is no terminal to read keys from", command);
}

static void choose_colours(struct tty_look *look)
{
    const char *refused = getenv("NO_COLOR");
    look->colour = has_colors() && !(refused && *refused);
    if (!look->colour)
        return;
    start_color();
    use_default_colors();
    init_pair(1, COLOR_RED, -1);
    init_pair(2, COLOR_YELLOW, -1);
    init_pair(3, COLOR_GREEN, -1);
    init_pair(4, COLOR_CYAN, -1);
}

/* newterm() would take a terminal that it cannot draw on. */
static bool can_move_cursor(void)
{
    int status = 0;
    if (setupterm(NULL, STDOUT_FILENO, &status) != OK)
        return false;
    const char *move = tigetstr("cup");
    bool can = move && move != (char *)-1;
    del_curterm(cur_term);
    return can;
}

int tty_open(const char *command, struct tty_look *look, struct err *err)
{
    const char *type = getenv("TERM");
    int result = open_input(command, err);
    if (result < 0)
        return result;
    setlocale(LC_CTYPE, "");
    look->unicode = fit_init();
    tcgetattr(fileno(term.input), &term.settings);
    if (type && *type && can_move_cursor())
        term.screen = newterm(NULL, stdout, term.input);
    if (!term.screen)
        return err_set(err, ERR_USAGE,
                       "%s: the terminal type '%s' (TERM) is unknown here or cannot move its "
                       "cursor; \"TERM=vt100 pitviper %s\" works on most, \"pitviper %s "
                       "--once\" everywhere",
                       command, type ? type : "", command, command);
    set_escdelay(ESCAPE_MS);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    intrflush(stdscr, FALSE);
    leaveok(stdscr, FALSE);
    curs_set(0);
    choose_colours(look);
    guard_against_faults();
    return 0;
}

void tty_close(void)
{
    if (term.screen) {
        endwin();
        delscreen(term.screen);
        term.screen = NULL;
        for (size_t i = 0; i < FAULT_COUNT; i++)
            signal(faults[i], SIG_DFL);
    }
    if (term.own_input)
        fclose(term.input);
    term.own_input = false;
}

int tty_key(void)
{
    return getch();
}

void tty_wait(int timeout_ms)
{
    struct pollfd key = {.fd = fileno(term.input), .events = POLLIN};
    poll(&key, 1, timeout_ms);
}

enum tty_edit tty_edit(char *text, size_t room, int key)
{
    size_t size = strlen(text);
    if (key == '\r' || key == '\n' || key == KEY_ENTER)
        return TTY_EDIT_DONE;
    if (key == TTY_ESCAPE)
        return TTY_EDIT_LEFT;
    if (key == TTY_CTRL('U')) {
        text[0] = '\0';
    } else if (key == KEY_BACKSPACE || key == TTY_DELETE || key == TTY_CTRL('H')) {
        while (size > 0 && (text[size - 1] & 0xc0) == 0x80)
            size--; /* a whole character */
        text[size ? size - 1 : 0] = '\0';
    } else if (key >= ' ' && key < 0x100 && size + 1 < room) {
        text[size] = (char)key;
        text[size + 1] = '\0';
    }
    return TTY_EDIT_MORE;
}

static volatile sig_atomic_t *stop_flag;

static void on_stop(int signal_number)
{
    (void)signal_number;
    *stop_flag = 1;
}

void tty_catch_stop(volatile sig_atomic_t *stop)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on_stop};
    stop_flag = stop;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}
