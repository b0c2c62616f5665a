/* SPDX-License-Identifier: Apache-2.0 */
/* How frequent names are, so that a rare one in common weighs more than 王伟 (Winkler's weights by frequency).
 *
 * Counts lie in two rows under two hashes, of which the lower one holds: a few names seem more frequent than they are, none less.
 * They take 4 bytes a person, 32 MiB at most. */
#ifndef QY_IDENTITY_DUPLICATE_NAMES_H
#define QY_IDENTITY_DUPLICATE_NAMES_H

#include "services/identity/duplicate_block.h"

struct name_counts;
/* For about so many persons. The secret must live as long. */
int name_counts_open(const struct block_secret *secret, uint64_t persons, struct name_counts **ret_counts);
void name_counts_close(struct name_counts **counts);
/* Of the sorted name; one that is empty does not count. */
void name_counts_add(struct name_counts *counts, const struct text *name);
/* Bits that the name of two who have the same one weighs more than names do on average, or less. */
double name_counts_rarity(
    const struct name_counts *counts, const struct duplicate_model *model, const struct text *name);

#endif
