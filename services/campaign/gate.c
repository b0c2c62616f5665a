/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/gate.h"

/* The first sequence number of the run: joined nodes may have been on their way at the same time, and that is
 * one run. */
static uint64_t run_start(
    struct store_txn *txn, const struct delivery *delivery, const struct number_list *nodes)
{
    uint64_t start = delivery->run;
    bool moved = true;
    while (moved) {
        moved = false;
        for (size_t i = 0; i < nodes->count; i++) {
            struct position position;
            if (!position_get(txn, (uint32_t)nodes->numbers[i], delivery->journey, &position))
                continue;
            if (position.run < start && (position.ended == 0 || position.ended > start)) {
                start = position.run;
                moved = true;
            }
        }
    }
    return start;
}

/* Whether this other row stands against the delivery: all but what was withheld, and of those that still wait
 * the older. */
static bool stands_against(const struct delivery *other, const struct delivery *delivery, uint64_t start)
{
    if (other->number == delivery->number || other->number < start)
        return false;
    switch ((enum delivery_state)other->state) {
    case DELIVERY_SKIPPED:
        return false;
    case DELIVERY_READY:
    case DELIVERY_BACKOFF:
    case DELIVERY_HELD:
        return other->number < delivery->number;
    default:
        return true;
    }
}

static bool was_sent_from(
    struct store_txn *txn, uint32_t node, const struct delivery *delivery, uint64_t start)
{
    _cleanup_(number_list_free) struct number_list numbers = {0};
    send_list(txn, node, delivery->journey, delivery->step, &numbers);
    for (size_t i = 0; i < numbers.count; i++) {
        struct delivery other;
        if (delivery_get(txn, numbers.numbers[i], &other) && stands_against(&other, delivery, start))
            return true;
    }
    return false;
}

static bool was_sent(
    struct store_txn *txn, const struct live_journey *journey, const struct delivery *delivery)
{
    _cleanup_(number_list_free) struct number_list nodes = {0};
    person_nodes(txn, person_of(txn, delivery->node), &nodes);
    uint64_t start = journey->running->reentry == REENTRY_NEVER ? 0 : run_start(txn, delivery, &nodes);
    for (size_t i = 0; i < nodes.count; i++)
        if (was_sent_from(txn, (uint32_t)nodes.numbers[i], delivery, start))
            return true;
    return false;
}

static bool has_step(const struct live_journey *journey, const struct delivery *delivery)
{
    int step = journey_step(journey->running, delivery->step);
    return step != STEP_END && journey->running->steps[step].type == STEP_SEND &&
           journey->running->steps[step].channel == (enum channel)delivery->channel;
}

enum gate_answer may_send(struct store_txn *txn, const struct live_journey *journey,
    const struct delivery *delivery, const char **ret_reason)
{
    *ret_reason = "";
    if (!journey || !journey->running || journey->state == QUANYU__JOURNEY__STATE__DELETED)
        *ret_reason = "journey_deleted";
    else if (!has_step(journey, delivery))
        *ret_reason = "step_removed";
    else if (was_sent(txn, journey, delivery))
        *ret_reason = "already_sent";
    if (**ret_reason)
        return GATE_SKIP;
    return journey->state == QUANYU__JOURNEY__STATE__PAUSED ? GATE_HOLD : GATE_SEND;
}
