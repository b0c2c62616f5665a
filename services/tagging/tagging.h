/* SPDX-License-Identifier: Apache-2.0 */
/* Tagging: folds what identity says about persons, and what campaign delivered, into profiles, and keeps
 * every definition evaluated. Writer thread, but where it says otherwise. */
#ifndef QY_TAGGING_TAGGING_H
#define QY_TAGGING_TAGGING_H

#include "common/service.h"
#include "proto/campaign.pb-c.h"
#include "proto/tagging.pb-c.h"
#include "services/tagging/binding.h"
#include "services/tagging/index.h"
#include "services/tagging/orders.h"
#include "services/tagging/questions.h"
#include "services/tagging/registry.h"

#include <stdatomic.h>

/* Why something about a person changes. */
enum cause_kind {
    CAUSE_EVENT,
    CAUSE_IMPORT,
    CAUSE_TIME,
    CAUSE_RULE,
    CAUSE_HAND,
    CAUSE_JOIN,
    CAUSE_ERASURE,
    CAUSE_ORGANISATION, /* a guide has left, a unit stands elsewhere or is removed */
};
struct cause {
    enum cause_kind kind;
    uint64_t origin;                /* the event's offset in the gateway's journal; 0 where there is none */
    const struct definition *built; /* what is evaluated for everybody */
};

/* A row of its own. */
struct tagging_state {
    uint32_t highest; /* of all numbers seen */
    uint64_t persons, events, orders;
    uint32_t next_definition, next_segment;
    uint64_t ignored; /* records that refer to what does not exist, or are malformed */
    struct score_borders borders;
    int64_t borders_ms;       /* when they were taken */
    bool borders_stale;       /* an order or a refund came since */
    int64_t next_midnight_ms; /* when they are taken next; 0: not known yet */
    /* While that midnight goes on: who is looked at next, and the borders that held until then; 0: it does not. */
    uint32_t midnight_next;
    struct score_borders former;
};

/* A row of its own, too. */
struct binding_state {
    uint64_t last_origin; /* the largest of all events seen */
    uint64_t next_step;   /* of what is said by hand, of rules or of the organisation */
    uint32_t next_transfer;
};

struct stage_count {
    char stage[104];
    uint64_t persons;
};

struct number_list {
    uint32_t *numbers;
    size_t count, capacity;
};

struct tagging {
    struct money_settings money;
    struct question_limits question_limits;
    struct registry *registry;
    struct arena *arena;   /* of what people holds */
    struct arena *scratch; /* of one record */
    struct people people;
    struct index_writer *index;
    struct timers timers;
    struct tagging_state state;
    struct binding_state binding_state;
    struct rule_book rules;       /* of bindings */
    struct arena *rules_arena;    /* of those */
    struct number_list transfers; /* that go on */
    uint64_t few_people;          /* a unit with no more is moved person by person, together with others */
    struct stage_count *stages;
    size_t stage_count, stage_capacity;
    /* Persons that were made or moved and whose event has not come yet: they are looked at together with it,
     * so that what it causes bears its cause. */
    struct number_list unsettled;
    int64_t unsettled_ms;
    struct number_list regrouped; /* persons whose events are others now, some more than once */
    bool regrouped_contacts;      /* some of those say who served */
    bool begun;                   /* memory belongs to the batch that runs */
    bool stale;                   /* a batch was rolled back: memory must be read anew */
    bool working;                 /* a step of building is queued */
    struct work step;
    /* for any thread */
    atomic_int_fast64_t next_due_ms;
    atomic_uint_fast64_t
        building; /* definitions that are not evaluated for everybody, and transfers that go on */
    atomic_uint_fast64_t shown_persons, shown_events, shown_ignored, beyond_amounts;
};

extern const struct fold_ops tagging_fold;
extern const struct rpc_service tagging_rpc;

/* The deployment's currency, before the fold opens; otherwise the setting is taken. */
void tagging_set_currency(struct tagging *tagging, const char *currency);
/* Makes memory fit the batch; every way into the writer's state begins with it. */
int tagging_begin(struct tagging *tagging, struct batch *batch);
/* Writes what memory holds of the batch and forgets it: nobody may hold a node or a person over it. */
int tagging_flush(struct tagging *tagging, struct batch *batch);
/* As tagging_flush, but only once memory holds much. */
int tagging_flush_when_large(struct tagging *tagging, struct batch *batch);
/* Tells the other threads what is due next. */
void tagging_note_due(struct tagging *tagging);

/* -- tagging_state.c -- */
int tagging_load(struct tagging *tagging, struct store_txn *txn);
int tagging_save(struct tagging *tagging, struct store_txn *txn);
/* For readers: the borders alone. False when there is no such row. */
bool tagging_read_state(struct store_txn *txn, struct tagging_state *ret_state);
int tagging_read_stages(
    struct store_txn *txn, struct arena *arena, struct stage_count **ret_stages, size_t *ret_count);
void tagging_count_stage(struct tagging *tagging, const char *stage, int64_t change);

/* -- noting.c -- */
/* Brings index and counts up to what memory holds of persons; before they are written. */
void tagging_note_persons(struct tagging *tagging);
/* All events of a node go from one person to another; 0: from nowhere, to nowhere. */
void tagging_note_events(struct tagging *tagging, const struct node *node, uint32_t from, uint32_t to);

/* -- records.c -- */
int tagging_identity_record(
    struct tagging *tagging, struct batch *batch, const struct journal_record *record);
int tagging_campaign_record(
    struct tagging *tagging, struct batch *batch, const struct journal_record *record);
/* The person is looked at together with the event that comes with this, or as soon as identity says that none does. */
int tagging_unsettle(struct tagging *tagging, const struct batch *batch, uint32_t person);
/* Whether the person waits for its event. */
bool tagging_is_unsettled(const struct tagging *tagging, uint32_t person);
/* Looks at those who wait. */
int tagging_settle(struct tagging *tagging, struct batch *batch, const struct cause *cause);

/* -- arrival.c -- */
int tagging_take_event(struct tagging *tagging, struct batch *batch, const Quanyu__PersonEvent *record);
int tagging_take_delivery(
    struct tagging *tagging, struct batch *batch, const Quanyu__Delivery *record, int64_t time_ms);

/* -- event_moves.c -- */
int tagging_move_events(struct tagging *tagging, const Quanyu__EventsMoved *record);

/* -- regroup.c -- */
int number_list_add(struct number_list *list, uint32_t number);
/* In order, each once. Returns how many they are. */
size_t number_list_unique(struct number_list *list);
/* Nodes or events of the person are others now; `contacts`: of those that say whose people it is. */
int tagging_regroup(struct tagging *tagging, uint32_t person, bool contacts);
/* Folds such persons anew, and leaves them unsettled: before anything else is done with them. */
int tagging_fold_regrouped(struct tagging *tagging, struct batch *batch);

/* -- bindings.c -- */
struct binding_fact binding_fact_of(const struct stored_event *contact);
/* A moment of its own, behind all that has come. */
struct moment tagging_moment(struct tagging *tagging, const struct batch *batch);
/* A fact about the person that its nodes hold already. */
int tagging_bind(struct tagging *tagging, struct batch *batch, struct person *person,
    const struct binding_fact *fact, const struct cause *cause);
/* Folds all facts anew: other nodes belong to the person now. */
int tagging_rebind(struct tagging *tagging, struct batch *batch, struct person *person);
/* Time has gone on, or the organisation or the rules are others. */
int tagging_pass_binding(struct tagging *tagging, struct batch *batch, struct person *person);
/* Sets home unit and guide by hand; `cause` says how. The fact stays with `number`'s node. */
int tagging_bind_by_hand(struct tagging *tagging, struct batch *batch, uint32_t number, struct person *person,
    const struct binding_fact *fact);
/* Adds those to `mask` that look at what is another in the person's binding now. */
void tagging_mark_binding(
    const struct tagging *tagging, const struct binding *before, const struct person *person, uint64_t *mask);
int tagging_set_rules(struct tagging *tagging, struct batch *batch, struct binding_rules *rules);
/* The person's binding as all facts make it, with its history in `log` (may be NULL). For readers, too. */
int people_fold_binding(struct people *people, const struct person *person, const struct rule_book *book,
    int64_t now_ms, struct binding_log *log, struct binding *ret_binding);

/* -- organisation_records.c -- */
int tagging_take_organisation(
    struct tagging *tagging, struct batch *batch, const Quanyu__OrganisationChanged *record);

/* -- transfers.c -- */
/* Begins one, and does its first step. What is not yet known of it is filled in. */
int tagging_begin_transfer(struct tagging *tagging, struct batch *batch, Quanyu__Transfer *transfer);
/* The same for those who are named, all at once. */
int tagging_transfer_named(struct tagging *tagging, struct batch *batch, Quanyu__Transfer *transfer,
    const uint32_t *persons, size_t count);
int tagging_transfer_step(struct tagging *tagging, struct batch *batch);
/* How many people it would be for. */
int tagging_count_transfer(
    struct tagging *tagging, struct batch *batch, const Quanyu__Transfer *transfer, uint64_t *ret_count);
/* Who they are, appended as common/exact_set.h has it. */
int tagging_list_transfer(
    struct tagging *tagging, struct batch *batch, const Quanyu__Transfer *transfer, struct buffer *out);
/* The list of those that go on. */
int tagging_load_transfers(struct tagging *tagging, struct store_txn *txn);

/* -- watches.c -- */
int tagging_set_watch(struct tagging *tagging, struct batch *batch, const Quanyu__WatchSet *record);
int tagging_drop_watch(struct tagging *tagging, struct batch *batch, const char *watch);

/* -- evaluate.c -- */
/* Evaluates the definitions in `mask` (which is used up) and those that depend on what changes, for one
 * person. */
int tagging_evaluate(struct tagging *tagging, struct batch *batch, struct person *person, uint64_t *mask,
    const struct cause *cause);
/* The same, and takes the person's timer anew: expiring tags too. For one whose nodes or tags have changed.
 */
int tagging_evaluate_all(
    struct tagging *tagging, struct batch *batch, struct person *person, const struct cause *cause);
/* The person's timer fires at `due_ms` or before. */
void tagging_due_by(struct tagging *tagging, struct batch *batch, struct person *person, int64_t due_ms);
/* The person's timer fired; it is unset already. */
int tagging_evaluate_due(struct tagging *tagging, struct batch *batch, struct person *person);
/* Campaign's triggers that this event matches. `properties` may be NULL. */
int tagging_fire(struct tagging *tagging, struct batch *batch, const struct person *person,
    const struct stored_event *event, yyjson_val *properties);
/* The person is no more, joined with another or forgotten: it leaves whatever it is in, and its timer goes. */
void tagging_vanish(struct tagging *tagging, struct batch *batch, struct person *person, enum cause_kind why);

/* -- build.c -- */
/* Puts a definition in force (new, or in the place of its former self) and evaluates it for everybody: now
 * where there are few people, else step by step. Takes it over on success. */
int tagging_define(struct tagging *tagging, struct batch *batch, struct definition *definition,
    struct rule_problem *problem);
int tagging_drop(struct tagging *tagging, struct batch *batch, struct definition *definition,
    struct rule_problem *problem);
/* Evaluates one definition for everybody again. */
int tagging_rebuild(struct tagging *tagging, struct batch *batch, struct definition *definition);
/* The next step of building; more of them are asked for until all is built. */
int tagging_build_step(struct tagging *tagging, struct batch *batch);
void tagging_queue_step(struct tagging *tagging, struct service *service);

/* -- scores.c -- */
/* At local midnight: takes the borders anew and evaluates what depends on scores, so far as the batch has room for timers, each person
 * counting as one. Until it is through, state.midnight_next says who comes next, and the midnight stays due. */
int tagging_midnight(struct tagging *tagging, struct batch *batch);
/* Borders from all people with an order, as at an earlier time. */
int score_borders_of_past(
    struct people *people, uint32_t highest, int64_t as_of_ms, struct score_borders *ret_borders);

/* -- tags.c -- */
int tagging_tag_person(struct tagging *tagging, struct batch *batch, struct person *person,
    const Quanyu__TagPersonRequest *request);
/* Removes what has expired at batch->now_ms, marking in `mask` who refers to it. Returns the next expiry,
 * TIME_NEVER. */
int64_t tagging_expire_tags(
    struct tagging *tagging, struct batch *batch, struct person *person, uint64_t *mask);

/* -- dump.c -- */
int tagging_dump(
    void *self, struct store_txn *txn, const char *cursor, struct buffer *lines, char ret_cursor[128]);

#endif
