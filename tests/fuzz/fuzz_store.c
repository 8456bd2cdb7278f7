/* SPDX-License-Identifier: MIT */
/* The contents of the store's blobs: dictionary parts, windows, metrics. The first byte says which;
 * a checksum proves no good will, so the input goes to the decoders as if it had the right one. */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "store/dict.h"
#include "store/metric.h"
#include "store/window.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill(struct dict *dict)
{
    struct profile_frame frame = {.name = profile_cstring(dict->shapes, "f")};
    uint32_t node = 0, id = profile_frame(dict->shapes, &frame);
    for (int i = 0; i < 40; i++)
        node = profile_node(dict->shapes, node, id);
    for (int32_t i = 0; i < 8; i++) {
        dict_actor(dict, &(struct dict_actor){.pid = i});
        dict_key(dict, &(struct dict_key){.pid = i, .kind = i % 2 ? 1 : DICT_GAUGE});
    }
}

static void again_window(const struct dict *dict, struct window *window)
{
    struct buf bytes = {0};
    struct window back;
    struct window_sections sections = {0};
    window_init(&back);
    window_encode(window, &bytes);
    if (!buf_failed(&bytes) && window->count &&
        (window_decode(dict, bytes.data, bytes.size, &back, &sections) < 0 ||
         back.count != window->count))
        abort(); /* what was read can be written and read again */
    buf_done(&bytes);
    window_done(&back);
    window_sections_done(&sections);
}

static void try_window(const struct dict *dict, const uint8_t *data, size_t size)
{
    struct window window;
    struct window_sections sections = {0};
    window_init(&window);
    if (window_decode(dict, data, size, &window, &sections) == 0)
        again_window(dict, &window);
    window_decode(dict, data, size, NULL, &sections);
    window_sections_done(&sections);
    window_done(&window);
}

static void try_metrics(const struct dict *dict, const uint8_t *data, size_t size)
{
    struct metrics metrics, back;
    struct buf bytes = {0};
    metrics_init(&metrics);
    metrics_init(&back);
    if (metrics_decode(dict, data, size, &metrics) == 0 && metrics.count) {
        metrics_encode(&metrics, &bytes);
        if (!buf_failed(&bytes) && metrics_decode(dict, bytes.data, bytes.size, &back) < 0)
            abort();
    }
    buf_done(&bytes);
    metrics_done(&metrics);
    metrics_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dict dict;
    if (size < 1 || dict_init(&dict) < 0)
        return 0;
    unsigned what = data[0] % 4;
    if (what != 0)
        fill(&dict);
    if (what <= 1)
        dict_decode(&dict, data + 1, size - 1);
    else if (what == 2)
        try_window(&dict, data + 1, size - 1);
    else
        try_metrics(&dict, data + 1, size - 1);
    dict_done(&dict);
    return 0;
}
