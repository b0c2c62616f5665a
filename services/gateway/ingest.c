/* SPDX-License-Identifier: Apache-2.0 */
/* Ingestion calls: parsed on the HTTP thread, committed by the writer together with all others that came
 * meanwhile, answered after the commit. */
#include "common/clock.h"
#include "common/json.h"
#include "services/gateway/cors.h"
#include "services/gateway/dead_letters.h"
#include "services/gateway/gateway.h"
#include "services/gateway/ingest_answer.h"
#include "services/gateway/ingest_key.h"
#include "services/gateway/ingest_pixel.h"
#include "services/gateway/ingest_refusals.h"
#include "services/gateway/ingest_route.h"
#include "services/gateway/ingest_settings.h"
#include "services/gateway/ingest_thread.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD 8 /* so many events early memory is asked for what deduplication will look at */
/* What a packed event has more than its JSON, about. */
#define PACKED_MORE ((size_t)192)

struct ingest {
    struct work work;
    struct gateway *gateway;
    struct http_request *request;
    struct ingest_origin origin;
    struct write_key_use *use;  /* held */
    struct ingest_grant grant;  /* without its key, which is the thread's */
    enum write_key_state state; /* what the writer found: nothing is taken unless it is good */
    struct parsed parsed;
    uint64_t
        *letters; /* numbers of the dead letters that its refused events became; NULL: none may be kept */
    struct ingest_counts counts;
    uint64_t position; /* the gateway's journal is at least this long after the commit */
    double received;
};

/* -- writer -- */

/* Also remembers it. */
static bool is_new(struct gateway *gateway, struct batch *batch, const struct ingest_event *event)
{
    bool taken = event->positioned
                     ? import_take(batch->txn, event->import_id, event->import_position)
                     : !event->deduplicated || !dedup_check(gateway->dedup, batch->txn, event->hash);
    return taken || event->again;
}

bool ingest_is_known(struct gateway *gateway, struct batch *batch, const struct ingest_event *event)
{
    if (event->again)
        return false;
    if (event->positioned)
        return import_has_position(batch->txn, event->import_id, event->import_position);
    return event->deduplicated && dedup_has(gateway->dedup, batch->txn, event->hash);
}

void ingest_commit(struct gateway *gateway, struct batch *batch, const struct parsed *parsed,
    const struct letter_set *spared, struct ingest_counts *ret_counts)
{
    *ret_counts = (struct ingest_counts){0};
    for (size_t i = 0; i < parsed->event_count; i++) {
        const struct ingest_event *event = &parsed->events[i];
        if (i + AHEAD < parsed->event_count)
            dedup_expect(gateway->dedup, event[AHEAD].hash);
        if (!is_new(gateway, batch, event)) {
            ret_counts->duplicates++;
            continue;
        }
        journal_add(batch->journal, CLASS_EVENT, batch->now_ms, parsed->packed.data + event->at, event->size);
        if (event->deduplicated)
            dead_letters_supersede(gateway->letters, batch->txn, event->hash, spared);
        ret_counts->accepted++;
    }
}

static int apply_ingest(struct work *work, struct batch *batch)
{
    struct ingest *ingest = (struct ingest *)work;
    struct gateway *gateway = ingest->gateway;
    int error = batch_time(batch, gateway_now_ms(gateway));
    if (error)
        return error;
    /* The key may have been revoked since the call was admitted, or allow less. */
    ingest->state =
        write_keys_look_again(gateway->write_keys, batch->txn, &ingest->grant.proof, gateway_now_ms(gateway));
    if (ingest->state != KEY_GOOD)
        return store_error(batch->txn);
    ingest_commit(gateway, batch, &ingest->parsed, NULL, &ingest->counts);
    ingest->position = journal_next(batch->journal);
    return ingest->letters ? refusals_keep(gateway, batch, &ingest->origin, &ingest->parsed, ingest->letters)
                           : 0;
}

/* -- answers -- */

static void handle_route(
    struct gateway *gateway, struct http_request *request, const struct ingest_route *route, bool paid);

static const char *const disk_full = "the disk is full: nothing was stored; try again later";

static void ingest_free(struct ingest *ingest)
{
    write_key_use_release(&ingest->use);
    parsed_free(&ingest->parsed);
    free(ingest->letters);
    free(ingest);
}

static void answer(struct ingest *ingest)
{
    if (ingest_route_is_pixel(http_path(ingest->request))) {
        pixel_answer(ingest->gateway, ingest->request, NULL);
        return;
    }
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    json_open(&json, '{');
    json_field_bool(&json, "success", true);
    json_field_unsigned(&json, "accepted", ingest->counts.accepted);
    json_field_unsigned(&json, "duplicates", ingest->counts.duplicates);
    json_field_number(&json, "position", ingest->position);
    if (ingest->parsed.error_count > 0) {
        json_name(&json, "errors");
        refusals_write(&ingest->parsed, ingest->letters, &body);
    }
    json_close(&json, '}');
    http_respond(ingest->request, 200, "application/json", body.data, body.size);
}

void ingest_count(const struct gateway *gateway, const struct ingest_counts *counts)
{
    metric_add(gateway->ingest.accepted, (double)counts->accepted);
    metric_add(gateway->ingest.duplicates, (double)counts->duplicates);
}

static void count(const struct ingest *ingest)
{
    ingest_count(ingest->gateway, &ingest->counts);
    if (ingest->parsed.unknown_units > 0)
        metric_add(ingest->gateway->ingest.unknown_units, (double)ingest->parsed.unknown_units);
    if (ingest->parsed.unknown_staff > 0)
        metric_add(ingest->gateway->ingest.unknown_staff, (double)ingest->parsed.unknown_staff);
    refusals_count(ingest->gateway, &ingest->parsed, ingest->letters);
    metric_observe(ingest->gateway->ingest.seconds, metrics_clock() - ingest->received);
    atomic_fetch_add_explicit(&ingest->use->accepted, ingest->counts.accepted, memory_order_relaxed);
    if (ingest->counts.duplicates > 0)
        atomic_fetch_add_explicit(&ingest->use->duplicates, ingest->counts.duplicates, memory_order_relaxed);
    if (ingest->parsed.error_count > 0)
        atomic_fetch_add_explicit(&ingest->use->refused, ingest->parsed.error_count, memory_order_relaxed);
}

/* Nothing in the call is taken: how it is said. */
struct refusal_form {
    int status;
    const char *type, *title, *one, *all;
};

static const struct refusal_form *form_of(const struct parsed *parsed)
{
    static const struct refusal_form invalid = {400, "urn:quanyu:problem:invalid_event", "Bad Request",
        "the event is not valid", "no event is valid"};
    static const struct refusal_form large = {413, "urn:quanyu:problem:too_large", "Content Too Large",
        "the event is too large", "the event is too large"};
    static const struct refusal_form denied = {403, "urn:quanyu:problem:not_allowed", "Forbidden",
        "this write key may not send it", "this write key may not send it"};
    if (parsed->denied_count == parsed->error_count)
        return &denied;
    return parsed->oversize ? &large : &invalid;
}

/* With the reasons. */
static void answer_refused(struct ingest *ingest)
{
    if (ingest_route_is_pixel(http_path(ingest->request))) {
        pixel_answer(ingest->gateway, ingest->request, ingest->parsed.refused[0].reason);
        return;
    }
    const struct refusal_form *form = form_of(&ingest->parsed);
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct json json = json_to(&body);
    json_open(&json, '{');
    json_field_text(&json, "type", form->type);
    json_field_text(&json, "title", form->title);
    json_field_integer(&json, "status", form->status);
    json_field_text(&json, "detail", ingest->parsed.seen == 1 ? form->one : form->all);
    json_field_text(&json, "request_id", http_request_id(ingest->request));
    json_name(&json, "errors");
    refusals_write(&ingest->parsed, ingest->letters, &body);
    json_close(&json, '}');
    http_respond(ingest->request, form->status, "application/problem+json", body.data, body.size);
}

/* Nothing of it was stored, and none of it can be blamed for that. */
static void give_back(const struct ingest *ingest)
{
    rate_give_back(&ingest->use->bucket, &ingest->grant.rate, ingest->grant.events);
}

/* The key was changed before the call's turn came: nothing was taken, and the call is looked at as if it came now. It has paid. */
static void begin_again(struct ingest *ingest)
{
    struct gateway *gateway = ingest->gateway;
    struct http_request *request = ingest->request;
    struct ingest_route route;
    ingest_free(ingest);
    bool found = ingest_route_find(http_path(request), &route);
    assert(found);
    (void)found;
    handle_route(gateway, request, &route, true);
}

static void finish_ingest(struct work *work, int result)
{
    struct ingest *ingest = (struct ingest *)work;
    if (!result && ingest->state == KEY_CHANGED) {
        begin_again(ingest);
        return;
    }
    if (result) {
        give_back(ingest);
        ingest_answer_unavailable(ingest->gateway, ingest->request,
            result == -QY_EFULL ? disk_full : "nothing was stored; try again");
    } else if (ingest->state != KEY_GOOD) {
        ingest_answer_refusal(ingest->gateway, ingest->request, ingest_key_refusal_of(ingest->state));
    } else {
        count(ingest);
        if (ingest->parsed.event_count > 0)
            answer(ingest);
        else
            answer_refused(ingest);
    }
    ingest_free(ingest);
}

/* -- HTTP thread, or the writer's where a call begins again -- */

static void submit(struct gateway *gateway, struct ingest *ingest)
{
    struct parsed *parsed = &ingest->parsed;
    if (refusals_may_stay(parsed))
        ingest->letters = calloc(parsed->error_count, sizeof(*ingest->letters));
    if (refusals_may_stay(parsed) && !ingest->letters) {
        ingest_answer_unavailable(gateway, ingest->request, "out of memory; try again");
        ingest_free(ingest);
        return;
    }
    ingest->work = (struct work){.bytes = parsed->packed.size + parsed->letters.size + sizeof(*ingest),
        .apply = apply_ingest,
        .done = finish_ingest};
    if (parsed->event_count == 0 && !ingest->letters) {
        finish_ingest(&ingest->work, 0); /* there is nothing to store */
        return;
    }
    if (service_submit(gateway->service, &ingest->work)) {
        give_back(ingest);
        ingest_answer_shed(gateway, ingest->request);
        ingest_free(ingest);
    }
}

static struct ingest *ingest_make(
    struct gateway *gateway, struct http_request *request, const struct ingest_grant *grant, size_t size)
{
    struct ingest *ingest = calloc(1, sizeof(*ingest));
    if (!ingest)
        return NULL;
    ingest->gateway = gateway;
    ingest->request = request;
    write_key_use_hold(grant->key->use);
    ingest->use = grant->key->use;
    ingest->grant = *grant;
    ingest->grant.key = NULL;
    ingest->received = http_received(request);
    buffer_reserve(&ingest->parsed.packed, size + PACKED_MORE); /* most often enough */
    return ingest;
}

/* One call, of which the write key is known. `size`: of its text. */
static void take_call(struct gateway *gateway, struct http_request *request, yyjson_val *body, size_t size,
    const struct ingest_origin *origin, const struct ingest_grant *grant, const yyjson_alc *memory)
{
    struct ingest *ingest = ingest_make(gateway, request, grant, size);
    if (!ingest) {
        ingest_answer_unavailable(gateway, request, "out of memory; try again");
        return;
    }
    ingest->origin = *origin;
    ingest->origin.key = NULL; /* it is the thread's */
    struct ingest_limits limits = gateway->limits;
    limits.memory = memory;
    struct ingest_refusal refusal;
    if (ingest_parse(body, origin, &limits, &ingest->parsed, &refusal)) {
        submit(gateway, ingest);
        return;
    }
    ingest_answer_problem(
        gateway, request, refusal.status, refusal.kind, refusal.field, "%s", refusal.detail);
    ingest_free(ingest);
}

/* Pages and mails show the image. */
static bool is_from_a_page(struct http_request *request)
{
    char room[256];
    return ingest_origin_of(request, room) || ingest_route_is_pixel(http_path(request));
}

static void handle_json(struct gateway *gateway, struct http_request *request, enum ingest_call call,
    struct bytes text, struct ingest_thread *thread, bool paid)
{
    const yyjson_alc *memory = ingest_thread_memory(thread, text.size);
    yyjson_read_err fault;
    yyjson_doc *doc =
        yyjson_read_opts((char *)(uintptr_t)text.data, text.size, YYJSON_READ_NUMBER_AS_RAW, memory, &fault);
    if (!doc && fault.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
        ingest_answer_unavailable(gateway, request, "out of memory; try again");
        return;
    }
    if (!doc) {
        ingest_answer_problem(
            gateway, request, 400, "invalid_json", NULL, "at byte %zu: %s", fault.pos, fault.msg);
        return;
    }
    yyjson_val *body = yyjson_doc_get_root(doc);
    struct ingest_grant grant = {.paid = paid};
    struct ingest_key_refusal refusal;
    if (ingest_admit(gateway, thread, request, body, call, &grant, &refusal)) {
        struct ingest_origin origin = {.call = call,
            .source = grant.key->row->source,
            .key = grant.key,
            .units = ingest_thread_units(thread, gateway->units),
            .staff = ingest_thread_staff(thread, gateway->staff),
            .received_ms = gateway_now_ms(gateway),
            .may_hold_nul = json_may_hold_nul(text),
            .browser = ingest_is_public(call, grant.key, is_from_a_page(request))};
        take_call(gateway, request, body, text.size, &origin, &grant, memory);
    } else {
        ingest_answer_refusal(gateway, request, &refusal);
    }
    yyjson_doc_free(doc);
}

static void handle_event(struct gateway *gateway, struct http_request *request, enum ingest_call call,
    struct bytes text, bool paid)
{
    struct ingest_thread *thread = ingest_thread_here();
    struct service_load load = service_load(gateway->service);
    if (service_is_full(gateway->service))
        ingest_answer_unavailable(gateway, request, disk_full);
    else if (shed_is_due(&load, &gateway->shed))
        ingest_answer_shed(gateway, request);
    else if (!thread)
        ingest_answer_unavailable(gateway, request, "out of memory; try again");
    else
        handle_json(gateway, request, call, text, thread, paid);
}

/* Who only looks whether there is an image (HEAD) sends no event. */
static void handle_pixel(
    struct gateway *gateway, struct http_request *request, const struct ingest_route *route, bool paid)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    if (strcmp(http_method(request), "HEAD") == 0) {
        pixel_answer(gateway, request, NULL);
        return;
    }
    const char *reason = route->known ? pixel_read(request, &text) : "unknown_type";
    if (reason)
        pixel_answer(gateway, request, reason);
    else
        handle_event(gateway, request, route->call, (struct bytes){text.data, text.size}, paid);
}

static void handle_route(
    struct gateway *gateway, struct http_request *request, const struct ingest_route *route, bool paid)
{
    if (route->kind == ROUTE_CALL)
        handle_event(gateway, request, route->call, http_body(request), paid);
    else if (route->kind == ROUTE_PIXEL)
        handle_pixel(gateway, request, route, paid);
    else
        settings_answer(gateway, request, route);
}

bool ingest_handle(struct gateway *gateway, struct http_request *request)
{
    struct ingest_route route;
    if (!ingest_route_find(http_path(request), &route))
        return false;
    cors_admit(request);
    if (strcmp(http_method(request), "OPTIONS") == 0) {
        cors_answer_options(request, ingest_route_methods(&route));
    } else if (ingest_route_allows(&route, http_method(request))) {
        handle_route(gateway, request, &route, false);
    } else {
        http_add_header(request, "Allow", ingest_route_methods(&route));
        http_problem(request, 405, "method_not_allowed", NULL, "use %s", ingest_route_methods(&route));
    }
    return true;
}

void ingest_refusing(void *self, struct http_request *request, int status)
{
    struct ingest_route route;
    if (!ingest_route_find(http_path(request), &route))
        return;
    cors_admit(request);
    if (route.kind == ROUTE_PIXEL && strcmp(http_method(request), "GET") == 0)
        pixel_answer(self, request, pixel_reason_of(status));
}
