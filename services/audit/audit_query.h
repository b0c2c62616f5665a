/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into the log, which goes on record itself: what was asked, by whom, and how many records were
 * shown. */
#ifndef QY_AUDIT_QUERY_H
#define QY_AUDIT_QUERY_H

#include "services/audit/audit.h"
#include "services/audit/audit_search.h"

/* One look. Texts are borrowed. */
struct audit_query {
    const Quanyu__Actor *actor; /* NULL: the operator of `peer` */
    const char *peer;           /* the service or program that asks; "audit" for the HTTP port */
    const char *request_id;
    const struct audit_search *search; /* NULL: one record, by its index */
    uint64_t index;
    uint64_t count; /* records shown */
};

/* Writer thread: takes the record of a look. Errors as audit_take(). */
int audit_query_take(struct audit *audit, struct batch *batch, const struct audit_query *query);

/* The tree in this transaction. */
int audit_query_tree(struct store_txn *txn, uint64_t *ret_size, struct merkle_hash *ret_root);

#endif
