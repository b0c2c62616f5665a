/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_event.h"
#include "services/gateway/ingest_place.h"

#include "common/clock.h"
#include "common/json.h"
#include "services/gateway/event_type.h"
#include "services/gateway/ingest_allowed.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SHARED_MEMBERS_MAX 65u /* with the batch itself */

#define NAME_MAX_BYTES 255

void parsed_free(struct parsed *parsed)
{
    buffer_free(&parsed->packed);
    buffer_free(&parsed->errors);
    buffer_free(&parsed->letters);
    free(parsed->events);
    free(parsed->refused);
    *parsed = (struct parsed){0};
}

/* -- fields -- */

/* A non-empty text, or a number: some senders state ids as numbers. */
static bool is_id(yyjson_val *value)
{
    return (yyjson_is_str(value) && yyjson_get_len(value) > 0) || yyjson_is_raw(value);
}

static bool check_id(struct event *event, const char *field)
{
    yyjson_val *value = yyjson_obj_get(event->json, field);
    if (!value || yyjson_is_null(value) || is_id(value) || yyjson_is_str(value))
        return true;
    return event_refuse(event, "wrong_type", field, "must be a string");
}

static bool check_object(struct event *event, const char *field)
{
    yyjson_val *value = yyjson_obj_get(event->json, field);
    if (!value || yyjson_is_null(value) || yyjson_is_obj(value))
        return true;
    return event_refuse(event, "wrong_type", field, "must be an object");
}

static bool check_name(struct event *event, const char *field, bool required)
{
    yyjson_val *value = yyjson_obj_get(event->json, field);
    if (!value || yyjson_is_null(value))
        return required ? event_refuse(event, "missing_field", field, "is required") : true;
    if (!yyjson_is_str(value))
        return event_refuse(event, "wrong_type", field, "must be a string");
    if (required && yyjson_get_len(value) == 0)
        return event_refuse(event, "missing_field", field, "must not be empty");
    if (yyjson_get_len(value) > NAME_MAX_BYTES)
        return event_refuse(event, "too_long", field, "must be at most 255 bytes");
    return true;
}

static bool required_id(struct event *event, const char *field)
{
    if (is_id(yyjson_obj_get(event->json, field)))
        return true;
    return event_refuse(event, "missing_field", field, "is required");
}

static bool check_person(struct event *event)
{
    if (!check_id(event, "userId") || !check_id(event, "anonymousId"))
        return false;
    if (is_id(yyjson_obj_get(event->json, "userId")) || is_id(yyjson_obj_get(event->json, "anonymousId")))
        return true;
    return event_refuse(event, "no_user_anon_id", "userId", "either userId or anonymousId is required");
}

static bool check_fields(struct event *event)
{
    switch (event->type) {
    case CALL_TRACK:
        return check_name(event, "event", true) && check_object(event, "properties") && check_person(event);
    case CALL_IDENTIFY:
        return check_object(event, "traits") && check_person(event);
    case CALL_PAGE:
    case CALL_SCREEN:
        return check_name(event, "name", false) && check_name(event, "category", false) &&
               check_object(event, "properties") && check_person(event);
    case CALL_GROUP:
        return required_id(event, "groupId") && check_object(event, "traits") && check_person(event);
    case CALL_ALIAS:
        return required_id(event, "userId") && required_id(event, "previousId");
    default:
        return event_refuse(event, "unknown_type", "type", "must be " EVENT_TYPE_NAMES);
    }
}

/* Names and identifiers are C strings from here on. */
static bool check_texts(struct event *event)
{
    if (!event->origin->may_hold_nul || !json_find_nul(event->json, event->pointer))
        return true;
    return event_refuse(event, "invalid", event->pointer, "must not hold a NUL character");
}

static bool check_depth(struct event *event)
{
    if (!json_find_deep(event->json, event->pointer))
        return true;
    event_refuse(event, "too_deep", event->pointer, "");
    snprintf(event->detail, sizeof(event->detail), "is nested deeper than %d levels", JSON_DEPTH_MAX);
    return false;
}

static bool find_type(struct event *event)
{
    yyjson_val *value = yyjson_obj_get(event->json, "type");
    if (event->origin->call < CALL_BATCH) {
        event->type = event->origin->call;
        return true;
    }
    event->type = (enum ingest_call)event_type_of(value);
    return event->type ||
           event_refuse(event, value ? "unknown_type" : "missing_field", "type", "must be " EVENT_TYPE_NAMES);
}

/* Also finds what the key states where the event does not. */
static bool check_allowed(struct event *event)
{
    char detail[INGEST_DETAIL_BYTES];
    const struct write_key *key = event->origin->key;
    if (!key || !key->restricted)
        return true;
    const char *field = ingest_forbidden(
        key->row, (Quanyu__EventType)event->type, event->json, event->batch, &event->stated, detail);
    return !field || event_refuse(event, "not_allowed", field, detail);
}

/* -- message id -- */

static bool parse_import_position(const char *text, size_t size, struct ingest_event *out)
{
    size_t length = 0;
    if (size < 34 || size > 42 || text[32] != ':' ||
        sodium_hex2bin(out->import_id, 16, text, 32, NULL, &length, NULL) != 0 || length != 16)
        return false;
    uint64_t position = 0;
    for (size_t i = 33; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        position = position * 10 + (uint64_t)(text[i] - '0');
    }
    out->import_position = (uint32_t)position;
    return position <= UINT32_MAX;
}

void ingest_hash(uint32_t source, const char *id, size_t size, uint8_t ret_hash[INGEST_HASH_BYTES])
{
    uint8_t input[4 + MESSAGE_ID_BYTES];
    assert(size < MESSAGE_ID_BYTES);
    put_be32(input, source);
    memcpy(input + 4, id, size);
    crypto_generichash(ret_hash, INGEST_HASH_BYTES, input, 4 + size, NULL, 0);
}

static bool message_id(struct event *event, char made[40], const char **ret_id, struct ingest_event *out)
{
    yyjson_val *value = yyjson_obj_get(event->json, "messageId");
    if (!value || yyjson_is_null(value) || (yyjson_is_str(value) && yyjson_get_len(value) == 0)) {
        uint8_t random[16];
        randombytes_buf(random, sizeof(random));
        memcpy(made, "made-", 5);
        sodium_bin2hex(made + 5, 35, random, sizeof(random));
        *ret_id = made;
        return true;
    }
    if (!yyjson_is_str(value))
        return event_refuse(event, "wrong_type", "messageId", "must be a string");
    size_t size = yyjson_get_len(value);
    if (!event_is_message_id(value))
        return event_refuse(event, "too_long", "messageId", "must be under 100 characters");
    *ret_id = yyjson_get_str(value);
    out->deduplicated = true;
    out->positioned = event->origin->call == CALL_IMPORT && parse_import_position(*ret_id, size, out);
    ingest_hash(event->origin->source, *ret_id, size, out->hash);
    return true;
}

/* -- records -- */

static struct ingest_event *add_event(struct parsed *parsed)
{
    if (parsed->event_count == parsed->event_capacity) {
        size_t capacity = parsed->event_capacity ? parsed->event_capacity * 4 : 1;
        struct ingest_event *events = realloc(parsed->events, capacity * sizeof(*events));
        if (!events)
            return NULL;
        parsed->events = events;
        parsed->event_capacity = capacity;
    }
    return &parsed->events[parsed->event_count];
}

static bool pack_with_body(struct event *event, const struct ingest_limits *limits,
    const Quanyu__RawEvent *raw, struct parsed *parsed, struct ingest_event *out)
{
    if (raw->body.len > limits->event_bytes) {
        event_refuse(event, "too_large", "", "");
        snprintf(event->detail, sizeof(event->detail), "%zu bytes; at most %zu", raw->body.len,
            limits->event_bytes);
        return false;
    }
    out->at = parsed->packed.size;
    out->size = quanyu__raw_event__get_packed_size(raw);
    uint8_t *room = buffer_reserve(&parsed->packed, out->size);
    if (!room)
        return event_refuse(event, "out_of_memory", "", "try again");
    quanyu__raw_event__pack(raw, room);
    parsed->packed.size += out->size;
    parsed->event_count++;
    return true;
}

static bool pack(struct event *event, const struct ingest_limits *limits, Quanyu__RawEvent *raw,
    struct parsed *parsed, struct ingest_event *out)
{
    const yyjson_alc *memory = limits->memory;
    char *body = event_body(event, memory, &raw->body.len);
    if (!body)
        return event_refuse(event, "out_of_memory", "", "try again");
    raw->body.data = (uint8_t *)body;
    bool packed = pack_with_body(event, limits, raw, parsed, out);
    event_release(body, memory);
    return packed;
}

static bool take_event(struct event *event, const struct ingest_limits *limits, struct parsed *parsed)
{
    char made[40];
    const char *id = "";
    int64_t event_ms = 0;
    struct ingest_event *out = add_event(parsed);
    if (!out)
        return event_refuse(event, "out_of_memory", "", "try again");
    *out = (struct ingest_event){0};
    if (!yyjson_is_obj(event->json))
        return event_refuse(event, "wrong_type", "", "must be an object");
    if (!check_texts(event) || !check_depth(event) || !find_type(event) || !check_fields(event) ||
        !check_object(event, "context") || !check_allowed(event) || !event_time(event, &event_ms) ||
        !message_id(event, made, &id, out))
        return false;
    Quanyu__RawEvent raw = QUANYU__RAW_EVENT__INIT;
    raw.type = (Quanyu__EventType)event->type;
    raw.message_id = (char *)id;
    raw.received_ms = event->origin->received_ms;
    raw.event_ms = event_ms;
    raw.source = event->origin->source;
    raw.history = event->origin->call == CALL_IMPORT;
    raw.clock = event_clock(event, limits, event_ms);
    raw.browser = event->origin->browser;
    return ingest_place(event, &raw, parsed) && pack(event, limits, &raw, parsed, out);
}

/* NULL, or why the event is refused. */
static const char *take(yyjson_val *json, yyjson_val *batch, size_t index, const struct ingest_origin *origin,
    const struct ingest_limits *limits, struct parsed *parsed)
{
    struct event event = {.origin = origin, .json = json, .batch = batch, .index = index};
    parsed->seen++;
    if (take_event(&event, limits, parsed))
        return NULL;
    struct refused_event *refused = refused_add(parsed);
    if (!refused || strcmp(event.reason, "out_of_memory") == 0) {
        parsed->starved = true;
        return event.reason;
    }
    refused->reason = event.reason;
    parsed->denied_count += strcmp(event.reason, "not_allowed") == 0;
    parsed->starved |= !refused_keep(&event, limits, parsed, refused);
    refused_report(&event, parsed, refused);
    return event.reason;
}

static bool refuse_call(
    struct ingest_refusal *refusal, int status, const char *kind, const char *field, const char *detail)
{
    refusal->status = status;
    refusal->kind = kind;
    refusal->field = field;
    snprintf(refusal->detail, sizeof(refusal->detail), "%s", detail);
    return false;
}

static bool refuse_shared(
    struct ingest_refusal *refusal, yyjson_val *key, const char *within, const char *detail)
{
    snprintf(refusal->pointer, sizeof(refusal->pointer), "%s%.100s%.150s", key ? "/" : "",
        key ? yyjson_get_str(key) : "", within);
    return refuse_call(refusal, 400, "invalid_batch", refusal->pointer, detail);
}

/* What stands beside the events is shared by all of them. */
static bool check_shared(yyjson_val *body, bool may_hold_nul, struct ingest_refusal *refusal)
{
    size_t index, count;
    yyjson_val *key, *value;
    if (yyjson_obj_size(body) > SHARED_MEMBERS_MAX) /* each event looks into them */
        return refuse_call(
            refusal, 400, "invalid_batch", "", "at most 64 members may stand beside the events");
    yyjson_obj_foreach(body, index, count, key, value)
    {
        char within[JSON_POINTER_BYTES] = "";
        if (may_hold_nul && memchr(yyjson_get_str(key), 0, yyjson_get_len(key)))
            return refuse_shared(refusal, NULL, "", "must not hold a NUL character");
        if (yyjson_equals_str(key, "batch"))
            continue;
        if (may_hold_nul && json_find_nul(value, within))
            return refuse_shared(refusal, key, within, "must not hold a NUL character");
        if (json_find_deep(value, within))
            return refuse_shared(refusal, key, within, "is nested too deeply: 64 levels at most");
    }
    return true;
}

/* It is copied into each event. */
static bool check_shared_size(
    yyjson_val *body, const struct ingest_limits *limits, struct ingest_refusal *refusal)
{
    static const char *const shared[] = {"context", "integrations"};
    for (size_t i = 0; i < COUNT_OF(shared); i++) {
        size_t size = 0;
        yyjson_val *value = yyjson_obj_get(body, shared[i]);
        char *text = yyjson_is_obj(value) ? yyjson_val_write(value, 0, &size) : NULL;
        free(text);
        if (size <= limits->event_bytes && (text || !yyjson_is_obj(value)))
            continue;
        refuse_call(refusal, text ? 413 : 503, text ? "too_large" : "unavailable", shared[i], "");
        snprintf(refusal->detail, sizeof(refusal->detail), "%zu bytes, shared by all events; at most %zu",
            size, limits->event_bytes);
        return false;
    }
    return true;
}

static void parse_single(yyjson_val *body, const struct ingest_origin *origin,
    const struct ingest_limits *limits, struct parsed *parsed)
{
    const char *reason = take(body, NULL, 0, origin, limits, parsed);
    parsed->oversize = reason && strcmp(reason, "too_large") == 0;
}

static bool parse_batch(yyjson_val *body, const struct ingest_origin *origin,
    const struct ingest_limits *limits, struct parsed *parsed, struct ingest_refusal *refusal)
{
    yyjson_val *batch = yyjson_obj_get(body, "batch");
    if (!yyjson_is_arr(batch))
        return refuse_call(refusal, 400, "invalid_batch", "batch", "must be a list of events");
    if (yyjson_arr_size(batch) == 0)
        return refuse_call(refusal, 400, "invalid_batch", "batch", "must not be empty");
    if (yyjson_arr_size(batch) > limits->batch_events) {
        refuse_call(refusal, 413, "too_many_events", "batch", "");
        snprintf(refusal->detail, sizeof(refusal->detail), "%zu events; at most %zu in a batch",
            yyjson_arr_size(batch), limits->batch_events);
        return false;
    }
    if (!check_shared(body, origin->may_hold_nul, refusal) || !check_shared_size(body, limits, refusal))
        return false;
    size_t index, count;
    yyjson_val *json;
    yyjson_arr_foreach(batch, index, count, json)
    {
        take(json, body, index, origin, limits, parsed);
        if (limits->call_bytes && parsed->packed.size > limits->call_bytes)
            return refuse_call(refusal, 413, "too_large", "batch",
                "the events, each with what the batch shares, are too large together; send fewer at a time");
    }
    return true;
}

bool ingest_parse(yyjson_val *body, const struct ingest_origin *origin, const struct ingest_limits *limits,
    struct parsed *parsed, struct ingest_refusal *refusal)
{
    if (!yyjson_is_obj(body))
        return refuse_call(refusal, 400, "invalid_body", "", "the body must be a JSON object");
    if (origin->call >= CALL_BATCH && !parse_batch(body, origin, limits, parsed, refusal))
        return false;
    if (origin->call < CALL_BATCH)
        parse_single(body, origin, limits, parsed);
    if (parsed->starved || buffer_error(&parsed->packed) || buffer_error(&parsed->errors) ||
        buffer_error(&parsed->letters))
        return refuse_call(refusal, 503, "unavailable", "", "out of memory; try again");
    return true;
}
