/* SPDX-License-Identifier: Apache-2.0 */
/* Identity's table of identifiers that went from one owner to another: the value's first node, and from which time on it has which later
 * one. What events carry is kept by the first node; whose it was follows from their time. */
#ifndef QY_IDENTITY_SPAN_STORE_H
#define QY_IDENTITY_SPAN_STORE_H

#include "services/identity/identity_store.h"

struct span {
    int64_t since_ms; /* event time, from this millisecond on */
    uint32_t node;
    uint64_t decision;
};
void identity_store_put_span(struct store_txn *txn, uint32_t first, const struct span *span);
/* The node keeps to know its first one. */
void identity_store_delete_span(struct store_txn *txn, uint32_t first, int64_t since_ms);
/* Those of a value, the earliest first; close with scan_close(). */
int identity_store_scan_spans(struct store_txn *txn, uint32_t first, struct store_scan **ret_scan);
bool identity_store_next_span(struct store_txn *txn, struct store_scan *scan, struct span *ret_span);

/* The value's first node; the node itself where it has not changed hands. */
uint32_t identity_store_first(struct store_txn *txn, uint32_t node);
/* The node that has the value at a time, by its first one. */
uint32_t identity_store_owner(struct store_txn *txn, uint32_t first, int64_t event_ms);
/* What an event of that time carries, a digest or a first node, is this one's. */
uint32_t identity_store_carried(struct store_txn *txn, uint32_t node, int64_t event_ms);
/* Whether it has the value now. */
bool identity_store_is_present(struct store_txn *txn, uint32_t node);

#endif
