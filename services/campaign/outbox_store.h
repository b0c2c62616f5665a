/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries: rows of their own, found by who, by journey, and by what is still to be done about them. */
#ifndef QY_CAMPAIGN_OUTBOX_STORE_H
#define QY_CAMPAIGN_OUTBOX_STORE_H

#include "services/campaign/campaign_store.h"

/* The first six are Delivery.State; of the last two the world sees READY. */
enum delivery_state {
    DELIVERY_READY,
    DELIVERY_SENDING,
    DELIVERY_DELIVERED,
    DELIVERY_FAILED,
    DELIVERY_UNKNOWN,
    DELIVERY_SKIPPED,
    DELIVERY_BACKOFF, /* refused for now: a timer makes it READY again */
    DELIVERY_HELD,    /* its journey is paused */
};

#define REASON_BYTES 48
#define DELIVERY_ID_BYTES 33

/* Stored as it is, under its number. */
struct delivery {
    uint8_t version;
    uint8_t state;   /* enum delivery_state */
    uint8_t channel; /* enum channel */
    uint8_t unused;
    uint32_t journey;
    uint32_t node; /* that the position stood on */
    uint32_t entry;
    uint32_t attempts;
    uint32_t unused2;
    uint64_t number; /* a sequence number: entries and sends are ordered by it */
    uint64_t run;    /* of the position that it came from */
    int64_t at_ms;   /* of the latest change */
    int64_t due_ms;  /* DELIVERY_BACKOFF */
    char step[STEP_ID_BYTES];
    char reason[REASON_BYTES];
};
_Static_assert(sizeof(struct delivery) == 136, "a stored layout");

const char *delivery_state_name(enum delivery_state state); /* "ready" … as the world sees it */
enum delivery_state delivery_public_state(const struct delivery *delivery);
/* 32 hex digits, the same for the same journey, step, node and entry for ever: the receiver's idempotency
 * key. */
const char *delivery_id(const struct delivery *delivery, char id[DELIVERY_ID_BYTES]);

bool delivery_get(struct store_txn *txn, uint64_t number, struct delivery *ret_delivery);
/* A new row, with its indexes. */
void delivery_add(struct store_txn *txn, const struct delivery *delivery);
/* Writes a row that is there already and comes from the state `before`. */
void delivery_change(struct store_txn *txn, const struct delivery *delivery, enum delivery_state before);
/* All of the node's. */
void delivery_forget(struct store_txn *txn, uint32_t node);

/* Numbers of the rows in this state, oldest first; not for settled ones. */
void outbox_list(
    struct store_txn *txn, enum delivery_state state, size_t limit, struct number_list *ret_numbers);

/* What was sent from this node at this step, in any entry; or the number for one entry, 0 for none. */
void send_list(struct store_txn *txn, uint32_t node, uint32_t journey, const char *step,
    struct number_list *ret_numbers);
uint64_t send_find(struct store_txn *txn, uint32_t node, uint32_t journey, const char *step, uint32_t entry);

/* Newest first, numbers below `before` (0: from the newest on). */
void delivery_list(
    struct store_txn *txn, uint32_t journey, uint64_t before, size_t limit, struct number_list *ret_numbers);
/* All numbers of a node, any order. */
void delivery_list_node(struct store_txn *txn, uint32_t node, struct number_list *ret_numbers);

/* In the canonical order (node, journey, step, entry), from the key on that *cursor holds. */
struct delivery_cursor {
    uint8_t key[64];
    size_t size; /* 0: from the beginning; at the end */
};
void delivery_page(
    struct store_txn *txn, struct delivery_cursor *cursor, size_t limit, struct number_list *ret_numbers);

#endif
