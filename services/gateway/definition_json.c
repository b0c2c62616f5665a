/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/definition_json.h"

#include "services/gateway/rule_names.h"

#define SEGMENT QUANYU__DEFINITION__KIND__SEGMENT
#define TAG QUANYU__DEFINITION__KIND__TAG
#define STAGES QUANYU__DEFINITION__KIND__STAGES

/* `told` for who may not see single people, else NULL. */
static void write_counts(struct json *json, const Quanyu__Definition *definition, const struct guarded *told)
{
    if (definition->withheld)
        return;
    if (told && told->too_few) {
        json_field_bool(json, "too_few", true);
    } else if (told) {
        json_field_unsigned(json, "count", told->count);
        json_field_time(json, "counted_at", told->counted_ms);
    } else {
        json_field_unsigned(json, "count", definition->count);
    }
    if (!told && !definition->scoped) {
        json_field_unsigned(json, "entered", definition->entered);
        json_field_unsigned(json, "left", definition->left);
    }
}

/* A rule may name units and staff beyond the caller's scope, and is not shown then. */
static bool shows(struct api_call *call, yyjson_val *rule)
{
    bool shown = access_is_whole(&call->access) || rule_names_resolve(call, rule, "rule") == 0;
    call->error_field = call->error_message = NULL;
    return shown;
}

static void write_value(struct json *json, const char *name, yyjson_val *value)
{
    size_t size = 0;
    _cleanup_(free_pointer) char *text = yyjson_val_write(value, 0, &size);
    json_name(json, name);
    json_raw(json, text, text ? size : 0, "null");
}

static void write_stages(struct api_call *call, struct json *json, yyjson_val *stages)
{
    size_t index, count;
    yyjson_val *stage;
    json_name(json, "stages");
    json_open(json, '[');
    yyjson_arr_foreach(stages, index, count, stage)
    {
        yyjson_val *rule = yyjson_obj_get(stage, "rule");
        json_open(json, '{');
        json_field_text(json, "stage", yyjson_get_str(yyjson_obj_get(stage, "stage")));
        if (shows(call, rule))
            write_value(json, "rule", rule);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* As it was stated, where it is shown. */
static void write_rule(struct api_call *call, struct json *json, const Quanyu__Definition *definition)
{
    bool whole = access_is_whole(&call->access);
    yyjson_doc *doc = whole ? NULL
                            : yyjson_read((const char *)definition->rule.data, definition->rule.len,
                                  YYJSON_READ_NUMBER_AS_RAW);
    if (!whole && definition->kind == STAGES) {
        write_stages(call, json, yyjson_doc_get_root(doc));
    } else if (whole || shows(call, yyjson_doc_get_root(doc))) {
        json_name(json, definition->kind == STAGES ? "stages" : "rule");
        json_raw(json, definition->rule.data, definition->rule.len, "null");
    }
    yyjson_doc_free(doc);
}

void definition_write(struct api_call *call, struct json *json, const Quanyu__Definition *definition,
    const struct guarded *told)
{
    json_open(json, '{');
    if (definition->kind == SEGMENT)
        json_field_text(json, "id", definition->id);
    if (definition->kind == TAG)
        json_field_text(json, "tag", definition->id);
    if (definition->kind == SEGMENT)
        json_field_text(json, "name", definition->name);
    json_field_text(json, "description", definition->description);
    write_rule(call, json, definition);
    json_field_text(json, "state",
        definition->paused     ? "paused"
        : definition->building ? "building"
                               : "active");
    json_field_unsigned(json, "version", definition->version);
    json_field_time(json, "created_at", definition->created_ms);
    json_field_time(json, "changed_at", definition->changed_ms);
    if (definition->kind != STAGES)
        write_counts(json, definition, told);
    json_close(json, '}');
}
