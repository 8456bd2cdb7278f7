/* SPDX-License-Identifier: MIT */
#include "model/ids.h"

#include <stdlib.h>

#include "base/err.h"

int ids_init(struct ids *ids, const struct profile *from)
{
    *ids = (struct ids){
        .strings = malloc((from->string_count + 1) * sizeof(uint32_t)),
        .frames = malloc((from->frame_count + 1) * sizeof(uint32_t)),
        .nodes = malloc((from->node_count + 1) * sizeof(uint32_t)),
        .threads = malloc((from->thread_count + 1) * sizeof(uint32_t)),
    };
    return ids->strings && ids->frames && ids->nodes && ids->threads ? 0 : ERR_NO_MEMORY;
}

void ids_done(struct ids *ids)
{
    free(ids->strings);
    free(ids->frames);
    free(ids->nodes);
    free(ids->threads);
}

int ids_translate_names(struct ids *ids, struct profile *into, const struct profile *from)
{
    for (uint32_t i = 0; i < from->string_count; i++) {
        const struct profile_string *s = &from->strings[i];
        if ((ids->strings[i] = profile_string(into, s->text, s->size)) == PROFILE_NONE)
            return ERR_LIMIT;
    }
    for (uint32_t i = 0; i < from->thread_count; i++) {
        struct profile_thread thread = from->threads[i];
        thread.name = ids->strings[thread.name];
        thread.process = ids->strings[thread.process];
        if ((ids->threads[i] = profile_thread(into, &thread)) == PROFILE_NONE)
            return ERR_LIMIT;
    }
    return 0;
}

struct profile_frame ids_frame(const struct ids *ids, const struct profile_frame *frame)
{
    struct profile_frame translated = *frame;
    translated.name = ids->strings[frame->name];
    translated.file = ids->strings[frame->file];
    translated.full_file = ids->strings[frame->full_file];
    return translated;
}
