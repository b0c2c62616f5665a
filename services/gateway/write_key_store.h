/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the write keys: number of the source -> WriteKey. A deleted one stays as what is left of it, so that its
 * number is never another's and its secrets are known as revoked; of those the oldest go in time. */
#ifndef QY_GATEWAY_WRITE_KEY_STORE_H
#define QY_GATEWAY_WRITE_KEY_STORE_H

#include "proto/write_key.pb-c.h"
#include "services/gateway/gateway_store.h"

#define WRITE_KEYS_MAX 1000u         /* that are not deleted */
#define WRITE_KEYS_REMOVED_MAX 1000u /* that are */
#define WRITE_KEY_SECRETS_MAX 8u

/* A fresh secret for the key as its next: the text to show once, and the row's member. `hash_room` has
 * SECRET_HASH_BYTES, `hint_room` WRITE_KEY_HINT_BYTES; both must live as long as `ret_secret`. */
#define WRITE_KEY_HINT_BYTES 5
void write_key_secret_make(char ret_text[SECRET_TEXT_BYTES], uint8_t hash_room[SECRET_HASH_BYTES],
    char hint_room[WRITE_KEY_HINT_BYTES], Quanyu__WriteKey__Secret *ret_secret);

void write_key_put(struct store_txn *txn, const Quanyu__WriteKey *key);
/* NULL where there is none; -QY_ECORRUPT and -QY_ENOMEM are the transaction's. */
Quanyu__WriteKey *write_key_get(struct store_txn *txn, uint32_t source, ProtobufCAllocator *allocator);
/* The first one whose number is above `after`; NULL behind the last. */
Quanyu__WriteKey *write_key_next(struct store_txn *txn, uint32_t after, ProtobufCAllocator *allocator);
/* The highest number that was given away; 0 for none. */
uint32_t write_key_last(struct store_txn *txn);
/* Lets go of those that were deleted first, while there are too many. */
void write_key_prune(struct store_txn *txn);
/* Whether there is room for one more. */
bool write_key_has_room(struct store_txn *txn);

#endif
