/* SPDX-License-Identifier: MIT */
/* The input is /proc/PID/maps, a stat file and a status file at once. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "os/procfs.h"
#include "target/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct objects objects = {0};
    struct proc_stat stat;
    struct proc_status status;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    proc_stat_parse(text, &stat);
    proc_status_parse(text, &status);
    if (maps_parse(&objects.maps, text, size) == 0 &&
        objects_from_maps(&objects, "/usr/bin/python3") == 0) {
        for (size_t i = 0; i < objects.maps.count; i++)
            if (maps_find(&objects.maps, objects.maps.list[i].start) != &objects.maps.list[i])
                abort();
        for (size_t i = 0; i < objects.count; i++)
            if (objects.list[i].first + objects.list[i].count > objects.maps.count)
                abort();
    }
    objects_done(&objects);
    return 0;
}
