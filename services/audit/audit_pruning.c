/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_pruning.h"

#include "common/clock.h"
#include "common/error.h"
#include "services/audit/audit_parameters.h"

#include <string.h>

void pruning_write_places(const struct place_set *places, struct buffer *out)
{
    uint16_t list[SEGMENT_RECORDS];
    size_t count = 0;
    for (unsigned place = 0; place_set_from(places, place, &place); place++)
        list[count++] = (uint16_t)place;
    places_write(out, list, count);
}

static uint64_t index_of(const struct pruning *pruning, bool last)
{
    unsigned place = 0;
    if (last)
        (void)place_set_below(&pruning->places, SEGMENT_RECORDS, &place);
    else
        (void)place_set_from(&pruning->places, 0, &place);
    return pruning->segment * SEGMENT_RECORDS + place;
}

void pruning_describe(const struct pruning *pruning, uint64_t bytes, struct json *json)
{
    json_open(json, '{');
    json_field_text(json, "kind", record_kinds[pruning->kind].name);
    json_field_unsigned(json, "days", pruning->days);
    json_field_unsigned(json, "policy_version", pruning->policy_version);
    json_field_number(json, "segment", pruning->segment);
    json_field_unsigned(json, "records", pruning->records);
    json_field_unsigned(json, "bytes", bytes);
    json_field_number(json, "first_index", index_of(pruning, false));
    json_field_number(json, "last_index", index_of(pruning, true));
    json_field_time(json, "first_at", pruning->first_ms);
    json_field_time(json, "last_at", pruning->last_ms);
    json_close(json, '}');
}

/* -- reading -- */

static bool read_number(yyjson_val *detail, const char *name, uint64_t *ret_number)
{
    const char *text = yyjson_get_str(yyjson_obj_get(detail, name));
    return text && audit_parameter_number(text, ret_number);
}

static bool read_unsigned(yyjson_val *detail, const char *name, uint32_t *ret_number)
{
    yyjson_val *value = yyjson_obj_get(detail, name);
    *ret_number = (uint32_t)yyjson_get_uint(value);
    return yyjson_is_uint(value) && yyjson_get_uint(value) <= UINT32_MAX;
}

static bool read_time(yyjson_val *detail, const char *name, int64_t *ret_ms)
{
    yyjson_val *value = yyjson_obj_get(detail, name);
    return yyjson_is_str(value) && time_parse(yyjson_get_str(value), yyjson_get_len(value), false, ret_ms);
}

static bool read_detail(yyjson_val *detail, struct pruning *pruning)
{
    const char *kind = yyjson_get_str(yyjson_obj_get(detail, "kind"));
    uint32_t records;
    bool good =
        kind && record_kind_find(kind, &pruning->kind) && read_number(detail, "segment", &pruning->segment) &&
        read_unsigned(detail, "days", &pruning->days) &&
        read_unsigned(detail, "policy_version", &pruning->policy_version) &&
        read_unsigned(detail, "records", &records) && read_time(detail, "first_at", &pruning->first_ms) &&
        read_time(detail, "last_at", &pruning->last_ms);
    pruning->records = good ? records : 0;
    return good;
}

int pruning_read(const Quanyu__AuditRecord *record, struct pruning *ret_pruning)
{
    place_set_clear(&ret_pruning->places);
    yyjson_doc *doc = yyjson_read(record->detail, strlen(record->detail), 0);
    bool good =
        strcmp(record->action, ACTION_PRUNE) == 0 && read_detail(yyjson_doc_get_root(doc), ret_pruning);
    yyjson_doc_free(doc);
    if (!good || places_read((struct bytes){record->places.data, record->places.len}, &ret_pruning->places) ||
        place_set_count(&ret_pruning->places) != ret_pruning->records)
        return -QY_ECORRUPT;
    return 0;
}
