/* SPDX-License-Identifier: Apache-2.0 */
/* The index of one segment while it fills, in memory: each record's terms, each term once.
 *
 * One thread adds; any other one that holds it reads what was published, without a lock: nothing that was written moves or changes.
 * audit_index.h makes the segment's stored index of it. */
#ifndef QY_AUDIT_TAIL_H
#define QY_AUDIT_TAIL_H

#include "common/buffer.h"
#include "services/audit/audit_terms.h"
#include "services/audit/place_set.h"

#include <stdatomic.h>

/* A list that grows without moving what is in it: chunk c holds STABLE_FIRST << c elements. */
#define STABLE_FIRST 4096u
#define STABLE_CHUNKS 20u
struct stable_list {
    size_t element; /* bytes */
    uint8_t *chunks[STABLE_CHUNKS];
};

struct tail_term {
    uint64_t hash;
    const uint8_t *key;
    uint32_t size;
    uint32_t number;
};

struct audit_tail {
    uint64_t segment; /* its number */
    unsigned holders; /* audit_tails.c's */
    bool indexed;     /* audit_indexer.c's */
    /* the writer's */
    uint32_t *slots; /* term's number + 1 by hash; 0: free */
    size_t slot_count;
    size_t id_count;
    uint32_t term_count;
    unsigned count;
    struct arena *keys;
    int error; /* first one, -QY_ENOMEM */
    /* readers', as far as published */
    struct stable_list terms;            /* struct tail_term */
    struct stable_list ids;              /* uint32_t, terms' numbers, record after record */
    uint32_t ends[SEGMENT_RECORDS];      /* where a record's terms end */
    uint32_t term_ends[SEGMENT_RECORDS]; /* terms that there are with it */
    int64_t times[SEGMENT_RECORDS];
    atomic_uint published; /* records */
};

/* -QY_ENOMEM. */
int audit_tail_open(uint64_t segment, struct audit_tail **ret_tail);
void audit_tail_close(struct audit_tail **tail);
/* The writer: adds the next record; an error stays in `error`. */
void audit_tail_add(struct audit_tail *tail, const Quanyu__AuditRecord *record);
/* The same for a record that was altered: what it once said is not known, so it is found whatever is looked for. */
void audit_tail_add_altered(struct audit_tail *tail);
/* The same for one that was pruned: nothing is known of it, and nothing finds it. Its time is that of the one before, or `time_ms` where that is
 * later. */
void audit_tail_add_pruned(struct audit_tail *tail, int64_t time_ms);
/* Lets readers see what was added. */
void audit_tail_publish(struct audit_tail *tail);

static inline void *stable_at(const struct stable_list *list, size_t index)
{
    size_t from_first = index / STABLE_FIRST + 1;
    unsigned chunk = 63u - (unsigned)__builtin_clzll(from_first);
    size_t begin = ((size_t)STABLE_FIRST << chunk) - STABLE_FIRST;
    return list->chunks[chunk] + (index - begin) * list->element;
}

static inline const struct tail_term *tail_term(const struct audit_tail *tail, uint32_t id)
{
    return stable_at(&tail->terms, id);
}

static inline size_t tail_first_id(const struct audit_tail *tail, unsigned place)
{
    return place ? tail->ends[place - 1] : 0;
}

/* Of the first `count` records, which are published: adds the places that bear one of the terms. -QY_ENOMEM. */
int audit_tail_find(const struct audit_tail *tail, unsigned count, const struct term_values *values,
    struct place_set *places);
/* Calls back for each term of the kind, with the number of records in `among` that bear it, where there are some. -QY_ENOMEM, or what
 * `visit` returns. */
typedef int term_count_fn(void *context, struct bytes text, unsigned count);
int audit_tail_each(const struct audit_tail *tail, unsigned count, enum term_kind kind,
    const struct place_set *among, term_count_fn *visit, void *context);

#endif
