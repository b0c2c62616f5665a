/* SPDX-License-Identifier: Apache-2.0 */
/* Whose somebody is: how it came, and set by hand. */
#include "services/tagging/binding_acts.h"
#include "services/tagging/tagging_handlers.h"

#define PAGE_STANDARD 50u
#define PAGE_MAX 500u

static const Quanyu__TaggingRequest *request_of(const ProtobufCMessage *message)
{
    return (const Quanyu__TaggingRequest *)message;
}

/* -- history -- */

static int fill_changes(struct rpc_context *context, const Quanyu__BindingsRequest *question,
    const struct binding_log *log, Quanyu__BindingsReply *page)
{
    uint32_t limit = question->limit ? question->limit : PAGE_STANDARD;
    limit = limit < PAGE_MAX ? limit : PAGE_MAX;
    Quanyu__BindingsReply__Change *rows = arena_alloc(context->arena, limit * sizeof(*rows));
    page->changes = arena_alloc(context->arena, limit * sizeof(*page->changes));
    if (!rows || !page->changes)
        return -QY_ENOMEM;
    for (size_t i = question->before; i < log->count; i++) {
        size_t place = log->count - 1 - i;
        if (page->n_changes == limit) {
            page->next = (uint32_t)i;
            break;
        }
        const struct binding_change *change = &log->changes[place];
        Quanyu__BindingsReply__Change *shown = &rows[page->n_changes];
        quanyu__bindings_reply__change__init(shown);
        shown->from_ms = change->from_ms;
        shown->to_ms = place + 1 < log->count ? log->changes[place + 1].from_ms : 0;
        shown->unit = change->unit;
        shown->guide = change->guide;
        shown->cause = (char *)(uintptr_t)binding_cause_name(change->cause);
        page->changes[page->n_changes++] = shown;
    }
    return 0;
}

/* What was changed and changed back in the same millisecond is no change. */
static void drop_unchanged(struct binding_log *log)
{
    struct binding_change held = {0};
    size_t kept = 0;
    for (size_t i = 0; i < log->count; i++) {
        const struct binding_change change = log->changes[i];
        if (change.unit == held.unit && change.guide == held.guide)
            continue;
        held = log->changes[kept++] = change;
    }
    log->count = kept;
}

static int read_history(struct rpc_context *context, uint32_t number, struct binding_log *log)
{
    _cleanup_(people_close) struct people people = {0};
    struct rule_book book;
    struct binding binding;
    people_open(&people, context->txn, context->arena);
    const struct person *person = people_resolve(&people, number);
    if (!person)
        return people.error ? people.error
                            : rpc_refuse(context, -QY_ENOTFOUND, "person", "there is no such person");
    int error = handler_check_scope(context, person);
    if (!error)
        error = rule_book_read(context->txn, context->arena, &book);
    if (error)
        return error;
    log->person = person->number;
    error = people_fold_binding(&people, person, &book, service_now_ms(context->service), log, &binding);
    drop_unchanged(log);
    return error;
}

int handle_bindings(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__BindingsRequest *question = request_of(request)->bindings;
    struct binding_log log = {.arena = context->arena};
    Quanyu__BindingsReply *page = arena_alloc(context->arena, sizeof(*page));
    if (!page)
        return -QY_ENOMEM;
    quanyu__bindings_reply__init(page);
    int error = read_history(context, question->person, &log);
    if (!error)
        error = fill_changes(context, question, &log, page);
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_BINDINGS;
    answer->bindings = page;
    return error;
}

/* -- by hand -- */

static int bind_person(
    struct rpc_context *context, const Quanyu__BindRequest *change, uint32_t unit, struct person *person)
{
    const struct binding before = person->binding;
    const struct binding_fact fact = {.unit = unit, .guide = change->guide, .cause = BINDING_HAND};
    const struct binding_act act = {
        context->header->actor, BINDING_HAND, change->reason, context->header->request_id, 0};
    int error = tagging_bind_by_hand(context->self, context->batch, change->person, person, &fact);
    if (!error)
        error = binding_act_emit(context->batch, &act, person, &before);
    return error ? error
                 : tagging_evaluate_all(
                       context->self, context->batch, person, &(struct cause){.kind = CAUSE_HAND});
}

int handle_bind(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__BindRequest *change = request_of(request)->bind;
    struct tagging *tagging = context->self;
    uint32_t unit;
    int error = tagging_begin(tagging, context->batch);
    if (!error)
        error = handler_check_reason(context, change->reason);
    if (error)
        return handler_check(context, error);
    static const struct target_fields fields = {"unit", "guide"};
    struct person *person = people_resolve(&tagging->people, change->person);
    if (!person)
        return rpc_refuse(context, -QY_ENOTFOUND, "person", "there is no such person");
    error = handler_check_scope(context, person);
    if (!error)
        error = handler_check_target(context, change->unit, change->guide, &fields, &unit);
    if (!error)
        error = bind_person(context, change, unit, person);
    if (error)
        return handler_check(context, error);
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_BIND;
    answer->bind = handler_binding(context, &person->binding);
    return answer->bind ? 0 : store_fail(context->batch->txn, -QY_ENOMEM);
}
