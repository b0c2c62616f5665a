/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_json.h"

#include "services/audit/audit_record.h"

#include <inttypes.h>
#include <stdio.h>

static void add_actor(struct json *json, const Quanyu__Actor *actor)
{
    json_name(json, "actor");
    json_open(json, '{');
    json_field_text(json, "kind", audit_actor_kind(actor->kind));
    json_field_text(json, "id", actor->id);
    json_field_optional(json, "name", actor->name);
    json_field_optional(json, "role", actor->role);
    json_field_optional(json, "address", actor->address);
    json_field_optional(json, "token_id", actor->token_id);
    json_close(json, '}');
}

static void add_texts(struct json *json, const char *name, char *const *texts, size_t count)
{
    json_name(json, name);
    json_open(json, '[');
    for (size_t i = 0; i < count; i++)
        json_text(json, texts[i]);
    json_close(json, ']');
}

static void add_numbers(struct json *json, const char *name, const uint32_t *numbers, size_t count)
{
    json_name(json, name);
    json_open(json, '[');
    for (size_t i = 0; i < count; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%" PRIu32, numbers[i]);
        json_text(json, text);
    }
    json_close(json, ']');
}

void audit_json_record(struct json *json, uint64_t index, const Quanyu__AuditRecord *record)
{
    json_open(json, '{');
    json_field_number(json, "index", index);
    json_field_time(json, "time", record->time_ms);
    if (record->actor)
        add_actor(json, record->actor);
    json_field_text(json, "action", record->action);
    add_texts(json, "fields", record->fields, record->n_fields);
    add_texts(json, "persons", record->persons, record->n_persons);
    add_numbers(json, "person_numbers", record->numbers, record->n_numbers);
    json_field_unsigned(json, "count", record->count);
    json_field_optional(json, "purpose", record->purpose);
    json_field_optional(json, "outcome", record->outcome);
    json_field_optional(json, "request_id", record->request_id);
    json_field_optional(json, "detail", record->detail);
    json_field_optional(json, "missed", record->missed);
    json_field_optional(json, "service", record->service);
    if (record->offset > 0)
        json_field_number(json, "offset", record->offset);
    json_close(json, '}');
}
