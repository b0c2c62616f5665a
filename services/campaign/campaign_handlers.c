/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/campaign_handlers.h"
#include "proto/campaign.pb-c.h"
#include "services/campaign/outbox.h"
#include "services/campaign/position.h"
#include "services/campaign/publish.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_MAX 500
#define PAGE_STANDARD 50

/* -- showing a journey -- */

static Quanyu__Journey__StepCount *step_count(
    struct rpc_context *context, struct store_txn *txn, uint32_t number, const struct step *step)
{
    Quanyu__Journey__StepCount *shown = arena_alloc(context->arena, sizeof(*shown));
    char *id = arena_text(context->arena, step->id, strlen(step->id));
    if (!shown || !id)
        return NULL;
    struct counts counts = counts_get(txn, number, step->id);
    quanyu__journey__step_count__init(shown);
    shown->step = id;
    shown->entered = counts.value[COUNT_ENTERED];
    shown->waiting = counts.value[COUNT_WAITING];
    shown->left = counts.value[COUNT_LEFT];
    shown->delivered = counts.value[COUNT_DELIVERED];
    shown->failed = counts.value[COUNT_FAILED];
    shown->unknown = counts.value[COUNT_UNKNOWN];
    shown->skipped = counts.value[COUNT_SKIPPED];
    return shown;
}

static int show_steps(
    struct rpc_context *context, struct store_txn *txn, const struct journey *journey, Quanyu__Journey *shown)
{
    shown->steps =
        arena_alloc(context->arena, sizeof(Quanyu__Journey__StepCount *) * (size_t)journey->step_count);
    if (!shown->steps)
        return -QY_ENOMEM;
    for (int i = 0; i < journey->step_count; i++)
        if (!(shown->steps[shown->n_steps++] = step_count(context, txn, shown->number, &journey->steps[i])))
            return -QY_ENOMEM;
    return 0;
}

static int hide_secrets(struct rpc_context *context, Quanyu__Journey *row)
{
    struct bytes shown = {0};
    int error =
        secrets_hide((struct bytes){row->definition.data, row->definition.len}, context->arena, &shown);
    row->definition = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)shown.data, .len = shown.size};
    return error;
}

/* Turns a row into what is shown: with counts, without what is the rows' alone. */
static int show(struct rpc_context *context, struct store_txn *txn, Quanyu__Journey *row)
{
    _cleanup_(journey_free) struct journey *journey = NULL;
    struct counts counts = counts_get(txn, row->number, "");
    row->entered = counts.value[COUNT_ENTERED];
    row->active = counts.value[COUNT_WAITING];
    row->completed = counts.value[COUNT_LEFT];
    row->exited = counts.value[COUNT_EXITED];
    row->merged = counts.value[COUNT_MERGED];
    row->removed = counts.value[COUNT_REMOVED];
    int error = journey_parse_stored(row->definition.data, row->definition.len, &journey);
    if (!error)
        error = show_steps(context, txn, journey, row);
    if (!error)
        error = hide_secrets(context, row);
    row->number = 0;
    row->running = (ProtobufCBinaryData){0};
    return error ? error : store_error(txn);
}

/* -- changing -- */

static void emit_act(struct rpc_context *context, const char *action, const Quanyu__Journey *row)
{
    Quanyu__CampaignAct act = QUANYU__CAMPAIGN_ACT__INIT;
    act.actor = context->header->actor;
    act.action = (char *)action;
    act.detail = row->id;
    act.request_id = context->header->request_id;
    batch_emit(context->batch, RECORD_ACT, &act.base);
}

static Quanyu__Journey *new_row(struct rpc_context *context)
{
    struct store_txn *txn = context->batch->txn;
    Quanyu__Journey *row = arena_alloc(context->arena, sizeof(*row));
    char *id = arena_alloc(context->arena, JOURNEY_ID_BYTES);
    if (!row || !id)
        return NULL;
    quanyu__journey__init(row);
    row->number = (uint32_t)meta_last(txn, META_JOURNEYS) + 1;
    row->id = (char *)journey_id(row->number, id);
    row->created_ms = context->batch->now_ms;
    return row;
}

/* The row to be changed; a new one for id "". */
static int find_row(struct rpc_context *context, const char *id, Quanyu__Journey **ret_row)
{
    struct store_txn *txn = context->batch->txn;
    if (!*id) {
        if (meta_last(txn, META_JOURNEYS) >= JOURNEYS_MAX)
            return rpc_refuse(context, -QY_ETOOLARGE, NULL, "there are %d journeys already", JOURNEYS_MAX);
        *ret_row = new_row(context);
        return *ret_row ? 0 : -QY_ENOMEM;
    }
    uint32_t number;
    Quanyu__Journey *row = journey_number(id, &number) ? journey_load(txn, number, context->arena) : NULL;
    if (!row || row->state == QUANYU__JOURNEY__STATE__DELETED)
        return rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no such journey");
    *ret_row = row;
    return 0;
}

/* The new version; the one in force stays beside it until the new one is. */
static int set_definition(
    struct rpc_context *context, Quanyu__Journey *row, ProtobufCBinaryData definition, const char *name)
{
    if (row->running_version == row->version && row->version > 0)
        row->running = row->definition;
    row->definition = definition;
    row->name = arena_text(context->arena, name, strlen(name));
    row->version++;
    row->error = (char *)"";
    row->changed_ms = context->batch->now_ms;
    return row->name ? 0 : -QY_ENOMEM;
}

/* The form that is stored, with the secrets sealed; a version before may lend those that were not given. */
static int seal_definition(struct rpc_context *context, const Quanyu__Journey *row, ProtobufCBinaryData given,
    ProtobufCBinaryData *ret_stored)
{
    const struct campaign *campaign = context->self;
    _cleanup_(journey_free) struct journey *before = NULL;
    struct journey_problem problem;
    struct bytes stored;
    int error =
        row->version > 0 ? journey_parse_stored(row->definition.data, row->definition.len, &before) : 0;
    if (!error)
        error = secrets_seal(&campaign->secret_key, row->number, (struct bytes){given.data, given.len},
            before, context->arena, &stored, &problem);
    if (error == -QY_EINVAL)
        return rpc_refuse(context, error, problem.pointer, "%s", problem.message);
    if (!error)
        *ret_stored = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)stored.data, .len = stored.size};
    return error;
}

/* After the row was saved: memory follows, and tagging is asked what it has not been asked yet. */
static int take_up(struct rpc_context *context, const Quanyu__Journey *row)
{
    struct campaign *campaign = context->self;
    int error = campaign_journey_load(campaign, context->batch->txn, row->number);
    if (error)
        return error;
    struct live_journey *journey = campaign_journey(campaign, row->number);
    error = publish_continue(campaign, context->batch, journey);
    publish_drop_unused(context->batch, journey);
    return error;
}

/* As it is after all of it. */
static int show_saved(struct rpc_context *context, uint32_t number, Quanyu__Journey **ret_shown)
{
    struct campaign *campaign = context->self;
    struct store_txn *txn = context->batch->txn;
    count_sheet_flush(&campaign->counts, txn);
    Quanyu__Journey *row = journey_load(txn, number, context->arena);
    if (!row)
        return store_error(txn) ? store_error(txn) : -QY_ENOMEM;
    *ret_shown = row;
    return show(context, txn, row);
}

/* A refused command has changed nothing; one that fails after it has begun to write takes its batch with it.
 */
static int finish_command(struct rpc_context *context, int error)
{
    return error ? store_fail(context->batch->txn, error) : 0;
}

static int check_version(struct rpc_context *context, const Quanyu__Journey *row, uint64_t wanted)
{
    if (!wanted || wanted == row->version)
        return 0;
    return rpc_refuse(
        context, -QY_EOVERTAKEN, "version", "it is at version %llu now", (unsigned long long)row->version);
}

static int define(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__JourneyDefineRequest *asked = ((const Quanyu__CampaignRequest *)request)->define;
    Quanyu__CampaignReply *answer = (Quanyu__CampaignReply *)reply;
    _cleanup_(journey_free) struct journey *journey = NULL;
    struct journey_problem problem;
    Quanyu__Journey *row = NULL;
    ProtobufCBinaryData definition = {0};
    int error = campaign_refresh(context->self, context->batch->txn);
    if (!error)
        error = journey_parse(asked->definition.data, asked->definition.len, &journey, &problem);
    if (error == -QY_EINVAL || error == -QY_ETOOLARGE)
        return rpc_refuse(context, error, problem.pointer, "%s", problem.message);
    if (!error)
        error = find_row(context, asked->id, &row);
    if (!error && row)
        error = check_version(context, row, asked->version);
    if (!error && row)
        error = seal_definition(context, row, asked->definition, &definition);
    if (!error && row)
        error = set_definition(context, row, definition, journey->name);
    if (error || !row)
        return error;
    bool is_new = !*asked->id;
    if (is_new)
        meta_next(context->batch->txn, META_JOURNEYS);
    journey_save(context->batch->txn, row);
    emit_act(context, is_new ? "journey.create" : "journey.change", row);
    error = take_up(context, row);
    if (!error)
        error = show_saved(context, row->number, &answer->define);
    answer->result_case = QUANYU__CAMPAIGN_REPLY__RESULT_DEFINE;
    return finish_command(context, error);
}

static int activate(struct rpc_context *context, const struct live_journey *before)
{
    struct campaign *campaign = context->self;
    const struct live_journey *journey = campaign_journey(campaign, before->number);
    if (journey->running)
        position_resume(campaign, context->batch, journey);
    outbox_release(campaign, context->batch, journey->number);
    return store_error(context->batch->txn);
}

/* Positions end under the version that is still in memory; then the row says that it is deleted. */
static void end_journey(struct rpc_context *context, struct live_journey *journey)
{
    struct campaign *campaign = context->self;
    position_end_all(campaign, context->batch, journey);
    journey->state = QUANYU__JOURNEY__STATE__DELETED;
    outbox_release(campaign, context->batch, journey->number);
    publish_drop_unused(context->batch, journey);
}

static int check_state(struct rpc_context *context, Quanyu__Journey__State from, Quanyu__Journey__State to)
{
    if (to == QUANYU__JOURNEY__STATE__ACTIVE || to == QUANYU__JOURNEY__STATE__DELETED)
        return 0;
    if (to != QUANYU__JOURNEY__STATE__PAUSED)
        return rpc_refuse(context, -QY_EINVAL, "state", "must be active, paused or deleted");
    if (from == QUANYU__JOURNEY__STATE__DRAFT)
        return rpc_refuse(context, -QY_ECONFLICT, "state", "a draft cannot be paused");
    return 0;
}

static int change_state(struct rpc_context *context, Quanyu__Journey *row, Quanyu__Journey__State state)
{
    struct campaign *campaign = context->self;
    struct live_journey *journey = campaign_journey(campaign, row->number);
    if (state == QUANYU__JOURNEY__STATE__DELETED)
        end_journey(context, journey);
    row->state = state;
    row->changed_ms = context->batch->now_ms;
    if (state == QUANYU__JOURNEY__STATE__ACTIVE)
        row->error = (char *)"";
    journey_save(context->batch->txn, row);
    int error = take_up(context, row);
    if (!error && state == QUANYU__JOURNEY__STATE__ACTIVE)
        error = activate(context, campaign_journey(campaign, row->number));
    return error;
}

static int set_state(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    static const char *const actions[] = {"", "journey.publish", "journey.pause", "journey.delete"};
    const Quanyu__JourneyStateRequest *asked = ((const Quanyu__CampaignRequest *)request)->set_state;
    Quanyu__CampaignReply *answer = (Quanyu__CampaignReply *)reply;
    Quanyu__Journey *row = NULL;
    int error = campaign_refresh(context->self, context->batch->txn);
    if (!error && !*asked->id)
        return rpc_refuse(context, -QY_EINVAL, "id", "is missing");
    if (!error)
        error = find_row(context, asked->id, &row);
    if (!error && row)
        error = check_version(context, row, asked->version);
    if (!error && row)
        error = check_state(context, row->state, asked->state);
    if (error || !row)
        return error;
    if (row->state != asked->state) {
        emit_act(context, actions[asked->state], row);
        error = change_state(context, row, asked->state);
    }
    if (!error)
        error = show_saved(context, row->number, &answer->set_state);
    answer->result_case = QUANYU__CAMPAIGN_REPLY__RESULT_SET_STATE;
    return finish_command(context, error);
}

/* -- reading -- */

static uint32_t page_size(uint32_t limit)
{
    return limit == 0 ? PAGE_STANDARD : limit < PAGE_MAX ? limit : PAGE_MAX;
}

static int add_journey(struct rpc_context *context, Quanyu__Journey *row, Quanyu__JourneysReply *page)
{
    page->journeys[page->n_journeys++] = row;
    return show(context, context->txn, row);
}

/* Deleted ones too. */
static int find_former(struct rpc_context *context, const char *id, Quanyu__Journey **ret_row)
{
    uint32_t number;
    Quanyu__Journey *row =
        journey_number(id, &number) ? journey_load(context->txn, number, context->arena) : NULL;
    if (!row) {
        (void)rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no such journey");
        return -QY_ENOTFOUND;
    }
    *ret_row = row;
    return 0;
}

int campaign_find_journey(struct rpc_context *context, const char *id, Quanyu__Journey **ret_row)
{
    int error = find_former(context, id, ret_row);
    bool deleted = !error && (*ret_row)->state == QUANYU__JOURNEY__STATE__DELETED;
    return deleted ? rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no such journey") : error;
}

static int show_one(struct rpc_context *context, const char *id, Quanyu__JourneysReply *page)
{
    Quanyu__Journey *row = NULL;
    int error = campaign_find_journey(context, id, &row);
    return error ? error : add_journey(context, row, page);
}

static int show_page(
    struct rpc_context *context, const char *after, uint32_t limit, Quanyu__JourneysReply *page)
{
    uint32_t number = 0, last = (uint32_t)meta_last(context->txn, META_JOURNEYS);
    if (*after && !journey_number(after, &number))
        return rpc_refuse(context, -QY_EINVAL, "cursor", "is not one of ours");
    int error = 0;
    while (!error && number < last && page->n_journeys < limit) {
        Quanyu__Journey *row = journey_load(context->txn, ++number, context->arena);
        if (row && row->state != QUANYU__JOURNEY__STATE__DELETED)
            error = add_journey(context, row, page);
    }
    if (number < last) {
        page->next = arena_alloc(context->arena, JOURNEY_ID_BYTES);
        if (!page->next)
            return -QY_ENOMEM;
        journey_id(number, page->next);
    }
    return error ? error : store_error(context->txn);
}

static int journeys(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__JourneysRequest *asked = ((const Quanyu__CampaignRequest *)request)->journeys;
    Quanyu__CampaignReply *answer = (Quanyu__CampaignReply *)reply;
    uint32_t limit = page_size(asked->limit);
    Quanyu__JourneysReply *page = arena_alloc(context->arena, sizeof(*page));
    if (!page)
        return -QY_ENOMEM;
    quanyu__journeys_reply__init(page);
    page->journeys = arena_alloc(context->arena, sizeof(Quanyu__Journey *) * limit);
    if (!page->journeys)
        return -QY_ENOMEM;
    answer->result_case = QUANYU__CAMPAIGN_REPLY__RESULT_JOURNEYS;
    answer->journeys = page;
    return *asked->id ? show_one(context, asked->id, page) : show_page(context, asked->after, limit, page);
}

static Quanyu__DeliveriesReply__Row *delivery_row(
    struct rpc_context *context, const struct delivery *delivery)
{
    struct arena *arena = context->arena;
    Quanyu__DeliveriesReply__Row *row = arena_alloc(arena, sizeof(*row));
    Quanyu__Delivery *shown = arena_alloc(arena, sizeof(*shown));
    char *journey = arena_alloc(arena, JOURNEY_ID_BYTES), *id = arena_alloc(arena, DELIVERY_ID_BYTES);
    if (!row || !shown || !journey || !id)
        return NULL;
    quanyu__deliveries_reply__row__init(row);
    quanyu__delivery__init(shown);
    row->delivery = shown;
    row->at_ms = delivery->at_ms;
    shown->journey = (char *)journey_id(delivery->journey, journey);
    shown->step = arena_text(arena, delivery->step, strlen(delivery->step));
    shown->channel = (char *)channel_name((enum channel)delivery->channel);
    shown->person = person_of(context->txn, delivery->node);
    shown->node = delivery->node;
    shown->state = (Quanyu__Delivery__State)delivery_public_state(delivery);
    shown->reason = arena_text(arena, delivery->reason, strlen(delivery->reason));
    shown->attempts = delivery->attempts;
    shown->delivery_id = (char *)delivery_id(delivery, id);
    return shown->step && shown->reason ? row : NULL;
}

static int compare_newest_first(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? 1 : left > right ? -1 : 0;
}

static bool is_asked_for(const struct delivery *delivery, uint32_t journey, uint64_t before)
{
    return (journey == 0 || delivery->journey == journey) && (before == 0 || delivery->number < before);
}

/* One person's, over all nodes: few enough to be sorted here. */
static void list_of_person(struct store_txn *txn, uint32_t person, uint32_t journey, uint64_t before,
    struct number_list *ret_numbers)
{
    _cleanup_(number_list_free) struct number_list nodes = {0}, all = {0};
    person_nodes(txn, person, &nodes);
    for (size_t i = 0; i < nodes.count; i++)
        delivery_list_node(txn, (uint32_t)nodes.numbers[i], &all);
    for (size_t i = 0; i < all.count; i++) {
        struct delivery delivery;
        if (delivery_get(txn, all.numbers[i], &delivery) && is_asked_for(&delivery, journey, before) &&
            !number_list_add(ret_numbers, delivery.number))
            store_fail(txn, -QY_ENOMEM);
    }
    if (ret_numbers->count > 1)
        qsort(ret_numbers->numbers, ret_numbers->count, sizeof(uint64_t), compare_newest_first);
}

static int show_deliveries(struct rpc_context *context, const struct number_list *numbers, uint32_t limit,
    Quanyu__DeliveriesReply *page)
{
    page->rows = arena_alloc(context->arena, sizeof(Quanyu__DeliveriesReply__Row *) * limit);
    if (!page->rows)
        return -QY_ENOMEM;
    for (size_t i = 0; i < numbers->count && page->n_rows < limit; i++) {
        struct delivery delivery;
        if (!delivery_get(context->txn, numbers->numbers[i], &delivery))
            continue;
        if (!(page->rows[page->n_rows++] = delivery_row(context, &delivery)))
            return -QY_ENOMEM;
        page->next = i + 1 < numbers->count ? delivery.number : 0;
    }
    return store_error(context->txn);
}

static int deliveries(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__DeliveriesRequest *asked = ((const Quanyu__CampaignRequest *)request)->deliveries;
    Quanyu__CampaignReply *answer = (Quanyu__CampaignReply *)reply;
    uint32_t journey = 0, limit = page_size(asked->limit);
    Quanyu__Journey *row = NULL;
    int error = *asked->journey ? find_former(context, asked->journey, &row) : 0; /* what was sent stays so */
    if (error)
        return error;
    if (row)
        journey = row->number;
    Quanyu__DeliveriesReply *page = arena_alloc(context->arena, sizeof(*page));
    if (!page)
        return -QY_ENOMEM;
    quanyu__deliveries_reply__init(page);
    _cleanup_(number_list_free) struct number_list numbers = {0};
    if (asked->person)
        list_of_person(context->txn, asked->person, journey, asked->before, &numbers);
    else
        delivery_list(context->txn, journey, asked->before, (size_t)limit + 1, &numbers);
    answer->result_case = QUANYU__CAMPAIGN_REPLY__RESULT_DELIVERIES;
    answer->deliveries = page;
    return show_deliveries(context, &numbers, limit, page);
}

/* -- the table -- */

static const char *const managers[] = {"gateway", "cli", NULL};

static const struct rpc_handler handlers[] = {
    [QUANYU__CAMPAIGN_REQUEST__CALL_DEFINE] = {"define", define, RPC_COMMAND, managers},
    [QUANYU__CAMPAIGN_REQUEST__CALL_SET_STATE] = {"set_state", set_state, RPC_COMMAND, managers},
    [QUANYU__CAMPAIGN_REQUEST__CALL_JOURNEYS] = {"journeys", journeys, RPC_QUERY, managers},
    [QUANYU__CAMPAIGN_REQUEST__CALL_DELIVERIES] = {"deliveries", deliveries, RPC_QUERY, managers},
    [QUANYU__CAMPAIGN_REQUEST__CALL_RULES] = {"rules", campaign_handle_rules, RPC_QUERY, managers},
};

const struct rpc_service campaign_rpc = {
    .request = &quanyu__campaign_request__descriptor,
    .reply = &quanyu__campaign_reply__descriptor,
    .handlers = handlers,
    .handler_count = COUNT_OF(handlers),
};
