/* SPDX-License-Identifier: Apache-2.0 */
/* One search for likely duplicates, from the first person to the list.
 *
 * It reads everybody of whom traits are kept, once, for the keys of blocks (duplicate_block.h); learns the weights from pairs
 * drawn at random and from some of the blocks (duplicate_model.h); and compares who shares a block. Blocks larger than
 * DUPLICATE_BLOCK_MAX are passed over: what so many have in common says little, and their pairs are the square of it. What is
 * personal is unsealed into memory only, and wiped; snapshots are short. */
#ifndef QY_IDENTITY_DUPLICATE_RUN_H
#define QY_IDENTITY_DUPLICATE_RUN_H

#include "services/identity/duplicate_model.h"
#include "services/identity/duplicate_store.h"
#include "services/identity/identity.h"

#define DUPLICATE_BLOCK_MAX 64u

struct duplicate_progress {
    const char *phase; /* static */
    uint64_t persons_read;
    uint64_t comparisons;
    double share; /* of the blocks that are compared so far */
    uint64_t found;
};

struct duplicate_job {
    const struct identity *identity;
    /* A snapshot; the job aborts it. */
    int (*snapshot)(void *self, struct store_txn **ret_txn);
    /* Often; false ends the job with -QY_ESTOPPED. */
    bool (*go_on)(void *self, const struct duplicate_progress *progress);
    void *self;
    const char *directory; /* for files without a name: 12 bytes a key */
    uint64_t comparisons_max;
    uint32_t pairs_max;       /* that are listed: the likeliest */
    double least_probability; /* of a pair that is listed */
};

struct duplicate_result {
    struct duplicate_pair *pairs; /* the likeliest first */
    size_t count;
    struct duplicate_model model;
    uint64_t persons, comparisons, passed_over;
    bool complete;
    uint64_t moves; /* of the history, when it began */
};
/* `ret_result` is to be freed in any case. */
int duplicate_run(const struct duplicate_job *job, struct duplicate_result *ret_result);
void duplicate_result_free(struct duplicate_result *result);

#endif
