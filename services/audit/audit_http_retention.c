/* SPDX-License-Identifier: Apache-2.0 */
/* The audit port's policy: how long records of each kind are kept, and what has come of it. */
#include "common/json_check.h"
#include "services/audit/audit_look.h"
#include "services/audit/audit_parameters.h"
#include "services/audit/audit_pruner.h"
#include "services/audit/audit_retention.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG_BYTES 24

/* -- showing -- */

static void write_kinds(struct json *json, const struct retention *retention)
{
    json_name(json, "kinds");
    json_open(json, '[');
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        json_open(json, '{');
        json_field_text(json, "kind", record_kinds[i].name);
        json_field_text(json, "about", record_kinds[i].about);
        json_name(json, "days");
        if (retention->days[i])
            json_unsigned(json, retention->days[i]);
        else
            json_null(json);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_time(struct json *json, const char *name, int64_t ms)
{
    json_name(json, name);
    if (ms > 0)
        json_time(json, ms);
    else
        json_null(json);
}

static void write_status(struct json *json, struct audit *audit, const Quanyu__AuditPruned *pruned)
{
    struct prune_status status = {.next_ms = 0};
    if (audit->pruner)
        audit_pruner_status(audit->pruner, &status);
    json_name(json, "pruning");
    json_open(json, '{');
    json_field_bool(json, "under_way", status.is_running);
    json_name(json, "halted");
    if (status.halted)
        json_text(json, status.halted);
    else
        json_null(json);
    write_time(json, "last_at", pruned->last_ms);
    write_time(json, "next_at", status.next_ms);
    json_field_unsigned(json, "bytes_freed", pruned->bytes);
    json_close(json, '}');
}

static int write_retention(struct look *look, struct store_txn *txn, const struct retention *retention)
{
    struct json json = json_to(&look->body);
    const Quanyu__AuditPruned *pruned = retention_pruned(txn, look->arena);
    if (!pruned)
        return -QY_ECORRUPT;
    json_open(&json, '{');
    json_field_unsigned(&json, "version", retention->version);
    write_time(&json, "in_force_at", retention->in_force_ms);
    json_field_unsigned(&json, "least_days", RETENTION_DAYS_LEAST);
    write_kinds(&json, retention);
    write_status(&json, look->audit, pruned);
    retention_write_pruned(&json, pruned, 0);
    json_close(&json, '}');
    return buffer_error(&look->body);
}

static void add_tag(struct look *look, uint32_t version)
{
    char tag[TAG_BYTES];
    snprintf(tag, sizeof(tag), "\"%" PRIu32 "\"", version);
    http_add_header(look->request, "ETag", tag);
}

int get_retention(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct retention retention;
    if (!look_asks_nothing((*look)->request))
        return 0;
    int error = retention_read((*look)->txn, &retention);
    if (!error)
        error = write_retention(*look, (*look)->txn, &retention);
    if (error)
        return error;
    add_tag(*look, retention.version);
    buffer_text(&(*look)->detail, "{}");
    (*look)->action = "audit.retention";
    return look_submit(http, look);
}

/* -- changing -- */

/* Whether If-Match asks for this version, or for any. Answers where it does not. */
static bool is_meant(struct http_request *request, uint32_t version)
{
    const char *header = http_header(request, "If-Match");
    char tag[TAG_BYTES];
    size_t digits = header && *header == '"' ? strspn(header + 1, "0123456789") : 0;
    snprintf(tag, sizeof(tag), "\"%" PRIu32 "\"", version);
    if (!header || strcmp(header, "*") == 0 || strcmp(header, tag) == 0)
        return true;
    if (digits == 0 || strcmp(header + 1 + digits, "\"") != 0)
        http_problem(request, 400, "invalid", "If-Match",
            "If-Match must be the ETag of an earlier answer, with its quotes, or *");
    else
        http_problem(request, 412, "overtaken", "If-Match", "the policy has another version by now");
    return false;
}

static const char *read_body(
    struct look *look, struct retention *retention, char field[RETENTION_FIELD_BYTES])
{
    struct bytes body = http_body(look->request);
    char pointer[JSON_POINTER_BYTES];
    yyjson_doc *doc = yyjson_read((const char *)body.data, body.size, 0);
    yyjson_val *root = yyjson_doc_get_root(doc), *days = yyjson_obj_get(root, "days");
    const char *problem = NULL;
    snprintf(field, RETENTION_FIELD_BYTES, "/days");
    if (!yyjson_is_obj(root) || yyjson_obj_size(root) != 1 || !days)
        problem = "is missing: the body is {\"days\":{\"person\":1095, …}}";
    else if (json_find_repeated(root, pointer))
        problem = "has a kind twice";
    else
        problem = retention_parse(days, retention, field);
    yyjson_doc_free(doc);
    return problem;
}

/* What is kept for less time is pruned when there was time to object, by a hold or another policy. */
static int64_t in_force_ms(const struct look *look, struct batch *batch, const struct retention *before,
    const struct retention *after)
{
    int64_t notice_ms = config_number(service_config(batch->service), "audit.retention_notice");
    return retention_is_shorter(before, after) && notice_ms > 0 ? audit_time(look->audit, batch) + notice_ms
                                                                : before->in_force_ms;
}

/* Another one may have been faster, in the same commit. */
static int apply_retention(struct look *look, struct batch *batch)
{
    const struct retention *asked = look->change;
    struct retention before, after;
    struct json detail = json_to(&look->detail);
    int error = retention_read(batch->txn, &before);
    if (error)
        return error;
    if (before.version + 1 != asked->version)
        return -QY_EOVERTAKEN;
    after = before;
    memcpy(after.days, asked->days, sizeof(after.days));
    after.version = asked->version;
    after.in_force_ms = in_force_ms(look, batch, &before, &after);
    error = write_retention(look, batch->txn, &after);
    retention_describe(&before, &after, &detail);
    if (!error)
        error = buffer_error(&look->detail);
    return error ? error : retention_put(batch->txn, &after);
}

int put_retention(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct http_request *request = (*look)->request;
    char field[RETENTION_FIELD_BYTES];
    struct retention before, *after = arena_alloc((*look)->arena, sizeof(*after));
    if (!look_asks_nothing(request))
        return 0;
    int error = after ? retention_read((*look)->txn, &before) : -QY_ENOMEM;
    if (error || !is_meant(request, before.version))
        return error;
    *after = before;
    const char *problem = read_body(*look, after, field);
    if (problem) {
        look_refuse_parameter(request, field, problem);
        return 0;
    }
    after->version++;
    add_tag(*look, after->version);
    (*look)->action = ACTION_CHANGE;
    (*look)->apply = apply_retention;
    (*look)->change = after;
    return look_submit(http, look);
}
