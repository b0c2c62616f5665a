/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted hashes: made, merged, searched. The hashes are evenly spread, so where one belongs among many can
 * nearly be computed; hashes that are not cost time only. */
#ifndef QY_GATEWAY_DEDUP_RUN_H
#define QY_GATEWAY_DEDUP_RUN_H

#include "common/mem.h"

#include <stdbool.h>

#define DEDUP_HASH_BYTES 16
#define RUNS_MERGED_MAX 8

struct hash {
    uint8_t bytes[DEDUP_HASH_BYTES];
};

/* Writes the hashes to `sorted` in order. */
void run_sort(const struct hash *hashes, size_t count, struct hash *sorted);
/* Writes what up to RUNS_MERGED_MAX runs hold, one behind the other in `runs`, to `merged` in order.
 * `counts` has the number of hashes of each; it is used up. */
void run_merge(const struct hash *runs, size_t *counts, unsigned run_count, struct hash *merged);
bool run_has(struct bytes run, const uint8_t hash[DEDUP_HASH_BYTES]);

#endif
