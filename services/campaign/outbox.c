/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/outbox.h"

#include "services/campaign/gate.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define DEFERRED_MS INT64_C(5000)
#define RETRY_AFTER_MS_MAX DAY_MS

/* Pause after so many attempts. */
static const int64_t backoff_ms[OUTBOX_ATTEMPTS_MAX] = {5000, 30000, 120000, 600000, 3600000, 3600000};

static void emit(struct batch *batch, const struct delivery *delivery)
{
    char journey[JOURNEY_ID_BYTES], id[DELIVERY_ID_BYTES];
    Quanyu__Delivery record = QUANYU__DELIVERY__INIT;
    record.journey = (char *)journey_id(delivery->journey, journey);
    record.step = (char *)delivery->step;
    record.channel = (char *)channel_name((enum channel)delivery->channel);
    record.person = person_of(batch->txn, delivery->node);
    record.node = delivery->node;
    record.state = (Quanyu__Delivery__State)delivery_public_state(delivery);
    record.reason = (char *)delivery->reason;
    record.attempts = delivery->attempts;
    record.delivery_id = (char *)delivery_id(delivery, id);
    batch_emit(batch, RECORD_DELIVERY, &record.base);
}

static void count_settled(struct campaign *campaign, struct batch *batch, const struct delivery *delivery)
{
    static const enum count counts[] = {
        [DELIVERY_DELIVERED] = COUNT_DELIVERED,
        [DELIVERY_FAILED] = COUNT_FAILED,
        [DELIVERY_UNKNOWN] = COUNT_UNKNOWN,
        [DELIVERY_SKIPPED] = COUNT_SKIPPED,
    };
    count_sheet_add(
        &campaign->counts, batch->txn, delivery->journey, delivery->step, counts[delivery->state], 1);
    emit(batch, delivery);
}

static void count_flight(struct campaign *campaign, enum delivery_state state, int change)
{
    if (state == DELIVERY_READY)
        campaign->ready += (uint64_t)(int64_t)change;
    if (state == DELIVERY_SENDING)
        campaign->sending += (uint64_t)(int64_t)change;
}

/* Brings a row into another state, with everything that hangs on it. */
static void move(struct campaign *campaign, struct batch *batch, struct delivery *delivery,
    enum delivery_state state, const char *reason)
{
    enum delivery_state before = (enum delivery_state)delivery->state;
    delivery->state = (uint8_t)state;
    delivery->at_ms = batch->now_ms;
    memset(delivery->reason, 0, sizeof(delivery->reason));
    snprintf(delivery->reason, sizeof(delivery->reason), "%s", reason);
    delivery_change(batch->txn, delivery, before);
    count_flight(campaign, before, -1);
    count_flight(campaign, state, 1);
    if (state >= DELIVERY_DELIVERED && state <= DELIVERY_SKIPPED)
        count_settled(campaign, batch, delivery);
}

void outbox_add(struct campaign *campaign, struct batch *batch, const struct live_journey *journey,
    uint32_t node, const struct position *position, const struct step *step)
{
    if (send_find(batch->txn, node, journey->number, step->id, position->entry)) {
        count_sheet_add(&campaign->counts, batch->txn, journey->number, step->id, COUNT_SKIPPED, 1);
        return;
    }
    struct delivery delivery = {
        .channel = (uint8_t)step->channel,
        .journey = journey->number,
        .node = node,
        .entry = position->entry,
        .number = meta_next(batch->txn, META_SEQUENCE),
        .run = position->run,
        .at_ms = batch->now_ms,
    };
    memcpy(delivery.step, step->id, sizeof(delivery.step));
    const char *reason;
    enum gate_answer answer = may_send(batch->txn, journey, &delivery, &reason);
    delivery.state = answer == GATE_SEND   ? DELIVERY_READY
                     : answer == GATE_HOLD ? DELIVERY_HELD
                                           : DELIVERY_SKIPPED;
    snprintf(delivery.reason, sizeof(delivery.reason), "%s", reason);
    delivery_add(batch->txn, &delivery);
    count_flight(campaign, (enum delivery_state)delivery.state, 1);
    if (answer == GATE_SKIP)
        count_settled(campaign, batch, &delivery);
}

static void move_to_backoff(struct campaign *campaign, struct batch *batch, struct delivery *delivery,
    int64_t pause_ms, const char *reason)
{
    delivery->due_ms = batch->now_ms + pause_ms;
    move(campaign, batch, delivery, DELIVERY_BACKOFF, reason);
    struct timer timer = {.kind = TIMER_RETRY, .number = delivery->number};
    campaign_timer_set(campaign, batch, delivery->due_ms, &timer);
}

/* The step as it is to be sent, with its secret plain. */
static int claim_step(struct campaign *campaign, struct batch *batch, struct delivery *delivery,
    struct step step, struct job **ret_job)
{
    char secret[SECRET_BYTES_MAX + 1];
    if (step.message.sealed) {
        if (secrets_open(&campaign->secret_key, delivery->journey, step.id, step.message.sealed, secret)) {
            move_to_backoff(campaign, batch, delivery, DEFERRED_MS, "secret_unreadable");
            return 0;
        }
        step.message.secret = secret;
    }
    delivery->attempts++;
    int error = job_make(delivery, person_of(batch->txn, delivery->node), &step, ret_job);
    sodium_memzero(secret, sizeof(secret));
    if (!error)
        move(campaign, batch, delivery, DELIVERY_SENDING, "");
    return error;
}

static int claim_one(
    struct campaign *campaign, struct batch *batch, struct delivery *delivery, struct job **ret_job)
{
    const struct live_journey *journey = campaign_journey(campaign, delivery->journey);
    const char *reason;
    enum gate_answer answer = may_send(batch->txn, journey, delivery, &reason);
    if (answer != GATE_SEND) {
        move(campaign, batch, delivery, answer == GATE_HOLD ? DELIVERY_HELD : DELIVERY_SKIPPED, reason);
        return 0;
    }
    const struct journey *running = journey->running;
    return claim_step(
        campaign, batch, delivery, running->steps[journey_step(running, delivery->step)], ret_job);
}

int outbox_claim(struct campaign *campaign, struct batch *batch, size_t limit, struct job **ret_jobs)
{
    _cleanup_(number_list_free) struct number_list numbers = {0};
    outbox_list(batch->txn, DELIVERY_READY, limit, &numbers);
    struct job **end = ret_jobs;
    *end = NULL;
    for (size_t i = 0; i < numbers.count; i++) {
        struct delivery delivery;
        if (!delivery_get(batch->txn, numbers.numbers[i], &delivery))
            continue;
        int error = claim_one(campaign, batch, &delivery, end);
        if (error) /* the rows before this one are taken, this one stays READY */
            break;
        if (*end)
            end = &(*end)->next;
    }
    return 0;
}

static void retry_later(
    struct campaign *campaign, struct batch *batch, struct delivery *delivery, const struct outcome *outcome)
{
    if (delivery->attempts >= OUTBOX_ATTEMPTS_MAX) {
        move(campaign, batch, delivery, DELIVERY_FAILED, outcome->reason);
        return;
    }
    int64_t pause = backoff_ms[delivery->attempts > 0 ? delivery->attempts - 1 : 0];
    if (outcome->retry_after_ms > pause)
        pause = outcome->retry_after_ms < RETRY_AFTER_MS_MAX ? outcome->retry_after_ms : RETRY_AFTER_MS_MAX;
    move_to_backoff(campaign, batch, delivery, pause, outcome->reason);
}

void outbox_settle(struct campaign *campaign, struct batch *batch, uint64_t number, uint32_t attempt,
    const struct outcome *outcome)
{
    struct delivery delivery;
    if (!delivery_get(batch->txn, number, &delivery) || delivery.state != DELIVERY_SENDING ||
        delivery.attempts != attempt)
        return;
    switch (outcome->kind) {
    case OUTCOME_DELIVERED:
        move(campaign, batch, &delivery, DELIVERY_DELIVERED, outcome->reason);
        break;
    case OUTCOME_FAILED:
        move(campaign, batch, &delivery, DELIVERY_FAILED, outcome->reason);
        break;
    case OUTCOME_UNKNOWN:
        move(campaign, batch, &delivery, DELIVERY_UNKNOWN, outcome->reason);
        break;
    case OUTCOME_SKIPPED:
        move(campaign, batch, &delivery, DELIVERY_SKIPPED, outcome->reason);
        break;
    case OUTCOME_RETRY:
        retry_later(campaign, batch, &delivery, outcome);
        break;
    case OUTCOME_DEFERRED:
        delivery.attempts--;
        move_to_backoff(campaign, batch, &delivery, DEFERRED_MS, outcome->reason);
        break;
    case OUTCOME_RETURNED:
        delivery.attempts--;
        move(campaign, batch, &delivery, DELIVERY_READY, "");
        break;
    }
}

void outbox_retry(struct campaign *campaign, struct batch *batch, uint64_t number)
{
    struct delivery delivery;
    if (delivery_get(batch->txn, number, &delivery) && delivery.state == DELIVERY_BACKOFF &&
        delivery.due_ms <= batch->now_ms)
        move(campaign, batch, &delivery, DELIVERY_READY, delivery.reason);
}

void outbox_recover(struct campaign *campaign, struct batch *batch)
{
    _cleanup_(number_list_free) struct number_list numbers = {0};
    outbox_list(batch->txn, DELIVERY_SENDING, SIZE_MAX, &numbers);
    for (size_t i = 0; i < numbers.count; i++) {
        struct delivery delivery;
        if (delivery_get(batch->txn, numbers.numbers[i], &delivery))
            move(campaign, batch, &delivery, DELIVERY_UNKNOWN, "interrupted");
    }
}

void outbox_release(struct campaign *campaign, struct batch *batch, uint32_t journey)
{
    _cleanup_(number_list_free) struct number_list numbers = {0};
    outbox_list(batch->txn, DELIVERY_HELD, SIZE_MAX, &numbers);
    for (size_t i = 0; i < numbers.count; i++) {
        struct delivery delivery;
        if (delivery_get(batch->txn, numbers.numbers[i], &delivery) && delivery.journey == journey)
            move(campaign, batch, &delivery, DELIVERY_READY, "");
    }
}

void outbox_forget(struct campaign *campaign, struct batch *batch, uint32_t node)
{
    delivery_forget(batch->txn, node);
    outbox_count(campaign, batch->txn);
}

void outbox_count(struct campaign *campaign, struct store_txn *txn)
{
    _cleanup_(number_list_free) struct number_list ready = {0}, sending = {0};
    outbox_list(txn, DELIVERY_READY, SIZE_MAX, &ready);
    outbox_list(txn, DELIVERY_SENDING, SIZE_MAX, &sending);
    campaign->ready = ready.count;
    campaign->sending = sending.count;
}
