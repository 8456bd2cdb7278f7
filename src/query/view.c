/* SPDX-License-Identifier: MIT */
#include "query/view.h"

#include <stdlib.h>
#include <string.h>

int view_compile(regex_t *out, const char *pattern, const char *what, struct err *err)
{
    int code = regcomp(out, pattern, REG_EXTENDED | REG_NOSUB);
    if (code == 0)
        return 0;
    char reason[128];
    regerror(code, out, reason, sizeof reason);
    return err_set(err, ERR_USAGE, "%s: '%s' is not a regular expression: %s", what, pattern,
                   reason);
}

static bool text_matches(const regex_t *regex, struct text text)
{
    regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)text.size};
    return regexec(regex, text.text, 1, &range, REG_STARTEND) == 0;
}

bool view_matches(const regex_t *regex, const struct group *group)
{
    return text_matches(regex, group->name) || text_matches(regex, group->file) ||
           (group->full_file.size && text_matches(regex, group->full_file));
}

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

static int select_threads(struct view *view, const char *wanted, struct err *err)
{
    const struct profile *profile = view->profile;
    regex_t regex;
    bool by_id = is_number(wanted), any = false;
    view->skip_thread = calloc((size_t)profile->thread_count + 1, sizeof *view->skip_thread);
    if (!view->skip_thread)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (!by_id) {
        int result = view_compile(&regex, wanted, "--thread", err);
        if (result < 0)
            return result;
    }
    for (uint32_t i = 0; i < profile->thread_count; i++) {
        const struct profile_thread *thread = &profile->threads[i];
        const struct profile_string *name = &profile->strings[thread->name];
        bool match = by_id ? thread->tid == strtol(wanted, NULL, 10)
                           : text_matches(&regex, (struct text){name->text, name->size});
        view->skip_thread[i] = !match;
        any |= match;
    }
    if (!by_id)
        regfree(&regex);
    if (!any && profile->thread_count > 0)
        return err_set(err, ERR_NOT_FOUND, "no thread matches '%s'; the table by thread lists them",
                       wanted);
    return 0;
}

/* A node stays when it or one of its ancestors matches. */
static int focus_nodes(struct view *view, const char *pattern, struct err *err)
{
    const struct profile *profile = view->profile;
    struct grouping functions = {0};
    regex_t regex;
    int result = view_compile(&regex, pattern, "--focus", err);
    if (result < 0)
        return result;
    bool *match = NULL;
    view->drop_node = malloc(profile->node_count * sizeof *view->drop_node);
    result = grouping_init(&functions, profile, GROUP_FUNCTION);
    if (result == 0)
        match = calloc((size_t)functions.count + 1, sizeof *match);
    if (!view->drop_node || !match) {
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
        goto out;
    }
    for (uint32_t i = 0; i < functions.count; i++)
        match[i] = view_matches(&regex, &functions.groups[i]);
    view->drop_node[0] = true;
    for (uint32_t i = 1; i < profile->node_count; i++) {
        uint32_t group = functions.of_frame[profile->nodes[i].frame];
        view->drop_node[i] =
            view->drop_node[profile->nodes[i].parent] && (group == PROFILE_NONE || !match[group]);
    }
out:
    free(match);
    grouping_done(&functions);
    regfree(&regex);
    return result;
}

int view_init(struct view *view, const struct profile *profile, const struct view_options *options,
              struct err *err)
{
    int result = 0;
    *view = (struct view){.profile = profile};
    if (options->thread)
        result = select_threads(view, options->thread, err);
    if (result == 0 && options->focus)
        result = focus_nodes(view, options->focus, err);
    if (result == 0 && sums_init(&view->sums, profile, view->skip_thread, view->drop_node) < 0)
        result = err_set(err, ERR_NO_MEMORY, "out of memory");
    if (result < 0) {
        view_done(view);
        return result;
    }
    view->count = view->sums.tree.total[0];
    view->weight_ns = view->sums.total_ns[0];
    return 0;
}

void view_done(struct view *view)
{
    sums_done(&view->sums);
    free(view->skip_thread);
    free(view->drop_node);
    *view = (struct view){0};
}
