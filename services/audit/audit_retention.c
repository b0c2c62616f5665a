/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_retention.h"

#include "common/clock.h"
#include "common/error.h"
#include "services/audit/audit_record.h"

#include <stdio.h>
#include <string.h>

#define ROW_POLICY "retention"
#define ROW_PRUNED "pruned"

/* -- policy -- */

static int take_row(struct bytes row, struct arena *arena, struct retention *retention)
{
    const Quanyu__AuditRetention *stored =
        quanyu__audit_retention__unpack(arena_allocator(arena), row.size, row.data);
    if (!stored)
        return -QY_ECORRUPT;
    retention->version = stored->version;
    retention->holds = stored->holds;
    retention->revision = stored->revision;
    retention->in_force_ms = stored->in_force_ms;
    for (size_t i = 0; i < stored->n_kinds; i++) {
        enum record_kind kind;
        if (!record_kind_find(stored->kinds[i]->name, &kind) || record_kinds[kind].for_ever)
            return -QY_ECORRUPT;
        retention->days[kind] = stored->kinds[i]->days;
    }
    return 0;
}

int retention_read(struct store_txn *txn, struct retention *ret_retention)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    struct retention retention = {.version = 1};
    struct bytes row;
    int error = arena_open(&arena);
    if (!error && audit_store_setting(txn, ROW_POLICY, &row))
        error = take_row(row, arena, &retention);
    if (!error)
        *ret_retention = retention;
    return error ? error : store_error(txn);
}

static int put_row(struct store_txn *txn, const char *name, const ProtobufCMessage *message)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    if (audit_store_pack(txn, message, &row) == 0)
        audit_store_put_setting(txn, name, (struct bytes){row.data, row.size});
    return store_error(txn);
}

int retention_put(struct store_txn *txn, struct retention *retention)
{
    Quanyu__AuditRetention row = QUANYU__AUDIT_RETENTION__INIT;
    Quanyu__AuditRetention__Kind kinds[KIND_COUNT], *list[KIND_COUNT];
    row.version = retention->version;
    row.holds = retention->holds;
    row.revision = ++retention->revision;
    row.in_force_ms = retention->in_force_ms;
    row.kinds = list;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        if (!retention->days[i])
            continue;
        quanyu__audit_retention__kind__init(&kinds[i]);
        kinds[i].name = (char *)(uintptr_t)record_kinds[i].name;
        kinds[i].days = retention->days[i];
        list[row.n_kinds++] = &kinds[i];
    }
    return put_row(txn, ROW_POLICY, &row.base);
}

static const char *take_days(const char *name, yyjson_val *value, uint32_t days[KIND_COUNT])
{
    enum record_kind kind;
    if (!record_kind_find(name, &kind))
        return "is no kind of record";
    if (record_kinds[kind].for_ever && !yyjson_is_null(value))
        return "is kept for ever: searches, or the proof of what was pruned, need it";
    if (yyjson_is_null(value)) {
        days[kind] = 0;
        return NULL;
    }
    if (!yyjson_is_uint(value) || yyjson_get_uint(value) > RETENTION_DAYS_MOST)
        return "must be a number of days, at most 36500, or null: for ever";
    if (yyjson_get_uint(value) < RETENTION_DAYS_LEAST)
        return "must be at least 183 days: logs are to be kept for six months";
    days[kind] = (uint32_t)yyjson_get_uint(value);
    return NULL;
}

_Static_assert(RETENTION_DAYS_LEAST == 183 && RETENTION_DAYS_MOST == 36500, "the messages above say so");

const char *retention_parse(
    yyjson_val *days, struct retention *retention, char ret_field[RETENTION_FIELD_BYTES])
{
    size_t index, count;
    yyjson_val *key, *value;
    uint32_t taken[KIND_COUNT] = {0};
    snprintf(ret_field, RETENTION_FIELD_BYTES, "/days");
    if (!yyjson_is_obj(days))
        return "must be an object: a number of days for each kind";
    yyjson_obj_foreach(days, index, count, key, value)
    {
        const char *problem = take_days(yyjson_get_str(key), value, taken);
        if (problem) {
            snprintf(ret_field, RETENTION_FIELD_BYTES, "/days/%s", yyjson_get_str(key));
            return problem;
        }
    }
    memcpy(retention->days, taken, sizeof(taken));
    return NULL;
}

void retention_write_days(struct json *json, const struct retention *retention)
{
    json_open(json, '{');
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        json_name(json, record_kinds[i].name);
        if (retention->days[i])
            json_unsigned(json, retention->days[i]);
        else
            json_null(json);
    }
    json_close(json, '}');
}

bool retention_is_shorter(const struct retention *before, const struct retention *after)
{
    for (unsigned i = 0; i < KIND_COUNT; i++)
        if (after->days[i] && (!before->days[i] || after->days[i] < before->days[i]))
            return true;
    return false;
}

void retention_describe(const struct retention *before, const struct retention *after, struct json *json)
{
    json_open(json, '{');
    json_field_unsigned(json, "version", after->version);
    if (after->in_force_ms)
        json_field_time(json, "in_force_at", after->in_force_ms);
    json_name(json, "before");
    retention_write_days(json, before);
    json_name(json, "after");
    retention_write_days(json, after);
    json_close(json, '}');
}

int retention_read_change(yyjson_val *detail, struct retention *retention)
{
    char field[RETENTION_FIELD_BYTES];
    yyjson_val *version = yyjson_obj_get(detail, "version"), *from = yyjson_obj_get(detail, "in_force_at");
    int64_t in_force_ms = 0;
    if (!yyjson_is_uint(version) || yyjson_get_uint(version) > UINT32_MAX ||
        (from && (!yyjson_is_str(from) ||
                     !time_parse(yyjson_get_str(from), yyjson_get_len(from), false, &in_force_ms))) ||
        retention_parse(yyjson_obj_get(detail, "after"), retention, field))
        return -QY_ECORRUPT;
    retention->version = (uint32_t)yyjson_get_uint(version);
    retention->in_force_ms = in_force_ms;
    return 0;
}

/* -- what was pruned so far -- */

Quanyu__AuditPruned *retention_pruned(struct store_txn *txn, struct arena *arena)
{
    struct bytes row = {0};
    (void)audit_store_setting(txn, ROW_PRUNED, &row);
    return quanyu__audit_pruned__unpack(arena_allocator(arena), row.size, row.data);
}

int retention_put_pruned(struct store_txn *txn, const Quanyu__AuditPruned *pruned)
{
    return put_row(txn, ROW_PRUNED, &pruned->base);
}

static bool is_newer(const Quanyu__AuditPruned *pruned, int64_t from_ms)
{
    for (size_t i = 0; i < pruned->n_kinds; i++)
        if (pruned->kinds[i]->until_ms >= from_ms)
            return true;
    return false;
}

void retention_write_pruned(struct json *json, const Quanyu__AuditPruned *pruned, int64_t from_ms)
{
    if (!is_newer(pruned, from_ms))
        return;
    json_name(json, "pruned");
    json_open(json, '[');
    for (size_t i = 0; i < pruned->n_kinds; i++) {
        const Quanyu__AuditPruned__Kind *kind = pruned->kinds[i];
        if (kind->until_ms < from_ms)
            continue;
        json_open(json, '{');
        json_field_text(json, "kind", kind->name);
        json_field_unsigned(json, "records", kind->records);
        json_field_time(json, "until", kind->until_ms);
        json_field_number(json, "record", kind->record);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* Which of a segment's prunings a record fell to. */
struct tracing {
    struct store_txn *txn;
    struct arena *arena;
    unsigned place;
    uint64_t record;
    bool found;
};

static bool trace(void *context, uint64_t segment, uint64_t record, bool done)
{
    (void)segment, (void)done;
    struct tracing *tracing = context;
    struct bytes stored;
    struct place_set *places = arena_alloc(tracing->arena, sizeof(*places));
    const Quanyu__AuditRecord *read = audit_store_record(tracing->txn, record, &stored)
                                          ? audit_record_unpack(stored, tracing->arena)
                                          : NULL;
    if (places)
        place_set_clear(places);
    tracing->record = record;
    tracing->found = places && read &&
                     places_read((struct bytes){read->places.data, read->places.len}, places) == 0 &&
                     place_set_has(places, tracing->place);
    return !tracing->found;
}

bool retention_pruning_of(struct store_txn *txn, uint64_t index, struct arena *arena, uint64_t *ret_record)
{
    struct tracing tracing = {.txn = txn, .arena = arena, .place = (unsigned)(index % SEGMENT_RECORDS)};
    if (!audit_store_is_pruned(txn, index))
        return false;
    audit_store_each_pruning(txn, index / SEGMENT_RECORDS, trace, &tracing);
    *ret_record = tracing.record;
    return tracing.found;
}
