/* SPDX-License-Identifier: Apache-2.0 */
/* Which records bear a term: an actor, an action, a person by One ID, a person by number.
 *
 * The index comes in words: a term's hash in the upper bits, a record's place among SEGMENT_RECORDS in the
 * lower ones. The words of the newest records lie as they came, a run for each commit (the tail); those of
 * SEGMENT_RECORDS records are written once more, sorted, when the last of them is there (a segment), and the
 * runs go. So indexing is appending, not one random write a term. Hashes collide: who finds a record by a
 * term looks into the record. */
#ifndef QY_AUDIT_INDEX_H
#define QY_AUDIT_INDEX_H

#include "common/buffer.h"
#include "proto/audit.pb-c.h"

#define SEGMENT_BITS 14
#define SEGMENT_RECORDS (1u << SEGMENT_BITS)

enum term_kind { TERM_ACTOR = 'a', TERM_ACTION = 'c', TERM_PERSON = 'p', TERM_NUMBER = 'n' };

/* The hash, with SEGMENT_BITS zeros below. */
uint64_t term_of_text(enum term_kind kind, const char *text);
uint64_t term_of_number(uint32_t number);

/* The words of the segment that is being filled. */
struct index_words {
    uint64_t *words;
    size_t count;
    size_t capacity;
    size_t stored; /* so many are in runs */
    int error;     /* first error, -QY_ENOMEM */
};
void index_words_free(struct index_words *words); /* for _cleanup_; leaves an empty list */
void index_words_clear(struct index_words *words);
/* Adds the terms of the record at `place` of the segment. */
void index_words_add(struct index_words *words, unsigned place, const Quanyu__AuditRecord *record);
/* Adds a stored run, when the log is opened. -QY_ECORRUPT. */
int index_words_load(struct index_words *words, struct bytes run);
/* Appends those not stored yet to `out`, as a run is stored, and counts them as stored. */
int index_words_pack_run(struct index_words *words, struct buffer *out);
/* Appends all of them to `out`, as a segment is stored; sorts them. */
int index_words_pack_segment(struct index_words *words, struct buffer *out);

/* A set of places in one segment. */
struct place_set {
    uint64_t bits[SEGMENT_RECORDS / 64];
};
/* Terms in ascending order, of which a record must bear one. */
struct term_list {
    uint64_t *terms;
    size_t count;
};
void term_list_sort(struct term_list *list);
/* Add the places that bear one of the terms. -QY_ECORRUPT. */
int segment_find(struct bytes segment, const struct term_list *terms, struct place_set *places);
int run_find(struct bytes run, const struct term_list *terms, struct place_set *places);
/* The highest place in the set below `below`; false when there is none. */
bool place_below(const struct place_set *places, unsigned below, unsigned *ret_place);

#endif
