/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_nobody.h"

#include "common/clock.h"
#include "proto/identity.pb-c.h"
#include "services/gateway/dead_letters.h"
#include "services/gateway/event_type.h"
#include "services/gateway/ingest_event.h"

#include <stdio.h>
#include <string.h>

static ProtobufCBinaryData text_data(const char *text)
{
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
}

static bool pack(const Quanyu__DeadLetter *letter, struct buffer *content)
{
    uint8_t *room = buffer_reserve(content, quanyu__dead_letter__get_packed_size(letter));
    if (room)
        content->size += quanyu__dead_letter__pack(letter, room);
    return room != NULL;
}

/* As it came: in a batch where it says itself of what type it is. */
static uint32_t call_of(const Quanyu__RawEvent *raw, yyjson_val *json)
{
    if (raw->history)
        return CALL_IMPORT;
    return event_type_of(yyjson_obj_get(json, "type")) == raw->type ? CALL_BATCH : (uint32_t)raw->type;
}

static int write_content(
    const Quanyu__RawEvent *raw, yyjson_val *json, const char *message_id, struct buffer *content)
{
    char time[TIME_TEXT_BYTES], sent_at[TIME_TEXT_BYTES + 2];
    int64_t sent_ms;
    Quanyu__DeadLetter letter = QUANYU__DEAD_LETTER__INIT;
    letter.call = call_of(raw, json);
    letter.from = raw->browser ? QUANYU__DEAD_LETTER__FROM__BROWSER : QUANYU__DEAD_LETTER__FROM__ELSEWHERE;
    letter.detail = text_data("it was accepted, and belongs to nobody: none of its identifiers can be used");
    letter.event = raw->body;
    letter.message_id = text_data(message_id);
    if (event_sent_at(json, raw->received_ms, raw->event_ms, &sent_ms)) {
        snprintf(sent_at, sizeof(sent_at), "\"%s\"", time_format(sent_ms, time));
        letter.sent_at = text_data(sent_at);
    }
    return pack(&letter, content) ? 0 : -QY_ENOMEM;
}

static int keep_event(struct gateway *gateway, struct batch *batch, const Quanyu__RawEvent *raw,
    yyjson_val *json, const char *why, uint64_t *ret_number)
{
    _cleanup_(buffer_free) struct buffer content = BUFFER_INIT;
    char reason[LETTER_REASON_BYTES];
    struct dead_letter letter = {
        .reason = reason, .source = raw->source, .received_ms = raw->received_ms, .accepted = true};
    const char *stated = yyjson_get_str(yyjson_obj_get(json, "messageId"));
    const char *id = stated && *stated ? raw->message_id : ""; /* else the gateway has made one */
    snprintf(reason, sizeof(reason), "identifier_%s", why);
    if (raw->body.len > dead_letters_limits(gateway->letters)->letter_bytes)
        return 0;
    int error = write_content(raw, json, id, &content);
    if (error)
        return error;
    letter.content = (struct bytes){content.data, content.size};
    if (*id) {
        ingest_hash(raw->source, id, strlen(id), letter.message);
        dead_letters_supersede(gateway->letters, batch->txn, letter.message, NULL);
    }
    return dead_letters_add(gateway->letters, batch->txn, &letter, ret_number);
}

/* What lies at its place in the journal. */
static int keep(
    struct gateway *gateway, struct batch *batch, const Quanyu__EventOfNobody *nobody, uint64_t *ret_number)
{
    _cleanup_(buffer_free) struct buffer data = BUFFER_INIT;
    struct journal_record record;
    int error = journal_get(batch->journal, nobody->origin, &data, &record);
    if (error)
        return error == -QY_ETRIMMED || error == -QY_ENOTFOUND ? 0 : error;
    Quanyu__RawEvent *raw = record.record_class == CLASS_EVENT
                                ? quanyu__raw_event__unpack(NULL, record.data.size, record.data.data)
                                : NULL;
    yyjson_doc *doc =
        raw ? yyjson_read((const char *)raw->body.data, raw->body.len, YYJSON_READ_NUMBER_AS_RAW) : NULL;
    if (doc)
        error = keep_event(gateway, batch, raw, yyjson_doc_get_root(doc), nobody->reason, ret_number);
    yyjson_doc_free(doc);
    quanyu__raw_event__free_unpacked(raw, NULL);
    return error;
}

static void count_lost(struct gateway *gateway, const char *why)
{
    char labels[64];
    snprintf(labels, sizeof(labels), "reason=\"identifier_%s\"", why);
    metric_add(
        metrics_series(service_metrics(gateway->service), METRIC_COUNTER,
            "quanyu_dead_letters_not_kept_total", labels,
            "Events that were not valid, and are not in the dead-letter list: too large, or it is full."),
        1);
}

int letter_of_nobody(struct gateway *gateway, struct batch *batch, const struct journal_record *record)
{
    Quanyu__EventOfNobody *nobody =
        quanyu__event_of_nobody__unpack(NULL, record->data.size, record->data.data);
    if (!nobody)
        return 0;
    uint64_t number = 0;
    int error = dead_letters_room(gateway->letters, batch->txn, nobody->source);
    if (!error)
        error = keep(gateway, batch, nobody, &number);
    if (error == -QY_EFULL && !store_error(batch->txn))
        error = 0;
    if (!error && !number)
        count_lost(gateway, nobody->reason);
    quanyu__event_of_nobody__free_unpacked(nobody, NULL);
    return error;
}
