/* SPDX-License-Identifier: Apache-2.0 */
/* Money in free-form JSON, such as an event's properties: told by the names of members. */
#ifndef QY_COMMON_MONEY_H
#define QY_COMMON_MONEY_H

#include "common/buffer.h"

#include <stdbool.h>
#include <yyjson.h>

/* Whether a member of this name holds money: total, order_amount, unitPrice. Letter case and separators do not count. */
bool money_key(const char *key, size_t size);
/* Appends the value as JSON, without members that hold money, at any depth. Numbers keep their digits where they were
 * read raw. */
void money_strip(yyjson_val *value, struct buffer *out);
/* The same of a text that is JSON. -QY_ECORRUPT where it is none. */
int money_strip_text(struct bytes json, struct buffer *out);

#endif
