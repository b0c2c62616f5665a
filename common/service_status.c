/* SPDX-License-Identifier: Apache-2.0 */
/* What a service says of itself: status and dump for every service, readiness, gauges. */
#include "common/service_internal.h"

#include "common/clock.h"
#include "common/json.h"

#include <stdio.h>
#include <string.h>

static uint64_t lag_records(const struct input *input, const struct follow_status *follow)
{
    uint64_t next = atomic_load(&input->next);
    return follow->leader_end > next ? follow->leader_end - next : 0;
}

static double lag_seconds(const struct input *input, const struct follow_status *follow)
{
    int64_t behind = follow->leader_time_ms - atomic_load(&input->service->now_ms);
    return behind > 0 && lag_records(input, follow) > 0 ? (double)behind / 1000.0 : 0;
}

static Quanyu__StatusReply__Input *status_input(struct rpc_context *context, const struct input *input)
{
    Quanyu__StatusReply__Input *reply = arena_alloc(context->arena, sizeof(*reply));
    if (!reply)
        return NULL;
    quanyu__status_reply__input__init(reply);
    struct follow_status follow;
    follow_status(input->follow, &follow);
    reply->leader = (char *)input->spec->leader;
    reply->next = atomic_load(&input->next);
    reply->leader_end = follow.leader_end;
    reply->lag_seconds = lag_seconds(input, &follow);
    reply->connected = follow.connected;
    reply->error = arena_text(context->arena, follow.error, strlen(follow.error));
    if (!reply->error)
        return NULL;
    return reply;
}

static int status(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    (void)request;
    struct service *service = context->service;
    const struct service_spec *spec = service->spec;
    Quanyu__StatusReply *status = arena_alloc(context->arena, sizeof(*status));
    _cleanup_(buffer_free) struct buffer reasons = BUFFER_INIT;
    if (!status)
        return -QY_ENOMEM;
    quanyu__status_reply__init(status);
    struct journal_state journal;
    journal_state(service->journal, &journal);
    status->service = (char *)spec->name;
    status->ready = service_ready(service, &reasons);
    status->reason = arena_text(context->arena, (const char *)reasons.data, reasons.size);
    status->journal_first = journal.first;
    status->journal_next = journal.end.next;
    status->time_ms = atomic_load(&service->now_ms);
    status->origin = journal.origin;
    status->pending = spec->fold->pending ? spec->fold->pending(spec->self) : 0;
    status->next_due_ms = spec->fold->next_due ? spec->fold->next_due(spec->self) : TIME_NEVER;
    status->store_bytes = store_used_bytes(service->store);
    status->journal_bytes = journal.bytes;
    status->inputs =
        arena_alloc(context->arena, sizeof(Quanyu__StatusReply__Input *) * (spec->input_count + 1));
    if (!status->inputs || !status->reason)
        return -QY_ENOMEM;
    for (unsigned i = 0; i < spec->input_count; i++)
        if (!(status->inputs[status->n_inputs++] = status_input(context, &service->inputs[i])))
            return -QY_ENOMEM;
    Quanyu__RuntimeReply *runtime = (Quanyu__RuntimeReply *)reply;
    runtime->result_case = QUANYU__RUNTIME_REPLY__RESULT_STATUS;
    runtime->status = status;
    return 0;
}

static int dump(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const struct fold_ops *fold = context->service->spec->fold;
    const Quanyu__DumpRequest *asked = ((const Quanyu__RuntimeRequest *)request)->dump;
    Quanyu__DumpReply *answer = arena_alloc(context->arena, sizeof(*answer));
    char *next = arena_alloc(context->arena, 128);
    if (!answer || !next)
        return -QY_ENOMEM;
    quanyu__dump_reply__init(answer);
    _cleanup_(buffer_free) struct buffer lines = BUFFER_INIT;
    int error = fold->dump ? fold->dump(context->self, context->txn, asked->cursor, &lines, next) : 0;
    if (!error)
        error = buffer_error(&lines);
    if (error)
        return error;
    answer->lines.data = arena_copy(context->arena, lines.data, lines.size);
    answer->lines.len = lines.size;
    answer->cursor = next;
    if (!answer->lines.data)
        return -QY_ENOMEM;
    Quanyu__RuntimeReply *runtime = (Quanyu__RuntimeReply *)reply;
    runtime->result_case = QUANYU__RUNTIME_REPLY__RESULT_DUMP;
    runtime->dump = answer;
    return 0;
}

/* Only operators and the gateway, which shows the status to HQ, may ask. */
static const char *const dump_peers[] = {"cli", NULL};
const struct rpc_handler service_runtime_handlers[2] = {
    {"status", status, RPC_QUERY, NULL},
    {"dump", dump, RPC_QUERY, dump_peers},
};

void service_part(struct service *service, const char *part, const char *reason)
{
    pthread_mutex_lock(&service->parts_lock);
    unsigned i = 0;
    while (i < service->part_count && strcmp(service->parts[i].name, part) != 0)
        i++;
    if (i < PARTS_MAX) {
        service->parts[i] = (struct service_part){.name = part, .reason = reason};
        if (i == service->part_count)
            service->part_count++;
    }
    pthread_mutex_unlock(&service->parts_lock);
}

static void add_reason(struct buffer *reasons, const char *part, const char *reason)
{
    if (reasons->size > 0)
        buffer_byte(reasons, ',');
    struct json json = json_to(reasons);
    json_open(&json, '{');
    json_field_text(&json, "part", part);
    json_field_text(&json, "reason", reason);
    json_close(&json, '}');
}

/* A simulated clock is heard of in the inputs: before that nothing has a time. */
static bool hears_time(const struct service *service)
{
    bool simulated = strcmp(config_text(service->config, "clock"), "simulated") == 0;
    return !simulated || service_makes_time(service->spec) || atomic_load(&service->now_ms) > 0;
}

/* Appends {"part":…,"reason":…} for each part that is down. */
bool service_ready(void *self, struct buffer *reasons)
{
    struct service *service = self;
    bool ready = hears_time(service);
    if (!ready)
        add_reason(reasons, "clock", "the suite's simulated clock has not been heard of yet");
    pthread_mutex_lock(&service->parts_lock);
    for (unsigned i = 0; i < service->part_count; i++) {
        if (!service->parts[i].reason)
            continue;
        add_reason(reasons, service->parts[i].name, service->parts[i].reason);
        ready = false;
    }
    pthread_mutex_unlock(&service->parts_lock);
    return ready;
}

void service_scrape(void *self, struct metrics_page *page)
{
    struct service *service = self;
    const struct service_spec *spec = service->spec;
    struct journal_state journal;
    journal_state(service->journal, &journal);
    page_metric(page, METRIC_GAUGE, "quanyu_journal_next_offset", NULL,
        "Offset that the next record of this service's journal gets.", (double)journal.end.next);
    page_metric(page, METRIC_GAUGE, "quanyu_journal_first_offset", NULL, "Oldest offset still held.",
        (double)journal.first);
    page_metric(page, METRIC_GAUGE, "quanyu_journal_bytes", NULL, "Size of the journal on disk.",
        (double)journal.bytes);
    page_metric(page, METRIC_GAUGE, "quanyu_store_bytes", NULL, "Bytes in use in the service's state.",
        (double)store_used_bytes(service->store));
    page_metric(page, METRIC_GAUGE, "quanyu_time_seconds", NULL, "The fold's time, seconds since 1970.",
        (double)atomic_load(&service->now_ms) / 1000.0);
    _cleanup_(buffer_free) struct buffer reasons = BUFFER_INIT;
    page_metric(page, METRIC_GAUGE, "quanyu_ready", NULL, "1 when the service is ready.",
        service_ready(service, &reasons) ? 1 : 0);
    for (unsigned i = 0; i < spec->input_count; i++) {
        const struct input *input = &service->inputs[i];
        struct follow_status follow;
        follow_status(input->follow, &follow);
        char labels[64];
        snprintf(labels, sizeof(labels), "leader=\"%s\"", input->spec->leader);
        page_metric(page, METRIC_GAUGE, "quanyu_feed_lag_records", labels,
            "Records of the leader's journal that are not folded yet.", (double)lag_records(input, &follow));
        page_metric(page, METRIC_GAUGE, "quanyu_feed_lag_seconds", labels,
            "How far the fold's time is behind its leader's.", lag_seconds(input, &follow));
    }
    if (spec->fold->pending)
        page_metric(page, METRIC_GAUGE, "quanyu_pending", NULL, "Work in flight.",
            (double)spec->fold->pending(spec->self));
    if (spec->fold->scrape)
        spec->fold->scrape(spec->self, page);
}
