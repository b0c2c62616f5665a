/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_json.h"

#include "services/audit/audit_record.h"

#include <inttypes.h>
#include <stdio.h>

static void add_text(struct json *json, const char *name, const char *text)
{
    if (*text)
        json_field_text(json, name, text);
}

void audit_json_number(struct json *json, const char *name, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, number);
    json_field_text(json, name, text);
}

static void add_actor(struct json *json, const Quanyu__Actor *actor)
{
    json_name(json, "actor");
    json_open(json, '{');
    json_field_text(json, "kind", audit_actor_kind(actor->kind));
    json_field_text(json, "id", actor->id);
    add_text(json, "name", actor->name);
    add_text(json, "role", actor->role);
    add_text(json, "address", actor->address);
    add_text(json, "token_id", actor->token_id);
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
    audit_json_number(json, "index", index);
    json_field_time(json, "time", record->time_ms);
    if (record->actor)
        add_actor(json, record->actor);
    json_field_text(json, "action", record->action);
    add_texts(json, "fields", record->fields, record->n_fields);
    add_texts(json, "persons", record->persons, record->n_persons);
    add_numbers(json, "person_numbers", record->numbers, record->n_numbers);
    json_field_unsigned(json, "count", record->count);
    add_text(json, "purpose", record->purpose);
    add_text(json, "outcome", record->outcome);
    add_text(json, "request_id", record->request_id);
    add_text(json, "detail", record->detail);
    add_text(json, "missed", record->missed);
    add_text(json, "service", record->service);
    if (record->offset > 0)
        audit_json_number(json, "offset", record->offset);
    json_close(json, '}');
}
