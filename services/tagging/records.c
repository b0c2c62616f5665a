/* SPDX-License-Identifier: Apache-2.0 */
/* What the followed journals say, folded into nodes and persons. */
#include "proto/campaign.pb-c.h"
#include "services/tagging/subject.h"
#include "services/tagging/tagging.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 255
#define TRAIT_BYTES_MAX 8192
#define CARRIED_BYTES_MAX 1024

static void ignore(struct tagging *tagging)
{
    tagging->state.ignored++;
}

static void see_number(struct tagging *tagging, uint32_t number)
{
    if (number > tagging->state.highest)
        tagging->state.highest = number;
}

/* -- persons whose event is still to come -- */

static int unsettle(struct tagging *tagging, const struct batch *batch, uint32_t person)
{
    struct number_list *list = &tagging->unsettled;
    for (size_t i = 0; i < list->count; i++)
        if (list->numbers[i] == person)
            return 0;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        uint32_t *numbers = realloc(list->numbers, capacity * sizeof(*numbers));
        if (!numbers)
            return -QY_ENOMEM;
        list->numbers = numbers;
        list->capacity = capacity;
    }
    list->numbers[list->count++] = person;
    tagging->unsettled_ms = batch->now_ms;
    return 0;
}

static bool is_unsettled(const struct tagging *tagging, uint32_t person)
{
    for (size_t i = 0; i < tagging->unsettled.count; i++)
        if (tagging->unsettled.numbers[i] == person)
            return true;
    return false;
}

static int settle(struct tagging *tagging, struct batch *batch, const struct cause *cause)
{
    int error = 0;
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

int tagging_settle(struct tagging *tagging, struct batch *batch)
{
    return settle(tagging, batch, &(struct cause){.kind = CAUSE_EVENT});
}

/* -- nodes -- */

static int take_node(struct tagging *tagging, struct batch *batch, const Quanyu__NodeCreated *record)
{
    if (record->node == 0 || record->person == 0) {
        ignore(tagging);
        return 0;
    }
    int error = people_create_node(&tagging->people, record->node, record->person, record->kind);
    if (error == -QY_EEXISTS) {
        ignore(tagging);
        return 0;
    }
    if (error)
        return error;
    see_number(tagging, record->node);
    batch_emit(batch, QUANYU__TAGGING_RECORD__RECORD_NODE, &record->base);
    return unsettle(tagging, batch, record->person);
}

static int recount(struct tagging *tagging, struct batch *batch, struct person *person)
{
    if (person->node_count == 0) {
        tagging_vanish(tagging, batch, person);
        people_remove_person(&tagging->people, person);
        return 0;
    }
    int error = orders_recount(&tagging->people, person);
    return error ? error : unsettle(tagging, batch, person->number);
}

static int take_move(struct tagging *tagging, struct batch *batch, const Quanyu__NodesMoved *record)
{
    if (record->from == 0 || record->to == 0) {
        ignore(tagging);
        return 0;
    }
    struct people *people = &tagging->people;
    for (size_t i = 0; i < record->n_nodes; i++)
        if (record->nodes[i] == 0 || !people_move_node(people, record->nodes[i], record->from, record->to))
            ignore(tagging);
    struct person *from = people_person(people, record->from), *to = people_person(people, record->to);
    if (!from || !to)
        return people->error;
    batch_emit(batch, QUANYU__TAGGING_RECORD__RECORD_MOVED, &record->base);
    int error = recount(tagging, batch, to);
    return error ? error : recount(tagging, batch, from);
}

static int take_erasure(struct tagging *tagging, struct batch *batch, const Quanyu__PersonErased *record)
{
    struct person *person = record->person ? people_person(&tagging->people, record->person) : NULL;
    if (record->person && !person)
        return tagging->people.error;
    if (!person || person->node_count == 0) {
        ignore(tagging);
        return 0;
    }
    tagging_vanish(tagging, batch, person);
    people_erase(&tagging->people, person, record->nodes, record->n_nodes);
    batch_emit(batch, QUANYU__TAGGING_RECORD__RECORD_ERASED, &record->base);
    return 0;
}

/* -- events -- */

/* One event on its way into a person. */
struct arrival {
    struct tagging *tagging;
    struct batch *batch;
    struct node *node;
    struct person *person;
    struct stored_event event;
    yyjson_val *properties;
    uint64_t mask[DEFINITION_WORDS]; /* definitions to look at */
};

static void mark(struct arrival *arrival, const uint64_t *mask)
{
    for (size_t i = 0; mask && i < arrival->tagging->registry->words; i++)
        arrival->mask[i] |= mask[i];
}

static void mark_metrics(struct arrival *arrival, uint32_t changed)
{
    for (; changed != 0; changed &= changed - 1)
        mark(arrival, arrival->tagging->registry->metrics[__builtin_ctz(changed)]);
}

static struct bytes bytes_of(ProtobufCBinaryData data)
{
    return (struct bytes){data.data, data.len};
}

/* The kinds of the identifiers that the event carries: those of the person's nodes that it names. */
static struct bytes carried_kinds(const struct person *person, const Quanyu__PersonEvent *record, char *out)
{
    size_t size = 0;
    for (size_t i = 0; i < person->node_count; i++) {
        const struct person_node *node = &person->nodes[i];
        bool named = node->node == record->node;
        for (size_t j = 0; !named && j < record->n_linked; j++)
            named = record->linked[j] == node->node;
        size_t length = strlen(node->kind) + 1;
        if (!named || size + length > CARRIED_BYTES_MAX)
            continue;
        memcpy(out + size, node->kind, length);
        size += length;
    }
    return (struct bytes){(const uint8_t *)out, size};
}

static int state_trait(struct arrival *arrival, yyjson_val *key, yyjson_val *value)
{
    const char *name = yyjson_get_str(key);
    size_t size;
    if (strlen(name) != yyjson_get_len(key) || yyjson_get_len(key) > NAME_MAX_BYTES)
        return 0;
    char *json = yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &size);
    if (!json)
        return 0;
    if (size <= TRAIT_BYTES_MAX) {
        const struct trait trait = {name, json, size, arrival->event.stated_ms, arrival->event.origin};
        if (node_state_trait(&arrival->tagging->people, arrival->node, &trait)) {
            mark(arrival, name_masks_find(&arrival->tagging->registry->traits, name));
            arrival->person->dirty = true;
        }
    }
    free(json);
    return arrival->tagging->people.error;
}

static int state_traits(struct arrival *arrival)
{
    if (arrival->event.traits.size == 0)
        return 0;
    yyjson_val *traits = arena_json(
        arrival->tagging->scratch, (const char *)arrival->event.traits.data, arrival->event.traits.size);
    yyjson_obj_iter members = yyjson_obj_iter_with(traits);
    int error = 0;
    for (yyjson_val *key; !error && (key = yyjson_obj_iter_next(&members));)
        error = state_trait(arrival, key, yyjson_obj_iter_get_val(key));
    return error;
}

static int count_purchase(struct arrival *arrival)
{
    bool order = strcmp(arrival->event.name, EVENT_ORDER) == 0;
    if (arrival->event.type != QUANYU__EVENT_TYPE__EVENT_TRACK ||
        (!order && strcmp(arrival->event.name, EVENT_REFUND) != 0))
        return 0;
    struct purchase purchase;
    struct purchase_key key;
    purchase_read(&arrival->tagging->money, &arrival->event, arrival->properties, !order, &purchase, &key);
    return (order ? orders_add : refunds_add)(
        &arrival->tagging->people, arrival->node, arrival->person, &key, &purchase);
}

/* Puts the event into node and person, and marks who must look. */
static int store_event(struct arrival *arrival)
{
    struct totals before = arrival->person->totals;
    int error = node_add_event(&arrival->tagging->people, arrival->node, &arrival->event);
    if (error)
        return error;
    if (arrival->event.properties.size > 0)
        arrival->properties = arena_json(arrival->tagging->scratch,
            (const char *)arrival->event.properties.data, arrival->event.properties.size);
    if (arrival->event.type != QUANYU__EVENT_TYPE__EVENT_NONE) {
        totals_seen(&arrival->person->totals, arrival->event.time_ms);
        arrival->tagging->state.events++;
    }
    arrival->person->dirty = true;
    error = count_purchase(arrival);
    if (!error)
        error = state_traits(arrival);
    mark_metrics(arrival, totals_difference(&before, &arrival->person->totals));
    if (*arrival->event.name)
        mark(arrival, name_masks_find(&arrival->tagging->registry->events, arrival->event.name));
    return error;
}

static int take_arrival(struct arrival *arrival)
{
    struct tagging *tagging = arrival->tagging;
    int error = store_event(arrival);
    if (error)
        return error;
    const struct cause cause = {
        .kind = arrival->event.history ? CAUSE_IMPORT : CAUSE_EVENT, .origin = arrival->event.origin};
    if (!is_unsettled(tagging, arrival->person->number))
        error = tagging_evaluate(tagging, arrival->batch, arrival->person, arrival->mask, &cause);
    if (!error)
        error = settle(tagging, arrival->batch, &cause);
    if (!error)
        error = tagging_fire(tagging, arrival->batch, arrival->person, &arrival->event, arrival->properties);
    return error;
}

/* False where nobody is there to take it. */
static bool find_person(struct arrival *arrival, uint32_t node)
{
    struct people *people = &arrival->tagging->people;
    arrival->node = node ? people_node(people, node) : NULL;
    if (arrival->node && arrival->node->person)
        arrival->person = people_person(people, arrival->node->person);
    return arrival->person != NULL;
}

static int take_event(struct tagging *tagging, struct batch *batch, const Quanyu__PersonEvent *record)
{
    struct arrival arrival = {.tagging = tagging, .batch = batch};
    if (!find_person(&arrival, record->node)) {
        ignore(tagging);
        return tagging->people.error == -QY_EINVAL ? 0 : tagging->people.error;
    }
    char kinds[CARRIED_BYTES_MAX];
    bool known_type =
        record->type > QUANYU__EVENT_TYPE__EVENT_NONE && record->type <= QUANYU__EVENT_TYPE__EVENT_ALIAS;
    arrival.event = (struct stored_event){
        .time_ms = record->event_ms < record->received_ms ? record->event_ms : record->received_ms,
        .stated_ms = record->event_ms,
        .received_ms = record->received_ms,
        .origin = record->origin,
        .message_key = record->message_key,
        .type = known_type ? record->type : QUANYU__EVENT_TYPE__EVENT_TRACK,
        .history = record->history,
        .name = record->name,
        .properties = bytes_of(record->properties),
        .traits = bytes_of(record->traits),
        .context = bytes_of(record->context),
        .carried = carried_kinds(arrival.person, record, kinds),
        .node = record->node,
    };
    return take_arrival(&arrival);
}

/* -- what campaign did -- */

static const char *message_name(Quanyu__Delivery__State state)
{
    switch (state) {
    case QUANYU__DELIVERY__STATE__SENDING:
        return "Message Sent";
    case QUANYU__DELIVERY__STATE__DELIVERED:
        return "Message Delivered";
    case QUANYU__DELIVERY__STATE__FAILED:
        return "Message Failed";
    case QUANYU__DELIVERY__STATE__UNKNOWN:
        return "Message Unknown";
    case QUANYU__DELIVERY__STATE__SKIPPED:
        return "Message Skipped";
    default:
        return NULL;
    }
}

static void put_member(struct buffer *json, const char *name, const char *value)
{
    buffer_printf(json, "%s\"%s\":", json->size > 1 ? "," : "", name);
    buffer_json_string(json, value, strlen(value));
}

static int take_delivery(
    struct tagging *tagging, struct batch *batch, const Quanyu__Delivery *record, int64_t time_ms)
{
    struct arrival arrival = {.tagging = tagging, .batch = batch};
    const char *name = message_name(record->state);
    if (!name)
        return 0;
    if (!find_person(&arrival, record->node ? record->node : record->person)) {
        ignore(tagging);
        return tagging->people.error == -QY_EINVAL ? 0 : tagging->people.error;
    }
    _cleanup_(buffer_free) struct buffer json = BUFFER_INIT;
    buffer_byte(&json, '{');
    put_member(&json, "journey", record->journey);
    put_member(&json, "step", record->step);
    put_member(&json, "channel", record->channel);
    put_member(&json, "delivery_id", record->delivery_id);
    if (*record->reason)
        put_member(&json, "reason", record->reason);
    buffer_byte(&json, '}');
    if (buffer_error(&json))
        return buffer_error(&json);
    arrival.event = (struct stored_event){
        .time_ms = time_ms,
        .stated_ms = time_ms,
        .received_ms = time_ms,
        .type = QUANYU__EVENT_TYPE__EVENT_NONE,
        .name = name,
        .properties = {json.data, json.size},
        .node = arrival.node->number,
    };
    return take_arrival(&arrival);
}

static void emit_ready(struct batch *batch, const char *watch, const char *error)
{
    Quanyu__WatchReady ready = QUANYU__WATCH_READY__INIT;
    ready.watch = (char *)(uintptr_t)watch;
    ready.error = (char *)(uintptr_t)error;
    batch_emit(batch, QUANYU__TAGGING_RECORD__RECORD_WATCH, &ready.base);
}

/* A trigger and a membership of the same name are one watch. */
static int drop_watch(struct tagging *tagging, struct batch *batch, const char *watch)
{
    static const enum definition_kind kinds[] = {DEFINITION_WATCH, DEFINITION_TRIGGER};
    int error = 0;
    for (size_t i = 0; !error && i < COUNT_OF(kinds); i++) {
        struct definition *definition = registry_find(tagging->registry, kinds[i], watch);
        struct rule_problem problem;
        if (definition)
            error = tagging_drop(tagging, batch, definition, &problem);
    }
    return error;
}

static int set_watch(struct tagging *tagging, struct batch *batch, const Quanyu__WatchSet *record)
{
    struct rule_problem problem = {0};
    _cleanup_(definition_free) struct definition *definition = NULL;
    char *text = arena_text(tagging->scratch, (const char *)record->rule.data, record->rule.len);
    if (!text)
        return -QY_ENOMEM;
    int error = drop_watch(tagging, batch, record->watch);
    if (error)
        return error;
    error = definition_make(tagging->registry, record->trigger ? DEFINITION_TRIGGER : DEFINITION_WATCH,
        record->watch, text, &definition, &problem);
    if (!error)
        error = tagging_define(tagging, batch, definition, &problem);
    if (!error) {
        (void)TAKE(definition);
        return 0;
    }
    if (error != -QY_EINVAL && error != -QY_ETOOLARGE && error != -QY_ECONFLICT)
        return error;
    const char *told = arena_printf(
        tagging->scratch, "%s%s%s", problem.pointer, *problem.pointer ? ": " : "", problem.message);
    emit_ready(batch, record->watch, told ? told : "refused");
    return 0;
}

/* -- records -- */

typedef int take_fn(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms);

static int on_event(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    (void)time_ms;
    return take_event(tagging, batch, message);
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

static int on_erasure(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    (void)time_ms;
    return take_erasure(tagging, batch, message);
}

static int on_delivery(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    return take_delivery(tagging, batch, message, time_ms);
}

static int on_watch(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    (void)time_ms;
    return set_watch(tagging, batch, message);
}

static int on_dropped(struct tagging *tagging, struct batch *batch, const void *message, int64_t time_ms)
{
    (void)time_ms;
    const Quanyu__WatchDropped *record = message;
    return drop_watch(tagging, batch, record->watch);
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
        ignore(tagging);
        return 0;
    }
    return type->take(tagging, batch, message, record->time_ms);
}

int tagging_identity_record(struct tagging *tagging, struct batch *batch, const struct journal_record *record)
{
    static const struct record_type types[] = {
        [QUANYU__IDENTITY_RECORD__RECORD_EVENT] = {&quanyu__person_event__descriptor, on_event},
        [QUANYU__IDENTITY_RECORD__RECORD_NODE] = {&quanyu__node_created__descriptor, on_node},
        [QUANYU__IDENTITY_RECORD__RECORD_MOVED] = {&quanyu__nodes_moved__descriptor, on_move},
        [QUANYU__IDENTITY_RECORD__RECORD_ERASED] = {&quanyu__person_erased__descriptor, on_erasure},
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
