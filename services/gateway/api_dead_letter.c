/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the dead-letter list: what is shown of letters is masked, and on record before it is shown. */
#include "common/clock.h"
#include "common/money.h"
#include "services/gateway/dead_letter_mask.h"
#include "services/gateway/dead_letter_select.h"
#include "services/gateway/disclosure.h"
#include "services/gateway/ingest_refusals.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 1000

/* -- one letter -- */

static int64_t expiry(const struct api_call *call, const struct letter_row *row)
{
    const struct config *config = service_config(call->gateway->service);
    return row->received_ms + config_number(config, "gateway.dead_letter_days") * DAY_MS;
}

static void write_masked(struct json *json, const char *name, ProtobufCBinaryData text)
{
    if (text.len == 0)
        return;
    json_name(json, name);
    letter_mask_text((const char *)text.data, text.len, json->out);
    json->comma = true;
}

/* Money too where the caller may see it. */
static void write_event(struct json *json, ProtobufCBinaryData event, bool amounts)
{
    _cleanup_(buffer_free) struct buffer less = BUFFER_INIT;
    struct bytes text = {event.data, event.len};
    if (!amounts && money_strip_text(text, &less) == 0)
        text = (struct bytes){less.data, less.size};
    yyjson_doc *doc = yyjson_read((const char *)text.data, text.size, YYJSON_READ_NUMBER_AS_RAW);
    json_name(json, "event");
    letter_mask(yyjson_doc_get_root(doc), json->out);
    json->comma = true;
    yyjson_doc_free(doc);
}

static void write_letter(struct api_call *call, struct json *json, uint64_t number,
    const struct letter_row *row, const Quanyu__DeadLetter *letter, bool whole)
{
    const struct disclosure disclosure = disclosure_of(call->permissions);
    char id[LETTER_ID_BYTES];
    json_open(json, '{');
    json_field_text(json, "id", letter_id_format(number, id));
    json_field_time(json, "received_at", row->received_ms);
    json_field_unsigned(json, "source", row->source);
    json_field_text(json, "reason", row->reason);
    write_masked(json, "field", letter->field);
    if (disclosure.personal) {
        write_masked(json, "detail", letter->detail);
        write_masked(json, "message_id", letter->message_id);
    }
    json_field_unsigned(json, "attempts", row->attempts);
    json_field_time(json, "expires_at", expiry(call, row));
    if (whole && disclosure.personal)
        write_event(json, letter->event, disclosure.amounts);
    json_close(json, '}');
}

/* -QY_ENOTFOUND where it went since the snapshot was taken. */
static int show_letter(struct api_call *call, struct json *json, struct store_txn *txn, uint64_t number,
    const struct letter_row *row, bool whole)
{
    _cleanup_(buffer_free) struct buffer content = BUFFER_INIT;
    int error = dead_letters_read(call->gateway->letters, txn, number, row, &content);
    if (error)
        return error;
    Quanyu__DeadLetter *letter = quanyu__dead_letter__unpack(NULL, content.size, content.data);
    if (!letter)
        return -QY_ENOMEM;
    write_letter(call, json, number, row, letter, whole);
    quanyu__dead_letter__free_unpacked(letter, NULL);
    return buffer_error(json->out);
}

/* No person is known to be behind a letter: who saw which is on record by its id. */
static int record_look(
    struct api_call *call, const char *action, uint64_t count, const char *detail, bool whole)
{
    static char *fields[] = {"reason", "field", "message_id", "event"};
    bool personal = disclosure_of(call->permissions).personal;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    record.action = (char *)(uintptr_t)action;
    record.n_fields = personal ? COUNT_OF(fields) - !whole : 2;
    record.fields = fields;
    record.count = count;
    record.detail = (char *)(uintptr_t)detail;
    return detail ? api_record(call, &record) : -QY_ENOMEM;
}

/* -- a page -- */

struct page {
    struct api_call *call;
    struct store_txn *txn;
    struct letter_filter filter;
    uint32_t limit;
    struct json json;
    uint64_t count, first, last;
    bool more;
    int error;
};

static bool add_to_page(void *self, uint64_t number, const struct letter_row *row)
{
    struct page *page = self;
    if (!letter_fits(&page->filter, row))
        return true;
    page->more = page->count == page->limit;
    if (page->more)
        return false;
    page->error = show_letter(page->call, &page->json, page->txn, number, row, false);
    if (page->error == -QY_ENOTFOUND) {
        page->error = 0;
        return true;
    }
    if (page->count++ == 0)
        page->first = number;
    page->last = number;
    return !page->error;
}

static int write_page(struct page *page, uint64_t before)
{
    char next[API_CURSOR_BYTES];
    int error = service_read(page->call->gateway->service, &page->txn);
    if (error)
        return error;
    page->json = json_to(&page->call->out);
    json_open_page(&page->json, "dead_letters");
    if (before != 1)
        error = letters_walk(page->txn, before ? before - 1 : UINT64_MAX, true, add_to_page, page);
    store_abort(&page->txn);
    json_close_page(&page->json, api_next_cursor(page->more ? page->last : 0, next));
    return error ? error : page->error;
}

/* Which letters it shows, for the record. */
static const char *page_text(struct page *page)
{
    struct arena *arena = page->call->arena;
    const char *filter = select_text(page->call, &page->filter);
    if (!filter || page->count == 0)
        return filter ? arena_printf(arena, "{\"filter\":%s}", filter) : NULL;
    return arena_printf(arena, "{\"filter\":%s,\"newest\":\"dl_%" PRIu64 "\",\"oldest\":\"dl_%" PRIu64 "\"}",
        filter, page->first, page->last);
}

int dead_letter_list(struct api_call *call)
{
    struct page page = {.call = call};
    uint64_t before;
    int error = select_read_query(call, &page.filter, NULL);
    if (!error)
        error = api_limit(call, &page.limit);
    if (!error)
        error = api_cursor(call, &before);
    if (!error)
        error = write_page(&page, before);
    if (error)
        return error;
    return record_look(call, "dead_letter.list", page.count, page_text(&page), false);
}

int dead_letter_show(struct api_call *call)
{
    uint64_t number;
    struct letter_row row;
    struct store_txn *txn;
    if (!letter_id_parse(call->parameters[0], &number))
        return api_refuse(call, -QY_ENOTFOUND, "id", "there is no such dead letter");
    int error = service_read(call->gateway->service, &txn);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    error = letter_get(txn, number, &row) ? show_letter(call, &json, txn, number, &row, true) : -QY_ENOTFOUND;
    if (store_error(txn))
        error = store_error(txn);
    store_abort(&txn);
    if (error == -QY_ENOTFOUND)
        return api_refuse(call, error, "id", "there is no such dead letter");
    return error ? error
                 : record_look(call, "dead_letter.show", 1,
                       arena_printf(call->arena, "{\"id\":\"dl_%" PRIu64 "\"}", number), true);
}

/* -- summary -- */

struct group {
    char reason[LETTER_REASON_BYTES];
    uint32_t source;
    uint64_t count, bytes;
    int64_t oldest_ms, newest_ms;
};

static const struct {
    const char *name;
    int64_t age_ms;
} ages[] = {
    {"1h", DAY_MS / 24}, {"1d", DAY_MS}, {"7d", 7 * DAY_MS}, {"30d", 30 * DAY_MS}, {"older", INT64_MAX}};

struct summary {
    struct group *groups;
    size_t group_count;
    uint64_t ages[COUNT_OF(ages)];
    int64_t now_ms;
};

static struct group *group_of(struct summary *summary, const struct letter_row *row)
{
    for (size_t i = 0; i < summary->group_count; i++)
        if (summary->groups[i].source == row->source && strcmp(summary->groups[i].reason, row->reason) == 0)
            return &summary->groups[i];
    if (summary->group_count == GROUPS_MAX)
        return &summary->groups[GROUPS_MAX - 1];
    struct group *group = &summary->groups[summary->group_count++];
    *group =
        (struct group){.source = row->source, .oldest_ms = row->received_ms, .newest_ms = row->received_ms};
    memcpy(group->reason, row->reason, sizeof(group->reason));
    return group;
}

static bool sum_up(void *self, uint64_t number, const struct letter_row *row)
{
    struct summary *summary = self;
    struct group *group = group_of(summary, row);
    (void)number;
    group->count++;
    group->bytes += row->size;
    if (row->received_ms < group->oldest_ms)
        group->oldest_ms = row->received_ms;
    if (row->received_ms > group->newest_ms)
        group->newest_ms = row->received_ms;
    size_t age = 0;
    while (age + 1 < COUNT_OF(ages) && summary->now_ms - row->received_ms > ages[age].age_ms)
        age++;
    summary->ages[age]++;
    return true;
}

static void write_groups(struct json *json, const struct summary *summary)
{
    json_name(json, "by_reason");
    json_open(json, '[');
    for (size_t i = 0; i < summary->group_count; i++) {
        const struct group *group = &summary->groups[i];
        json_open(json, '{');
        json_field_text(json, "reason", group->reason);
        json_field_unsigned(json, "source", group->source);
        json_field_unsigned(json, "count", group->count);
        json_field_unsigned(json, "bytes", group->bytes);
        json_field_time(json, "oldest_at", group->oldest_ms);
        json_field_time(json, "newest_at", group->newest_ms);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_summary(struct api_call *call, const struct summary *summary)
{
    const struct config *config = service_config(call->gateway->service);
    uint64_t count = 0, bytes = 0;
    for (size_t i = 0; i < summary->group_count; i++) {
        count += summary->groups[i].count;
        bytes += summary->groups[i].bytes;
    }
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_unsigned(&json, "count", count);
    json_field_unsigned(&json, "bytes", bytes);
    json_field_integer(&json, "most", config_number(config, "gateway.dead_letters_max"));
    json_field_integer(&json, "most_bytes", config_number(config, "gateway.dead_letters_size"));
    json_field_integer(&json, "days", config_number(config, "gateway.dead_letter_days"));
    write_groups(&json, summary);
    json_name(&json, "by_age");
    json_open(&json, '{');
    for (size_t i = 0; i < COUNT_OF(ages); i++)
        json_field_unsigned(&json, ages[i].name, summary->ages[i]);
    json_close(&json, '}');
    json_close(&json, '}');
}

int dead_letter_summary(struct api_call *call)
{
    struct store_txn *txn;
    struct summary summary = {.now_ms = gateway_now_ms(call->gateway)};
    summary.groups = arena_alloc(call->arena, sizeof(*summary.groups) * GROUPS_MAX);
    int error = summary.groups ? service_read(call->gateway->service, &txn) : -QY_ENOMEM;
    if (error)
        return error;
    error = letters_walk(txn, 0, false, sum_up, &summary);
    store_abort(&txn);
    if (!error)
        write_summary(call, &summary);
    return error;
}
