/* SPDX-License-Identifier: MIT */
/* openapi.h - the description of everything under /api/v1/, from the tables that answer it. */
#pragma once

#include "base/buf.h"

void openapi_write(struct buf *out);
