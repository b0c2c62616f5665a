/* SPDX-License-Identifier: Apache-2.0 */
/* A rule's subject from JSON (numbers read raw), for tests:
 *   {"now_ms":…, "traits":{…}, "metrics":{"orders":2,"gross":"12.30","last_order_at":1772353800000},
 * "tags":{"vip":["guide"]}, "stage":"new", "tier":"gold", "segments":[…], "identifiers":[…],
 * "units":["u_7","u_2","u_1"] (the home unit and all above it), "guide":"st_7",
 * "events":[{"name":…,"time_ms":…,"properties":{…}}]} Amounts have two places; the tiers are, from the
 * lowest: basic, silver, gold, black. */
#ifndef QY_TESTS_JSON_SUBJECT_H
#define QY_TESTS_JSON_SUBJECT_H

#include "common/id.h"
#include "common/rule.h"

#include <string.h>

static inline int json_tier_rank(void *self, const char *name)
{
    static const char *const tiers[] = {"basic", "silver", "gold", "black"};
    (void)self;
    for (size_t i = 0; i < COUNT_OF(tiers); i++)
        if (name && strcmp(name, tiers[i]) == 0)
            return (int)i;
    return -1;
}

static inline int64_t json_integer(yyjson_val *json, unsigned scale, int64_t otherwise)
{
    int64_t units;
    const char *text = yyjson_is_raw(json) ? yyjson_get_raw(json) : yyjson_get_str(json);
    return text && decimal_parse_json(text, yyjson_get_len(json), scale, false, &units) ? units : otherwise;
}

static inline bool json_list_has(yyjson_val *list, const char *text)
{
    size_t index, size;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, size, item)
    {
        if (yyjson_equals_str(item, text))
            return true;
    }
    return false;
}

static inline bool json_metric(void *self, enum rule_metric metric, int64_t *ret_units)
{
    yyjson_val *value = yyjson_obj_get(yyjson_obj_get(self, "metrics"), rule_metrics[metric].name);
    if (!value || yyjson_is_null(value))
        return false;
    *ret_units = json_integer(value, rule_metrics[metric].unit == UNIT_AMOUNT ? 2 : 0, 0);
    return true;
}

static inline yyjson_val *json_trait(void *self, const char *name)
{
    return yyjson_obj_get(yyjson_obj_get(self, "traits"), name);
}

static inline bool json_tag(void *self, const char *name, const char *origin)
{
    yyjson_val *origins = yyjson_obj_get(yyjson_obj_get(self, "tags"), name);
    return origin ? json_list_has(origins, origin) : origins != NULL;
}

static inline const char *json_stage(void *self)
{
    return yyjson_get_str(yyjson_obj_get(self, "stage"));
}

static inline int json_tier(void *self)
{
    return json_tier_rank(NULL, yyjson_get_str(yyjson_obj_get(self, "tier")));
}

static inline bool json_segment(void *self, const char *name)
{
    return json_list_has(yyjson_obj_get(self, "segments"), name);
}

static inline bool json_identifier(void *self, const char *kind)
{
    return json_list_has(yyjson_obj_get(self, "identifiers"), kind);
}

static inline uint32_t json_number(const char *prefix, yyjson_val *id)
{
    return yyjson_is_str(id) ? id_number(prefix, yyjson_get_str(id), yyjson_get_len(id)) : 0;
}

static inline bool json_unit(void *self, const uint32_t *units, size_t count)
{
    size_t index, size;
    yyjson_val *unit, *chain = yyjson_obj_get(self, "units");
    yyjson_arr_foreach(chain, index, size, unit)
    {
        for (size_t i = 0; i < count; i++)
            if (json_number("u_", unit) == units[i])
                return true;
    }
    return count == 0 && yyjson_arr_size(chain) > 0;
}

static inline uint32_t json_guide(void *self)
{
    return json_number("st_", yyjson_obj_get(self, "guide"));
}

static inline void json_events(void *self, const char *name, int64_t from_ms, int64_t to_ms,
    bool with_properties, rule_event_fn *visit, void *context)
{
    size_t index, size;
    yyjson_val *event;
    yyjson_arr_foreach(yyjson_obj_get(self, "events"), index, size, event)
    {
        struct rule_event shown = {.time_ms = json_integer(yyjson_obj_get(event, "time_ms"), 0, 0),
            .properties = with_properties ? yyjson_obj_get(event, "properties") : NULL};
        if (!yyjson_equals_str(yyjson_obj_get(event, "name"), name))
            continue;
        if (shown.time_ms >= from_ms && shown.time_ms < to_ms && !visit(context, &shown))
            return;
    }
}

/* Borrows `json`. */
static inline struct rule_subject json_subject(yyjson_val *json)
{
    return (struct rule_subject){.self = json,
        .now_ms = json_integer(yyjson_obj_get(json, "now_ms"), 0, 0),
        .metric = json_metric,
        .trait = json_trait,
        .tag = json_tag,
        .stage = json_stage,
        .tier = json_tier,
        .segment = json_segment,
        .identifier = json_identifier,
        .unit = json_unit,
        .guide = json_guide,
        .events = json_events};
}

#endif
