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

#define IDENTITY_SCHEMA_VERSION 3
#define IDENTITY_MIGRATION_COUNT 2

enum identity_table {
    TABLE_META, /* the counters, the kinds' names by number, the rules */
    TABLE_INDEX, /* node: its person, kind, flags, the keyed hash of its identifier; node_index.h is made from it */
    TABLE_NODES,   /* node: when it came, its wrapped key, its kind, the identifier's sealed value */
    TABLE_MEMBERS, /* person, node: nothing */
    TABLE_LINKS, /* node, other node, both ways: the best evidence and what was decided by hand, at the lower one */
    TABLE_TRAITS, /* person, node: the node's wrapped key and sealed personal traits */
    TABLE_EVIDENCE, /* offset of an event: the identifiers that it carried, where there were several; for good */
    TABLE_FILTERS,    /* the last offset of a part of that: which pairs it may hold (evidence_index.h) */
    TABLE_CONFLICTS,  /* lower node, higher node: why a link joins nothing */
    TABLE_HISTORY,    /* person, number: nodes that came or went, when and why */
    TABLE_DECISIONS,  /* number: what somebody decided by hand */
    TABLE_BUSY,       /* node: nothing; those that are flagged so */
    TABLE_DUPLICATES, /* search, rank: a pair of persons that is likely one, and how it agrees */
    TABLE_DISMISSED,  /* lower person, higher person: who said that they are two, and why */
    TABLE_DECIDED,    /* node, number: nothing; the decisions that are about it */
    TABLE_DIGESTS, /* keyed hashes of digests of known phones and emails, and their nodes (digest_index.h) */
    TABLE_NAMES, /* node, keyed hash of a name: the event that states it with the node, the name sealed (name_store.h) */
    TABLE_SPANS, /* an identifier's first node, time: whose it is from then on (span_store.h) */
    TABLE_COUNT
};
extern const char *const identity_tables[TABLE_COUNT];
extern const struct store_migration identity_migrations[IDENTITY_MIGRATION_COUNT]; /* identity_migrations.c */

struct identity_counters {
    uint64_t nodes; /* the highest node number */
    uint64_t persons;
    uint64_t joins;
    uint64_t events;
    uint64_t unattributed;
    uint64_t splits;
    uint64_t conflicts; /* links that join nothing now */
    uint64_t moves;     /* the highest number in the history */
    uint64_t decisions; /* the highest number of a decision */
    uint64_t latest;    /* offset of the event that was folded last */
};
/* Zeros where there are none yet. */
void identity_store_counters(struct store_txn *txn, struct identity_counters *ret_counters);
void identity_store_put_counters(struct store_txn *txn, const struct identity_counters *counters);

enum node_flag {
    NODE_FOUNDER = 1,  /* a person has borne its number */
    NODE_VERIFIED = 2, /* some event showed it to be really somebody's, by the rules that hold */
    NODE_BUSY = 4,     /* seen with very many others: joins nothing */
    NODE_BLOCKED = 8,  /* by hand: nobody's */
    NODE_REFUSED = 16, /* some link of it joins nothing */
    NODE_DECIDED = 32, /* somebody decided whether it is of one person with another one */
    NODE_CLAIMED = 64, /* some link of it is only claimed, or was */
    NODE_LISTED = 128, /* the rules block its value */
    NODE_SAME = 256, /* a digest of one that is known: its one link says of which, and that has all others */
    NODE_SPANNED = 512,  /* its value went to somebody else, who has a later node */
    NODE_LATER = 1024,   /* the later node of a value */
    NODE_TRUSTED = 2048, /* some event carried it whose sender may verify: what that proves is the rules' */
    NODE_STATED = 4096,  /* and said that it is verified */
};
#define NODE_NOBODY (NODE_BLOCKED | NODE_LISTED) /* events are as if they did not carry it */
#define NODE_OUT (NODE_BUSY | NODE_NOBODY)

/* The kinds' names in the order of their numbers, with blanks between; appended. */
void identity_store_kinds(struct store_txn *txn, struct buffer *names);
void identity_store_put_kinds(struct store_txn *txn, const struct buffer *names);

/* Other rows of that table, by name; borrowed. */
bool identity_store_meta(struct store_txn *txn, const char *name, struct bytes *ret_value);
void identity_store_put_meta(struct store_txn *txn, const char *name, const void *value, size_t size);

/* What of a node can change, and by what it is found. */
struct node_place {
    uint32_t person;
    uint8_t kind; /* its number */
    uint16_t flags;
    uint8_t hash[VAULT_HASH_BYTES];
};
bool identity_store_place(struct store_txn *txn, uint32_t node, struct node_place *ret_place);
void identity_store_put_place(struct store_txn *txn, uint32_t node, const struct node_place *place);
/* Keeps the list of busy nodes. */
void identity_store_set_busy(struct store_txn *txn, uint32_t node, bool busy);
int identity_store_scan_busy(struct store_txn *txn, uint32_t node, struct store_scan **ret_scan);
bool identity_store_next_busy(struct store_scan *scan, uint32_t *ret_node);

struct node_row {
    uint64_t
        evidence; /* the first event that carried it: its offset in the gateway's journal, and its time */
    int64_t event_ms;
    char kind[KIND_NAME_BYTES];
    uint8_t wrapped[VAULT_WRAPPED_BYTES];
    struct bytes sealed; /* the identifier's value; borrowed from the transaction when read */
};
bool identity_store_node(struct store_txn *txn, uint32_t node, struct node_row *ret_row);
/* It came with an earlier event than is written: rewrites nothing else of it. */
void identity_store_set_first(struct store_txn *txn, uint32_t node, uint64_t evidence, int64_t event_ms);
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
