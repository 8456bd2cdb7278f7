/* SPDX-License-Identifier: MIT */
#include "codec/id_list.h"

#include <stdlib.h>

#include "base/err.h"
#include "model/profile.h"

int id_list_add(struct id_list *list, uint32_t to)
{
    if (to == PROFILE_NONE)
        return ERR_LIMIT;
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity + list->capacity / 2 + 256;
        void *larger = realloc(list->to, (size_t)capacity * sizeof *list->to);
        if (!larger)
            return ERR_NO_MEMORY;
        list->to = larger;
        list->capacity = capacity;
    }
    list->to[list->count++] = to;
    return 0;
}

void id_list_done(struct id_list *list)
{
    free(list->to);
    *list = (struct id_list){0};
}
