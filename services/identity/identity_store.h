/* SPDX-License-Identifier: Apache-2.0 */
/* Identity's tables. Nothing personal lies in them but sealed.
 *
 * Numbers are dense and never used again. A person's number is that of the node that founded it, so a node's
 * row also tells where a person of its number has gone. */
#ifndef QY_IDENTITY_STORE_H
#define QY_IDENTITY_STORE_H

#include "common/store.h"
#include "services/identity/identifier.h"
#include "services/identity/vault.h"

#define IDENTITY_SCHEMA_VERSION 1

enum identity_table {
    TABLE_META,    /* the counters */
    TABLE_INDEX,   /* node: its person, the keyed hash of its identifier; node_index.h is made from it */
    TABLE_NODES,   /* node: its kind, its wrapped key, the identifier's sealed value */
    TABLE_MEMBERS, /* person, node: nothing */
    TABLE_LINKS,   /* lower node, higher node: the first evidence */
    TABLE_TRAITS,  /* person, node: the node's wrapped key and sealed personal traits */
    TABLE_COUNT
};
extern const char *const identity_tables[TABLE_COUNT];

struct identity_counters {
    uint64_t nodes; /* the highest node number */
    uint64_t persons;
    uint64_t joins;
    uint64_t events;
    uint64_t unattributed;
};
/* Zeros where there are none yet. */
void identity_store_counters(struct store_txn *txn, struct identity_counters *ret_counters);
void identity_store_put_counters(struct store_txn *txn, const struct identity_counters *counters);

/* What of a node can change, and by what it is found. */
struct node_place {
    uint32_t person;
    bool founder; /* a person has borne its number */
    uint8_t hash[VAULT_HASH_BYTES];
};
bool identity_store_place(struct store_txn *txn, uint32_t node, struct node_place *ret_place);

struct node_row {
    char kind[KIND_NAME_BYTES];
    uint8_t wrapped[VAULT_WRAPPED_BYTES];
    struct bytes sealed; /* the identifier's value; borrowed from the transaction when read */
};
bool identity_store_node(struct store_txn *txn, uint32_t node, struct node_row *ret_row);
/* A new one, with the highest number. */
void identity_store_add_node(
    struct store_txn *txn, uint32_t node, const struct node_place *place, const struct node_row *row);
/* With its traits. */
void identity_store_move_node(
    struct store_txn *txn, uint32_t node, uint32_t from, uint32_t to, uint8_t ret_hash[VAULT_HASH_BYTES]);

/* Scans nodes in order from `node` on; close with scan_close(). */
int identity_store_scan_places(struct store_txn *txn, uint32_t node, struct store_scan **ret_scan);
bool identity_store_next_place(
    struct store_txn *txn, struct store_scan *scan, uint32_t *ret_node, struct node_place *ret_place);

/* The nodes of a person, ascending. */
int identity_store_scan_members(struct store_txn *txn, uint32_t person, struct store_scan **ret_scan);
bool identity_store_next_member(struct store_scan *scan, uint32_t *ret_node);

struct link {
    uint64_t evidence; /* offset in the gateway's journal */
    int64_t event_ms;
};
bool identity_store_has_link(struct store_txn *txn, uint32_t node, uint32_t other);
void identity_store_put_link(struct store_txn *txn, uint32_t node, uint32_t other, const struct link *link);
/* From (low, high) on, in order. */
int identity_store_scan_links(
    struct store_txn *txn, uint32_t low, uint32_t high, struct store_scan **ret_scan);
bool identity_store_next_link(struct store_scan *scan, uint32_t *ret_low, uint32_t *ret_high);

/* Borrowed: what vault_unwrap() and vault_unseal() take. */
struct sealed_traits {
    const uint8_t *wrapped;
    struct bytes sealed;
};
bool identity_store_traits(
    struct store_txn *txn, uint32_t person, uint32_t node, struct sealed_traits *ret_traits);
void identity_store_put_traits(struct store_txn *txn, uint32_t person, uint32_t node,
    const uint8_t wrapped[VAULT_WRAPPED_BYTES], struct bytes sealed);
/* Those of a person's nodes that have any. */
int identity_store_scan_traits(struct store_txn *txn, uint32_t person, struct store_scan **ret_scan);
bool identity_store_next_traits(
    struct store_txn *txn, struct store_scan *scan, uint32_t *ret_node, struct sealed_traits *ret_traits);

#endif
