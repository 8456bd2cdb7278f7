/* SPDX-License-Identifier: MIT */
#include "cli/row_filter.h"

#include <curses.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/tty.h"
#include "query/view.h"

void row_filter_clear(struct row_filter *filter)
{
    if (filter->is_set)
        regfree(&filter->regex);
    filter->is_set = false;
}

int row_filter_set(struct row_filter *filter, const char *text, const char *what, struct err *err)
{
    regex_t regex;
    if (!text || !*text) {
        row_filter_clear(filter);
        return 0;
    }
    if (strlen(text) >= sizeof filter->text)
        return err_set(err, ERR_USAGE, "%s is longer than %u bytes", what, ROW_FILTER_MAX - 1);
    int result = view_compile(&regex, text, what, err);
    if (result < 0)
        return result;
    row_filter_clear(filter);
    filter->regex = regex;
    filter->is_set = true;
    memmove(filter->text, text, strlen(text) + 1);
    return 0;
}

void row_filter_type(struct row_filter *filter)
{
    filter->is_typing = true;
    curs_set(1);
    snprintf(filter->typed, sizeof filter->typed, "%s", filter->is_set ? filter->text : "");
}

int row_filter_key(struct row_filter *filter, int key, struct err *err)
{
    enum tty_edit edit = tty_edit(filter->typed, sizeof filter->typed, key);
    if (edit == TTY_EDIT_MORE)
        return 0;
    int result = edit == TTY_EDIT_DONE ? row_filter_set(filter, filter->typed, "filter", err) : 0;
    if (result < 0)
        return result;
    filter->is_typing = false;
    curs_set(0);
    return edit == TTY_EDIT_DONE;
}
