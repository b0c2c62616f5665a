/* SPDX-License-Identifier: Apache-2.0 */
/* Identity's tables of what people should look at and what they decided: links that join nothing, how nodes came to their
 * persons, and decisions by hand. */
#ifndef QY_IDENTITY_DECISION_STORE_H
#define QY_IDENTITY_DECISION_STORE_H

#include "proto/identity.pb-c.h"
#include "services/identity/admission.h"
#include "services/identity/identity_store.h"

/* -- links that join nothing -- */

struct conflict {
    struct verdict verdict;
    uint64_t evidence; /* the offset at which it became so */
    int64_t since_ms;  /* the fold's time then */
};
bool identity_store_conflict(
    struct store_txn *txn, uint32_t low, uint32_t high, struct conflict *ret_conflict);
void identity_store_put_conflict(
    struct store_txn *txn, uint32_t low, uint32_t high, const struct conflict *conflict);
/* True when there was one. */
bool identity_store_delete_conflict(struct store_txn *txn, uint32_t low, uint32_t high);
int identity_store_scan_conflicts(
    struct store_txn *txn, uint32_t low, uint32_t high, struct store_scan **ret_scan);
bool identity_store_next_conflict(struct store_txn *txn, struct store_scan *scan, uint32_t *ret_low,
    uint32_t *ret_high, struct conflict *ret_conflict);

/* -- history -- */

/* Why a node moved: an event's evidence, or a decision. */
struct cause {
    uint64_t evidence; /* offset in the gateway's journal; by a decision: of what was folded last */
    uint64_t decision; /* 0: none */
    bool undone;       /* by undoing it */
};
/* Nodes that came from one person to another. */
struct move {
    uint64_t number; /* in the order in which they happened */
    uint32_t from, to;
    int64_t at_ms; /* the fold's time */
    struct cause cause;
    const uint8_t *nodes; /* big-endian; borrowed when read */
    size_t count;
};
void identity_store_add_move(struct store_txn *txn, const struct move *move, const uint32_t *nodes);
/* Those from and to a person, the oldest first. */
int identity_store_scan_moves(struct store_txn *txn, uint32_t person, struct store_scan **ret_scan);
bool identity_store_next_move(struct store_txn *txn, struct store_scan *scan, struct move *ret_move);

/* -- decisions -- */

/* In `arena`. NULL: there is none, or the transaction has failed. */
Quanyu__Decision *identity_store_decision(struct store_txn *txn, uint64_t number, struct arena *arena);
void identity_store_put_decision(struct store_txn *txn, const Quanyu__Decision *decision);
/* The decisions that are about a node, the newest first. */
/* Decisions that are about one node are about another one as well. */
int identity_store_take_over_decided(struct store_txn *txn, uint32_t node, uint32_t other);
int identity_store_scan_decided(struct store_txn *txn, uint32_t node, struct store_scan **ret_scan);
bool identity_store_next_decided(struct store_scan *scan, uint64_t *ret_number);
/* From `number` downwards. */
int identity_store_scan_decisions(struct store_txn *txn, uint64_t number, struct store_scan **ret_scan);
Quanyu__Decision *identity_store_next_decision(
    struct store_txn *txn, struct store_scan *scan, struct arena *arena);

#endif
