/* SPDX-License-Identifier: Apache-2.0 */
/* Orders and refunds: rows per node, sums per person.
 *
 * An order counts once over all nodes of a person; of several events with one order_id the earliest gives
 * total and time. */
#ifndef QY_TAGGING_ORDERS_H
#define QY_TAGGING_ORDERS_H

#include "services/tagging/events.h"

#define EVENT_ORDER "Order Completed"
#define EVENT_REFUND "Order Refunded"

struct money_settings {
    char currency[8]; /* of the deployment */
    unsigned scale;   /* its decimal places */
};

/* What makes an order one order: its order_id, or the message that told of it. */
#define PURCHASE_KEY_BYTES 17
struct purchase_key {
    uint8_t bytes[PURCHASE_KEY_BYTES];
};

/* What an event says of an order or a refund. `properties` may be NULL. */
void purchase_read(const struct money_settings *money, const struct stored_event *event,
    yyjson_val *properties, bool refund, struct purchase *ret_purchase, struct purchase_key *ret_key);

/* Whether it tells of an order or a refund. */
bool event_is_purchase(const struct stored_event *event, bool *ret_refund);

/* Into the node's rows, where none is there that is earlier; and out of them, where it is this event that the row is of. Sums are the
 * caller's to take anew. */
void purchase_keep(struct people *people, struct node *node, bool refund, const struct purchase_key *key,
    const struct purchase *purchase);
bool purchase_drop(struct people *people, struct node *node, bool refund, const struct purchase_key *key,
    const struct purchase *purchase);

/* Folds one into node and person. */
int orders_add(struct people *people, struct node *node, struct person *person,
    const struct purchase_key *key, const struct purchase *order);
int refunds_add(struct people *people, struct node *node, struct person *person,
    const struct purchase_key *key, const struct purchase *refund);

/* Takes the person's totals anew from all nodes. */
int orders_recount(struct people *people, struct person *person);

/* Adds the person's orders and refunds before `before_ms` to `totals`. */
int orders_sum(struct people *people, const struct person *person, int64_t before_ms, struct totals *totals);

/* A set of purchases by key that keeps the earliest of each. */
struct purchase_set;
int purchase_set_open(struct purchase_set **ret_set);
void purchase_set_close(struct purchase_set **set);
int purchase_set_add(
    struct purchase_set *set, const struct purchase_key *key, const struct purchase *purchase);
void purchase_set_clear(struct purchase_set *set);
void purchase_set_sum_orders(const struct purchase_set *set, struct totals *totals);
void purchase_set_sum_refunds(const struct purchase_set *set, struct totals *totals);

#endif
