/* SPDX-License-Identifier: Apache-2.0 */
/* The names that were stated with an identifier, in the clear while they are compared. Personal: they are wiped. */
#ifndef QY_IDENTITY_NAMES_H
#define QY_IDENTITY_NAMES_H

#include "services/identity/duplicate_text.h"
#include "services/identity/name_store.h"

/* One that an event states, until it is kept. */
struct fresh_name {
    uint64_t name; /* its keyed hash; 0: none */
    struct text text;
    uint32_t nodes[IDENTIFIERS_MAX]; /* with which it was not known */
    unsigned count;
};

void fresh_name_forget(struct fresh_name *fresh); /* wipes it */

struct names {
    struct text texts[NAMES_OF_NODE];
    unsigned count;
};
void names_wipe(struct names *names);
/* Those of a node. `fresh`: what is not kept yet; may be NULL. */
int names_find(const struct vault *vault, struct store_txn *txn, uint32_t node,
    const struct fresh_name *fresh, struct names *ret_names);
/* Both have some, and no name of one is any of the other. */
bool names_differ(const struct names *one, const struct names *other);
/* Two of them are hardly one person's. */
bool names_are_several(const struct names *names);

/* The keyed hash under which a name is found. */
uint64_t name_hash(const struct vault *vault, const struct text *text);
/* Seals the name for the node and keeps it as the row says. */
int name_keep(const struct vault *vault, struct store_txn *txn, uint32_t node, const struct text *text,
    const struct name_row *row);

/* A node's names with how they count, to be kept with another one. */
struct name_rows {
    struct name_row rows[NAMES_OF_NODE]; /* without what is sealed */
    struct text texts[NAMES_OF_NODE];
    unsigned count;
};
int name_rows_read(
    const struct vault *vault, struct store_txn *txn, uint32_t node, struct name_rows *ret_rows);
void name_rows_wipe(struct name_rows *rows);

#endif
