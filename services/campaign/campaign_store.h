/* SPDX-License-Identifier: Apache-2.0 */
/* Campaign's tables. All keys are numbers, big-endian; no other file touches the store. Errors stick to the
 * transaction. */
#ifndef QY_CAMPAIGN_STORE_H
#define QY_CAMPAIGN_STORE_H

#include "common/store.h"
#include "proto/campaign.pb-c.h"
#include "services/campaign/journey.h"

#define CAMPAIGN_SCHEMA_VERSION 2

/* campaign_migrations.c */
#define CAMPAIGN_MIGRATION_COUNT 1
extern const struct store_migration campaign_migrations[CAMPAIGN_MIGRATION_COUNT];

enum campaign_table {
    TABLE_META,       /* name of a counter -> value */
    TABLE_JOURNEYS,   /* journey -> Journey */
    TABLE_COUNTS,     /* journey, step -> counts; step "" holds the journey's own */
    TABLE_WATCHES,    /* journey, watch -> watch_row */
    TABLE_MEMBERS,    /* person, watch: the person fulfils the watch's rule */
    TABLE_NODES,      /* node -> person, where the node is not the person's founding node */
    TABLE_PERSONS,    /* person, node: the same, the other way round */
    TABLE_POSITIONS,  /* node, journey -> position: the latest run of who stands on this node */
    TABLE_LIVE,       /* journey, node: the position has not ended */
    TABLE_SIDES,      /* node, journey, step -> the bucket that a split once put this person in */
    TABLE_SENDS,      /* node, journey, step, entry -> number of the delivery */
    TABLE_DELIVERIES, /* number -> delivery */
    TABLE_BY_JOURNEY, /* journey, number of a delivery */
    TABLE_OUTBOX,     /* state, number of a delivery that is not settled yet */
    TABLE_TIMERS,
    CAMPAIGN_TABLE_COUNT
};
extern const char *const campaign_tables[CAMPAIGN_TABLE_COUNT];

/* Numbers gathered from a scan, ascending as the keys are. For _cleanup_(number_list_free). */
struct number_list {
    uint64_t *numbers;
    size_t count;
    size_t capacity;
};
void number_list_free(struct number_list *list);
bool number_list_add(struct number_list *list, uint64_t number); /* false: memory is out */

/* -- counters that only grow -- */
enum meta_counter {
    META_SEQUENCE, /* orders entries and sends; also the deliveries' numbers */
    META_JOURNEYS,
    META_WATCHES,
};
uint64_t meta_last(struct store_txn *txn, enum meta_counter counter);
uint64_t meta_next(struct store_txn *txn, enum meta_counter counter); /* from 1 */

/* -- journeys -- */
#define JOURNEY_ID_BYTES 16
const char *journey_id(uint32_t number, char id[JOURNEY_ID_BYTES]); /* "j_12" */
bool journey_number(const char *id, uint32_t *ret_number);          /* false: no such id can be */
/* NULL where there is none. From `arena`, lives as long. */
Quanyu__Journey *journey_load(struct store_txn *txn, uint32_t number, struct arena *arena);
void journey_save(struct store_txn *txn, const Quanyu__Journey *journey);

enum count {
    COUNT_ENTERED,
    COUNT_WAITING,
    COUNT_LEFT,
    COUNT_DELIVERED,
    COUNT_FAILED,
    COUNT_UNKNOWN,
    COUNT_SKIPPED,
    COUNT_STEP_KINDS,
    COUNT_EXITED = COUNT_STEP_KINDS,
    COUNT_MERGED,
    COUNT_REMOVED,
    COUNT_KINDS
};
/* Of a journey itself: ENTERED, and where they are, each in one of WAITING (active), LEFT (completed), EXITED, MERGED
 * and REMOVED. A row may be shorter, then what it lacks is 0. */
struct counts {
    uint64_t value[COUNT_KINDS];
};
void counts_change(
    struct store_txn *txn, uint32_t journey, const char *step, const int64_t change[COUNT_KINDS]);
struct counts counts_get(struct store_txn *txn, uint32_t journey, const char *step);

/* -- watches -- */
struct watch_row {
    uint8_t version;
    uint8_t trigger;
    uint8_t ready;
    uint8_t key[WATCH_KEY_BYTES];
};
#define WATCH_ID_BYTES 32
const char *watch_id(uint32_t journey, uint32_t watch, char id[WATCH_ID_BYTES]); /* "j_12:34" */
bool watch_numbers(const char *id, uint32_t *ret_journey, uint32_t *ret_watch);  /* false: not ours */
bool watch_get(struct store_txn *txn, uint32_t journey, uint32_t watch, struct watch_row *ret_row);
void watch_put(struct store_txn *txn, uint32_t journey, uint32_t watch, const struct watch_row *row);
/* With its members. */
void watch_delete(struct store_txn *txn, uint32_t journey, uint32_t watch);
void watch_list(struct store_txn *txn, uint32_t journey, struct number_list *ret_watches);

bool member_has(struct store_txn *txn, uint32_t person, uint32_t watch);
bool member_add(struct store_txn *txn, uint32_t person, uint32_t watch);    /* false: was one already */
bool member_remove(struct store_txn *txn, uint32_t person, uint32_t watch); /* false: was none */
void member_forget(struct store_txn *txn, uint32_t person);                 /* of all watches */
void member_list(struct store_txn *txn, uint32_t watch, struct number_list *ret_persons);

/* -- persons and their nodes -- */
uint32_t person_of(struct store_txn *txn, uint32_t node);
void person_set(struct store_txn *txn, uint32_t node, uint32_t person);
/* The person's nodes; none when all have gone to others. */
void person_nodes(struct store_txn *txn, uint32_t person, struct number_list *ret_nodes);

/* -- positions -- */
enum position_state { POSITION_WAITING, POSITION_HELD, POSITION_ENDED };
enum position_end { END_COMPLETED, END_EXIT_RULE, END_JOINED, END_CHANGED, END_DELETED };

/* Where somebody stands in a journey, or stood. Stored as it is. */
struct position {
    uint8_t version;
    uint8_t state;
    uint8_t end; /* enum position_end, once it has ended */
    uint8_t unused;
    uint32_t entry; /* counts the runs of this node through the journey, from 1 */
    uint64_t run;   /* sequence number of the entry */
    uint64_t ended; /* sequence number of the end; 0: goes on */
    int64_t entered_ms;
    int64_t ended_ms;
    int64_t due_ms; /* POSITION_WAITING: when the wait is over */
    char step[STEP_ID_BYTES];
};
_Static_assert(sizeof(struct position) == 80, "a stored layout");

bool position_get(struct store_txn *txn, uint32_t node, uint32_t journey, struct position *ret_position);
/* Keeps the list of live positions, too. */
void position_put(struct store_txn *txn, uint32_t node, uint32_t journey, const struct position *position);
void position_forget(struct store_txn *txn, uint32_t node); /* all of the node's */
void position_journeys(
    struct store_txn *txn, uint32_t node, struct number_list *ret_journeys); /* live or ended */
void position_live(struct store_txn *txn, uint32_t journey, struct number_list *ret_nodes);

bool side_get(struct store_txn *txn, uint32_t node, uint32_t journey, const char *step, unsigned *ret_bucket);
void side_put(struct store_txn *txn, uint32_t node, uint32_t journey, const char *step, unsigned bucket);

/* -- dump: whole tables in key order -- */
struct position_row {
    uint32_t node;
    uint32_t journey;
    struct position position;
};
/* From (node, journey) on; false at the end or an error. */
bool position_next(struct store_scan *scan, struct position_row *ret_row);
int position_scan(struct store_txn *txn, uint32_t node, uint32_t journey, struct store_scan **ret_scan);

#endif
