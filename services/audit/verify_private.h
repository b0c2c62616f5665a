/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of verify_log() share; nobody else includes it. */
#ifndef QY_AUDIT_VERIFY_PRIVATE_H
#define QY_AUDIT_VERIFY_PRIVATE_H

#include "common/mem.h"
#include "services/audit/place_set.h"
#include "services/audit/verify.h"

#include <pthread.h>
#include <stdatomic.h>

/* The leaves of the tile in which a tree of some size ends, as the records have them. */
struct edge {
    uint64_t number;
    unsigned width;
    struct merkle_hash leaves[MERKLE_TILE_HASHES];
};

/* Records that are missing side by side, and when they were at the earliest and at the latest, as those on both sides tell; 0: nothing is there. */
struct missing_run {
    int64_t after_ms;
    int64_t before_ms;
};

/* What is not there of a segment. */
struct gap {
    struct place_set missing;
    struct place_set named;   /* by records of prunings */
    struct missing_run *runs; /* in their order */
    size_t run_count;
};

/* The times of a segment's first and last record that are there; 0: none is. */
struct span {
    int64_t first_ms, last_ms;
};

/* A record that says what is kept how long, or what was pruned; a copy. */
struct lasting {
    uint64_t index;
    struct bytes record;
};

/* An identifier that went over to somebody, by the record of this index. */
struct move {
    uint32_t node;
    uint32_t person;
    uint64_t index;
};

struct verifying {
    const struct verify_options *options;
    uint64_t size;
    uint64_t segments;
    /* By level from 1 on: the hashes that the records lead to, of full tiles below. */
    struct merkle_hash *nodes[MERKLE_LEVELS];
    struct edge *
        edges; /* of the sizes that are signed: the newest, the cosigned one, those at which keys took over */
    size_t edge_count, edge_room;
    struct gap **gaps;         /* by segment; NULL: all is there */
    struct span *spans;        /* by segment */
    atomic_uint_fast64_t next; /* segment */
    atomic_uint_fast64_t done; /* records */
    atomic_uint_fast64_t indexes;
    atomic_int error;
    pthread_mutex_t lock;
    uint64_t problems;  /* under lock, as those below */
    struct move *moves; /* in no order */
    size_t move_count, move_room;
    struct lasting *lasting; /* likewise */
    size_t lasting_count, lasting_capacity;
};

void verify_problem(struct verifying *verifying, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Keeps the leaves in which a tree of this size ends. */
int verify_keep_edge(struct verifying *verifying, uint64_t size);
/* The root that the records lead to. */
int verify_root(struct verifying *verifying, uint64_t size, struct merkle_hash *ret_root);
/* Records, tiles and indexes. (verify_tiles.c) */
int verify_tiles(struct verifying *verifying);
/* When what is missing was: keeps it of one segment, by the times of its records; then of what the segments beside it tell. (verify_times.c) */
#define TIME_MISSING (-1)
int verify_times_keep(struct verifying *verifying, uint64_t segment, const int64_t *times, unsigned count);
void verify_times(struct verifying *verifying);
/* What lasts how long: keeps a record that says something of it; when all were read and it is known what is signed, whether what is
 * missing may be. (verify_lasting.c) */
int verify_lasting_keep(struct verifying *verifying, uint64_t index, struct bytes record);
int verify_lasting(struct verifying *verifying, struct verify_result *result);
/* Keeps what a record says of joins and splits, if anything; then holds the tables of who is who against all of that. (verify_joins.c) */
int verify_joins_keep(
    struct verifying *verifying, uint64_t index, struct bytes record, struct arena *scratch);
int verify_joins(struct verifying *verifying);
/* Signed notes and keys: which sizes they speak of, before; whether they hold, after. (verify_notes.c) */
int verify_notes_sizes(struct verifying *verifying);
int verify_notes(struct verifying *verifying, uint64_t *ret_signed_size);

#endif
