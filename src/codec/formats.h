/* SPDX-License-Identifier: MIT */
/* formats.h - the writers, readers and sniffers behind the table of codec.c. */
#pragma once

#include "codec/capture.h"
#include "codec/codec.h"

codec_write_fn folded_write;
codec_read_fn folded_read;
codec_sniff_fn folded_sniff;

codec_write_fn capture_write;
codec_read_fn capture_read;

codec_write_fn callgrind_write;
codec_write_fn chrometrace_write;
codec_write_fn flamegraph_write;
codec_write_fn gecko_write;
codec_write_fn html_write;
codec_write_fn json_profile_write;
codec_read_fn json_profile_read;
codec_sniff_fn json_profile_sniff;
codec_write_fn pprof_write;
codec_read_fn pprof_read;
codec_sniff_fn pprof_sniff;
codec_write_fn pstats_write;
codec_write_fn speedscope_write;
codec_read_fn speedscope_read;
codec_sniff_fn speedscope_sniff;

/* What writers with a time axis say of a profile without; %s: the format. */
#define CODEC_NO_ORDER                                                                             \
    "%s needs the order of the samples in time, and this profile has sums only; record into a .pv"
