/* SPDX-License-Identifier: Apache-2.0 */
/* The log's index as one transaction sees it: segment by segment, wherever a segment's index lies. */
#ifndef QY_AUDIT_VIEW_H
#define QY_AUDIT_VIEW_H

#include "services/audit/audit_index.h"
#include "services/audit/audit_tails.h"

#include <stdatomic.h>

struct audit_view {
    struct store_txn *txn; /* borrowed */
    uint64_t size;         /* records */
    struct audit_tails *tails;
    struct tails_held held;
    struct tails_held own; /* made of the transaction's records: others had none */
    /* Set by who may not look for ever; else zeros, as audit_view_open() leaves them. */
    int64_t until_ms;            /* by monotonic_ms(); 0: as long as it takes */
    const atomic_bool *stopping; /* likewise NULL */
};
/* To be closed before the transaction ends. `tails` may be NULL: then all that has no index stored is read. */
void audit_view_open(struct audit_tails *tails, struct store_txn *txn, struct audit_view *ret_view);
void audit_view_close(struct audit_view *view); /* for _cleanup_ */

/* One segment; lives as long as its view. */
struct view_segment {
    uint64_t first; /* its first record's index */
    unsigned count; /* records */
    bool is_stored;
    bool is_empty;                /* all of it was pruned: it has no index, and no times */
    const struct place_set *kept; /* places of records that were not pruned; NULL: all */
    struct audit_index index;
    const struct audit_tail *tail;
};
/* -QY_ETIMEOUT, -QY_ESTOPPED: nothing more may be read; also from view_segment(). Who reads for long without it asks here. */
int view_check(const struct audit_view *view);
/* -QY_ECORRUPT, -QY_ENOMEM, as from those below. */
int view_segment(struct audit_view *view, uint64_t number, struct view_segment *ret_segment);
static inline uint64_t view_segments(const struct audit_view *view)
{
    return (view->size + SEGMENT_RECORDS - 1) >> SEGMENT_BITS;
}

/* Of a segment that is not empty, as those below. */
int64_t view_time(const struct view_segment *segment, unsigned place);
/* The first place whose record was taken at `ms` or later; the segment's count where there is none. */
unsigned view_place_at(const struct view_segment *segment, int64_t ms);
/* The first index whose record was taken at `ms` or later: times never fall with the index. */
int view_index_at(struct audit_view *view, int64_t ms, uint64_t *ret_index);
/* Adds the places that bear one of the terms; of an empty segment none. */
int view_find(const struct view_segment *segment, const struct term_values *values, struct place_set *places);
/* As audit_tail_each(). */
int view_each(const struct view_segment *segment, enum term_kind kind, const struct place_set *among,
    term_count_fn *visit, void *context);

#endif
