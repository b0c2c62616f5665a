/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/dispatch.h"

#include "proto/identity.pb-c.h"
#include "services/campaign/outbox.h"
#include "services/campaign/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dispatch {
    struct campaign *campaign;
    struct service *service;
    struct sender *sender;
    struct rpc_client *client; /* the preparing thread's */
    struct arena *arena;       /* likewise */
};

/* -- claiming -- */

struct claim {
    struct work work;
    struct dispatch *dispatch;
    unsigned limit;
    struct job *jobs;
    bool more;
};

static int apply_claim(struct work *work, struct batch *batch)
{
    struct claim *claim = (struct claim *)work;
    struct campaign *campaign = claim->dispatch->campaign;
    int error = campaign_refresh(campaign, batch->txn);
    if (!error)
        error = outbox_claim(campaign, batch, claim->limit, &claim->jobs);
    claim->more = campaign->ready > 0;
    return error;
}

/* What was not committed was not claimed: the rows are READY as before. */
static void finish_claim(struct work *work, int result)
{
    struct claim *claim = (struct claim *)work;
    while (result && claim->jobs) {
        struct job *job = claim->jobs;
        claim->jobs = job->next;
        job_free(&job);
    }
    sender_give(claim->dispatch->sender, claim->jobs, result || claim->more);
    free(claim);
}

static int claim_jobs(void *self, unsigned limit)
{
    struct dispatch *dispatch = self;
    struct claim *claim = calloc(1, sizeof(*claim));
    if (!claim)
        return -QY_ENOMEM;
    *claim = (struct claim){
        .work = {.apply = apply_claim, .done = finish_claim, .bytes = sizeof(*claim)},
        .dispatch = dispatch,
        .limit = limit,
    };
    int error = service_submit(dispatch->service, &claim->work);
    if (error)
        free(claim);
    return error;
}

/* -- settling -- */

struct settlement {
    struct work work;
    struct dispatch *dispatch;
    struct job *job;
    struct outcome outcome;
};

static int apply_settlement(struct work *work, struct batch *batch)
{
    struct settlement *settlement = (struct settlement *)work;
    struct campaign *campaign = settlement->dispatch->campaign;
    int error = campaign_refresh(campaign, batch->txn);
    if (!error)
        outbox_settle(
            campaign, batch, settlement->job->number, settlement->job->attempt, &settlement->outcome);
    return error;
}

static void finish_settlement(struct work *work, int result)
{
    struct settlement *settlement = (struct settlement *)work;
    struct sender *sender = settlement->dispatch->sender;
    if (result)
        sender_unsettled(sender, settlement->job, &settlement->outcome);
    else
        sender_settled(sender, settlement->job);
    free(settlement);
}

static int settle_job(void *self, struct job *job, const struct outcome *outcome)
{
    struct dispatch *dispatch = self;
    struct settlement *settlement = calloc(1, sizeof(*settlement));
    if (!settlement)
        return -QY_ENOMEM;
    *settlement = (struct settlement){
        .work = {.apply = apply_settlement, .done = finish_settlement, .bytes = sizeof(*settlement)},
        .dispatch = dispatch,
        .job = job,
        .outcome = *outcome,
    };
    int error = service_submit(dispatch->service, &settlement->work);
    if (error)
        free(settlement);
    return error;
}

/* -- what only identity knows -- */

static int ask_identity(struct dispatch *dispatch, const struct job *job, Quanyu__IdentityRequest *request,
    Quanyu__IdentityReply **ret_reply)
{
    const struct rpc_call call = {.request_id = job->id};
    ProtobufCMessage *reply;
    int error = rpc_call(dispatch->client, "identity", &call, &request->base,
        &quanyu__identity_reply__descriptor, dispatch->arena, &reply, NULL);
    if (!error)
        *ret_reply = (Quanyu__IdentityReply *)reply;
    return error;
}

static void copy_value(char *out, size_t size, const char *value)
{
    if (strlen(value) < size) /* a cut value would be a wrong one */
        snprintf(out, size, "%s", value);
}

/* The person's address of a kind, name and One ID with it. -QY_ENOTFOUND: the person has none of this kind.
 */
static int fetch_address(struct dispatch *dispatch, struct job *job, const char *kind, char *out, size_t size)
{
    Quanyu__AddressRequest question = QUANYU__ADDRESS_REQUEST__INIT;
    question.person = job->person;
    question.kind = (char *)kind;
    question.purpose = job->journey;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_ADDRESS;
    request.address = &question;
    Quanyu__IdentityReply *reply;
    int error = ask_identity(dispatch, job, &request, &reply);
    if (error)
        return error;
    copy_value(out, size, reply->address->value);
    copy_value(job->of_person.name, sizeof(job->of_person.name), reply->address->name);
    copy_value(job->of_person.one_id, sizeof(job->of_person.one_id), reply->address->one_id);
    return 0;
}

static int fetch_one_id(struct dispatch *dispatch, struct job *job)
{
    Quanyu__OneIdsRequest question = QUANYU__ONE_IDS_REQUEST__INIT;
    question.persons = &job->person;
    question.n_persons = 1;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_ONE_IDS;
    request.one_ids = &question;
    Quanyu__IdentityReply *reply;
    int error = ask_identity(dispatch, job, &request, &reply);
    if (error)
        return error;
    if (reply->one_ids->n_one_ids != 1)
        return -QY_ENOTFOUND;
    copy_value(job->of_person.one_id, sizeof(job->of_person.one_id), reply->one_ids->one_ids[0]);
    return 0;
}

/* A salutation: with whatever address there is; a person without any has no name here either. */
static int fetch_name(struct dispatch *dispatch, struct job *job)
{
    char address[ADDRESS_BYTES];
    int error = fetch_address(dispatch, job, "phone", address, sizeof(address));
    if (error == -QY_ENOTFOUND)
        error = fetch_address(dispatch, job, "email", address, sizeof(address));
    explicit_bzero(address, sizeof(address));
    return error == -QY_ENOTFOUND ? 0 : error;
}

static bool needs(const struct job *job, enum placeholder placeholder)
{
    return job_needs(job) & PLACEHOLDER_BIT(placeholder);
}

static int fetch(struct dispatch *dispatch, struct job *job, const char **ret_missing)
{
    struct job_person *person = &job->of_person;
    int error = 0;
    *ret_missing = "person";
    if (needs(job, PLACEHOLDER_EMAIL)) {
        *ret_missing = "email";
        error = fetch_address(dispatch, job, "email", person->email, sizeof(person->email));
    }
    if (!error && needs(job, PLACEHOLDER_PHONE)) {
        *ret_missing = "phone";
        error = fetch_address(dispatch, job, "phone", person->phone, sizeof(person->phone));
    }
    if (!error && needs(job, PLACEHOLDER_NAME) && !*person->one_id)
        error = fetch_name(dispatch, job);
    if (!error && needs(job, PLACEHOLDER_ONE_ID) && !*person->one_id) {
        *ret_missing = "person";
        error = fetch_one_id(dispatch, job);
    }
    return error;
}

static bool prepare_job(void *self, struct job *job, struct outcome *ret_outcome)
{
    struct dispatch *dispatch = self;
    const char *missing;
    arena_reset(dispatch->arena);
    int error = fetch(dispatch, job, &missing);
    if (error == -QY_ENOTFOUND)
        outcome_set(ret_outcome, OUTCOME_SKIPPED, "no_%s", missing);
    else if (error)
        outcome_set(ret_outcome, OUTCOME_DEFERRED, "identity_%s", error_name(error));
    return error == 0;
}

/* -- start and stop -- */

void dispatch_close(struct dispatch **dispatch)
{
    if (!*dispatch)
        return;
    sender_close(&(*dispatch)->sender);
    rpc_client_close(&(*dispatch)->client);
    arena_close(&(*dispatch)->arena);
    free(*dispatch);
    *dispatch = NULL;
}

int dispatch_start(void *self, struct service *service)
{
    struct campaign *campaign = self;
    const struct config *config = service_config(service);
    _cleanup_(dispatch_close) struct dispatch *dispatch = calloc(1, sizeof(*dispatch));
    if (!dispatch)
        return -QY_ENOMEM;
    dispatch->campaign = campaign;
    dispatch->service = service;
    struct sender_options options = {
        .transfer = {.timeout_ms = (unsigned)config_number(config, "campaign.send_timeout"),
            .smtp_url = config_text(config, "campaign.smtp_url"),
            .smtp_from = config_text(config, "campaign.smtp_from")},
        .concurrency = (unsigned)config_number(config, "campaign.send_concurrency"),
        .claim = claim_jobs,
        .settle = settle_job,
        .prepare = prepare_job,
        .self = dispatch,
    };
    int error = arena_open(&dispatch->arena);
    if (!error)
        error = rpc_client_open(service_peers(service), &dispatch->client);
    if (!error)
        error = sender_open(&options, &dispatch->sender);
    if (error)
        return error;
    sender_wake(dispatch->sender); /* what was READY when the last process ended */
    atomic_store(&campaign->dispatch, TAKE(dispatch));
    return 0;
}

/* The writer still runs, and may wake the dispatch until it has ended. */
void dispatch_stop(void *self, struct service *service)
{
    (void)service;
    struct campaign *campaign = self;
    struct dispatch *dispatch = atomic_load(&campaign->dispatch);
    if (dispatch)
        sender_stop(dispatch->sender);
}

void dispatch_wake(struct dispatch *dispatch)
{
    sender_wake(dispatch->sender);
}
