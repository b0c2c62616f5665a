/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/subject.h"

#include <string.h>

static void *json_allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void *json_reallocate(void *arena, void *pointer, size_t old_size, size_t size)
{
    void *moved = arena_alloc(arena, size);
    if (moved)
        memcpy(moved, pointer, old_size < size ? old_size : size);
    return moved;
}

static void json_release(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer;
}

yyjson_val *arena_json(struct arena *arena, const char *json, size_t size)
{
    yyjson_alc allocator = {json_allocate, json_reallocate, json_release, arena};
    yyjson_doc *doc = yyjson_read_opts((char *)json, size, YYJSON_READ_NUMBER_AS_RAW, &allocator, NULL);
    return yyjson_doc_get_root(doc);
}

static bool get_metric(void *self, enum rule_metric metric, int64_t *ret_units)
{
    struct subject *subject = self;
    return totals_metric(&subject->person->totals, subject->borders, metric, ret_units);
}

static yyjson_val *get_trait(void *self, const char *name)
{
    struct subject *subject = self;
    const struct trait *trait = people_trait(subject->people, subject->person, name);
    return trait ? arena_json(subject->people->arena, trait->json, trait->size) : NULL;
}

static bool has_tag(void *self, const char *name, const char *origin)
{
    struct subject *subject = self;
    const struct definition *tag = registry_find(subject->registry, DEFINITION_TAG, name);
    if (!tag)
        return false;
    if ((!origin || strcmp(origin, "rule") == 0) && person_has(subject->person, tag->number))
        return true;
    const struct hand_tag *held = people_hand_tag(subject->people, subject->person, tag->number, origin);
    return held && hand_tag_end(held) > subject->rule.now_ms;
}

static const char *get_stage(void *self)
{
    struct subject *subject = self;
    return *subject->person->stage ? subject->person->stage : NULL;
}

static int get_tier(void *self)
{
    (void)self;
    return -1;
}

static bool in_segment(void *self, const char *name)
{
    struct subject *subject = self;
    const struct definition *segment = registry_find(subject->registry, DEFINITION_SEGMENT, name);
    return segment && person_has(subject->person, segment->number);
}

static bool has_identifier(void *self, const char *kind)
{
    struct subject *subject = self;
    for (size_t i = 0; i < subject->person->node_count; i++)
        if (strcmp(subject->person->nodes[i].kind, kind) == 0)
            return true;
    return false;
}

static bool in_unit(void *self, const uint32_t *units, size_t count)
{
    struct subject *subject = self;
    uint32_t home = subject->person->binding.unit, chain[UNIT_DEPTH_MAX];
    if (count == 0 || home == 0)
        return home != 0 && count == 0;
    size_t above = organisation_chain(subject->people->txn, home, chain);
    for (size_t i = 0; i < above; i++)
        for (size_t j = 0; j < count; j++)
            if (chain[i] == units[j])
                return true;
    return false;
}

static uint32_t get_guide(void *self)
{
    struct subject *subject = self;
    return binding_guide(&subject->person->binding);
}

bool event_filter_visit(void *context, uint32_t node, const struct event_reference *reference)
{
    struct event_filter *filter = context;
    struct stored_event event = {0};
    if (filter->with_properties && !event_load(filter->people, node, reference, &event))
        return false;
    yyjson_doc *doc = NULL;
    if (event.properties.size > 0)
        doc = yyjson_read(
            (const char *)event.properties.data, event.properties.size, YYJSON_READ_NUMBER_AS_RAW);
    struct rule_event shown = {.time_ms = reference->time_ms, .properties = yyjson_doc_get_root(doc)};
    bool more = filter->visit(filter->context, &shown);
    yyjson_doc_free(doc);
    return more;
}

static void walk_events(void *self, const char *name, int64_t from_ms, int64_t to_ms, bool with_properties,
    rule_event_fn *visit, void *context)
{
    struct subject *subject = self;
    struct event_filter filter = {subject->people, with_properties, visit, context};
    people_walk_events(subject->people, subject->person, name, from_ms, to_ms, event_filter_visit, &filter);
}

void subject_init(struct subject *subject, struct people *people, const struct person *person,
    const struct registry *registry, const struct score_borders *borders, int64_t now_ms)
{
    *subject = (struct subject){
        .people = people,
        .person = person,
        .registry = registry,
        .borders = borders,
        .rule =
            {
                .self = subject,
                .now_ms = now_ms,
                .metric = get_metric,
                .trait = get_trait,
                .tag = has_tag,
                .stage = get_stage,
                .tier = get_tier,
                .segment = in_segment,
                .identifier = has_identifier,
                .unit = in_unit,
                .guide = get_guide,
                .events = walk_events,
            },
    };
}

const char *subject_stage(
    const struct definition *stages, const struct rule_subject *subject, int64_t *ret_change_ms)
{
    int64_t change_ms = TIME_NEVER;
    const char *stage = NULL;
    for (size_t i = 0; stages && i < stages->stage_count; i++) {
        const struct rule *rule = stages->stages[i].rule;
        if (ret_change_ms && rule_dependencies(rule)->time) {
            int64_t next_ms = rule_next_change(rule, subject);
            change_ms = next_ms < change_ms ? next_ms : change_ms;
        }
        if (rule_matches(rule, subject)) {
            stage = stages->stages[i].stage;
            break;
        }
    }
    if (ret_change_ms)
        *ret_change_ms = change_ms;
    return stage;
}
