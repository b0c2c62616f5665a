/* SPDX-License-Identifier: Apache-2.0 */
/* Write keys as the API and the audit log show them: never with a secret, nor its hash. */
#ifndef QY_GATEWAY_WRITE_KEY_JSON_H
#define QY_GATEWAY_WRITE_KEY_JSON_H

#include "common/json.h"
#include "proto/write_key.pb-c.h"

/* "k_7" */
#define WRITE_KEY_ID_BYTES 16
const char *write_key_id(uint32_t source, char room[WRITE_KEY_ID_BYTES]);
/* 0 where it is none. */
uint32_t write_key_source(const char *id);

/* The members of the object, without its brackets. */
void write_key_members(struct json *json, const Quanyu__WriteKey *key, int64_t now_ms);

extern const char *const write_key_platforms[3]; /* by WriteKey.Platform */

#endif
