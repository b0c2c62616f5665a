/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_json.h"

#include "services/audit/audit_record.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

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

static void add_hex(struct json *json, const char *name, const ProtobufCBinaryData *hash)
{
    char hex[2 * RECORD_SET_HASH_BYTES + 1];
    if (hash->len == RECORD_SET_HASH_BYTES)
        json_field_text(json, name, sodium_bin2hex(hex, sizeof(hex), hash->data, hash->len));
}

static void add_base64(struct json *json, const char *name, const ProtobufCBinaryData *data)
{
    size_t size = sodium_base64_encoded_len(data->len, sodium_base64_VARIANT_ORIGINAL);
    _cleanup_(free_pointer) char *text = data->len ? malloc(size) : NULL;
    if (text)
        json_field_text(
            json, name, sodium_bin2base64(text, size, data->data, data->len, sodium_base64_VARIANT_ORIGINAL));
    else if (data->len)
        json->out->error = json->out->error ? json->out->error : -QY_ENOMEM;
}

static void add_record(struct json *json, const Quanyu__AuditRecord *record)
{
    json_field_time(json, "time", record->time_ms);
    if (record->actor)
        add_actor(json, record->actor);
    json_field_optional(json, "unit", record->unit);
    json_field_optional(json, "journey", record->journey);
    json_field_optional(json, "task", record->task);
    json_field_text(json, "action", record->action);
    add_texts(json, "fields", record->fields, record->n_fields);
    json_field_bool(json, "unmasked", record->unmasked);
    if (record->bought)
        json_field_bool(json, "bought", true);
    add_texts(json, "persons", record->persons, record->n_persons);
    add_numbers(json, "person_numbers", record->numbers, record->n_numbers);
    if (record->n_nodes > 0)
        add_numbers(json, "nodes", record->nodes, record->n_nodes);
    json_field_unsigned(json, "count", record->count);
    json_field_optional(json, "rule", record->rule);
    add_hex(json, "set", &record->set_hash);
    json_field_optional(json, "purpose", record->purpose);
    json_field_optional(json, "outcome", record->outcome);
    json_field_optional(json, "request_id", record->request_id);
    json_field_optional(json, "detail", record->detail);
    add_base64(json, "places", &record->places);
    json_field_optional(json, "missed", record->missed);
    json_field_optional(json, "missed_kind", record->missed_kind);
    json_field_optional(json, "service", record->service);
    if (record->offset > 0)
        json_field_number(json, "offset", record->offset);
}

void audit_json_record(struct json *json, uint64_t index, bool intact, const Quanyu__AuditRecord *record)
{
    json_field_number(json, "index", index);
    json_field_bool(json, "intact", intact);
    if (record)
        add_record(json, record);
}

static void add_hash(struct json *json, const struct merkle_hash *hash)
{
    char hex[2 * MERKLE_HASH_BYTES + 1];
    json_text(json, sodium_bin2hex(hex, sizeof(hex), hash->bytes, sizeof(hash->bytes)));
}

static int add_entry(struct json *json, struct bytes record)
{
    size_t size = sodium_base64_encoded_len(record.size, sodium_base64_VARIANT_ORIGINAL);
    _cleanup_(free_pointer) char *text = malloc(size);
    if (!text)
        return -QY_ENOMEM;
    json_field_text(json, "entry",
        sodium_bin2base64(text, size, record.data, record.size, sodium_base64_VARIANT_ORIGINAL));
    return 0;
}

int audit_json_proof(struct json *json, struct bytes record, const struct audit_proof *proof)
{
    int error = add_entry(json, record);
    json_name(json, "leaf_hash");
    add_hash(json, &proof->leaf);
    json_name(json, "proof");
    json_open(json, '{');
    json_field_unsigned(json, "size", proof->size);
    json_name(json, "root");
    add_hash(json, &proof->root);
    json_name(json, "path");
    json_open(json, '[');
    for (size_t i = 0; i < proof->count; i++)
        add_hash(json, &proof->path[i]);
    json_close(json, ']');
    json_close(json, '}');
    return error;
}
