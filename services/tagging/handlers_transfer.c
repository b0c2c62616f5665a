/* SPDX-License-Identifier: Apache-2.0 */
/* Many people at once, and the rules of bindings. */
#include "services/tagging/binding_acts.h"
#include "services/tagging/tagging_handlers.h"

#include "common/exact_set.h"
#include "common/json.h"

#include <string.h>

#define PERSONS_MAX 1000u
#define RULE_BYTES_MAX ((size_t)64 * 1024)
#define KEEPS_MS_MOST (INT64_C(100) * 365 * 86400000)

static const Quanyu__TaggingRequest *request_of(const ProtobufCMessage *message)
{
    return (const Quanyu__TaggingRequest *)message;
}

static Quanyu__TaggingReply *reply_of(ProtobufCMessage *message)
{
    return (Quanyu__TaggingReply *)message;
}

/* -- whom, and where to -- */

static int check_rule(struct rpc_context *context, ProtobufCBinaryData text)
{
    const struct tagging *tagging = context->self;
    _cleanup_(rule_free) struct rule *rule = NULL;
    struct rule_problem problem = {0};
    struct rule_names names = registry_names(tagging->registry);
    if (text.len > RULE_BYTES_MAX)
        return rpc_refuse(context, -QY_ETOOLARGE, "from/rule", "a rule has at most 64 KiB");
    int error = rule_parse_text((const char *)text.data, text.len, &names, &rule, &problem);
    return error ? handler_refuse_rule(context, error, "/from/rule", &problem)
                 : handler_check_money(context, tagging->registry, rule, "/from/rule");
}

static int check_source(
    struct rpc_context *context, const Quanyu__TransferRequest *asked, Quanyu__Transfer *transfer)
{
    struct store_txn *txn = context->batch->txn;
    struct staff_row member = {0};
    int ways =
        (asked->from_unit != 0) + (asked->from_guide != 0) + (asked->rule.len > 0) + (asked->n_persons > 0);
    if (ways != 1)
        return rpc_refuse(context, -QY_EINVAL, "from", "give one of guide, unit, rule and persons");
    if (asked->n_persons > PERSONS_MAX)
        return rpc_refuse(context, -QY_ETOOLARGE, "from/persons", "holds more than %u", PERSONS_MAX);
    if (asked->rule.len > 0)
        return check_rule(context, asked->rule);
    if (asked->from_unit)
        return handler_check_unit(context, txn, asked->from_unit, "from/unit");
    int error =
        asked->from_guide ? handler_check_staff(context, txn, asked->from_guide, "from/guide", &member) : 0;
    transfer->handover = staff_is_absent(&member);
    return error;
}

static int read_transfer(
    struct rpc_context *context, const Quanyu__TransferRequest *asked, Quanyu__Transfer *transfer)
{
    static const struct target_fields fields = {"to/unit", "to/guide"};
    int error = handler_check_reason(context, asked->reason);
    if (!error)
        error = check_source(context, asked, transfer);
    if (!error)
        error = handler_check_target(context, asked->unit, asked->guide, &fields, &transfer->unit);
    transfer->kind = QUANYU__TRANSFER__KIND__PEOPLE;
    transfer->from_unit = asked->from_unit;
    transfer->from_guide = asked->from_guide;
    transfer->rule = asked->rule;
    transfer->guide = asked->guide;
    transfer->reason = asked->reason;
    transfer->actor = context->header->actor;
    transfer->request_id = context->header->request_id;
    return error;
}

/* -- those who are named -- */

static int check_persons(struct rpc_context *context, const Quanyu__TransferRequest *asked)
{
    struct tagging *tagging = context->self;
    for (size_t i = 0; i < asked->n_persons; i++) {
        const struct person *person = people_resolve(&tagging->people, asked->persons[i]);
        if (!person || handler_check_scope(context, person))
            return rpc_refuse(context, -QY_ENOTFOUND, arena_printf(context->arena, "from/persons/%zu", i),
                "there is no such person");
    }
    return tagging->people.error;
}

/* -- requests -- */

static int show(struct rpc_context *context, const Quanyu__Transfer *transfer, Quanyu__Transfer **ret_shown)
{
    Quanyu__Transfer *shown = arena_alloc(context->arena, sizeof(*shown));
    if (!shown)
        return -QY_ENOMEM;
    *shown = *transfer;
    shown->actor = NULL;
    shown->request_id = (char *)"";
    *ret_shown = shown;
    return 0;
}

static int begin(
    struct rpc_context *context, const Quanyu__TransferRequest *asked, Quanyu__Transfer *transfer)
{
    struct tagging *tagging = context->self;
    if (asked->n_persons > 0)
        return asked->dry_run ? 0
                              : tagging_transfer_named(
                                    tagging, context->batch, transfer, asked->persons, asked->n_persons);
    if (asked->dry_run)
        return tagging_count_transfer(tagging, context->batch, transfer, &transfer->found);
    return tagging_begin_transfer(tagging, context->batch, transfer);
}

/* Who exactly is meant, for the record of it: before it begins, as it changes who is found. A count shows nobody. */
static int list_persons(struct rpc_context *context, const Quanyu__TransferRequest *asked,
    const Quanyu__Transfer *transfer, ProtobufCBinaryData *ret_persons)
{
    _cleanup_(buffer_free) struct buffer set = BUFFER_INIT;
    if (asked->dry_run)
        return 0;
    int error = asked->n_persons > 0 ? exact_set_write(asked->persons, asked->n_persons, &set)
                                     : tagging_list_transfer(context->self, context->batch, transfer, &set);
    if (error)
        return error;
    ret_persons->data = arena_copy(context->arena, set.data, set.size);
    ret_persons->len = set.size;
    return ret_persons->data ? 0 : -QY_ENOMEM;
}

int handle_transfer(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__TransferRequest *asked = request_of(request)->transfer;
    struct tagging *tagging = context->self;
    Quanyu__Transfer transfer = QUANYU__TRANSFER__INIT;
    int error = tagging_begin(tagging, context->batch);
    if (!error)
        error = read_transfer(context, asked, &transfer);
    if (!error)
        error = check_persons(context, asked);
    if (error)
        return handler_check(context, error);
    ProtobufCBinaryData persons = {0};
    transfer.found = asked->n_persons;
    error = list_persons(context, asked, &transfer, &persons);
    if (!error)
        error = begin(context, asked, &transfer);
    reply_of(reply)->result_case = QUANYU__TAGGING_REPLY__RESULT_TRANSFER;
    if (!error)
        error = show(context, &transfer, &reply_of(reply)->transfer);
    if (!error)
        reply_of(reply)->transfer->persons = persons;
    return error ? store_fail(context->batch->txn, error) : 0;
}

bool handler_may_see_transfer(const struct rpc_context *context, const Quanyu__Transfer *transfer)
{
    const struct scope own = handler_scope(context), its = scope_of(transfer->actor);
    return !own.bounded || (its.bounded && its.unit == own.unit && its.staff == own.staff);
}

int handle_show_transfer(
    struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    struct store_key key;
    struct bytes row;
    key_transfer(&key, request_of(request)->show_transfer->number);
    Quanyu__Transfer *transfer = NULL;
    if (store_get(context->txn, TABLE_TRANSFERS, &key, &row))
        transfer = quanyu__transfer__unpack(arena_allocator(context->arena), row.size, row.data);
    if (!transfer || transfer->kind != QUANYU__TRANSFER__KIND__PEOPLE ||
        !handler_may_see_transfer(context, transfer))
        return rpc_refuse(context, -QY_ENOTFOUND, "id", "there is no such transfer");
    reply_of(reply)->result_case = QUANYU__TAGGING_REPLY__RESULT_SHOW_TRANSFER;
    return show(context, transfer, &reply_of(reply)->show_transfer);
}

/* -- rules -- */

static int show_rules(
    struct rpc_context *context, const struct binding_rules *rules, Quanyu__BindingRules **ret_shown)
{
    Quanyu__BindingRules *shown = arena_alloc(context->arena, sizeof(*shown));
    if (!shown)
        return -QY_ENOMEM;
    quanyu__binding_rules__init(shown);
    shown->version = rules->version;
    shown->unit_by_purchase = rules->unit_by_purchase;
    shown->guide_by_purchase = rules->guide_by_purchase;
    shown->purchase_outranks = rules->purchase_outranks;
    shown->elsewhere = (Quanyu__BindingRules__Elsewhere)rules->elsewhere;
    shown->guide_keeps_ms = rules->guide_keeps_ms;
    shown->since_ms = rules->version > 1 ? rules->since.ms : 0;
    *ret_shown = shown;
    return 0;
}

int handle_binding_rules(
    struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    (void)request;
    struct rule_book book;
    int error = rule_book_read(context->txn, context->arena, &book);
    reply_of(reply)->result_case = QUANYU__TAGGING_REPLY__RESULT_BINDING_RULES;
    return error ? error : show_rules(context, rule_book_last(&book), &reply_of(reply)->binding_rules);
}

static int check_rules(struct rpc_context *context, const Quanyu__BindingRules *asked)
{
    const struct tagging *tagging = context->self;
    uint64_t version = rule_book_last(&tagging->rules)->version;
    if ((unsigned)asked->elsewhere >= ELSEWHERE_COUNT)
        return rpc_refuse(context, -QY_EINVAL, "purchase_elsewhere", "is none that is known");
    if (asked->guide_keeps_ms < 0 || asked->guide_keeps_ms > KEEPS_MS_MOST)
        return rpc_refuse(context, -QY_EINVAL, "guide_keeps_for", "must be at most 100 years");
    if (asked->version && asked->version != version)
        return rpc_refuse(
            context, -QY_EOVERTAKEN, "version", "they are at version %llu now", (unsigned long long)version);
    return 0;
}

static void write_rules(struct json *json, const char *name, const struct binding_rules *rules)
{
    static const char *const elsewhere[] = {"keep", "move_unit", "move_both"};
    json_name(json, name);
    json_open(json, '{');
    json_field_unsigned(json, "version", rules->version);
    json_field_text(json, "unit_from", rules->unit_by_purchase ? "purchase" : "contact");
    json_field_text(json, "guide_from", rules->guide_by_purchase ? "purchase" : "contact");
    json_field_bool(json, "purchase_outranks_contact", rules->purchase_outranks);
    json_field_text(json, "purchase_elsewhere", elsewhere[rules->elsewhere]);
    json_field_integer(json, "guide_keeps_for_ms", rules->guide_keeps_ms);
    json_close(json, '}');
}

static int act_on_rules(
    struct rpc_context *context, const struct binding_rules *before, const struct binding_rules *after)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    struct json json = json_to(&detail);
    json_open(&json, '{');
    write_rules(&json, "before", before);
    write_rules(&json, "after", after);
    json_close(&json, '}');
    handler_act(context, "binding_rules.change", buffer_c_str(&detail), 0);
    return buffer_error(&detail);
}

int handle_set_binding_rules(
    struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__BindingRules *asked = request_of(request)->set_binding_rules;
    struct tagging *tagging = context->self;
    int error = tagging_begin(tagging, context->batch);
    if (!error)
        error = check_rules(context, asked);
    if (error)
        return handler_check(context, error);
    const struct binding_rules before = *rule_book_last(&tagging->rules);
    struct binding_rules rules = {
        .unit_by_purchase = asked->unit_by_purchase,
        .guide_by_purchase = asked->guide_by_purchase,
        .purchase_outranks = asked->purchase_outranks,
        .elsewhere = (enum elsewhere)asked->elsewhere,
        .guide_keeps_ms = asked->guide_keeps_ms,
    };
    error = tagging_set_rules(tagging, context->batch, &rules);
    if (!error)
        error = act_on_rules(context, &before, &rules);
    reply_of(reply)->result_case = QUANYU__TAGGING_REPLY__RESULT_SET_BINDING_RULES;
    if (!error)
        error = show_rules(context, &rules, &reply_of(reply)->set_binding_rules);
    return error ? store_fail(context->batch->txn, error) : 0;
}
