/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who, decided by hand: joins, splits and the like, each on record with its reason, and undone. */
#include "services/gateway/disclosure.h"
#include "services/gateway/identity_json.h"
#include "services/gateway/identity_ref.h"
#include "services/gateway/purpose.h"
#include "services/gateway/visible_page.h"

#include <stdlib.h>
#include <string.h>

#define IDENTIFIERS_MAX 100

struct deciding {
    const char *action;
    const char *reason;
    struct persons before; /* whose the identifiers were */
    Quanyu__IdentityRequest request;
    Quanyu__DecideRequest decide;
    Quanyu__UndoRequest undo;
};

static int begin(struct api_call *call, const char *action, struct deciding *own)
{
    *own = (struct deciding){.action = action,
        .request = QUANYU__IDENTITY_REQUEST__INIT,
        .decide = QUANYU__DECIDE_REQUEST__INIT,
        .undo = QUANYU__UNDO_REQUEST__INIT};
    int error = api_text(call, "reason", true, &own->reason);
    const char *problem = error ? NULL : reason_problem(own->reason);
    return problem ? api_refuse(call, -QY_EINVAL, "reason", "%s", problem) : error;
}

/* -- on record -- */

static void write_one_ids(struct json *json, const char *name, char *const *one_ids, size_t count)
{
    json_name(json, name);
    json_open(json, '[');
    for (size_t i = 0; i < count; i++)
        json_text(json, one_ids[i]);
    json_close(json, ']');
}

static char *describe(struct api_call *call, const struct deciding *own, const Quanyu__DecisionReply *done)
{
    char id[DECISION_ID_BYTES];
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    json_open(&json, '{');
    write_one_ids(&json, "before", own->before.one_ids, own->before.count);
    if (done) {
        write_one_ids(&json, "after", done->one_ids, done->n_one_ids);
        if (done->decision->number)
            json_field_text(&json, "decision", decision_id(done->decision->number, id));
        json_field_bool(&json, "unchanged", done->unchanged);
        json_name(&json, "identifiers");
        json_open(&json, '[');
        for (size_t i = 0; i < done->n_nodes; i++)
            json_text(&json, done->nodes[i]->id);
        json_close(&json, ']');
    }
    json_close(&json, '}');
    return buffer_error(&text) ? NULL : arena_text(call->arena, (const char *)text.data, text.size);
}

/* `outcome`: what came of it; `done`: NULL where it was not done. */
static int record(
    struct api_call *call, const struct deciding *own, int outcome, const Quanyu__DecisionReply *done)
{
    size_t after = done ? done->n_persons : 0;
    struct persons all;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    int error = persons_make(call, own->before.count + after, &all);
    if (error)
        return error;
    for (size_t i = 0; i < own->before.count; i++)
        persons_add(&all, own->before.numbers[i], own->before.one_ids[i]);
    for (size_t i = 0; i < after && i < done->n_one_ids; i++)
        persons_add(&all, done->persons[i], done->one_ids[i]);
    record.action = (char *)(uintptr_t)own->action;
    record.purpose = (char *)(uintptr_t)own->reason;
    record.outcome = (char *)(uintptr_t)api_outcome(outcome);
    record.n_persons = record.n_numbers = record.count = all.count;
    record.persons = all.one_ids;
    record.numbers = all.numbers;
    record.detail = describe(call, own, done);
    return record.detail ? api_record(call, &record) : -QY_ENOMEM;
}

/* -- deciding -- */

static void write_decision(struct api_call *call, const Quanyu__DecisionReply *done)
{
    struct json json = json_to(&call->out);
    identity_json_decision(call, &json, done, disclosure_of(call->permissions).personal);
}

/* A request that names one identifier has no list of them. */
static void place_error(struct api_call *call)
{
    static const char first[] = "identifiers/0";
    if (call->error_field && strncmp(call->error_field, first, strlen(first)) == 0 &&
        yyjson_obj_get(call->body, "identifier"))
        call->error_field = arena_printf(call->arena, "identifier%s", call->error_field + strlen(first));
}

/* What was done is known to identity, also where it cannot be recorded now; asked again it is not done twice, and on record. */
static int refuse_done(struct api_call *call, int error)
{
    return api_refuse(
        call, error, NULL, "it is done, but the audit log cannot record now who asked; ask again");
}

static const Quanyu__DecisionReply *answer_of(const Quanyu__IdentityReply *reply)
{
    return reply->result_case == QUANYU__IDENTITY_REPLY__RESULT_UNDO ? reply->undo : reply->decide;
}

static int run(struct api_call *call, const struct deciding *own)
{
    const Quanyu__IdentityReply *reply = NULL;
    int error = api_need_audit(call);
    if (error)
        return error;
    int outcome = api_ask_identity(call, &own->request, &reply);
    const char *field = call->error_field, *message = call->error_message;
    const Quanyu__DecisionReply *done = outcome ? NULL : answer_of(reply);
    error = record(call, own, outcome, done);
    if (error)
        return outcome ? error : refuse_done(call, error);
    call->error_field = field;
    call->error_message = message;
    if (outcome)
        place_error(call);
    else
        write_decision(call, done);
    return outcome;
}

static int decide(struct api_call *call, struct deciding *own, Quanyu__DecideRequest__What what,
    struct identity_ref *refs, size_t count)
{
    own->decide.what = what;
    own->decide.reason = (char *)(uintptr_t)own->reason;
    own->decide.at_ms = gateway_now_ms(call->gateway);
    own->decide.n_identifiers = count;
    own->decide.identifiers = arena_alloc(call->arena, (count + 1) * sizeof(void *));
    if (!own->decide.identifiers)
        return -QY_ENOMEM;
    for (size_t i = 0; i < count; i++)
        own->decide.identifiers[i] = &refs[i].ref;
    own->request.call_case = QUANYU__IDENTITY_REQUEST__CALL_DECIDE;
    own->request.decide = &own->decide;
    return run(call, own);
}

/* Finds whose the identifiers are; with room for one person more. */
static int find(struct api_call *call, struct deciding *own, struct identity_ref *refs, size_t count)
{
    int error = persons_make(call, count + 1, &own->before);
    for (size_t i = 0; !error && i < count; i++) {
        error = identity_ref_find(call, own->action, &refs[i]);
        if (!error)
            persons_add(&own->before, refs[i].person->person, refs[i].person->one_id);
    }
    return error;
}

int person_join(struct api_call *call)
{
    struct deciding own;
    struct identity_ref *refs;
    size_t count;
    int error = begin(call, "identity.join", &own);
    if (!error)
        error = identity_refs_read(call, "identifiers", 2, 2, &refs, &count);
    if (!error)
        error = find(call, &own, refs, count);
    return error ? error : decide(call, &own, QUANYU__DECIDE_REQUEST__WHAT__JOIN, refs, count);
}

/* Identifiers that are not the person's, or were split off already, are identity's to judge. */
int person_split(struct api_call *call)
{
    struct deciding own;
    struct identity_ref *refs;
    Quanyu__PersonView *person;
    size_t count;
    int error = begin(call, "identity.split", &own);
    if (!error)
        error = identity_refs_read(call, "identifiers", 1, IDENTIFIERS_MAX, &refs, &count);
    if (!error)
        error = api_find_person(call, own.action, &person);
    if (!error)
        error = find(call, &own, refs, count);
    if (error)
        return error;
    persons_add(&own.before, person->person, person->one_id);
    own.decide.person = person->person;
    return decide(call, &own, QUANYU__DECIDE_REQUEST__WHAT__SPLIT, refs, count);
}

int person_move(struct api_call *call)
{
    struct deciding own;
    struct identity_ref ref;
    Quanyu__PersonView *person;
    int error = begin(call, "identity.move", &own);
    if (!error)
        error = identity_ref_read(call, "identifier", &ref);
    if (!error)
        error = api_find_person(call, own.action, &person);
    if (!error)
        error = find(call, &own, &ref, 1);
    if (error)
        return error;
    persons_add(&own.before, person->person, person->one_id);
    own.decide.person = person->person;
    return decide(call, &own, QUANYU__DECIDE_REQUEST__WHAT__MOVE, &ref, 1);
}

int identifier_block(struct api_call *call)
{
    struct deciding own;
    struct identity_ref ref;
    int error = begin(call, "identity.block", &own);
    if (!error)
        error = identity_ref_read(call, "identifier", &ref);
    if (!error)
        error = find(call, &own, &ref, 1);
    return error ? error : decide(call, &own, QUANYU__DECIDE_REQUEST__WHAT__BLOCK, &ref, 1);
}

int identifier_reassign(struct api_call *call)
{
    struct deciding own;
    struct identity_ref ref;
    int error = begin(call, "identity.reassign", &own);
    if (!error)
        error = identity_ref_read(call, "identifier", &ref);
    if (!error)
        error = api_time(call, "since", &own.decide.since_ms);
    if (!error && !own.decide.since_ms)
        error = api_refuse(call, -QY_EINVAL, "since", "is required");
    if (!error && own.decide.since_ms > gateway_now_ms(call->gateway))
        error = api_refuse(call, -QY_EINVAL, "since", "must not lie in the future");
    if (!error)
        error = find(call, &own, &ref, 1);
    return error ? error : decide(call, &own, QUANYU__DECIDE_REQUEST__WHAT__REASSIGN, &ref, 1);
}

int evidence_withdraw(struct api_call *call)
{
    struct deciding own;
    const char *position = call->parameters[0];
    size_t size = strlen(position);
    int error = begin(call, "identity.withdraw", &own);
    if (!error && (size == 0 || size > 19 || strspn(position, "0123456789") != size))
        error = api_refuse(call, -QY_ENOTFOUND, "position", "there is no such event");
    if (!error)
        error = find(call, &own, NULL, 0);
    own.decide.evidence = error ? 0 : strtoull(position, NULL, 10);
    return error ? error : decide(call, &own, QUANYU__DECIDE_REQUEST__WHAT__WITHDRAW, NULL, 0);
}

/* -- what was decided -- */

static int ask_decisions(
    struct api_call *call, Quanyu__DecisionsRequest *question, const Quanyu__DecisionsReply **ret_page)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    question->personal = disclosure_of(call->permissions).personal;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_DECISIONS;
    request.decisions = question;
    int error = api_ask_identity(call, &request, &reply);
    if (!error)
        *ret_page = reply->decisions;
    return error;
}

/* Persons of the page's decisions that the caller sees, and which decisions those are: whose persons the caller sees all. */
struct page {
    struct persons persons;
    struct visible visible;
};

static bool is_seen(const struct page *page, const Quanyu__DecisionReply *decision)
{
    bool seen = page->visible.all || decision->n_persons > 0;
    for (size_t i = 0; seen && i < decision->n_persons; i++)
        seen = visible_has(&page->visible, decision->persons[i]);
    return seen;
}

static int look_at(struct api_call *call, const Quanyu__DecisionsReply *decisions, struct page *ret_page)
{
    size_t count = 0, at = 0;
    for (size_t i = 0; i < decisions->n_decisions; i++)
        count += decisions->decisions[i]->n_persons;
    uint32_t *numbers = arena_alloc(call->arena, (count + 1) * sizeof(*numbers));
    if (!numbers)
        return -QY_ENOMEM;
    for (size_t i = 0; i < decisions->n_decisions; i++)
        for (size_t k = 0; k < decisions->decisions[i]->n_persons; k++)
            numbers[at++] = decisions->decisions[i]->persons[k];
    int error = visible_find(call, numbers, count, &ret_page->visible);
    if (!error)
        error = persons_make(call, count, &ret_page->persons);
    for (size_t i = 0; !error && i < decisions->n_decisions; i++) {
        const Quanyu__DecisionReply *decision = decisions->decisions[i];
        if (decision->n_persons != decision->n_one_ids)
            return -QY_ECORRUPT;
        for (size_t k = 0; is_seen(ret_page, decision) && k < decision->n_persons; k++)
            persons_add(&ret_page->persons, decision->persons[k], decision->one_ids[k]);
    }
    return error;
}

struct decision_page {
    struct visible_page page;
    const Quanyu__DecisionsReply *last;
    Quanyu__DecisionsReply shown;
};

static int ask_decision_page(struct visible_page *page, uint64_t cursor, uint32_t limit)
{
    struct decision_page *own = (struct decision_page *)page;
    Quanyu__DecisionsRequest question = QUANYU__DECISIONS_REQUEST__INIT;
    struct page looked;
    question.before = cursor;
    question.limit = limit;
    int error = ask_decisions(page->call, &question, &own->last);
    if (!error)
        error = visible_page_rows(page, own->last->n_decisions, own->last->next);
    if (!error)
        error = look_at(page->call, own->last, &looked);
    for (size_t i = 0; !error && i < page->count; i++)
        page->seen[i] = is_seen(&looked, own->last->decisions[i]);
    return error;
}

static void take_decision(struct visible_page *page, size_t row)
{
    struct decision_page *own = (struct decision_page *)page;
    own->shown.decisions[own->shown.n_decisions++] = own->last->decisions[row];
}

int decision_list(struct api_call *call)
{
    char next[API_CURSOR_BYTES];
    struct decision_page own = {.page = {.ask = ask_decision_page, .take = take_decision, .call = call}};
    struct page page;
    uint32_t limit;
    uint64_t cursor, before;
    int error = api_limit(call, &limit);
    if (!error)
        error = api_cursor(call, &cursor);
    own.shown.decisions = error ? NULL : arena_alloc(call->arena, (limit + 1) * sizeof(void *));
    if (!own.shown.decisions)
        return error ? error : -QY_ENOMEM;
    error = visible_page_fill(&own.page, cursor, limit, &before);
    if (!error)
        error = look_at(call, &own.shown, &page);
    if (!error)
        error = api_record_page(
            call, "identity.decisions", page.persons.numbers, page.persons.one_ids, page.persons.count);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open_page(&json, "decisions");
    for (size_t i = 0; i < own.shown.n_decisions; i++)
        identity_json_decision(
            call, &json, own.shown.decisions[i], disclosure_of(call->permissions).personal);
    json_close_page(&json, api_next_cursor(before, next));
    return 0;
}

/* The one that the path names. */
static int find_decision(
    struct api_call *call, struct page *ret_page, const Quanyu__DecisionReply **ret_decision)
{
    Quanyu__DecisionsRequest question = QUANYU__DECISIONS_REQUEST__INIT;
    const Quanyu__DecisionsReply *found = NULL;
    question.number = decision_number_of(call->parameters[0]);
    int error = question.number ? ask_decisions(call, &question, &found) : -QY_ENOTFOUND;
    if (!error && found->n_decisions > 0)
        error = look_at(call, found, ret_page);
    if (!error && (found->n_decisions == 0 || !is_seen(ret_page, found->decisions[0])))
        error = -QY_ENOTFOUND;
    if (error == -QY_ENOTFOUND)
        return api_refuse(call, error, "id", "there is no such decision");
    if (!error)
        *ret_decision = found->decisions[0];
    return error;
}

int decision_show(struct api_call *call)
{
    struct page page;
    const Quanyu__DecisionReply *decision;
    int error = find_decision(call, &page, &decision);
    if (!error)
        error = api_record_page(
            call, "identity.decisions", page.persons.numbers, page.persons.one_ids, page.persons.count);
    if (!error)
        write_decision(call, decision);
    return error;
}

static bool takes_events(Quanyu__Decision__Kind kind)
{
    return kind == QUANYU__DECISION__KIND__BLOCK || kind == QUANYU__DECISION__KIND__REASSIGN;
}

int decision_undo(struct api_call *call)
{
    struct deciding own;
    struct page page;
    const Quanyu__DecisionReply *decision;
    int error = begin(call, "identity.undo", &own);
    if (!error)
        error = find_decision(call, &page, &decision);
    if (!error && call->actor.scope && takes_events(decision->decision->kind))
        error = api_refuse(call, -QY_EDENIED, "id", "events of people beyond your scope may go with it");
    if (error)
        return error;
    own.before = page.persons;
    own.undo.number = decision->decision->number;
    own.undo.reason = (char *)(uintptr_t)own.reason;
    own.undo.at_ms = gateway_now_ms(call->gateway);
    own.request.call_case = QUANYU__IDENTITY_REQUEST__CALL_UNDO;
    own.request.undo = &own.undo;
    return run(call, &own);
}
