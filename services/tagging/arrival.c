/* SPDX-License-Identifier: Apache-2.0 */
/* One event on its way into a person. */
#include "common/clock.h"
#include "services/tagging/subject.h"
#include "services/tagging/tagging.h"

#include <stdlib.h>
#include <string.h>

#define CARRIED_BYTES_MAX 1024

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

/* The nodes that the event carries, whosever they are now. */
static struct bytes carried_nodes(const Quanyu__PersonEvent *record, uint8_t out[CARRIED_BYTES_MAX])
{
    size_t size = 0;
    out[size++] = 0;
    put_be32(out + size, record->node);
    size += sizeof(uint32_t);
    for (size_t i = 0; i < record->n_linked && size + sizeof(uint32_t) <= CARRIED_BYTES_MAX; i++) {
        put_be32(out + size, record->linked[i]);
        size += sizeof(uint32_t);
    }
    return (struct bytes){out, size};
}

static void mark_trait(void *context, const char *name)
{
    struct arrival *arrival = context;
    mark(arrival, name_masks_find(&arrival->tagging->registry->traits, name));
    arrival->person->dirty = arrival->person->facts_dirty = true;
}

static int count_purchase(struct arrival *arrival)
{
    bool refund;
    if (!event_is_purchase(&arrival->event, &refund))
        return 0;
    struct purchase purchase;
    struct purchase_key key;
    purchase_read(&arrival->tagging->money, &arrival->event, arrival->properties, refund, &purchase, &key);
    if (purchase.beyond)
        atomic_fetch_add(&arrival->tagging->beyond_amounts, 1);
    return (refund ? refunds_add : orders_add)(
        &arrival->tagging->people, arrival->node, arrival->person, &key, &purchase);
}

/* Where the event says only who served, it was in that one's unit. Who is not there yet has served nobody: the number
 * may be somebody else's later. */
static void place_contact(struct arrival *arrival, const Quanyu__PersonEvent *record)
{
    struct staff_row member;
    bool served = organisation_staff(arrival->batch->txn, record->staff, &member);
    arrival->event.unit = record->unit;
    arrival->event.staff = served ? record->staff : 0;
    arrival->event.person = arrival->person->number;
    if (record->unit == 0 && served)
        arrival->event.unit = member.unit;
}

static int bind_contact(struct arrival *arrival, const struct cause *cause)
{
    const struct stored_event *event = &arrival->event;
    if (!event_is_contact(event))
        return 0;
    const struct binding_fact fact = binding_fact_of(event);
    const struct binding before = arrival->person->binding;
    int error = tagging_bind(arrival->tagging, arrival->batch, arrival->person, &fact, cause);
    if (!error)
        tagging_mark_binding(arrival->tagging, &before, arrival->person, arrival->mask);
    return error;
}

/* Puts the event into node and person, and marks who must look. */
static int store_event(struct arrival *arrival)
{
    struct totals before = arrival->person->totals;
    int error = node_add_event(&arrival->tagging->people, arrival->node, &arrival->event);
    if (error)
        return error;
    arrival->person->names |= event_name_bit(arrival->event.name);
    if (arrival->event.properties.size > 0)
        arrival->properties = arena_json(arrival->tagging->scratch,
            (const char *)arrival->event.properties.data, arrival->event.properties.size);
    index_time(
        arrival->tagging->index, arrival->event.name, arrival->person->number, arrival->event.time_ms, true);
    if (arrival->event.type != QUANYU__EVENT_TYPE__EVENT_NONE) {
        totals_seen(&arrival->person->totals, arrival->event.time_ms);
        arrival->tagging->state.events++;
    }
    arrival->person->dirty = true;
    error = count_purchase(arrival);
    if (!error)
        error = node_state_traits(&arrival->tagging->people, arrival->node, &arrival->event,
            arrival->tagging->scratch, mark_trait, arrival);
    mark_metrics(arrival, totals_difference(&before, &arrival->person->totals));
    if (*arrival->event.name)
        mark(arrival, name_masks_find(&arrival->tagging->registry->events, arrival->event.name));
    return error;
}

static int take_arrival(struct arrival *arrival)
{
    struct tagging *tagging = arrival->tagging;
    const struct cause cause = {
        .kind = arrival->event.history ? CAUSE_IMPORT : CAUSE_EVENT, .origin = arrival->event.origin};
    int error = store_event(arrival);
    if (!error)
        error = bind_contact(arrival, &cause);
    if (error)
        return error;
    if (!tagging_is_unsettled(tagging, arrival->person->number))
        error = tagging_evaluate(tagging, arrival->batch, arrival->person, arrival->mask, &cause);
    if (!error)
        error = tagging_settle(tagging, arrival->batch, &cause);
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

static int64_t clamp(int64_t time_ms)
{
    return time_ms < TIME_LEAST_MS ? TIME_LEAST_MS : time_ms > TIME_MOST_MS ? TIME_MOST_MS : time_ms;
}

int tagging_take_event(struct tagging *tagging, struct batch *batch, const Quanyu__PersonEvent *record)
{
    struct arrival arrival = {.tagging = tagging, .batch = batch};
    if (!find_person(&arrival, record->node)) {
        tagging->state.ignored++;
        return tagging->people.error == -QY_EINVAL ? 0 : tagging->people.error;
    }
    uint8_t carried[CARRIED_BYTES_MAX];
    bool known_type =
        record->type > QUANYU__EVENT_TYPE__EVENT_NONE && record->type <= QUANYU__EVENT_TYPE__EVENT_ALIAS;
    arrival.event = (struct stored_event){
        .time_ms = clamp(clock_event_ms(
            record->event_ms, record->received_ms, record->clock == QUANYU__CLOCK__CLOCK_PAST)),
        .stated_ms = clamp(record->event_ms),
        .received_ms = clamp(record->received_ms),
        .origin = record->origin,
        .message_key = record->message_key,
        .type = known_type ? record->type : QUANYU__EVENT_TYPE__EVENT_TRACK,
        .history = record->history,
        .clock = record->clock,
        .name = record->name,
        .properties = bytes_of(record->properties),
        .traits = bytes_of(record->traits),
        .context = bytes_of(record->context),
        .carried = carried_nodes(record, carried),
        .node = record->node,
    };
    if (record->unit || record->staff)
        place_contact(&arrival, record);
    if (record->origin > tagging->binding_state.last_origin)
        tagging->binding_state.last_origin = record->origin;
    return take_arrival(&arrival);
}

/* -- what campaign did -- */

struct message_state {
    const char *event, *state;
};

/* NULL: what is only in the outbox is no event. */
static const struct message_state *message_state_of(Quanyu__Delivery__State state)
{
    static const struct message_state states[] = {
        [QUANYU__DELIVERY__STATE__SENDING] = {"Message Sent", "sending"},
        [QUANYU__DELIVERY__STATE__DELIVERED] = {"Message Delivered", "delivered"},
        [QUANYU__DELIVERY__STATE__FAILED] = {"Message Failed", "failed"},
        [QUANYU__DELIVERY__STATE__UNKNOWN] = {"Message Unknown", "unknown"},
        [QUANYU__DELIVERY__STATE__SKIPPED] = {"Message Skipped", "skipped"},
    };
    return (size_t)state < COUNT_OF(states) && states[state].event ? &states[state] : NULL;
}

static void put_member(struct buffer *json, const char *name, const char *value)
{
    buffer_printf(json, "%s\"%s\":", json->size > 1 ? "," : "", name);
    buffer_json_string(json, value, strlen(value));
}

int tagging_take_delivery(
    struct tagging *tagging, struct batch *batch, const Quanyu__Delivery *record, int64_t time_ms)
{
    struct arrival arrival = {.tagging = tagging, .batch = batch};
    const struct message_state *message = message_state_of(record->state);
    if (!message)
        return 0;
    if (!find_person(&arrival, record->node ? record->node : record->person)) {
        tagging->state.ignored++;
        return tagging->people.error == -QY_EINVAL ? 0 : tagging->people.error;
    }
    _cleanup_(buffer_free) struct buffer json = BUFFER_INIT;
    buffer_byte(&json, '{');
    put_member(&json, "journey", record->journey);
    put_member(&json, "step", record->step);
    put_member(&json, "channel", record->channel);
    put_member(&json, "state", message->state);
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
        .name = message->event,
        .properties = {json.data, json.size},
        .node = arrival.node->number,
    };
    return take_arrival(&arrival);
}
