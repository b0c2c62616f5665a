/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/past.h"

#include "services/tagging/orders.h"

#include <string.h>

bool past_exists(struct people *people, const struct person *person, int64_t as_of_ms)
{
    for (size_t i = 0; i < person->node_count; i++) {
        const struct node *node = people_node(people, person->nodes[i].node);
        if (node && node->events > 0 && node->first_seen_ms < as_of_ms)
            return true;
    }
    return false;
}

static bool see(void *context, uint32_t node, const struct event_reference *reference)
{
    struct totals *totals = context;
    (void)node;
    if (!reference->delivery)
        totals_seen(totals, reference->time_ms);
    return true;
}

static void take_seen(struct past *past)
{
    if (past->has_seen)
        return;
    past->has_seen = true;
    people_walk_events(past->people, past->person, NULL, INT64_MIN, past->rule.now_ms, see, &past->totals);
}

static void take_orders(struct past *past)
{
    if (past->has_orders)
        return;
    past->has_orders = true;
    int error = orders_sum(past->people, past->person, past->rule.now_ms, &past->totals);
    if (error)
        past->error = error;
}

const struct totals *past_totals(struct past *past)
{
    take_seen(past);
    take_orders(past);
    return &past->totals;
}

static bool get_metric(void *self, enum rule_metric metric, int64_t *ret_units)
{
    static const struct score_borders none;
    struct past *past = self;
    if (metric == METRIC_FIRST_SEEN_AT || metric == METRIC_LAST_SEEN_AT || metric == METRIC_EVENTS)
        take_seen(past);
    else
        take_orders(past);
    return totals_metric(&past->totals, past->borders ? past->borders : &none, metric, ret_units);
}

/* -- traits, by what events stated -- */

struct statement {
    const char *name;
    struct people *people;
    bool found;
    int64_t stated_ms;
    uint64_t origin;
    yyjson_val *value;
};

static bool find_statement(void *context, uint32_t node, const struct event_reference *reference)
{
    struct statement *latest = context;
    struct stored_event event;
    if (!reference->traits)
        return true;
    if (!event_load(latest->people, node, reference, &event))
        return false;
    if (latest->found && (event.time_ms < latest->stated_ms ||
                             (event.time_ms == latest->stated_ms && event.origin < latest->origin)))
        return true;
    yyjson_doc *doc =
        yyjson_read((const char *)event.traits.data, event.traits.size, YYJSON_READ_NUMBER_AS_RAW);
    yyjson_val *value = yyjson_obj_get(yyjson_doc_get_root(doc), latest->name);
    size_t size = 0;
    char *json = value ? yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &size) : NULL;
    yyjson_doc_free(doc);
    if (!json)
        return true;
    latest->found = true;
    latest->stated_ms = event.time_ms;
    latest->origin = event.origin;
    latest->value = arena_json(latest->people->arena, json, size);
    free_pointer(&json);
    return true;
}

static yyjson_val *get_trait(void *self, const char *name)
{
    struct past *past = self;
    struct statement latest = {.name = name, .people = past->people};
    people_walk_events(
        past->people, past->person, NULL, INT64_MIN, past->rule.now_ms, find_statement, &latest);
    return yyjson_is_null(latest.value) ? NULL : latest.value;
}

/* -- identifiers, by what events carried -- */

struct carried {
    const char *kind;
    const struct past *past;
    bool found;
};

/* One of the person's identifiers, of that kind. */
static bool is_of_kind(const struct carried *carried, uint32_t node)
{
    const struct person *person = carried->past->person;
    for (size_t i = 0; i < person->node_count; i++)
        if (person->nodes[i].node == node)
            return strcmp(person->nodes[i].kind, carried->kind) == 0;
    return false;
}

static bool find_carried(void *context, uint32_t node, const struct event_reference *reference)
{
    struct carried *carried = context;
    struct stored_event event;
    if (!event_load(carried->past->people, node, reference, &event))
        return false;
    const uint8_t *data = event.carried.data;
    size_t size = event.carried.size;
    bool nodes = size > 0 && *data == 0;
    for (size_t at = 1; nodes && at + sizeof(uint32_t) <= size; at += sizeof(uint32_t))
        carried->found |= is_of_kind(carried, get_be32(data + at));
    for (size_t at = 0; !nodes && at < size; at += strlen((const char *)data + at) + 1)
        carried->found |= strcmp((const char *)data + at, carried->kind) == 0;
    return !carried->found;
}

static bool has_identifier(void *self, const char *kind)
{
    struct past *past = self;
    struct carried carried = {.kind = kind, .past = past};
    people_walk_events(
        past->people, past->person, NULL, INT64_MIN, past->rule.now_ms, find_carried, &carried);
    return carried.found;
}

static const char *get_stage(void *self)
{
    struct past *past = self;
    return subject_stage(past->stages, &past->rule, NULL);
}

static void walk_events(void *self, const char *name, int64_t from_ms, int64_t to_ms, bool with_properties,
    rule_event_fn *visit, void *context)
{
    struct past *past = self;
    struct event_filter filter = {past->people, with_properties, visit, context};
    int64_t end_ms = to_ms < past->rule.now_ms ? to_ms : past->rule.now_ms;
    people_walk_events(past->people, past->person, name, from_ms, end_ms, event_filter_visit, &filter);
}

/* -- what has no history: rules that ask for it are refused before anybody is looked at -- */

static bool has_no_tag(void *self, const char *name, const char *origin)
{
    (void)self;
    (void)name;
    (void)origin;
    return false;
}

static bool in_no_segment(void *self, const char *name)
{
    (void)self;
    (void)name;
    return false;
}

static int has_no_tier(void *self)
{
    (void)self;
    return -1;
}

void past_init(struct past *past, struct people *people, const struct person *person,
    const struct definition *stages, const struct score_borders *borders, int64_t as_of_ms)
{
    *past = (struct past){
        .people = people,
        .person = person,
        .stages = stages,
        .borders = borders,
        .rule =
            {
                .self = past,
                .now_ms = as_of_ms,
                .metric = get_metric,
                .trait = get_trait,
                .tag = has_no_tag,
                .stage = get_stage,
                .tier = has_no_tier,
                .segment = in_no_segment,
                .identifier = has_identifier,
                .events = walk_events,
            },
    };
}
