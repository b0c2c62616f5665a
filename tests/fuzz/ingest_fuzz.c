/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the body of an ingestion call; the first one picks which. What is accepted is whole and within
 * its limits, what is refused says why, and no event is neither. */
#include "services/gateway/ingest_parse.h"

#include <stdlib.h>
#include <string.h>

#define EVENT_BYTES ((size_t)2048)
#define BATCH_EVENTS ((size_t)32)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise)
{
    if (!promise)
        abort();
}

static void check_event(const struct parsed *parsed, const struct ingest_event *event)
{
    check(event->at + event->size <= parsed->packed.size);
    Quanyu__RawEvent *raw = quanyu__raw_event__unpack(NULL, event->size, parsed->packed.data + event->at);
    check(raw && raw->type >= QUANYU__EVENT_TYPE__EVENT_IDENTIFY &&
          raw->type <= QUANYU__EVENT_TYPE__EVENT_ALIAS);
    check(*raw->message_id && strlen(raw->message_id) < 400 && raw->body.len <= EVENT_BYTES);
    yyjson_doc *body = yyjson_read((char *)raw->body.data, raw->body.len, YYJSON_READ_NUMBER_AS_RAW);
    check(yyjson_is_obj(yyjson_doc_get_root(body)));
    yyjson_doc_free(body);
    uint8_t hash[INGEST_HASH_BYTES];
    ingest_hash(raw->source, raw->message_id, strlen(raw->message_id), hash);
    check(!event->deduplicated || memcmp(hash, event->hash, sizeof(hash)) == 0);
    quanyu__raw_event__free_unpacked(raw, NULL);
}

static void check_errors(struct parsed *parsed)
{
    struct buffer list = BUFFER_INIT;
    buffer_byte(&list, '[');
    buffer_append(&list, parsed->errors.data, parsed->errors.size);
    buffer_byte(&list, ']');
    yyjson_doc *doc = yyjson_read((char *)list.data, list.size, 0);
    check(yyjson_arr_size(yyjson_doc_get_root(doc)) == parsed->error_count);
    size_t index, count;
    yyjson_val *error;
    yyjson_arr_foreach(yyjson_doc_get_root(doc), index, count, error)
        check(yyjson_get_len(yyjson_obj_get(error, "reason")) > 0);
    yyjson_doc_free(doc);
    buffer_free(&list);
}

static void parse(yyjson_val *body, const struct ingest_origin *origin)
{
    const struct ingest_limits limits = {
        .event_bytes = EVENT_BYTES, .batch_events = BATCH_EVENTS, .letter_bytes = EVENT_BYTES};
    struct ingest_refusal refusal = {0};
    struct parsed parsed = {0};
    if (ingest_parse(body, origin, &limits, &parsed, &refusal)) {
        check(parsed.event_count + parsed.error_count == parsed.seen && parsed.seen > 0);
        check(parsed.seen <= BATCH_EVENTS);
        for (size_t i = 0; i < parsed.event_count; i++)
            check_event(&parsed, &parsed.events[i]);
        check_errors(&parsed);
    } else {
        check(refusal.status >= 400 && refusal.status < 600 && *refusal.kind);
    }
    parsed_free(&parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes text = {data + 1, size - 1};
    yyjson_doc *doc = yyjson_read((const char *)text.data, text.size, YYJSON_READ_NUMBER_AS_RAW);
    if (!doc)
        return 0;
    const struct ingest_origin origin = {
        .call = (enum ingest_call)(1 + data[0] % CALL_IMPORT),
        .source = data[0],
        .received_ms = INT64_C(1767225600000),
        .may_hold_nul = json_may_hold_nul(text),
    };
    parse(yyjson_doc_get_root(doc), &origin);
    yyjson_doc_free(doc);
    return 0;
}
