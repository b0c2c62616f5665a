/* SPDX-License-Identifier: Apache-2.0 */
/* Journeys: campaign owns them; the API shows and changes them. How many people are in them is a use of personal data:
 * it is on record before it is shown. */
#include "common/metrics.h"
#include "proto/campaign.pb-c.h"
#include "services/gateway/api.h"
#include "services/gateway/disclosure.h"
#include "services/gateway/guard.h"
#include "services/gateway/journey_json.h"
#include "services/gateway/rule_names.h"
#include "services/gateway/visible_page.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IN_FORCE_TIMEOUT_S 5.0
#define LOOK_AGAIN_NS_MAX 50000000L

static int ask(struct api_call *call, Quanyu__CampaignRequest *request, Quanyu__CampaignReply **ret_reply)
{
    ProtobufCMessage *reply;
    int error = api_ask(call, "campaign", &request->base, &quanyu__campaign_reply__descriptor, &reply);
    if (!error)
        *ret_reply = (Quanyu__CampaignReply *)reply;
    return error;
}

static int show_one(struct api_call *call, const Quanyu__Journey *journey)
{
    bool withheld;
    int error = journey_is_withheld(call, journey->id, &withheld);
    if (!error)
        error = api_record_count(call, "journey.show", withheld ? 0 : journey->entered, journey->id);
    struct json json = json_to(&call->out);
    if (error)
        return error;
    journey_write(&json, journey, guard_least(call), withheld);
    api_write_version(call, journey->version);
    return 0;
}

static int record_page(struct api_call *call, const char *after, const Quanyu__JourneysReply *page)
{
    uint64_t persons = 0;
    for (size_t i = 0; i < page->n_journeys; i++)
        persons += page->journeys[i]->entered;
    return api_record_count(call, "journey.list", persons,
        arena_printf(call->arena, "{\"after\":\"%s\",\"shown\":%zu}", after, page->n_journeys));
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
    if (!error)
        error = record_page(call, cursor, page);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open_page(&json, "journeys");
    for (size_t i = 0; !error && i < page->n_journeys; i++) {
        bool withheld;
        error = journey_is_withheld(call, page->journeys[i]->id, &withheld);
        if (!error)
            journey_write(&json, page->journeys[i], guard_least(call), withheld);
    }
    json_close_page(&json, page->next);
    return error;
}

static int fetch_one(struct api_call *call, const char *id, Quanyu__Journey **ret_journey)
{
    Quanyu__JourneysRequest question = QUANYU__JOURNEYS_REQUEST__INIT;
    Quanyu__JourneysReply *page;
    question.id = (char *)(uintptr_t)id;
    int error = fetch(call, &question, &page);
    if (!error && page->n_journeys == 0)
        error = api_refuse(call, -QY_ENOTFOUND, "id", "there is no such journey");
    if (!error)
        *ret_journey = page->journeys[0];
    return error;
}

int journey_show(struct api_call *call)
{
    Quanyu__Journey *journey;
    int error = fetch_one(call, call->parameters[0], &journey);
    return error ? error : show_one(call, journey);
}

/* -- in force -- */

/* What tagging refused although it was asked before: somebody was quicker. "/pointer: what" */
static int refuse_failed(struct api_call *call, const char *error)
{
    const char *message = strstr(error, ": ");
    if (*error != '/' || !message)
        return api_refuse(call, -QY_ECONFLICT, NULL, "%s", error);
    char *pointer = arena_text(call->arena, error, (size_t)(message - error));
    return api_refuse(call, -QY_ECONFLICT, pointer, "%s", message + 2);
}

/* Tagging evaluates a new version's rules for everybody before it counts. The answer waits for that, so that it can say
 * what came of it; where it takes longer, the answer is 202. Campaign tells nobody when, so it is asked. */
static int await_in_force(struct api_call *call, Quanyu__Journey **journey)
{
    double deadline = metrics_clock() + IN_FORCE_TIMEOUT_S;
    struct timespec look_again = {.tv_nsec = 1000000};
    for (;;) {
        if (*(*journey)->error)
            return refuse_failed(call, (*journey)->error);
        bool published = (*journey)->state == QUANYU__JOURNEY__STATE__ACTIVE ||
                         (*journey)->state == QUANYU__JOURNEY__STATE__PAUSED;
        if (!published || (*journey)->running_version == (*journey)->version)
            return 0;
        if (metrics_clock() > deadline) {
            call->status = 202;
            return 0;
        }
        nanosleep(&look_again, NULL);
        if (look_again.tv_nsec < LOOK_AGAIN_NS_MAX)
            look_again.tv_nsec *= 2;
        int error = fetch_one(call, (*journey)->id, journey);
        if (error)
            return error;
    }
}

/* -- changing -- */

static int define(struct api_call *call, const char *id, uint64_t version)
{
    size_t size;
    int error = journey_content_check(call);
    if (!error)
        error = rule_names_resolve_journey(call);
    if (error)
        return error;
    _cleanup_(free_pointer) char *text = yyjson_val_write(call->body, 0, &size);
    if (!text)
        return -QY_ENOMEM;
    Quanyu__JourneyDefineRequest change = QUANYU__JOURNEY_DEFINE_REQUEST__INIT;
    change.id = (char *)(uintptr_t)id;
    change.version = version;
    change.definition = (ProtobufCBinaryData){.data = (uint8_t *)text, .len = size};
    error = api_need_audit(call);
    if (!error)
        error = journey_rules_check(call, id, change.definition);
    if (error)
        return error;
    Quanyu__CampaignRequest request = QUANYU__CAMPAIGN_REQUEST__INIT;
    request.call_case = QUANYU__CAMPAIGN_REQUEST__CALL_DEFINE;
    request.define = &change;
    Quanyu__CampaignReply *reply;
    error = ask(call, &request, &reply);
    if (error)
        return error;
    Quanyu__Journey *journey = reply->define;
    error = await_in_force(call, &journey);
    return error ? error : show_one(call, journey);
}

int journey_create(struct api_call *call)
{
    call->status = 201;
    return define(call, "", 0);
}

int journey_change(struct api_call *call)
{
    uint64_t version;
    int error = api_read_version(call, &version);
    return error ? error : define(call, call->parameters[0], version);
}

/* `version` as of If-Match. */
static int set_state(
    struct api_call *call, uint64_t version, Quanyu__Journey__State state, Quanyu__Journey **ret_journey)
{
    Quanyu__JourneyStateRequest change = QUANYU__JOURNEY_STATE_REQUEST__INIT;
    change.id = (char *)(uintptr_t)call->parameters[0];
    change.state = state;
    change.version = version;
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
    uint64_t version;
    Quanyu__Journey *journey;
    int error = api_read_version(call, &version);
    if (!error)
        error = api_need_audit(call);
    if (error)
        return error;
    error = journey_rules_check(call, call->parameters[0], (ProtobufCBinaryData){0});
    if (error == -QY_EINVAL) /* the definition is no part of this request: something is gone since */
        error = -QY_ECONFLICT;
    if (!error)
        error = set_state(call, version, QUANYU__JOURNEY__STATE__ACTIVE, &journey);
    if (!error)
        error = await_in_force(call, &journey);
    return error ? error : show_one(call, journey);
}

int journey_pause(struct api_call *call)
{
    uint64_t version;
    Quanyu__Journey *journey;
    int error = api_read_version(call, &version);
    if (!error)
        error = api_need_audit(call);
    if (!error)
        error = set_state(call, version, QUANYU__JOURNEY__STATE__PAUSED, &journey);
    return error ? error : show_one(call, journey);
}

int journey_remove(struct api_call *call)
{
    uint64_t version;
    Quanyu__Journey *journey;
    int error = api_read_version(call, &version);
    return error ? error : set_state(call, version, QUANYU__JOURNEY__STATE__DELETED, &journey);
}

/* -- deliveries -- */

static const char *delivery_state(Quanyu__Delivery__State state)
{
    static const char *const names[] = {"ready", "sending", "delivered", "failed", "unknown", "skipped"};
    return (size_t)state < COUNT_OF(names) ? names[state] : "unknown";
}

/* The persons in the order of the deliveries, by number and by One ID. */
static int persons_of(
    struct api_call *call, const Quanyu__DeliveriesReply *page, uint32_t **ret_numbers, char ***ret_one_ids)
{
    uint32_t *numbers = arena_alloc(call->arena, sizeof(*numbers) * (page->n_rows + 1));
    if (!numbers)
        return -QY_ENOMEM;
    for (size_t i = 0; i < page->n_rows; i++)
        numbers[i] = page->rows[i]->delivery->person;
    *ret_numbers = numbers;
    return api_one_ids(call, numbers, page->n_rows, ret_one_ids);
}

static void write_delivery(struct json *json, const Quanyu__DeliveriesReply__Row *row, const char *one_id)
{
    const Quanyu__Delivery *delivery = row->delivery;
    json_open(json, '{');
    json_field_text(json, "id", delivery->delivery_id);
    if (one_id)
        json_field_text(json, "one_id", one_id);
    json_field_text(json, "step", delivery->step);
    json_field_text(json, "channel", delivery->channel);
    json_field_text(json, "state", delivery_state(delivery->state));
    json_field_optional(json, "reason", delivery->reason);
    json_field_unsigned(json, "attempts", delivery->attempts);
    json_field_time(json, "at", row->at_ms);
    json_close(json, '}');
}

static void write_deliveries(
    struct api_call *call, const Quanyu__DeliveriesReply *shown, uint64_t before, char **one_ids)
{
    char next[API_CURSOR_BYTES];
    bool persons = disclosure_of(call->permissions).persons;
    struct json json = json_to(&call->out);
    json_open_page(&json, "deliveries");
    for (size_t i = 0; i < shown->n_rows; i++)
        write_delivery(&json, shown->rows[i], persons ? one_ids[i] : NULL);
    json_close_page(&json, api_next_cursor(before, next));
}

struct delivery_page {
    struct visible_page page;
    Quanyu__DeliveriesReply *last;
    Quanyu__DeliveriesReply shown;
};

static int fetch_deliveries(
    struct api_call *call, uint64_t cursor, uint32_t limit, Quanyu__DeliveriesReply **ret_page)
{
    Quanyu__DeliveriesRequest question = QUANYU__DELIVERIES_REQUEST__INIT;
    question.journey = (char *)(uintptr_t)call->parameters[0];
    question.limit = limit;
    question.before = cursor;
    Quanyu__CampaignRequest request = QUANYU__CAMPAIGN_REQUEST__INIT;
    request.call_case = QUANYU__CAMPAIGN_REQUEST__CALL_DELIVERIES;
    request.deliveries = &question;
    Quanyu__CampaignReply *reply;
    int error = ask(call, &request, &reply);
    if (!error)
        *ret_page = reply->deliveries;
    return error;
}

static int ask_delivery_page(struct visible_page *page, uint64_t cursor, uint32_t limit)
{
    struct delivery_page *own = (struct delivery_page *)page;
    struct api_call *call = page->call;
    size_t kept = 0;
    int error = fetch_deliveries(call, cursor, limit, &own->last);
    if (!error)
        error = visible_page_rows(page, own->last->n_rows, own->last->next);
    uint32_t *persons = error ? NULL : arena_alloc(call->arena, sizeof(*persons) * (page->count + 1));
    if (!persons)
        return error ? error : -QY_ENOMEM;
    for (size_t i = 0; i < page->count; i++)
        persons[i] = own->last->rows[i]->delivery->person;
    size_t count = page->count;
    error = api_in_scope(call, persons, &count);
    for (size_t i = 0; !error && i < page->count; i++) {
        page->seen[i] = kept < count && own->last->rows[i]->delivery->person == persons[kept];
        kept += page->seen[i];
    }
    return error;
}

static void take_delivery(struct visible_page *page, size_t row)
{
    struct delivery_page *own = (struct delivery_page *)page;
    own->shown.rows[own->shown.n_rows++] = own->last->rows[row];
}

static int read_deliveries(struct api_call *call, Quanyu__DeliveriesReply *ret_shown, uint64_t *ret_before)
{
    struct delivery_page own = {.page = {.ask = ask_delivery_page, .take = take_delivery, .call = call}};
    uint32_t limit;
    uint64_t cursor;
    int error = api_limit(call, &limit);
    if (!error)
        error = api_cursor(call, &cursor);
    own.shown.rows = error ? NULL : arena_alloc(call->arena, (limit + 1) * sizeof(void *));
    if (!own.shown.rows)
        return error ? error : -QY_ENOMEM;
    error = visible_page_fill(&own.page, cursor, limit, ret_before);
    *ret_shown = own.shown;
    return error;
}

/* Names persons, so it is on record. */
int journey_deliveries(struct api_call *call)
{
    Quanyu__DeliveriesReply shown;
    uint64_t before;
    uint32_t *numbers;
    char **one_ids;
    if (!disclosure_of(call->permissions).persons)
        return api_refuse(call, -QY_EDENIED, NULL, "takes person.read, too: it tells of single people");
    bool withheld;
    int error = read_deliveries(call, &shown, &before);
    if (!error)
        error = journey_is_withheld(call, call->parameters[0], &withheld);
    if (!error && withheld)
        error = api_refuse(call, -QY_EDENIED, "id", "asks for money, which you may not see");
    if (!error)
        error = persons_of(call, &shown, &numbers, &one_ids);
    if (!error)
        error = api_record_page(call, "journey.deliveries", numbers, one_ids, shown.n_rows);
    if (!error)
        write_deliveries(call, &shown, before, one_ids);
    return error;
}
