/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into the log, which goes on record itself: what was asked, by whom, and how many records were
 * shown. */
#ifndef QY_AUDIT_QUERY_H
#define QY_AUDIT_QUERY_H

#include "common/json.h"
#include "services/audit/audit.h"
#include "services/audit/audit_search.h"

/* One look. Texts are borrowed. */
struct audit_query {
    const Quanyu__Actor *actor; /* NULL: the operator of `peer` */
    const char *peer;           /* the service or program that asks; "audit" for the HTTP port */
    const char *request_id;
    const char *action;  /* "audit.search", … */
    const char *outcome; /* NULL: "ok" */
    const char *detail;  /* JSON */
};

/* Writer thread: takes the record of a look. Errors as audit_take(). */
int audit_query_take(struct audit *audit, struct batch *batch, const struct audit_query *query);

/* Writes, as members of an open object, what was asked for. */
void audit_query_filter(struct json *json, const struct audit_filter *filter);
void audit_query_search(struct json *json, const struct audit_search *search);

/* The tree in this transaction. */
int audit_query_tree(struct store_txn *txn, uint64_t *ret_size, struct merkle_hash *ret_root);

#endif
