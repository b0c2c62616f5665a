/* SPDX-License-Identifier: Apache-2.0 */
/* Identity's table of names that were stated with an identifier: under its node and a keyed hash of the name, sealed under the node's key. */
#ifndef QY_IDENTITY_NAME_STORE_H
#define QY_IDENTITY_NAME_STORE_H

#include "services/identity/identity_store.h"

#define NAMES_OF_NODE 8 /* the first ones: who has more is not one */

struct name_row {
    uint64_t name;          /* the hash; never 0 */
    uint64_t evidence;      /* offset of the event that states it, the first that was not taken back */
    bool lasting;           /* an event states it that cannot be taken back */
    bool withdrawn;         /* all events that state it were taken back: it does not count */
    const uint8_t *wrapped; /* the node's key; borrowed from the transaction when read, as is what follows */
    struct bytes sealed;
};
bool identity_store_name(struct store_txn *txn, uint32_t node, uint64_t name, struct name_row *ret_row);
void identity_store_put_name(struct store_txn *txn, uint32_t node, const struct name_row *row);
/* Rewrites nothing but the event and how it counts. */
void identity_store_set_name(struct store_txn *txn, uint32_t node, const struct name_row *row);
/* Those of a node; close with scan_close(). */
int identity_store_scan_names(struct store_txn *txn, uint32_t node, struct store_scan **ret_scan);
bool identity_store_next_name(struct store_txn *txn, struct store_scan *scan, struct name_row *ret_row);

#endif
