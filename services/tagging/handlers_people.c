/* SPDX-License-Identifier: Apache-2.0 */
/* People of a unit, of a guide, and who of some is in scope. */
#include "services/tagging/audience.h"
#include "services/tagging/tagging_handlers.h"

#define PERSONS_MAX 10000u

static const Quanyu__TaggingRequest *request_of(const ProtobufCMessage *message)
{
    return (const Quanyu__TaggingRequest *)message;
}

/* -- who is in scope -- */

int handle_in_scope(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__InScopeRequest *question = request_of(request)->in_scope;
    const struct scope scope = handler_scope(context);
    _cleanup_(arena_close) struct arena *arena = NULL;
    _cleanup_(people_close) struct people people = {0};
    Quanyu__InScopeReply *shown = arena_alloc(context->arena, sizeof(*shown));
    if (question->n_persons > PERSONS_MAX)
        return rpc_refuse(context, -QY_ETOOLARGE, "persons", "holds more than %u", PERSONS_MAX);
    if (!shown || arena_open(&arena))
        return -QY_ENOMEM;
    quanyu__in_scope_reply__init(shown);
    people_open(&people, context->txn, arena);
    shown->persons = arena_alloc(context->arena, (question->n_persons + 1) * sizeof(uint32_t));
    for (size_t i = 0; shown->persons && i < question->n_persons; i++) {
        people_forget_when_large(&people);
        const struct person *person = people_resolve(&people, question->persons[i]);
        if (!scope.bounded || (person && scope_holds(context->txn, &scope, &person->binding)))
            shown->persons[shown->n_persons++] = question->persons[i];
    }
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_IN_SCOPE;
    answer->in_scope = shown;
    return shown->persons ? people.error : -QY_ENOMEM;
}

/* -- people of a unit, of a guide -- */

static int check_source(struct rpc_context *context, struct store_txn *txn, uint32_t unit, uint32_t guide)
{
    struct staff_row member;
    if (unit)
        return handler_check_unit(context, txn, unit, "unit");
    return handler_check_staff(context, txn, guide, "guide", &member);
}

static int find_people(struct rpc_context *context, const Quanyu__PeopleRequest *question,
    const struct rule *everyone, struct audience_answer *ret_answer)
{
    const struct tagging *tagging = context->self;
    const struct scope scopes[] = {{true, question->unit, question->guide}, handler_scope(context)};
    const struct audience audience = {
        .rule = everyone,
        .txn = context->txn,
        .money = &tagging->money,
        .now_ms = service_now_ms(context->service),
        .scopes = scopes,
        .scope_count = COUNT_OF(scopes),
        .list = question->list,
        .after = question->after,
        .arena = context->arena,
    };
    return audience_find(&audience, ret_answer);
}

int handle_people(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    static const char everyone[] = "{\"everyone\":true}";
    const Quanyu__PeopleRequest *question = request_of(request)->people;
    _cleanup_(rule_free) struct rule *rule = NULL;
    struct rule_problem problem;
    struct audience_answer found;
    const struct rule_names no_names = {0};
    if (question->list > PERSONS_MAX)
        return rpc_refuse(context, -QY_ETOOLARGE, "list", "at most %u persons are listed", PERSONS_MAX);
    int error = check_source(context, context->txn, question->unit, question->guide);
    if (!error)
        error = rule_parse_text(everyone, sizeof(everyone) - 1, &no_names, &rule, &problem);
    if (!error)
        error = find_people(context, question, rule, &found);
    Quanyu__PeopleReply *shown = arena_alloc(context->arena, sizeof(*shown));
    if (error || !shown)
        return error ? error : -QY_ENOMEM;
    quanyu__people_reply__init(shown);
    shown->count = found.count;
    shown->persons = found.persons;
    shown->n_persons = found.listed;
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_PEOPLE;
    answer->people = shown;
    return 0;
}
