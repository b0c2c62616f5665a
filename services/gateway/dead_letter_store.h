/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of dead letters. A letter has a number, in the order of arrival and never used again; what is personal in it, and where
 * and how it is wrong, is sealed in its content. */
#ifndef QY_GATEWAY_DEAD_LETTER_STORE_H
#define QY_GATEWAY_DEAD_LETTER_STORE_H

#include "services/gateway/dead_letter_keys.h"
#include "services/gateway/gateway_store.h"

#define LETTER_REASON_BYTES 32

struct letter_row {
    int64_t received_ms;
    uint32_t source;
    uint32_t slot; /* of its key */
    uint32_t size; /* of the sealed content */
    uint16_t attempts;
    uint8_t version;
    uint8_t marked : 1;   /* `mark` leads to it */
    uint8_t accepted : 1; /* its event was, under `message`: it is what deduplication knows by that id */
    char reason[LETTER_REASON_BYTES];
    uint8_t mark[LETTER_MARK_BYTES];
    uint8_t message[16]; /* ingest_hash(); all zero where it bears no message id that could be taken */
};

void letter_put(struct store_txn *txn, uint64_t letter, const struct letter_row *row);
bool letter_get(struct store_txn *txn, uint64_t letter, struct letter_row *ret_row);
void letter_put_content(struct store_txn *txn, uint64_t letter, struct bytes sealed);
bool letter_get_content(struct store_txn *txn, uint64_t letter, struct bytes *ret_sealed);
/* The letter that bears the mark; 0: none. */
uint64_t letter_by_mark(struct store_txn *txn, const uint8_t mark[LETTER_MARK_BYTES]);
void letter_put_mark(struct store_txn *txn, const uint8_t mark[LETTER_MARK_BYTES], uint64_t letter);
/* With content and mark. */
void letter_delete(struct store_txn *txn, uint64_t letter, const struct letter_row *row);

/* Returns false to stop. */
typedef bool letter_fn(void *self, uint64_t letter, const struct letter_row *row);
/* All letters from this number on; `newest_first`: from this number on downwards. */
int letters_walk(struct store_txn *txn, uint64_t from, bool newest_first, letter_fn *visit, void *self);

/* The number that the next letter gets. */
uint64_t letter_next(struct store_txn *txn);
void letter_put_next(struct store_txn *txn, uint64_t next);
/* Which file the keys are in (letter_keys_check()); false: no letter was kept yet. */
bool letter_get_check(struct store_txn *txn, uint8_t ret_check[LETTER_CHECK_BYTES]);
void letter_put_check(struct store_txn *txn, const uint8_t check[LETTER_CHECK_BYTES]);
/* Slots of letters that are gone: to be overwritten before they are used again. */
void letter_put_spent(struct store_txn *txn, uint32_t slot);
void letter_delete_spent(struct store_txn *txn, uint32_t slot);
int letter_walk_spent(struct store_txn *txn, bool (*visit)(void *self, uint32_t slot), void *self);

#endif
