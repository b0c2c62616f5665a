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
    TABLE_EVENTS,    /* sequence: a stored event, in the order of arrival, so that writes lie side by side */
    TABLE_NAMES,     /* names of events: number to name, and name to number */
    TABLE_ORGANISATION, /* kind, number: a unit or a member of staff; how many commits have moved units */
    TABLE_TRANSFERS,    /* number: people that are handed over, or looked at again, step by step */
    TABLE_QUESTIONS,    /* part, …: counts that were told to who may not see people; questions.h */
    TAGGING_TABLES
};
extern const char *const tagging_tables[TAGGING_TABLES];
#define TAGGING_SCHEMA 6u
#define TAGGING_MIGRATIONS 5u
extern const struct store_migration tagging_migrations[TAGGING_MIGRATIONS];

/* The parts stand together, so that one event touches neighbouring rows. PART_EVENT: a chunk of older references to
 * the node's events, the newest chunk first. */
enum people_part { PART_NODE, PART_PERSON, PART_ORDER, PART_REFUND, PART_EVENT };

void key_part(struct store_key *key, uint32_t number, enum people_part part);
void key_chunk(struct store_key *key, uint32_t node, uint32_t chunk);
void key_event(struct store_key *key, uint64_t sequence);
/* Too long a name makes too long a key. */
void key_name(struct store_key *key, const char *name);
void key_name_number(struct store_key *key, uint32_t number);
enum organisation_kind { ORGANISATION_UNIT, ORGANISATION_STAFF, ORGANISATION_MOVES };
void key_organisation(struct store_key *key, enum organisation_kind kind, uint32_t number);
void key_transfer(struct store_key *key, uint32_t number);
void key_definition(struct store_key *key, uint32_t number);
void key_change(struct store_key *key, uint32_t definition, uint64_t sequence);
void key_meta(struct store_key *key, const char *name);

enum question_part { QUESTION_TOTALS, QUESTION_ROW, QUESTION_NUMBER, QUESTION_KEY };
/* Parts but the totals go on with one or two numbers. */
void key_question(struct store_key *key, enum question_part part);

/* Removes what begins with `prefix`. */
void store_delete_prefix(struct store_txn *txn, unsigned table, const struct store_key *prefix);

#endif
