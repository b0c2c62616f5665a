/* SPDX-License-Identifier: Apache-2.0 */
/* Events that are not valid: what is answered, and what is kept of them. */
#include "common/json.h"
#include "services/gateway/ingest_event.h"

#include <stdlib.h>
#include <string.h>

struct refused_event *refused_add(struct parsed *parsed)
{
    if (parsed->error_count == parsed->refused_capacity) {
        size_t capacity = parsed->refused_capacity ? parsed->refused_capacity * 4 : 1;
        struct refused_event *refused = realloc(parsed->refused, capacity * sizeof(*refused));
        if (!refused)
            return NULL;
        parsed->refused = refused;
        parsed->refused_capacity = capacity;
    }
    parsed->refused[parsed->error_count] = (struct refused_event){0};
    return &parsed->refused[parsed->error_count];
}

static ProtobufCBinaryData text_data(const char *text)
{
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
}

static bool pack_letter(const Quanyu__DeadLetter *letter, struct parsed *parsed, struct refused_event *out)
{
    size_t size = quanyu__dead_letter__get_packed_size(letter);
    uint8_t *room = buffer_reserve(&parsed->letters, size);
    if (!room)
        return false;
    out->at = parsed->letters.size;
    out->size = quanyu__dead_letter__pack(letter, room);
    parsed->letters.size += size;
    return true;
}

static void take_message_id(const struct event *event, Quanyu__DeadLetter *letter, struct refused_event *out)
{
    yyjson_val *id = yyjson_is_obj(event->json) ? yyjson_obj_get(event->json, "messageId") : NULL;
    size_t size = yyjson_is_str(id) ? yyjson_get_len(id) : 0;
    out->identified = size > 0;
    if (size == 0 || !event_is_message_id(id))
        return;
    ingest_hash(event->origin->source, yyjson_get_str(id), size, out->hash);
    letter->message_id = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)yyjson_get_str(id)};
}

/* How large one is shows when it is written out: that is bounded for the call, as it may be work for nothing. */
bool refused_keep(const struct event *event, const struct ingest_limits *limits, struct parsed *parsed,
    struct refused_event *out)
{
    if (limits->letter_bytes == 0 || parsed->letters_written > PARSED_LETTERS_MAX)
        return true;
    Quanyu__DeadLetter letter = QUANYU__DEAD_LETTER__INIT;
    letter.call = event->origin->call;
    letter.from =
        event->origin->browser ? QUANYU__DEAD_LETTER__FROM__BROWSER : QUANYU__DEAD_LETTER__FROM__ELSEWHERE;
    letter.field = text_data(event->field);
    letter.detail = text_data(event->detail);
    take_message_id(event, &letter, out);
    yyjson_val *sent = event->batch ? yyjson_obj_get(event->batch, "sentAt") : NULL;
    char *sent_at = sent ? yyjson_val_write_opts(sent, 0, NULL, &letter.sent_at.len, NULL) : NULL;
    char *body = event_body(event, limits->memory, &letter.event.len);
    letter.sent_at.data = (uint8_t *)sent_at;
    letter.event.data = (uint8_t *)body;
    size_t size = letter.event.len + letter.sent_at.len;
    parsed->letters_written += size;
    bool fits = size <= limits->letter_bytes && parsed->letters_written <= PARSED_LETTERS_MAX;
    bool kept = body && (!sent || sent_at) && (!fits || pack_letter(&letter, parsed, out));
    free(sent_at);
    if (body)
        event_release(body, limits->memory);
    return kept;
}

void refused_report(const struct event *event, struct parsed *parsed, struct refused_event *out)
{
    if (parsed->error_count++ > 0)
        buffer_byte(&parsed->errors, ',');
    struct json json = json_to(&parsed->errors);
    json_open(&json, '{');
    json_field_unsigned(&json, "index", event->index);
    yyjson_val *id = yyjson_is_obj(event->json) ? yyjson_obj_get(event->json, "messageId") : NULL;
    if (event_is_message_id(id)) {
        json_name(&json, "message_id");
        json_text_n(&json, yyjson_get_str(id), yyjson_get_len(id));
    }
    json_field_text(&json, "reason", event->reason);
    json_field_text(&json, "field", event->field);
    json_field_text(&json, "detail", event->detail);
    out->answer_at = parsed->errors.size;
    json_close(&json, '}');
}
