/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a call that makes or changes a write key. */
#ifndef QY_GATEWAY_WRITE_KEY_BODY_H
#define QY_GATEWAY_WRITE_KEY_BODY_H

#include "proto/write_key.pb-c.h"
#include "services/gateway/api.h"

#define WRITE_KEY_NAME_BYTES 100u
#define WRITE_KEY_DESCRIPTION_BYTES 255u
#define WRITE_KEY_ITEM_BYTES 100u
#define WRITE_KEY_LIST_MAX 100u
/* Of all lists together, each quote in them escaped: a key as it was and as it is must fit into one record of the audit log, which
 * keeps no more than a hash of a detail of 32 KiB. */
#define WRITE_KEY_LISTS_BYTES 12000u

/* Overlays the body's members on the key; what they hold lives as long as the call. 0, or what api_refuse() yields. */
int write_key_read_body(struct api_call *call, Quanyu__WriteKey *key);
/* When the old secrets of a key that gets a new one end: overlap_seconds or old_expires_at, one of which is required. */
int write_key_read_overlap(struct api_call *call, int64_t now_ms, int64_t *ret_ms);

#endif
