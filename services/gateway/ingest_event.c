/* SPDX-License-Identifier: Apache-2.0 */
/* An event's time, and its JSON as it is stored. */
#include "services/gateway/ingest_event.h"

#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>

bool event_refuse(struct event *event, const char *reason, const char *field, const char *detail)
{
    event->reason = reason;
    event->field = field;
    snprintf(event->detail, sizeof(event->detail), "%s", detail);
    return false;
}

/* Of UTF-8, which the parser has seen to. */
static size_t characters(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

bool event_is_message_id(yyjson_val *value)
{
    size_t size = yyjson_get_len(value);
    return yyjson_is_str(value) && size < MESSAGE_ID_BYTES &&
           (size < MESSAGE_ID_CHARACTERS || characters(yyjson_get_str(value), size) < MESSAGE_ID_CHARACTERS);
}

/* -- time -- */

static bool get_time(
    struct event *event, yyjson_val *object, const char *field, bool *ret_present, int64_t *ret_ms)
{
    yyjson_val *value = yyjson_obj_get(object, field);
    *ret_present = value && !yyjson_is_null(value);
    if (!*ret_present)
        return true;
    if (yyjson_is_str(value) && time_parse_stated(yyjson_get_str(value), yyjson_get_len(value), ret_ms))
        return true;
    return event_refuse(event, "invalid_time", field,
        "must be a time with its offset, 2026-03-01T08:30:00.000Z, or a date, 2026-03-01");
}

/* received - (sent - original) where all three are there; else what is stated; else the arrival. */
bool event_time(struct event *event, int64_t *ret_ms)
{
    bool stated, original, sent;
    int64_t stated_ms = 0, original_ms = 0, sent_ms = 0;
    if (!get_time(event, event->json, "timestamp", &stated, &stated_ms) ||
        !get_time(event, event->json, "originalTimestamp", &original, &original_ms) ||
        !get_time(event, event->json, "sentAt", &sent, &sent_ms))
        return false;
    if (!sent && event->batch && !get_time(event, event->batch, "sentAt", &sent, &sent_ms))
        return false;
    if (!original && stated && sent) {
        original = true;
        original_ms = stated_ms;
    }
    int64_t received = event->origin->received_ms;
    int64_t ms = original && sent ? received - (sent_ms - original_ms) : stated ? stated_ms : received;
    *ret_ms = ms < TIME_LEAST_MS ? TIME_LEAST_MS : ms > TIME_MOST_MS ? TIME_MOST_MS : ms;
    return true;
}

bool event_sent_at(yyjson_val *json, int64_t received_ms, int64_t event_ms, int64_t *ret_sent_ms)
{
    const struct ingest_origin origin = {.received_ms = received_ms};
    struct event event = {.origin = &origin, .json = json};
    bool stated;
    int64_t alone_ms, original_ms;
    if (!event_time(&event, &alone_ms) || alone_ms == event_ms ||
        !get_time(&event, json, "originalTimestamp", &stated, &original_ms) ||
        (!stated && !get_time(&event, json, "timestamp", &stated, &original_ms)) || !stated)
        return false;
    *ret_sent_ms = received_ms + original_ms - event_ms;
    return true;
}

Quanyu__Clock event_clock(const struct event *event, const struct ingest_limits *limits, int64_t event_ms)
{
    int64_t received = event->origin->received_ms;
    if (event_ms - received > limits->future_ms)
        return QUANYU__CLOCK__CLOCK_FUTURE;
    bool old = event_ms < CLOCK_EPOCH_MS || received - event_ms > limits->past_ms;
    return old && event->origin->call != CALL_IMPORT ? QUANYU__CLOCK__CLOCK_PAST
                                                     : QUANYU__CLOCK__CLOCK_PLAUSIBLE;
}

/* -- body -- */

/* The names of an object's members, to be looked up without walking over them for each. */
struct names {
    yyjson_val **slots; /* NULL: there are few of them */
    size_t count;       /* a power of two */
    yyjson_val *object;
};

#define FEW_MEMBERS 16u

static size_t slot_of(const struct names *names, const char *name, size_t size)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
    size_t slot = (size_t)(hash ^ hash >> 32) & (names->count - 1);
    while (names->slots[slot] && !yyjson_equals_strn(names->slots[slot], name, size))
        slot = (slot + 1) & (names->count - 1);
    return slot;
}

static bool names_open(struct names *names, yyjson_val *object)
{
    size_t index, count, members = yyjson_obj_size(object);
    yyjson_val *key, *value;
    *names = (struct names){.object = object, .count = 64};
    if (members <= FEW_MEMBERS)
        return true;
    while (names->count < members * 2)
        names->count *= 2;
    names->slots = calloc(names->count, sizeof(*names->slots));
    if (!names->slots)
        return false;
    yyjson_obj_foreach(object, index, count, key, value)
    {
        (void)value;
        names->slots[slot_of(names, yyjson_get_str(key), yyjson_get_len(key))] = key;
    }
    return true;
}

static bool names_have(const struct names *names, yyjson_val *key)
{
    const char *name = yyjson_get_str(key);
    size_t size = yyjson_get_len(key);
    return names->slots ? names->slots[slot_of(names, name, size)] != NULL
                        : yyjson_obj_getn(names->object, name, size) != NULL;
}

/* Adds to `into`, a copy of `own`, what `from` has and it has not. False when memory is out. */
static bool merge_missing(yyjson_mut_doc *doc, yyjson_mut_val *into, yyjson_val *own, yyjson_val *from)
{
    size_t index, count;
    yyjson_val *key, *value;
    struct names names;
    bool good = names_open(&names, own);
    yyjson_obj_foreach(from, index, count, key, value)
    {
        if (good && !names_have(&names, key))
            good = yyjson_mut_obj_add(into, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, value));
    }
    free(names.slots);
    return good;
}

static bool merge_object(
    yyjson_mut_doc *doc, yyjson_mut_val *copy, const struct event *event, const char *field)
{
    yyjson_val *shared = yyjson_obj_get(event->batch, field);
    if (!yyjson_is_obj(shared))
        return true;
    yyjson_mut_val *own = yyjson_mut_obj_get(copy, field);
    if (yyjson_mut_is_obj(own))
        return merge_missing(doc, own, yyjson_obj_get(event->json, field), shared);
    if (own && !yyjson_mut_is_null(own))
        return true; /* of a refused event: it stays as it came */
    return yyjson_mut_obj_put(copy, yyjson_mut_str(doc, field), yyjson_val_mut_copy(doc, shared));
}

/* Something comes into it or goes out of it. */
static bool is_changed(const struct event *event)
{
    return (event->batch && (yyjson_is_obj(yyjson_obj_get(event->batch, "context")) ||
                                yyjson_is_obj(yyjson_obj_get(event->batch, "integrations")))) ||
           event->stated.source || event->stated.channel || yyjson_obj_get(event->json, "writeKey");
}

char *event_body(const struct event *event, const yyjson_alc *memory, size_t *ret_size)
{
    if (!yyjson_is_obj(event->json) || !is_changed(event))
        return yyjson_val_write_opts(event->json, 0, memory, ret_size, NULL);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(memory);
    yyjson_mut_val *copy = yyjson_val_mut_copy(doc, event->json);
    bool merged = copy && merge_object(doc, copy, event, "context") &&
                  merge_object(doc, copy, event, "integrations") &&
                  ingest_put_stated(&event->stated, doc, copy);
    if (merged)
        (void)yyjson_mut_obj_remove_key(copy, "writeKey");
    char *text = merged ? yyjson_mut_val_write_opts(copy, 0, memory, ret_size, NULL) : NULL;
    yyjson_mut_doc_free(doc);
    return text;
}

void event_release(void *text, const yyjson_alc *memory)
{
    if (memory)
        memory->free(memory->ctx, text);
    else
        free(text);
}
