/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a member of staff who leaves, besides people: rules that name the guide, and transfers that go on. */
#include "services/tagging/tagging_handlers.h"

#include <stdio.h>
#include <string.h>

/* A journey's rules are watched one by one, as "j_7:entry": its id stands first. */
static char *id_of(struct rpc_context *context, const struct definition *definition)
{
    bool watch = definition->kind == DEFINITION_WATCH || definition->kind == DEFINITION_TRIGGER;
    size_t size = watch ? strcspn(definition->id, ":") : strlen(definition->id);
    return arena_text(context->arena, definition->id, size);
}

static bool is_listed(const Quanyu__OpenWorkReply *work, const char *kind, const char *id)
{
    for (size_t i = 0; i < work->n_rules; i++)
        if (strcmp(work->rules[i]->kind, kind) == 0 && strcmp(work->rules[i]->id, id) == 0)
            return true;
    return false;
}

static int add_rule(
    struct rpc_context *context, Quanyu__OpenWorkReply *work, const struct definition *definition)
{
    static const char *const kinds[] = {"segment", "tag", "stages", "journey", "journey"};
    const char *kind = kinds[definition->kind];
    char *id = id_of(context, definition);
    if (!id || is_listed(work, kind, id))
        return id ? 0 : -QY_ENOMEM;
    Quanyu__OpenWorkReply__Rule *rule = arena_alloc(context->arena, sizeof(*rule));
    if (!rule)
        return -QY_ENOMEM;
    quanyu__open_work_reply__rule__init(rule);
    rule->kind = (char *)(uintptr_t)kind;
    rule->id = id;
    work->rules[work->n_rules++] = rule;
    return 0;
}

static int find_rules(struct rpc_context *context, uint32_t staff, Quanyu__OpenWorkReply *work)
{
    const struct tagging *tagging = context->self;
    _cleanup_(registry_close) struct registry *registry = NULL;
    int error = registry_open(tagging->money.scale, &registry);
    if (!error)
        error = registry_load(registry, context->txn, true);
    if (error)
        return error;
    work->rules = arena_alloc(context->arena, (registry->count + 1) * sizeof(*work->rules));
    if (!work->rules)
        return -QY_ENOMEM;
    for (size_t i = 0; !error && i < registry->count; i++)
        if (definition_names(registry->slots[i], RULE_GUIDE, staff))
            error = add_rule(context, work, registry->slots[i]);
    return error;
}

static bool concerns(const Quanyu__Transfer *transfer, uint32_t staff)
{
    char id[16];
    snprintf(id, sizeof(id), "st_%u", staff);
    return transfer->kind == QUANYU__TRANSFER__KIND__PEOPLE && transfer->ended_ms == 0 &&
           (transfer->guide == staff || (transfer->actor && strcmp(transfer->actor->id, id) == 0));
}

static int find_transfers(struct rpc_context *context, uint32_t staff, Quanyu__OpenWorkReply *work)
{
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    _cleanup_(buffer_free) struct buffer numbers = BUFFER_INIT;
    struct store_key all;
    struct bytes key, row;
    key_reset(&all);
    int error = scan_open(context->txn, TABLE_TRANSFERS, &all, NULL, &scan);
    while (!error && scan_next(scan, &key, &row)) {
        Quanyu__Transfer *transfer = quanyu__transfer__unpack(NULL, row.size, row.data);
        if (!transfer)
            return -QY_ECORRUPT;
        if (concerns(transfer, staff) && handler_may_see_transfer(context, transfer))
            buffer_append(&numbers, &transfer->number, sizeof(transfer->number));
        quanyu__transfer__free_unpacked(transfer, NULL);
    }
    if (error || buffer_error(&numbers))
        return error ? error : buffer_error(&numbers);
    work->n_transfers = numbers.size / sizeof(*work->transfers);
    work->transfers = (uint32_t *)(void *)arena_copy(context->arena, numbers.data, numbers.size);
    return work->transfers || numbers.size == 0 ? store_error(context->txn) : -QY_ENOMEM;
}

int handle_open_work(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Quanyu__OpenWorkRequest *question = ((const Quanyu__TaggingRequest *)request)->open_work;
    Quanyu__OpenWorkReply *work = arena_alloc(context->arena, sizeof(*work));
    if (!work)
        return -QY_ENOMEM;
    quanyu__open_work_reply__init(work);
    int error = find_rules(context, question->staff, work);
    if (!error)
        error = find_transfers(context, question->staff, work);
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_OPEN_WORK;
    answer->open_work = work;
    return error;
}
