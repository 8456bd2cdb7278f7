/* SPDX-License-Identifier: MIT */
/* json.h - moving to jsonw.h: jansson owns the json_ names. Goes away today. */
#pragma once
#include "base/jsonw.h"
#define json jsonw
#define json_init jsonw_init
#define json_object_begin jsonw_object_begin
#define json_object_end jsonw_object_end
#define json_array_begin jsonw_array_begin
#define json_array_end jsonw_array_end
#define json_key jsonw_key
#define json_string jsonw_string
#define json_string_n jsonw_string_n
#define json_u64 jsonw_u64
#define json_i64 jsonw_i64
#define json_double jsonw_double
#define json_bool jsonw_bool
#define json_null jsonw_null
#define json_raw jsonw_raw
#define json_key_string jsonw_key_string
#define json_key_u64 jsonw_key_u64
#define json_key_i64 jsonw_key_i64
#define json_key_double jsonw_key_double
#define json_key_bool jsonw_key_bool
#define json_repair_utf8 jsonw_repair_utf8
