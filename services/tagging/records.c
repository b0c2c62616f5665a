/* SPDX-License-Identifier: Apache-2.0 */
/* What the followed journals say, folded into nodes and persons. */
#include "services/tagging/tagging.h"

#include <stdlib.h>

static void see_number(struct tagging *tagging, uint32_t number)
{
    if (number > tagging->state.highest)
        tagging->state.highest = number;
}

/* -- persons whose event is still to come -- */

int tagging_unsettle(struct tagging *tagging, const struct batch *batch, uint32_t person)
{
    tagging->unsettled_ms = batch->now_ms;
    return number_list_add(&tagging->unsettled, person);
}

bool tagging_is_unsettled(const struct tagging *tagging, uint32_t person)
{
    for (size_t i = 0; i < tagging->unsettled.count; i++)
        if (tagging->unsettled.numbers[i] == person)
            return true;
    return false;
}

int tagging_settle(struct tagging *tagging, struct batch *batch, const struct cause *cause)
{
    int error = 0;
    number_list_unique(&tagging->unsettled);
    for (size_t i = 0; !error && i < tagging->unsettled.count; i++) {
        struct person *person = people_person(&tagging->people, tagging->unsettled.numbers[i]);
        if (!person)
            return tagging->people.error;
        if (person->node_count > 0)
            error = tagging_evaluate_all(tagging, batch, person, cause);
    }
    tagging->unsettled.count = 0;
    return error;
}

/* -- nodes -- */

static int take_node(struct tagging *tagging, struct batch *batch, const Quanyu__NodeCreated *record)
{
    if (record->node == 0 || record->person == 0) {
        tagging->state.ignored++;
        return 0;
    }
    int error = people_create_node(&tagging->people, record->node, record->person, record->kind);
    if (error == -QY_EEXISTS) {
        tagging->state.ignored++;
        return 0;
    }
    if (error)
        return error;
    see_number(tagging, record->node);
    batch_emit(batch, QUANYU__TAGGING_RECORD__RECORD_NODE, &record->base);
    return tagging_unsettle(tagging, batch, record->person);
}

/* Whether what they bring has to be folded with all else: purchases, and who served or is said to. Else they add what they have seen, and
 * leave all else as it is. */
static bool adds_only(struct tagging *tagging, const struct person *to, const Quanyu__NodesMoved *record,
    struct totals *ret_totals, bool *ret_contacts)
{
    bool only = true;
    *ret_totals = to->totals;
    *ret_contacts = false;
    for (size_t i = 0; i < record->n_nodes; i++) {
        const struct node *node = record->nodes[i] ? people_node(&tagging->people, record->nodes[i]) : NULL;
        if (!node || node->person != to->number)
            continue;
        *ret_contacts |= node->contacts > 0 || node->hand_count > 0;
        only &= !node->purchases;
        totals_add_seen(ret_totals, node->events, node->first_seen_ms, node->last_seen_ms);
    }
    return only && !*ret_contacts;
}

static int regroup(struct tagging *tagging, struct batch *batch, struct person *from, struct person *to,
    const Quanyu__NodesMoved *record)
{
    struct totals totals;
    bool contacts;
    int error;
    if (adds_only(tagging, to, record, &totals, &contacts)) {
        to->totals = totals;
        to->dirty = true;
        error = tagging_unsettle(tagging, batch, to->number);
    } else {
        error = tagging_regroup(tagging, to->number, contacts);
    }
    if (error || tagging->people.error)
        return error ? error : tagging->people.error;
    if (from->node_count > 0)
        return tagging_regroup(tagging, from->number, contacts);
    tagging_vanish(tagging, batch, from, CAUSE_JOIN);
    people_remove_person(&tagging->people, from);
    return 0;
}

static int take_move(struct tagging *tagging, struct batch *batch, const Quanyu__NodesMoved *record)
{
    if (record->from == 0 || record->to == 0) {
        tagging->state.ignored++;
        return 0;
    }
    struct people *people = &tagging->people;
    for (size_t i = 0; i < record->n_nodes; i++)
        if (record->nodes[i] == 0 || !people_move_node(people, record->nodes[i], record->from, record->to))
            tagging->state.ignored++;
        else
            tagging_note_events(tagging, people_node(people, record->nodes[i]), record->from, record->to);
    struct person *from = people_person(people, record->from), *to = people_person(people, record->to);
    if (!from || !to)
        return people->error;
    batch_emit(batch, QUANYU__TAGGING_RECORD__RECORD_MOVED, &record->base);
    return regroup(tagging, batch, from, to, record);
}

static int take_erasure(struct tagging *tagging, struct batch *batch, const Quanyu__PersonErased *record)
{
    struct person *person = record->person ? people_person(&tagging->people, record->person) : NULL;
    if (record->person && !person)
        return tagging->people.error;
    if (!person || person->node_count == 0) {
        tagging->state.ignored++;
        return 0;
    }
    tagging_vanish(tagging, batch, person, CAUSE_ERASURE);
    for (size_t i = 0; i < record->n_nodes; i++) {
        const struct node *node = record->nodes[i] ? people_node(&tagging->people, record->nodes[i]) : NULL;
        if (node && node->person == record->person)
            tagging_note_events(tagging, node, record->person, 0);
    }
    people_erase(&tagging->people, person, record->nodes, record->n_nodes);
    batch_emit(batch, QUANYU__TAGGING_RECORD__RECORD_ERASED, &record->base);
    return 0;
}

/* -- records -- */

typedef int take_fn(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms);

static int on_event(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    (void)time_ms;
    return tagging_take_event(tagging, batch, message);
}

static int on_node(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    (void)time_ms;
    return take_node(tagging, batch, message);
}

static int on_move(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    (void)time_ms;
    return take_move(tagging, batch, message);
}

static int on_events(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    (void)batch;
    (void)time_ms;
    return tagging_move_events(tagging, message);
}

static int on_erasure(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    (void)time_ms;
    return take_erasure(tagging, batch, message);
}

static int on_organisation(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    (void)time_ms;
    return tagging_take_organisation(tagging, batch, message);
}

/* By a decision or by other rules: nobody need wait for an event. */
static int on_settled(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    (void)message;
    (void)time_ms;
    return tagging_settle(tagging, batch, &(struct cause){.kind = CAUSE_JOIN});
}

static int on_delivery(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    return tagging_take_delivery(tagging, batch, message, time_ms);
}

static int on_watch(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    (void)time_ms;
    return tagging_set_watch(tagging, batch, message);
}

static int on_dropped(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    (void)time_ms;
    const Quanyu__WatchDropped *record = message;
    return tagging_drop_watch(tagging, batch, record->watch);
}

struct record_type {
    const ProtobufCMessageDescriptor *type;
    take_fn *take;
};

static int take_record(struct tagging *tagging, struct batch *batch, const struct record_type *types,
    size_t count, const struct journal_record *record)
{
    if (record->record_class >= count || !types[record->record_class].take)
        return 0;
    const struct record_type *type = &types[record->record_class];
    arena_reset(tagging->scratch);
    ProtobufCMessage *message = protobuf_c_message_unpack(
        type->type, arena_allocator(tagging->scratch), record->data.size, record->data.data);
    if (!message) {
        tagging->state.ignored++;
        return 0;
    }
    bool regroups = type->take == on_node || type->take == on_move || type->take == on_events;
    int error = regroups ? 0 : tagging_fold_regrouped(tagging, batch);
    return error ? error : type->take(tagging, batch, message, record->time_ms);
}

int tagging_identity_record(struct tagging *tagging, struct batch *batch, const struct journal_record *record)
{
    static const struct record_type types[] = {
        [QUANYU__IDENTITY_RECORD__RECORD_EVENT] = {&quanyu__person_event__descriptor, on_event},
        [QUANYU__IDENTITY_RECORD__RECORD_NODE] = {&quanyu__node_created__descriptor, on_node},
        [QUANYU__IDENTITY_RECORD__RECORD_MOVED] = {&quanyu__nodes_moved__descriptor, on_move},
        [QUANYU__IDENTITY_RECORD__RECORD_ERASED] = {&quanyu__person_erased__descriptor, on_erasure},
        [QUANYU__IDENTITY_RECORD__RECORD_ORGANISATION] = {&quanyu__organisation_changed__descriptor,
            on_organisation},
        [QUANYU__IDENTITY_RECORD__RECORD_EVENTS_MOVED] = {&quanyu__events_moved__descriptor, on_events},
        [QUANYU__IDENTITY_RECORD__RECORD_SETTLED] = {&quanyu__persons_settled__descriptor, on_settled},
    };
    return take_record(tagging, batch, types, COUNT_OF(types), record);
}

int tagging_campaign_record(struct tagging *tagging, struct batch *batch, const struct journal_record *record)
{
    static const struct record_type types[] = {
        [QUANYU__CAMPAIGN_RECORD__RECORD_WATCH] = {&quanyu__watch_set__descriptor, on_watch},
        [QUANYU__CAMPAIGN_RECORD__RECORD_DROPPED] = {&quanyu__watch_dropped__descriptor, on_dropped},
        [QUANYU__CAMPAIGN_RECORD__RECORD_DELIVERY] = {&quanyu__delivery__descriptor, on_delivery},
    };
    return take_record(tagging, batch, types, COUNT_OF(types), record);
}
