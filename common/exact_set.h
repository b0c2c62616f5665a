/* SPDX-License-Identifier: Apache-2.0 */
/* An exact set of persons' numbers as services hand it on and audit keeps it: a Roaring bitmap in the portable form
 * (github.com/RoaringBitmap/RoaringFormatSpec), with runs where they are shorter. The same set is the same bytes, so its SHA-256 names
 * it. */
#ifndef QY_COMMON_EXACT_SET_H
#define QY_COMMON_EXACT_SET_H

#include "common/buffer.h"

#define EXACT_SET_HASH_BYTES 32

/* Appends the set; numbers may come in any order and more than once. -QY_ENOMEM. */
int exact_set_write(const uint32_t *numbers, size_t count, struct buffer *out);
void exact_set_hash(struct bytes set, uint8_t ret_hash[EXACT_SET_HASH_BYTES]);

/* Whether it is one, written so, and of how many: -QY_EINVAL, -QY_ENOMEM. */
int exact_set_check(struct bytes set, uint64_t *ret_count);

/* An open one, of bytes that were checked once. -QY_ECORRUPT: they are not what they were. */
struct exact_set;
int exact_set_open(struct bytes set, struct exact_set **ret_set);
void exact_set_close(struct exact_set **set); /* for _cleanup_ */
uint64_t exact_set_count(const struct exact_set *set);
bool exact_set_has(const struct exact_set *set, uint32_t number);
/* The first `most` numbers above `after` (from 0 on where it is 0), ascending; returns how many. */
size_t exact_set_list(const struct exact_set *set, uint32_t after, uint32_t *numbers, size_t most);

#endif
