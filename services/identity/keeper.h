/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps personal traits: takes in what events state, seals it, and tells the pseudonymiser what is known of a
 * person. The writer thread's. */
#ifndef QY_IDENTITY_KEEPER_H
#define QY_IDENTITY_KEEPER_H

#include "services/identity/graph.h"
#include "services/identity/identity.h"

struct keeper;
int keeper_open(
    const struct identity *identity, struct pseudonymiser *pseudonymiser, struct keeper **ret_keeper);
void keeper_close(struct keeper **keeper);

/* keeper_recall() follows soon: brings near what it looks at. */
void keeper_expect(const struct keeper *keeper, uint32_t person);
/* What is stored of the person is not to be passed on under another name: hands it to the pseudonymiser,
 * which may ask for more until the transaction ends. */
int keeper_recall(struct keeper *keeper, struct store_txn *txn, uint32_t person);

/* What an event states about a node of a person, after keeper_recall() for that person. Written only where
 * something is new: an event about somebody known costs no random write. */
struct statement {
    uint32_t node;
    uint32_t person;
    int64_t event_ms;
    uint64_t offset;
    const struct personal_trait *traits;
    unsigned count;
};
int keeper_take(struct keeper *keeper, struct store_txn *txn, const struct statement *statement);

/* Events of a node are others' now, all `moved` from the same: what they stated last goes with them. */
int keeper_move(struct keeper *keeper, struct store_txn *txn, const struct attributed *moved, size_t count);

/* Nodes have come to this person, or left. */
void keeper_changed(struct keeper *keeper, uint32_t person);
/* The batch was rolled back. */
void keeper_forget(struct keeper *keeper);

#endif
