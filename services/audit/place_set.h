/* SPDX-License-Identifier: Apache-2.0 */
/* A set of places among the SEGMENT_RECORDS records of one segment, and how it is stored.
 *
 * Stored it is a Roaring bitmap in the portable form (github.com/RoaringBitmap/RoaringFormatSpec) of one container, so that other
 * programs read it; empty sets are not stored. We write it ourselves: an auditor who builds an index again must get the same bytes,
 * whatever version of a library is there. */
#ifndef QY_AUDIT_PLACE_SET_H
#define QY_AUDIT_PLACE_SET_H

#include "common/buffer.h"

#define SEGMENT_BITS 16
#define SEGMENT_RECORDS (1u << SEGMENT_BITS)

struct place_set {
    uint64_t bits[SEGMENT_RECORDS / 64];
};

static inline void place_set_add(struct place_set *set, unsigned place)
{
    set->bits[place / 64] |= UINT64_C(1) << place % 64;
}

static inline bool place_set_has(const struct place_set *set, unsigned place)
{
    return set->bits[place / 64] >> place % 64 & 1;
}

void place_set_clear(struct place_set *set);
/* Places first <= place < end, no others. */
void place_set_range(struct place_set *set, unsigned first, unsigned end);
void place_set_or(struct place_set *set, const struct place_set *other);
void place_set_and(struct place_set *set, const struct place_set *other);
void place_set_remove(struct place_set *set, const struct place_set *other);
bool place_set_is_empty(const struct place_set *set);
unsigned place_set_count(const struct place_set *set);
/* Of them, first <= place < end. */
unsigned place_set_count_range(const struct place_set *set, unsigned first, unsigned end);
/* The highest place below `below`, the lowest one from `from` on; false when there is none. */
bool place_set_below(const struct place_set *set, unsigned below, unsigned *ret_place);
bool place_set_from(const struct place_set *set, unsigned from, unsigned *ret_place);

/* Appends the stored form of `count` places in ascending order, 1 at least. */
void places_write(struct buffer *out, const uint16_t *places, size_t count);
/* Adds the places of a stored set. -QY_ECORRUPT. */
int places_read(struct bytes stored, struct place_set *set);
/* How many of a stored set are in `set` too. -QY_ECORRUPT. */
int places_count(struct bytes stored, const struct place_set *set, unsigned *ret_count);

#endif
