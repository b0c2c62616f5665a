/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/write_key_json.h"

#include "services/gateway/event_type.h"
#include "services/gateway/unit_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const write_key_platforms[3] = {
    [QUANYU__WRITE_KEY__PLATFORM__ANY] = "any",
    [QUANYU__WRITE_KEY__PLATFORM__SERVER] = "server",
    [QUANYU__WRITE_KEY__PLATFORM__BROWSER] = "browser",
};

const char *write_key_id(uint32_t source, char room[WRITE_KEY_ID_BYTES])
{
    snprintf(room, WRITE_KEY_ID_BYTES, "k_%" PRIu32, source);
    return room;
}

uint32_t write_key_source(const char *id)
{
    char room[WRITE_KEY_ID_BYTES];
    unsigned long number = strncmp(id, "k_", 2) == 0 ? strtoul(id + 2, NULL, 10) : 0;
    uint32_t source = number <= UINT32_MAX ? (uint32_t)number : 0;
    return strcmp(write_key_id(source, room), id) == 0 ? source : 0;
}

static void time_or_null(struct json *json, const char *name, int64_t ms)
{
    if (ms) {
        json_field_time(json, name, ms);
    } else {
        json_name(json, name);
        json_null(json);
    }
}

/* An empty list allows everything, and is shown as null. */
static void texts(struct json *json, const char *name, char *const *list, size_t count)
{
    json_name(json, name);
    if (count == 0) {
        json_null(json);
        return;
    }
    json_open(json, '[');
    for (size_t i = 0; i < count; i++)
        json_text(json, list[i]);
    json_close(json, ']');
}

static void event_types(struct json *json, const Quanyu__WriteKey *key)
{
    char *names[QUANYU__EVENT_TYPE__EVENT_ALIAS + 1];
    size_t count = key->n_event_types < COUNT_OF(names) ? key->n_event_types : COUNT_OF(names);
    for (size_t i = 0; i < count; i++)
        names[i] = (char *)(uintptr_t)event_type_name(key->event_types[i]);
    texts(json, "event_types", names, count);
}

static void rate(struct json *json, const Quanyu__WriteKey__Rate *rate)
{
    json_name(json, "rate");
    if (!rate) {
        json_null(json);
        return;
    }
    json_open(json, '{');
    json_field_unsigned(json, "events_per_second", rate->events_per_second);
    json_field_unsigned(json, "burst", rate->burst);
    json_close(json, '}');
}

static bool is_over(int64_t at_ms, int64_t now_ms)
{
    return at_ms != 0 && at_ms <= now_ms;
}

static void secret(struct json *json, const Quanyu__WriteKey__Secret *secret, int64_t now_ms)
{
    char id[16];
    snprintf(id, sizeof(id), "%" PRIu32, secret->number);
    json_open(json, '{');
    json_field_text(json, "id", id);
    json_field_text(json, "hint", secret->hint);
    json_field_text(json, "state",
        secret->revoked_ms                    ? "revoked"
        : is_over(secret->expires_ms, now_ms) ? "expired"
                                              : "active");
    time_or_null(json, "created_at", secret->created_ms);
    time_or_null(json, "expires_at", secret->expires_ms);
    time_or_null(json, "revoked_at", secret->revoked_ms);
    json_close(json, '}');
}

static void secrets(struct json *json, const Quanyu__WriteKey *key, int64_t now_ms)
{
    json_name(json, "secrets");
    json_open(json, '[');
    for (size_t i = 0; i < key->n_secrets; i++)
        secret(json, key->secrets[i], now_ms);
    json_close(json, ']');
}

static const char *state_of(const Quanyu__WriteKey *key, int64_t now_ms)
{
    if (key->removed_ms)
        return "deleted";
    if (is_over(key->expires_ms, now_ms))
        return "expired";
    return key->paused ? "paused" : "active";
}

static void unit_id_or_null(struct json *json, uint32_t unit)
{
    char id[UNIT_ID_BYTES];
    json_name(json, "unit");
    if (unit)
        json_text(json, unit_id(unit, id));
    else
        json_null(json);
}

void write_key_members(struct json *json, const Quanyu__WriteKey *key, int64_t now_ms)
{
    char id[WRITE_KEY_ID_BYTES];
    json_field_text(json, "id", write_key_id(key->source, id));
    json_field_text(json, "name", key->name);
    json_field_text(json, "description", key->description);
    json_field_text(json, "state", state_of(key, now_ms));
    json_field_text(json, "platform", (unsigned)key->platform < 3 ? write_key_platforms[key->platform] : "");
    texts(json, "sources", key->sources, key->n_sources);
    texts(json, "channels", key->channels, key->n_channels);
    event_types(json, key);
    texts(json, "event_names", key->event_names, key->n_event_names);
    texts(json, "allowed_origins", key->allowed_origins, key->n_allowed_origins);
    unit_id_or_null(json, key->unit);
    json_field_bool(json, "import", key->may_import);
    rate(json, key->rate);
    json_field_bool(json, "paused", key->paused);
    time_or_null(json, "expires_at", key->expires_ms);
    json_field_unsigned(json, "version", key->version);
    time_or_null(json, "created_at", key->created_ms);
    time_or_null(json, "changed_at", key->changed_ms);
    secrets(json, key, now_ms);
}
