/* SPDX-License-Identifier: Apache-2.0 */
/* One person as rules see it: now, or as at an earlier time. */
#ifndef QY_TAGGING_SUBJECT_H
#define QY_TAGGING_SUBJECT_H

#include "services/tagging/events.h"
#include "services/tagging/registry.h"

struct subject {
    struct rule_subject rule; /* hand this to rule_matches() */
    struct people *people;
    const struct person *person;
    const struct registry *registry;
    const struct score_borders *borders;
};

/* All that is given must outlive the subject. */
void subject_init(struct subject *subject, struct people *people, const struct person *person,
    const struct registry *registry, const struct score_borders *borders, int64_t now_ms);

/* What a rule walks over, as rule_subject.events does, from stored events. */
struct event_filter {
    struct people *people;
    bool with_properties;
    rule_event_fn *visit;
    void *context;
};
/* An event_fn; `context` is a struct event_filter. */
bool event_filter_visit(void *context, uint32_t node, const struct event_reference *reference);

/* The name of the first stage whose rule holds; NULL: none. Sets *ret_change_ms to when that could become
 * another (may be NULL). */
const char *subject_stage(
    const struct definition *stages, const struct rule_subject *subject, int64_t *ret_change_ms);

/* A value's JSON, read into the arena; NULL when memory is out or it is no JSON. */
yyjson_val *arena_json(struct arena *arena, const char *json, size_t size);

#endif
