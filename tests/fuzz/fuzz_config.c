/* SPDX-License-Identifier: MIT */
/* fuzz_config.c - any bytes are a configuration or an error with a place, and nothing is left over.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct daemon_config config;
    struct err err = {0};
    if (size > CONFIG_FILE_MAX)
        return 0;
    int result = config_parse("fuzz", (const char *)data, size, &config, &err);
    if (result < 0 && strncmp(err.text, "fuzz:", 5) != 0)
        abort();
    if (result == 0 && (!config.listen || config.rate_hz < 19 || config.rate_hz > 100 ||
                        !(config.budget > 0) || config.trace_sample > 1))
        abort();
    daemon_config_done(&config);
    return 0;
}
