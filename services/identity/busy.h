/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers that are seen with very many: a shop's tablet, a shared landline; and those that are several people's: a family's phone, a
 * number that went to somebody else.
 *
 * Several people's is what was proved to be two accounts' (one_owner), what goes with two names (one_name), and what somebody was seen with
 * outside of the time for which another one had it (handed_on): who verified one number and then another had the first until then and the
 * second from then on. Whoever was seen with the other number as well is no other one. */
#ifndef QY_IDENTITY_BUSY_H
#define QY_IDENTITY_BUSY_H

#include "services/identity/link_store.h"
#include "services/identity/names.h"
#include "services/identity/rules.h"

/* What was seen with more numbers than this is no person's: it says nothing of them. */
#define NUMBERS_OF_ONE 8

/* The kind of a node, by its number; 0: it is not known. */
typedef unsigned node_kind_fn(const void *self, uint32_t node);

/* Says what a link shows by other rules. */
typedef void reweigh_fn(void *self, uint32_t node, uint32_t other, struct link *link);

struct busy_view {
    const struct identity_rules *rules;
    struct store_txn *txn;
    const struct vault *vault;
    node_kind_fn *kind_of;
    const void *self;    /* of kind_of */
    reweigh_fn *reweigh; /* NULL: what links show is what they show */
    void *reweigh_self;
    const struct fresh_name *fresh; /* what an event states that is not kept yet; may be NULL */
};

enum busy_reason { BUSY_NOT, BUSY_MANY, BUSY_OWNERS, BUSY_NAMES, BUSY_HANDED_ON, BUSY_COUNT };
/* "busy", "owners", "names", "handed_on"; static storage. */
const char *busy_reason_name(enum busy_reason reason);
/* Whether a rule asks it at all of a kind. */
bool busy_asks(const struct kind_rule *rule);

/* Why a node is busy, or that it is not. Reads no more links than it takes to know. */
int busy_find(const struct busy_view *view, uint32_t node, enum busy_reason *ret_reason);

/* Appends the numbers, of one kind, that a node was seen with; of more than NUMBERS_OF_ONE + 1 only so many that it is known. */
int busy_numbers(const struct busy_view *view, uint32_t node, unsigned kind, struct buffer *numbers);

#endif
