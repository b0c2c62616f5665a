/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/publish.h"

#include "services/campaign/position.h"

#include <string.h>

static uint32_t find_watch(struct store_txn *txn, uint32_t journey, const struct watch_rule *rule)
{
    _cleanup_(number_list_free) struct number_list watches = {0};
    watch_list(txn, journey, &watches);
    for (size_t i = 0; i < watches.count; i++) {
        struct watch_row row;
        uint32_t watch = (uint32_t)watches.numbers[i];
        if (watch_get(txn, journey, watch, &row) && row.trigger == rule->trigger &&
            memcmp(row.key, rule->key, sizeof(row.key)) == 0)
            return watch;
    }
    return 0;
}

static void resolve_version(struct store_txn *txn, uint32_t number, struct journey *journey)
{
    for (int i = 0; i < journey_rule_count(journey); i++) {
        struct watch_rule *rule = journey_rule(journey, i);
        if (rule->json)
            rule->watch = find_watch(txn, number, rule);
    }
}

void publish_resolve(struct store_txn *txn, const struct live_journey *journey)
{
    resolve_version(txn, journey->number, journey->running);
    resolve_version(txn, journey->number, journey->pending);
}

static void set_watch(struct batch *batch, uint32_t journey, struct watch_rule *rule)
{
    char id[WATCH_ID_BYTES];
    struct watch_row row = {.trigger = rule->trigger};
    memcpy(row.key, rule->key, sizeof(row.key));
    rule->watch = (uint32_t)meta_next(batch->txn, META_WATCHES);
    watch_put(batch->txn, journey, rule->watch, &row);
    Quanyu__WatchSet record = QUANYU__WATCH_SET__INIT;
    record.watch = (char *)watch_id(journey, rule->watch, id);
    record.rule = (ProtobufCBinaryData){.len = rule->size, .data = (uint8_t *)rule->json};
    record.trigger = rule->trigger;
    batch_emit(batch, RECORD_WATCH, &record.base);
}

/* True when tagging keeps the rule evaluated; asks it to where nobody has yet. */
static bool in_force(struct batch *batch, uint32_t journey, struct watch_rule *rule)
{
    if (!rule->json)
        return true;
    if (!rule->watch)
        rule->watch = find_watch(batch->txn, journey, rule);
    if (!rule->watch)
        set_watch(batch, journey, rule);
    struct watch_row row;
    return watch_get(batch->txn, journey, rule->watch, &row) && row.ready;
}

static bool is_used(struct journey *journey, uint32_t watch)
{
    for (int i = 0; i < journey_rule_count(journey); i++)
        if (journey_rule(journey, i)->watch == watch)
            return true;
    return false;
}

void publish_drop_unused(struct batch *batch, const struct live_journey *journey)
{
    _cleanup_(number_list_free) struct number_list watches = {0};
    watch_list(batch->txn, journey->number, &watches);
    for (size_t i = 0; i < watches.count; i++) {
        uint32_t watch = (uint32_t)watches.numbers[i];
        bool ended = journey->state == QUANYU__JOURNEY__STATE__DELETED;
        if (!ended && (is_used(journey->running, watch) || is_used(journey->pending, watch)))
            continue;
        char id[WATCH_ID_BYTES];
        Quanyu__WatchDropped record = QUANYU__WATCH_DROPPED__INIT;
        record.watch = (char *)watch_id(journey->number, watch, id);
        batch_emit(batch, RECORD_DROPPED, &record.base);
        watch_delete(batch->txn, journey->number, watch);
    }
}

static int save_in_force(struct campaign *campaign, struct batch *batch, uint32_t number)
{
    Quanyu__Journey *row = journey_load(batch->txn, number, campaign->scratch);
    if (!row)
        return store_fail(batch->txn, -QY_ECORRUPT);
    row->running_version = row->version;
    row->running = (ProtobufCBinaryData){0};
    journey_save(batch->txn, row);
    return store_error(batch->txn);
}

static void enter_members(struct campaign *campaign, struct batch *batch, const struct live_journey *journey)
{
    _cleanup_(number_list_free) struct number_list persons = {0};
    member_list(batch->txn, journey->running->entry.watch, &persons);
    for (size_t i = 0; i < persons.count; i++)
        position_enter(campaign, batch, journey, (uint32_t)persons.numbers[i]);
}

static int put_in_force(struct campaign *campaign, struct batch *batch, struct live_journey *journey)
{
    _cleanup_(journey_free) struct journey *before = TAKE(journey->running);
    journey->running = TAKE(journey->pending);
    int error = save_in_force(campaign, batch, journey->number);
    if (before)
        position_adapt(campaign, batch, journey);
    publish_drop_unused(batch, journey);
    bool entry_is_new = !before || before->entry.watch != journey->running->entry.watch;
    if (entry_is_new && journey->running->include_current)
        enter_members(campaign, batch, journey);
    return error;
}

int publish_continue(struct campaign *campaign, struct batch *batch, struct live_journey *journey)
{
    struct journey *pending = journey->pending;
    if (!pending)
        return 0;
    bool ready = true;
    for (int i = 0; i < journey_rule_count(pending) - 1; i++)
        ready = in_force(batch, journey->number, journey_rule(pending, i)) && ready;
    if (!ready || !in_force(batch, journey->number, &pending->entry))
        return 0;
    return put_in_force(campaign, batch, journey);
}

/* What tagging said points into the rule; from here it points into the definition. */
static char *point_into_definition(
    struct arena *arena, struct journey *journey, uint32_t watch, const char *error)
{
    for (int i = 0; i < journey_rule_count(journey); i++)
        if (journey_rule(journey, i)->watch == watch)
            return arena_printf(
                arena, "%s%s%s", journey_rule(journey, i)->pointer, *error == '/' ? "" : ": ", error);
    return arena_text(arena, error, strlen(error));
}

/* The pending version cannot be: the one before it stays, or the journey is a draft again. */
static int give_up(struct campaign *campaign, struct batch *batch, struct live_journey *journey,
    uint32_t watch, const char *error)
{
    Quanyu__Journey *row = journey_load(batch->txn, journey->number, campaign->scratch);
    if (!row)
        return store_fail(batch->txn, -QY_ECORRUPT);
    row->error = point_into_definition(campaign->scratch, journey->pending, watch, error);
    if (!row->error)
        return store_fail(batch->txn, -QY_ENOMEM);
    journey_free(&journey->pending);
    if (!journey->running)
        journey->state = row->state = QUANYU__JOURNEY__STATE__DRAFT;
    journey_save(batch->txn, row);
    publish_drop_unused(batch, journey);
    return store_error(batch->txn);
}

int publish_answered(struct campaign *campaign, struct batch *batch, struct live_journey *journey,
    uint32_t watch, const char *error)
{
    struct watch_row row;
    if (!watch_get(batch->txn, journey->number, watch, &row))
        return 0;
    if (*error)
        return is_used(journey->pending, watch) ? give_up(campaign, batch, journey, watch, error) : 0;
    row.ready = 1;
    watch_put(batch->txn, journey->number, watch, &row);
    return publish_continue(campaign, batch, journey);
}
