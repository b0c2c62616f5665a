/* SPDX-License-Identifier: Apache-2.0 */
/* The pixel's data, from base64 to the event's record. The first byte picks the call. What libsodium decodes is decoded
 * here, to the same bytes; what is taken is one event whose body is JSON again, within its limit. */
#include "services/gateway/ingest_parse.h"
#include "services/gateway/ingest_pixel.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_BYTES ((size_t)4096)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libsodium passes over NULs, and takes bytes beyond ASCII for digits. */
static bool is_plain(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] <= 0)
            return false;
    return true;
}

static void compare(const char *text, size_t size, bool decoded, const struct buffer *out)
{
    static uint8_t bytes[1 << 16];
    size_t length;
    if (size == 0 || size > sizeof(bytes) || !is_plain(text, size) ||
        sodium_base642bin(
            bytes, sizeof(bytes), text, size, "\r\n", &length, NULL, sodium_base64_VARIANT_ORIGINAL) ||
        length == 0)
        return;
    if (!decoded || out->size != length || memcmp(out->data, bytes, length) != 0)
        abort();
}

static void check_refused(const struct parsed *parsed)
{
    const struct refused_event *refused = parsed->refused;
    if (!refused->reason || parsed->errors.data[refused->answer_at] != '}')
        abort();
    if (refused->size == 0)
        return;
    Quanyu__DeadLetter *letter =
        quanyu__dead_letter__unpack(NULL, refused->size, parsed->letters.data + refused->at);
    if (!letter || letter->event.len > EVENT_BYTES)
        abort();
    quanyu__dead_letter__free_unpacked(letter, NULL);
}

static void check(const struct parsed *parsed)
{
    if (parsed->seen != 1 || parsed->event_count + parsed->error_count != 1)
        abort();
    if (parsed->error_count > 0) {
        check_refused(parsed);
        return;
    }
    const struct ingest_event *event = parsed->events;
    Quanyu__RawEvent *raw = quanyu__raw_event__unpack(NULL, event->size, parsed->packed.data + event->at);
    if (!raw || raw->body.len > EVENT_BYTES || raw->message_id[0] == '\0')
        abort();
    yyjson_doc *body = yyjson_read((const char *)raw->body.data, raw->body.len, YYJSON_READ_NUMBER_AS_RAW);
    if (!yyjson_is_obj(yyjson_doc_get_root(body)))
        abort();
    yyjson_doc_free(body);
    quanyu__raw_event__free_unpacked(raw, NULL);
}

static void parse(const struct buffer *text, enum ingest_call call)
{
    struct bytes json = {text->data, text->size};
    yyjson_doc *doc = yyjson_read((const char *)json.data, json.size, YYJSON_READ_NUMBER_AS_RAW);
    if (!doc)
        return;
    struct ingest_origin origin = {
        .call = call, .source = 1, .received_ms = 1, .may_hold_nul = json_may_hold_nul(json)};
    struct ingest_limits limits = {
        .event_bytes = EVENT_BYTES, .batch_events = 1, .letter_bytes = EVENT_BYTES};
    struct parsed parsed = {0};
    struct ingest_refusal refusal = {0};
    if (ingest_parse(yyjson_doc_get_root(doc), &origin, &limits, &parsed, &refusal))
        check(&parsed);
    else if (refusal.status == 0 || !refusal.kind)
        abort();
    parsed_free(&parsed);
    yyjson_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct buffer out = BUFFER_INIT;
    const char *text = (const char *)data + 1;
    bool decoded = pixel_decode(text, size - 1, &out);
    compare(text, size - 1, decoded, &out);
    if (decoded)
        parse(&out, (enum ingest_call)(CALL_IDENTIFY + data[0] % 6));
    buffer_free(&out);
    return 0;
}
