/* SPDX-License-Identifier: Apache-2.0 */
/* The suite as a whole: how far each service has come, and the simulated clock. */
#include "common/clock.h"
#include "proto/identity.pb-c.h"
#include "proto/tagging.pb-c.h"
#include "services/gateway/api.h"
#include "services/gateway/guard.h"
#include "services/gateway/ticker.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ADVANCE_STEPS                                                                                        \
    2000 /* due times that are closer together than this part of the way are gone through at once */
#define QUIET_TIMEOUT_S 30.0

enum suite_member { GATEWAY, IDENTITY, TAGGING, CAMPAIGN, AUDIT, SUITE_SIZE };
static const char *const suite_names[SUITE_SIZE] = {"gateway", "identity", "tagging", "campaign", "audit"};

/* The wire format of status is the same for every service. */
static int ask_status(struct api_call *call, const char *peer, Quanyu__StatusReply **ret_status)
{
    Quanyu__StatusRequest status = QUANYU__STATUS_REQUEST__INIT;
    Quanyu__RuntimeRequest request = QUANYU__RUNTIME_REQUEST__INIT;
    request.call_case = QUANYU__RUNTIME_REQUEST__CALL_STATUS;
    request.status = &status;
    ProtobufCMessage *reply;
    int error = api_ask(call, peer, &request.base, &quanyu__runtime_reply__descriptor, &reply);
    if (!error)
        *ret_status = ((Quanyu__RuntimeReply *)reply)->status;
    return error;
}

static const Quanyu__StatusReply__Input *input_of(const Quanyu__StatusReply *status, const char *leader)
{
    for (size_t i = 0; i < status->n_inputs; i++)
        if (strcmp(status->inputs[i]->leader, leader) == 0)
            return status->inputs[i];
    return NULL;
}

static bool has_all_of(
    const Quanyu__StatusReply *status, const char *leader, const Quanyu__StatusReply *leaders)
{
    const Quanyu__StatusReply__Input *input = input_of(status, leader);
    return input && input->next >= leaders->journal_next;
}

/* Everything up to the gateway's end has gone through, the gateway has what came back, identity has nothing left to look at again, tagging
 * has what came of that, campaign and tagging have all of each other, and nothing is being sent: then only new events, decisions or time can
 * change anything. */
static bool work_is_done(Quanyu__StatusReply *const all[AUDIT])
{
    uint64_t end = all[GATEWAY]->journal_next;
    return all[IDENTITY]->origin >= end && all[TAGGING]->origin >= end && all[CAMPAIGN]->origin >= end &&
           has_all_of(all[GATEWAY], "identity", all[IDENTITY]) && all[IDENTITY]->pending == 0 &&
           has_all_of(all[TAGGING], "identity", all[IDENTITY]) &&
           has_all_of(all[TAGGING], "campaign", all[CAMPAIGN]) &&
           has_all_of(all[CAMPAIGN], "tagging", all[TAGGING]) && all[CAMPAIGN]->pending == 0;
}

/* Audit has taken what each of the others has for it. */
static bool is_on_record(Quanyu__StatusReply *const all[SUITE_SIZE])
{
    for (int i = 0; i < AUDIT; i++)
        if (!has_all_of(all[AUDIT], suite_names[i], all[i]))
            return false;
    return all[AUDIT]->pending == 0;
}

/* Asks them in the order in which data flows; `count` is SUITE_SIZE, or AUDIT for those alone that have a part in what
 * happens. */
static int ask_quiet(struct api_call *call, int count, Quanyu__StatusReply *all[SUITE_SIZE], bool *ret_quiet)
{
    for (int i = 0; i < count; i++) {
        int error = ask_status(call, suite_names[i], &all[i]);
        if (error)
            return error;
    }
    *ret_quiet = work_is_done(all) && (count == AUDIT || is_on_record(all));
    return 0;
}

/* -- status -- */

static void write_inputs(struct json *json, const Quanyu__StatusReply *status)
{
    json_name(json, "inputs");
    json_open(json, '[');
    for (size_t i = 0; i < status->n_inputs; i++) {
        const Quanyu__StatusReply__Input *input = status->inputs[i];
        json_open(json, '{');
        json_field_text(json, "from", input->leader);
        json_field_number(json, "position", input->next);
        json_field_unsigned(
            json, "lag_records", input->leader_end > input->next ? input->leader_end - input->next : 0);
        json_name(json, "lag_seconds");
        json_decimal(json, input->lag_seconds);
        json_field_bool(json, "connected", input->connected);
        json_field_optional(json, "error", input->error);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_status(struct json *json, const Quanyu__StatusReply *status)
{
    json_open(json, '{');
    json_field_bool(json, "ready", status->ready);
    if (*status->reason) {
        json_name(json, "reasons");
        json_open(json, '[');
        json_raw(json, status->reason, strlen(status->reason), "");
        json_close(json, ']');
    }
    json_field_number(json, "journal_end", status->journal_next);
    json_field_number(json, "position", status->origin);
    json_field_time(json, "time", status->time_ms);
    json_field_unsigned(json, "pending", status->pending);
    json_field_unsigned(json, "store_bytes", status->store_bytes);
    json_field_unsigned(json, "journal_bytes", status->journal_bytes);
    write_inputs(json, status);
    json_close(json, '}');
}

static void write_unreachable(struct json *json, const struct api_call *call, int error)
{
    json_open(json, '{');
    json_field_bool(json, "ready", false);
    json_name(json, "reasons");
    json_open(json, '[');
    json_open(json, '{');
    json_field_text(json, "part", "requests");
    json_field_text(json, "reason", call->error_message ? call->error_message : error_text(error));
    json_close(json, '}');
    json_close(json, ']');
    json_close(json, '}');
}

int suite_status(struct api_call *call)
{
    Quanyu__StatusReply *all[SUITE_SIZE] = {0};
    bool quiet = false;
    if (ask_quiet(call, SUITE_SIZE, all, &quiet) != 0)
        quiet = false;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_text(&json, "version", QUANYU_VERSION);
    json_field_time(&json, "time", gateway_now_ms(call->gateway));
    json_field_text(&json, "clock", call->gateway->simulated ? "simulated" : "real");
    json_field_bool(&json, "quiet", quiet);
    json_name(&json, "services");
    json_open(&json, '{');
    for (int i = 0; i < SUITE_SIZE; i++) {
        int error = all[i] ? 0 : ask_status(call, suite_names[i], &all[i]);
        json_name(&json, suite_names[i]);
        if (error)
            write_unreachable(&json, call, error);
        else
            write_status(&json, all[i]);
    }
    json_close(&json, '}');
    json_close(&json, '}');
    return 0;
}

/* -- summary -- */

static int ask_counts(
    struct api_call *call, Quanyu__IdentityCounts **ret_identity, Quanyu__TaggingCounts **ret_tagging)
{
    Quanyu__CountsRequest counts = QUANYU__COUNTS_REQUEST__INIT;
    Quanyu__IdentityRequest identity = QUANYU__IDENTITY_REQUEST__INIT;
    identity.call_case = QUANYU__IDENTITY_REQUEST__CALL_COUNTS;
    identity.counts = &counts;
    Quanyu__TaggingRequest tagging = QUANYU__TAGGING_REQUEST__INIT;
    tagging.call_case = QUANYU__TAGGING_REQUEST__CALL_COUNTS;
    tagging.counts = &counts;
    ProtobufCMessage *reply;
    int error = api_ask(call, "identity", &identity.base, &quanyu__identity_reply__descriptor, &reply);
    if (error)
        return error;
    *ret_identity = ((Quanyu__IdentityReply *)reply)->counts;
    error = api_ask(call, "tagging", &tagging.base, &quanyu__tagging_reply__descriptor, &reply);
    if (!error)
        *ret_tagging = ((Quanyu__TaggingReply *)reply)->counts;
    return error;
}

/* What is not counted of a part of the brand. */
static void write_whole(
    struct json *json, const Quanyu__IdentityCounts *identity, const Quanyu__TaggingCounts *tagging)
{
    json_field_unsigned(json, "identifiers", identity->nodes);
    json_field_unsigned(json, "joins", identity->joins);
    json_field_unsigned(json, "splits", identity->splits);
    json_field_unsigned(json, "conflicts", identity->conflicts);
    json_field_unsigned(json, "events", identity->events);
    json_field_unsigned(json, "unattributed_events", identity->unattributed);
    json_field_unsigned(json, "orders", tagging->orders);
}

/* Stages part people: one that is held back alone, or with few, would follow from the others. */
static bool hold_back_more(const Quanyu__TaggingCounts *tagging, struct guarded *told, uint32_t least)
{
    uint64_t held = 0;
    size_t count = 0, smallest = tagging->n_stages;
    for (size_t i = 0; i < tagging->n_stages; i++) {
        count += told[i].too_few;
        held += told[i].too_few ? tagging->stages[i]->persons : 0;
        if (!told[i].too_few && (smallest == tagging->n_stages || told[i].count < told[smallest].count))
            smallest = i;
    }
    if (count == 0 || (count > 1 && held >= least) || smallest == tagging->n_stages)
        return false;
    told[smallest].too_few = true;
    return true;
}

static int guard_stages(
    struct api_call *call, const Quanyu__TaggingCounts *tagging, struct guarded **ret_told)
{
    uint32_t least = guard_least(call);
    struct guarded *told = least ? arena_alloc(call->arena, (tagging->n_stages + 1) * sizeof(*told)) : NULL;
    *ret_told = told;
    if (!least || !told)
        return least ? -QY_ENOMEM : 0;
    for (size_t i = 0; i < tagging->n_stages; i++) {
        if (!*tagging->stages[i]->stage) { /* of nobody's rule: nobody can ask for it */
            told[i].too_few = true;
            continue;
        }
        int error = guard_count_named(call, "stage", tagging->stages[i]->stage, least, &told[i]);
        if (error)
            return error;
    }
    while (hold_back_more(tagging, told, least))
        ;
    return 0;
}

static void write_stages(
    struct json *json, const Quanyu__TaggingCounts *tagging, const struct guarded *told, bool too_few)
{
    json_name(json, "stages");
    json_open(json, '{');
    for (size_t i = 0; i < tagging->n_stages; i++) {
        too_few |= told && told[i].too_few;
        if (!told || !told[i].too_few)
            json_field_unsigned(
                json, tagging->stages[i]->stage, told ? told[i].count : tagging->stages[i]->persons);
    }
    json_close(json, '}');
    if (too_few)
        json_field_bool(json, "too_few", true);
}

/* How many there are in all: of the brand it is always told, in a scope there may be but a few. */
static int guard_persons(struct api_call *call, const Quanyu__IdentityCounts *identity,
    const Quanyu__TaggingCounts *tagging, struct guarded *ret_told)
{
    static const char everyone[] = "{\"everyone\":true}";
    uint32_t least = guard_least(call);
    ret_told->count = tagging->scoped ? tagging->persons : identity->persons;
    if (!least || !tagging->scoped)
        return 0;
    return guard_count(
        call, (struct bytes){(const uint8_t *)everyone, sizeof(everyone) - 1}, 0, least, ret_told);
}

int suite_summary(struct api_call *call)
{
    Quanyu__IdentityCounts *identity;
    Quanyu__TaggingCounts *tagging;
    struct guarded *told, persons = {.too_few = false};
    int error = ask_counts(call, &identity, &tagging);
    if (!error)
        error = guard_stages(call, tagging, &told);
    if (!error)
        error = guard_persons(call, identity, tagging, &persons);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    if (!persons.too_few)
        json_field_unsigned(&json, "persons", persons.count);
    if (!tagging->scoped)
        write_whole(&json, identity, tagging);
    write_stages(&json, tagging, told, persons.too_few);
    json_close(&json, '}');
    return 0;
}

/* -- clock -- */

static void write_clock(struct api_call *call)
{
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_time(&json, "now", gateway_now_ms(call->gateway));
    json_field_text(&json, "clock", call->gateway->simulated ? "simulated" : "real");
    json_close(&json, '}');
}

int clock_show(struct api_call *call)
{
    write_clock(call);
    return 0;
}

static int refuse_stopping(struct api_call *call)
{
    return api_refuse(call, -QY_ESTOPPED, NULL,
        "the gateway is stopping; the clock stands where GET /api/v1/clock says once it is back");
}

/* Grows as long as the service gets on. */
static uint64_t progress_of(const Quanyu__StatusReply *status)
{
    uint64_t progress = status->journal_next + status->origin;
    for (size_t i = 0; i < status->n_inputs; i++)
        progress += status->inputs[i]->next;
    return progress;
}

/* Waits until all that is there has gone through the first `count` services; yields their earliest timer. */
static int wait_quiet(struct api_call *call, int count, int64_t *ret_due_ms)
{
    double deadline = metrics_clock() + QUIET_TIMEOUT_S;
    const struct timespec look_again = {.tv_nsec = 500000};
    uint64_t last_moved = 0;
    for (;;) {
        Quanyu__StatusReply *all[SUITE_SIZE] = {0};
        bool quiet;
        int error = ask_quiet(call, count, all, &quiet);
        if (error)
            return error;
        *ret_due_ms = TIME_NEVER;
        uint64_t moved = 0;
        for (int i = GATEWAY; i < count; i++) {
            moved += progress_of(all[i]);
            if (all[i]->next_due_ms < *ret_due_ms)
                *ret_due_ms = all[i]->next_due_ms;
        }
        arena_reset(call->arena);
        if (quiet)
            return 0;
        if (atomic_load(&call->gateway->stopping))
            return refuse_stopping(call);
        if (moved != last_moved)
            deadline = metrics_clock() + QUIET_TIMEOUT_S;
        last_moved = moved;
        if (metrics_clock() > deadline)
            return api_refuse(call, -QY_ETIMEOUT, NULL,
                "the suite does not come to rest; the clock stands where GET /api/v1/clock says");
        nanosleep(&look_again, NULL);
    }
}

/* From due timer to due timer, waiting until all is quiet before each: what a timer causes happens at its
 * time. Timers that are closer together than `least_step_ms` are gone through at once; each service still
 * fires its own in their order. */
static int advance_to(struct api_call *call, int64_t target_ms, int64_t least_step_ms)
{
    int64_t now = gateway_now_ms(call->gateway), due = TIME_NEVER;
    while (now < target_ms) {
        if (atomic_load(&call->gateway->stopping))
            return refuse_stopping(call);
        int error = wait_quiet(call, AUDIT, &due); /* nothing hangs on how far audit is */
        if (error)
            return error;
        int64_t next = due <= now + least_step_ms ? now + least_step_ms : due;
        now = next > target_ms || next <= now ? target_ms : next;
        error = ticker_set(call->gateway->service, now);
        if (error)
            return error;
    }
    return wait_quiet(call, SUITE_SIZE, &due);
}

static int read_step(struct api_call *call, int64_t span_ms, int64_t *ret_step_ms)
{
    const char *step;
    int error = api_text(call, "step", false, &step);
    *ret_step_ms = span_ms / ADVANCE_STEPS;
    if (error || !step || duration_parse(step, strlen(step), ret_step_ms))
        return error;
    return api_refuse(call, -QY_EINVAL, "step", "must be a duration: 90s, 15m, 36h, 30d, 6w");
}

static int read_target(struct api_call *call, int64_t *ret_target_ms)
{
    const char *advance, *set;
    int64_t now = gateway_now_ms(call->gateway), by;
    int error = api_text(call, "advance", false, &advance);
    if (!error)
        error = api_text(call, "set", false, &set);
    if (error)
        return error;
    if (!advance == !set)
        return api_refuse(call, -QY_EINVAL, "", "give either set, a time, or advance, a duration");
    if (set)
        error = api_time(call, "set", ret_target_ms);
    else if (duration_parse(advance, strlen(advance), &by))
        *ret_target_ms = now + by;
    else
        error = api_refuse(call, -QY_EINVAL, "advance", "must be a duration: 90s, 15m, 36h, 30d, 6w");
    if (!error && *ret_target_ms < now)
        error = api_refuse(call, -QY_ECONFLICT, "set", "time does not go back");
    return error;
}

static int move_clock(struct api_call *call)
{
    char detail[64], time[TIME_TEXT_BYTES];
    int64_t target = 0, step = 0;
    int error = read_target(call, &target);
    if (!error)
        error = read_step(call, target - gateway_now_ms(call->gateway), &step);
    if (!error)
        error =
            api_need_audit(call); /* it would be waited for in the end, and a second try would move twice */
    if (error)
        return error;
    snprintf(detail, sizeof(detail), "to %s", time_format(target, time));
    error = gateway_record_act(
        call->gateway, &call->actor, http_request_id(call->request), "clock.change", detail);
    return error ? error : advance_to(call, target, step);
}

int clock_change(struct api_call *call)
{
    if (!call->gateway->simulated)
        return api_refuse(
            call, -QY_ECONFLICT, NULL, "the clock is real; setting clock = simulated makes one to move");
    if (atomic_exchange(&call->gateway->clock_moves, true))
        return api_refuse(
            call, -QY_EUNAVAILABLE, NULL, "another call is moving the clock; try again when it has ended");
    int error = move_clock(call);
    atomic_store(&call->gateway->clock_moves, false);
    if (!error)
        write_clock(call);
    return error;
}
