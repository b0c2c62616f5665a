/* SPDX-License-Identifier: Apache-2.0 */
/* Tagging's tables and their keys. The only place that knows how keys are composed. */
#ifndef QY_TAGGING_STORE_H
#define QY_TAGGING_STORE_H

#include "common/store.h"

enum tagging_table {
    TABLE_PEOPLE, /* number, part, …: all that is known of one node and of the person whose first node it is
                   */
    TABLE_DEFINITIONS, /* number: a rule that is kept evaluated */
    TABLE_COUNTS,      /* number: how many it holds; changes often */
    TABLE_CHANGES,     /* number, sequence: who entered and left */
    TABLE_TIMERS,
    TABLE_META,      /* name */
    TABLE_INDEX,     /* sort, term, block */
    TABLE_INDEX_LOG, /* sort, term, sequence */
    TAGGING_TABLES
};
extern const char *const tagging_tables[TAGGING_TABLES];
#define TAGGING_SCHEMA 3u
#define TAGGING_MIGRATIONS 2u
extern const struct store_migration tagging_migrations[TAGGING_MIGRATIONS];

/* The parts stand together, and the newest event first, so that one event touches neighbouring rows. */
enum people_part { PART_NODE, PART_PERSON, PART_ORDER, PART_REFUND, PART_EVENT };

void key_part(struct store_key *key, uint32_t number, enum people_part part);
void key_event(struct store_key *key, uint32_t node, uint32_t sequence);
void key_definition(struct store_key *key, uint32_t number);
void key_change(struct store_key *key, uint32_t definition, uint64_t sequence);
void key_meta(struct store_key *key, const char *name);

/* Forgets everything under a number. */
void people_delete(struct store_txn *txn, uint32_t number);
/* Removes what begins with `prefix`. */
void store_delete_prefix(struct store_txn *txn, unsigned table, const struct store_key *prefix);

#endif
