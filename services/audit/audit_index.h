/* SPDX-License-Identifier: Apache-2.0 */
/* The stored index of a segment, written once: which of its records bear a term, and when each was taken. A pure function of the
 * segment's records, so that an auditor can build it again and compare bytes.
 *
 * Layout, numbers big-endian: "QYIX", version, bytes a time, whether there are altered records, a zero; records, groups, bytes of entries (4 bytes each); the first
 * record's time (8); each record's time less that one; where each group begins (4); the entries, by key ascending. A group holds
 * GROUP_TERMS terms. An entry is: varint, how much of the key before it begins its own (0 at the start of a group); varint, size of
 * the rest; the rest; varint, number of records; up to PLACES_INLINE places in 2 bytes each, or varint, size, and a stored place_set. */
#ifndef QY_AUDIT_INDEX_H
#define QY_AUDIT_INDEX_H

#include "services/audit/audit_tail.h"

/* Appends the index of a full segment. -QY_ENOMEM. */
int audit_index_pack(const struct audit_tail *tail, struct buffer *out);
/* The same from the segment's records as they are stored, in order; those that were pruned have no data, make no terms, and have the time of
 * the one before, or of the first that is left. -QY_EINVAL unless there are SEGMENT_RECORDS of them or fewer;
 * -QY_ECORRUPT where one cannot be read. */
int audit_index_build(const struct bytes *records, size_t count, struct buffer *out);

/* A stored index; borrows the bytes. */
struct audit_index {
    unsigned records;
    unsigned time_bytes;
    bool altered; /* some records are found whatever is looked for */
    uint32_t group_count;
    int64_t first_ms;
    const uint8_t *times;
    const uint8_t *groups;
    struct bytes entries;
};
/* -QY_ECORRUPT, as from those below. */
int audit_index_open(struct bytes stored, struct audit_index *ret_index);
int64_t audit_index_time(const struct audit_index *index, unsigned place);
/* Adds the places that bear one of the terms. */
int audit_index_find(
    const struct audit_index *index, const struct term_values *values, struct place_set *places);
/* As audit_tail_each(). */
int audit_index_each(const struct audit_index *index, enum term_kind kind, const struct place_set *among,
    term_count_fn *visit, void *context);

#endif
