/* SPDX-License-Identifier: Apache-2.0 */
/* Identity's tables of what was seen together: links between identifiers, and the events that show them. */
#ifndef QY_IDENTITY_LINK_STORE_H
#define QY_IDENTITY_LINK_STORE_H

#include "services/identity/identity_store.h"

/* -- links -- */

/* What one event says of two identifiers, or what was decided of them. */
struct link {
    bool has_evidence; /* the rest of it is valid */
    bool verified;
    bool alias;        /* one is the other's former name, and that is verified */
    bool same;         /* one is the other's digest */
    uint64_t evidence; /* offset in the gateway's journal */
    int64_t event_ms;
    uint32_t source;
    uint64_t joined; /* numbers of decisions; 0: none */
    uint64_t cut;    /* takes back what was joined before it */
    uint64_t apart;
};
/* Of two pieces of evidence the one that is worth more counts, of the same worth the earlier one. */
enum worth { WORTH_NOTHING, WORTH_CLAIMED, WORTH_VERIFIED, WORTH_ALIAS };
enum worth link_worth(const struct link *link);
bool identity_store_link(struct store_txn *txn, uint32_t node, uint32_t other, struct link *ret_link);
/* `is_new`: there is none yet. */
void identity_store_put_link(
    struct store_txn *txn, uint32_t node, uint32_t other, const struct link *link, bool is_new);
/* Those of nodes that are all above every node of the table: appended in the order of their keys, pages get full and are not split. */
struct new_link {
    uint32_t node, other;
    struct link link;
};
#define NEW_LINKS_MAX (IDENTIFIERS_MAX * (IDENTIFIERS_MAX - 1) / 2)
void identity_store_add_links(struct store_txn *txn, const struct new_link *links, size_t count);
void identity_store_delete_link(struct store_txn *txn, uint32_t node, uint32_t other);
/* All links, by the lower node and the higher one, from (low, high) on. */
int identity_store_scan_links(
    struct store_txn *txn, uint32_t low, uint32_t high, struct store_scan **ret_scan);
bool identity_store_next_link(struct store_txn *txn, struct store_scan *scan, uint32_t *ret_low,
    uint32_t *ret_high, struct link *ret_link);
/* The node that has the links of this one: of a digest the identifier whose it is, where that is known, else itself. */
uint32_t identity_store_plain(struct store_txn *txn, uint32_t node);
/* Those of one node: the other nodes alone, or with the link, which mostly costs one more look. */
int identity_store_scan_neighbours(struct store_txn *txn, uint32_t node, struct store_scan **ret_scan);
bool identity_store_next_neighbour(struct store_scan *scan, uint32_t *ret_other);
bool identity_store_next_link_of(struct store_txn *txn, struct store_scan *scan, uint32_t node,
    uint32_t *ret_other, struct link *ret_link);

/* -- evidence -- */

/* What an event carried, the strongest first: several, or one phone or email. Of a value that went to somebody else its first node
 * (span_store.h). */
struct evidence {
    uint64_t offset;
    int64_t event_ms;
    uint32_t source;
    bool withdrawn;      /* taken back: it shows nothing any more */
    uint32_t attributed; /* whose event it is: one of the nodes */
    uint64_t name;       /* the keyed hash of the name that it states (name_store.h); 0: none */
    unsigned count;
    struct {
        uint32_t node;
        bool verified; /* by the rules that hold, or held where they are being changed */
        bool alias;    /* a former name, whose limit does not hold */
        bool trusted,
            stated; /* what was told, whatever it proves: who sent it may verify; and says that it is verified */
    } items[IDENTIFIERS_MAX];
};
/* What it shows of two of its items. */
enum worth evidence_worth(const struct evidence *evidence, unsigned one, unsigned other);
/* A new one, above all others. */
void identity_store_add_evidence(struct store_txn *txn, const struct evidence *evidence);
bool identity_store_evidence(struct store_txn *txn, uint64_t offset, struct evidence *ret_evidence);
void identity_store_put_evidence(struct store_txn *txn, const struct evidence *evidence);
int identity_store_scan_evidence(struct store_txn *txn, uint64_t offset, struct store_scan **ret_scan);
bool identity_store_next_evidence(
    struct store_txn *txn, struct store_scan *scan, struct evidence *ret_evidence);

/* The events before `end`, from `next` on, are to be looked at again: whose they are may have changed. */
struct attribution_place {
    uint64_t next, end;
};
void attribution_load(struct store_txn *txn, struct attribution_place *ret_place);
void attribution_save(struct store_txn *txn, const struct attribution_place *place);

/* Filters of parts of it, by the last offset of each (evidence_index.h): a new one, from which on there are none, and those of the parts
 * that end at `offset` or later; borrowed. */
void identity_store_add_evidence_filter(
    struct store_txn *txn, uint64_t last, const uint8_t *filter, size_t size);
void identity_store_put_evidence_filter(
    struct store_txn *txn, uint64_t last, const uint8_t *filter, size_t size);
uint64_t identity_store_evidence_filtered(struct store_txn *txn);
int identity_store_scan_evidence_filters(
    struct store_txn *txn, uint64_t offset, struct store_scan **ret_scan);
bool identity_store_next_evidence_filter(
    struct store_scan *scan, uint64_t *ret_last, struct bytes *ret_filter);

#endif
