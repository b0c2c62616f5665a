/* SPDX-License-Identifier: Apache-2.0 */
/* Journeys: campaign owns them; the API shows and changes them. */
#include "proto/campaign.pb-c.h"
#include "services/gateway/api.h"

#include <stdlib.h>
#include <string.h>

static int ask(struct api_call *call, Quanyu__CampaignRequest *request, Quanyu__CampaignReply **ret_reply)
{
    ProtobufCMessage *reply;
    int error = api_ask(call, "campaign", &request->base, &quanyu__campaign_reply__descriptor, &reply);
    if (!error)
        *ret_reply = (Quanyu__CampaignReply *)reply;
    return error;
}

/* -- JSON -- */

static const char *state_name(Quanyu__Journey__State state)
{
    switch (state) {
    case QUANYU__JOURNEY__STATE__ACTIVE:
        return "active";
    case QUANYU__JOURNEY__STATE__PAUSED:
        return "paused";
    case QUANYU__JOURNEY__STATE__DELETED:
        return "deleted";
    default:
        return "draft";
    }
}

static void write_steps(struct json *json, const Quanyu__Journey *journey)
{
    json_name(json, "steps");
    json_open(json, '[');
    for (size_t i = 0; i < journey->n_steps; i++) {
        const Quanyu__Journey__StepCount *step = journey->steps[i];
        json_open(json, '{');
        json_field_text(json, "id", step->step);
        json_field_unsigned(json, "entered", step->entered);
        json_field_unsigned(json, "waiting", step->waiting);
        json_field_unsigned(json, "left", step->left);
        json_field_unsigned(json, "delivered", step->delivered);
        json_field_unsigned(json, "failed", step->failed);
        json_field_unsigned(json, "unknown", step->unknown);
        json_field_unsigned(json, "skipped", step->skipped);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_journey(struct json *json, const Quanyu__Journey *journey)
{
    json_open(json, '{');
    json_field_text(json, "id", journey->id);
    json_field_text(json, "name", journey->name);
    json_field_text(json, "state", state_name(journey->state));
    json_field_unsigned(json, "version", journey->version);
    json_field_time(json, "created_at", journey->created_ms);
    json_field_time(json, "changed_at", journey->changed_ms);
    json_field_unsigned(json, "entered", journey->entered);
    json_field_unsigned(json, "active", journey->active);
    json_field_unsigned(json, "completed", journey->completed);
    json_field_optional(json, "error", journey->error);
    write_steps(json, journey);
    json_name(json, "definition");
    json_raw(json, journey->definition.data, journey->definition.len, "null");
    json_close(json, '}');
}

static int show_one(struct api_call *call, const Quanyu__Journey *journey)
{
    struct json json = json_to(&call->out);
    write_journey(&json, journey);
    return 0;
}

/* -- reading -- */

static int fetch(struct api_call *call, Quanyu__JourneysRequest *question, Quanyu__JourneysReply **ret_page)
{
    Quanyu__CampaignRequest request = QUANYU__CAMPAIGN_REQUEST__INIT;
    request.call_case = QUANYU__CAMPAIGN_REQUEST__CALL_JOURNEYS;
    request.journeys = question;
    Quanyu__CampaignReply *reply;
    int error = ask(call, &request, &reply);
    if (!error)
        *ret_page = reply->journeys;
    return error;
}

int journey_list(struct api_call *call)
{
    char cursor[API_ID_BYTES];
    Quanyu__JourneysRequest question = QUANYU__JOURNEYS_REQUEST__INIT;
    Quanyu__JourneysReply *page;
    int error = api_limit(call, &question.limit);
    if (!error)
        error = api_id_cursor(call, "j_", cursor);
    question.after = cursor;
    if (!error)
        error = fetch(call, &question, &page);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open_page(&json, "journeys");
    for (size_t i = 0; i < page->n_journeys; i++)
        write_journey(&json, page->journeys[i]);
    json_close_page(&json, page->next);
    return 0;
}

int journey_show(struct api_call *call)
{
    Quanyu__JourneysRequest question = QUANYU__JOURNEYS_REQUEST__INIT;
    Quanyu__JourneysReply *page;
    question.id = (char *)(uintptr_t)call->parameters[0];
    int error = fetch(call, &question, &page);
    if (!error && page->n_journeys == 0)
        error = api_refuse(call, -QY_ENOTFOUND, "id", "there is no such journey");
    return error ? error : show_one(call, page->journeys[0]);
}

/* -- changing -- */

static int define(struct api_call *call, const char *id)
{
    size_t size;
    _cleanup_(free_pointer) char *text = yyjson_val_write(call->body, 0, &size);
    if (!text)
        return -QY_ENOMEM;
    Quanyu__JourneyDefineRequest change = QUANYU__JOURNEY_DEFINE_REQUEST__INIT;
    change.id = (char *)(uintptr_t)id;
    change.definition = (ProtobufCBinaryData){.data = (uint8_t *)text, .len = size};
    Quanyu__CampaignRequest request = QUANYU__CAMPAIGN_REQUEST__INIT;
    request.call_case = QUANYU__CAMPAIGN_REQUEST__CALL_DEFINE;
    request.define = &change;
    Quanyu__CampaignReply *reply;
    int error = ask(call, &request, &reply);
    return error ? error : show_one(call, reply->define);
}

int journey_create(struct api_call *call)
{
    call->status = 201;
    return define(call, "");
}

int journey_change(struct api_call *call)
{
    return define(call, call->parameters[0]);
}

static int set_state(struct api_call *call, Quanyu__Journey__State state, Quanyu__Journey **ret_journey)
{
    Quanyu__JourneyStateRequest change = QUANYU__JOURNEY_STATE_REQUEST__INIT;
    change.id = (char *)(uintptr_t)call->parameters[0];
    change.state = state;
    Quanyu__CampaignRequest request = QUANYU__CAMPAIGN_REQUEST__INIT;
    request.call_case = QUANYU__CAMPAIGN_REQUEST__CALL_SET_STATE;
    request.set_state = &change;
    Quanyu__CampaignReply *reply;
    int error = ask(call, &request, &reply);
    if (!error)
        *ret_journey = reply->set_state;
    return error;
}

int journey_publish(struct api_call *call)
{
    Quanyu__Journey *journey;
    int error = set_state(call, QUANYU__JOURNEY__STATE__ACTIVE, &journey);
    return error ? error : show_one(call, journey);
}

int journey_pause(struct api_call *call)
{
    Quanyu__Journey *journey;
    int error = set_state(call, QUANYU__JOURNEY__STATE__PAUSED, &journey);
    return error ? error : show_one(call, journey);
}

int journey_remove(struct api_call *call)
{
    Quanyu__Journey *journey;
    return set_state(call, QUANYU__JOURNEY__STATE__DELETED, &journey);
}

/* -- deliveries -- */

static const char *delivery_state(Quanyu__Delivery__State state)
{
    static const char *const names[] = {"ready", "sending", "delivered", "failed", "unknown", "skipped"};
    return (size_t)state < COUNT_OF(names) ? names[state] : "unknown";
}

static int one_ids_of(struct api_call *call, const Quanyu__DeliveriesReply *page, char ***ret_one_ids)
{
    uint32_t *persons = arena_alloc(call->arena, sizeof(*persons) * (page->n_rows + 1));
    if (!persons)
        return -QY_ENOMEM;
    for (size_t i = 0; i < page->n_rows; i++)
        persons[i] = page->rows[i]->delivery->person;
    return api_one_ids(call, persons, page->n_rows, ret_one_ids);
}

static void write_delivery(struct json *json, const Quanyu__DeliveriesReply__Row *row, const char *one_id)
{
    const Quanyu__Delivery *delivery = row->delivery;
    json_open(json, '{');
    json_field_text(json, "id", delivery->delivery_id);
    json_field_text(json, "one_id", one_id);
    json_field_text(json, "step", delivery->step);
    json_field_text(json, "channel", delivery->channel);
    json_field_text(json, "state", delivery_state(delivery->state));
    json_field_optional(json, "reason", delivery->reason);
    json_field_unsigned(json, "attempts", delivery->attempts);
    json_field_time(json, "at", row->at_ms);
    json_close(json, '}');
}

static void write_deliveries(struct api_call *call, const Quanyu__DeliveriesReply *page, char **one_ids)
{
    char next[API_CURSOR_BYTES];
    struct json json = json_to(&call->out);
    json_open_page(&json, "deliveries");
    for (size_t i = 0; i < page->n_rows; i++)
        write_delivery(&json, page->rows[i], one_ids[i]);
    json_close_page(&json, api_next_cursor(page->next, next));
}

static int fetch_deliveries(struct api_call *call, Quanyu__DeliveriesReply **ret_page)
{
    Quanyu__DeliveriesRequest question = QUANYU__DELIVERIES_REQUEST__INIT;
    int error = api_limit(call, &question.limit);
    if (!error)
        error = api_cursor(call, &question.before);
    if (error)
        return error;
    question.journey = (char *)(uintptr_t)call->parameters[0];
    Quanyu__CampaignRequest request = QUANYU__CAMPAIGN_REQUEST__INIT;
    request.call_case = QUANYU__CAMPAIGN_REQUEST__CALL_DELIVERIES;
    request.deliveries = &question;
    Quanyu__CampaignReply *reply;
    error = ask(call, &request, &reply);
    if (!error)
        *ret_page = reply->deliveries;
    return error;
}

/* Names persons, so it is on record. */
int journey_deliveries(struct api_call *call)
{
    Quanyu__DeliveriesReply *page;
    char **one_ids;
    int error = fetch_deliveries(call, &page);
    if (!error)
        error = one_ids_of(call, page, &one_ids);
    if (!error)
        error = api_record_page(call, "journey.deliveries", one_ids, page->n_rows);
    if (!error)
        write_deliveries(call, page, one_ids);
    return error;
}
