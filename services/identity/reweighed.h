/* SPDX-License-Identifier: Apache-2.0 */
/* What links show by rules that verify other things, taken anew from all evidence, in memory: for trying rules. 24 bytes a link that may
 * show something else, in a table that is half full at least. */
#ifndef QY_IDENTITY_REWEIGHED_H
#define QY_IDENTITY_REWEIGHED_H

#include "services/identity/link_store.h"
#include "services/identity/rules.h"

struct reweighed;
/* `former`: those that hold; `rules` must live as long. */
int reweighed_open(const struct identity_rules *former, const struct identity_rules *rules,
    struct reweighed **ret_reweighed);
void reweighed_close(struct reweighed **reweighed);
/* Takes in so many more events of a snapshot. */
int reweighed_read(struct reweighed *reweighed, struct store_txn *txn, unsigned events, bool *ret_more);
/* Puts what the link shows by the rules in the place of what it shows. */
void reweighed_look(const struct reweighed *reweighed, uint32_t node, uint32_t other, struct link *link);

#endif
