/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted hashes: made, merged, searched. The hashes are evenly spread, so where one belongs among many can
 * nearly be computed; hashes that are not cost time only. */
#ifndef QY_COMMON_HASH_RUN_H
#define QY_COMMON_HASH_RUN_H

#include "common/mem.h"

#include <stdbool.h>

#define HASH_BYTES 16
#define RUNS_MERGED_MAX 8

struct hash {
    uint8_t bytes[HASH_BYTES];
};

/* Writes the hashes to `sorted` in order. */
void run_sort(const struct hash *hashes, size_t count, struct hash *sorted);

/* What is to be merged of a run, in order; `more` puts the next part there, or says false where there is none (NULL: there is none). */
struct run_source {
    const struct hash *at, *end;
    bool (*more)(struct run_source *source);
};
/* Takes the least hashes of up to RUNS_MERGED_MAX sources, as many as there is room for, and writes them to `merged` in order. Returns
 * how many. A source that is used up has `at` at its end then. */
size_t run_merge(struct run_source *const *sources, unsigned source_count, struct hash *merged, size_t room);

/* The first one that is greater; the run's end where none is. */
const struct hash *run_above(struct bytes run, const uint8_t hash[HASH_BYTES]);
bool run_has(struct bytes run, const uint8_t hash[HASH_BYTES]);

#endif
