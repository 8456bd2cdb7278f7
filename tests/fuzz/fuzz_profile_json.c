/* SPDX-License-Identifier: MIT */
#include "profile_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_profile_reader("json", data, size);
}
