/* SPDX-License-Identifier: Apache-2.0 */
/* A refused event as it may be shown: its shape whole, what is personal in it masked as in profiles.
 *
 * Personal is what stands under a personal name, what looks personal (common/looks.h, common/number_parts.h), and what holds a value that the event
 * itself states under a personal name. Ids that do not look personal are shown, as in profiles. */
#ifndef QY_GATEWAY_DEAD_LETTER_MASK_H
#define QY_GATEWAY_DEAD_LETTER_MASK_H

#include "common/buffer.h"

#include <yyjson.h>

/* Appends JSON. Numbers of the event are raw. */
void letter_mask(yyjson_val *event, struct buffer *out);
/* Appends a JSON string: a text that belongs to no name, such as a message id. */
void letter_mask_text(const char *text, size_t size, struct buffer *out);

#endif
