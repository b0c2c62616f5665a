/* SPDX-License-Identifier: Apache-2.0 */
/* Identity's tables of likely duplicates: what searches found, and what people said of it. Nothing personal lies in them. */
#ifndef QY_IDENTITY_DUPLICATE_STORE_H
#define QY_IDENTITY_DUPLICATE_STORE_H

#include "proto/identity.pb-c.h"
#include "services/identity/duplicate_fields.h"
#include "services/identity/identity_store.h"

/* -- searches -- */

/* In `arena`, empty where nobody ever asked. NULL: no memory, or the transaction has failed. */
Quanyu__DuplicateState *duplicate_store_state(struct store_txn *txn, struct arena *arena);
void duplicate_store_put_state(struct store_txn *txn, const Quanyu__DuplicateState *state);

/* -- pairs -- */

/* Two persons that are likely one. */
struct duplicate_pair {
    uint32_t low, high;
    float score, probability;
    float rarity; /* what of the score the name weighs more than others do, or less */
    struct agreement agreement;
};
/* Of the search of a number, in their order from `rank` (from 0) on; for new ones. */
void duplicate_store_add_pairs(
    struct store_txn *txn, uint64_t search, uint32_t rank, const struct duplicate_pair *pairs, size_t count);
int duplicate_store_scan_pairs(
    struct store_txn *txn, uint64_t search, uint32_t rank, struct store_scan **ret_scan);
bool duplicate_store_next_pair(
    struct store_txn *txn, struct store_scan *scan, uint32_t *ret_rank, struct duplicate_pair *ret_pair);
/* Removes pairs of other searches, `most` at most; how many it were. */
size_t duplicate_store_sweep(struct store_txn *txn, uint64_t search, size_t most);

/* -- who is not one -- */

/* In `arena`; NULL: nobody said so, or the transaction has failed. */
Quanyu__DuplicateDismissal *duplicate_store_dismissal(
    struct store_txn *txn, uint32_t low, uint32_t high, struct arena *arena);
bool duplicate_store_is_dismissed(struct store_txn *txn, uint32_t low, uint32_t high);
void duplicate_store_dismiss(
    struct store_txn *txn, uint32_t low, uint32_t high, const Quanyu__DuplicateDismissal *dismissal);
/* Somebody decided that identifiers of theirs are not of one person. */
bool duplicate_store_are_apart(struct store_txn *txn, uint32_t low, uint32_t high);

/* -- persons -- */

/* The first person above `after` of whom traits are kept. */
bool duplicate_store_person_after(struct store_txn *txn, uint32_t after, uint32_t *ret_person);
/* No node came to the person or left since the history had so many moves, and it is there. */
bool duplicate_store_is_unmoved(struct store_txn *txn, uint32_t person, uint64_t moves);

#endif
