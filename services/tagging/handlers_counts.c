/* SPDX-License-Identifier: Apache-2.0 */
/* Totals. */
#include "services/tagging/tagging_handlers.h"

/* Of those whom the asker may see: what the index tells at once. */
static int scope_counts(
    struct rpc_context *context, const struct scope *scope, uint32_t highest, Quanyu__TaggingCounts *counts)
{
    int error = scope_count(context->txn, scope, BITS_PERSON, "", highest, &counts->persons);
    for (size_t i = 0; !error && i < counts->n_stages; i++) {
        Quanyu__TaggingCounts__Stage *stage = counts->stages[i];
        if (*stage->stage)
            error = scope_count(context->txn, scope, BITS_STAGE, stage->stage, highest, &stage->persons);
    }
    counts->scoped = true;
    counts->events = counts->orders = 0;
    return error;
}

/* Leaves those stages that do not ask for money, for who may not see it. */
static int withhold(struct rpc_context *context, Quanyu__TaggingCounts *counts)
{
    _cleanup_(registry_close) struct registry *registry = NULL;
    struct money_view view;
    size_t kept = 0;
    int error = handler_registry(context, &registry);
    if (!error)
        error = money_view_make(registry, context->arena, &view);
    for (size_t i = 0; !error && i < counts->n_stages; i++)
        if (!money_view_stage_asks(&view, counts->stages[i]->stage))
            counts->stages[kept++] = counts->stages[i];
    counts->n_stages = error ? counts->n_stages : kept;
    return error;
}

int handle_counts(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    (void)request;
    struct tagging_state state;
    struct stage_count *stages;
    size_t count;
    tagging_read_state(context->txn, &state);
    int error = tagging_read_stages(context->txn, context->arena, &stages, &count);
    Quanyu__TaggingCounts *counts = arena_alloc(context->arena, sizeof(*counts));
    Quanyu__TaggingCounts__Stage *rows = arena_alloc(context->arena, count * sizeof(*rows) + 1);
    Quanyu__TaggingCounts__Stage **list = arena_alloc(context->arena, count * sizeof(*list) + 1);
    if (error || !counts || !rows || !list)
        return error ? error : -QY_ENOMEM;
    quanyu__tagging_counts__init(counts);
    counts->persons = state.persons;
    counts->events = state.events;
    counts->orders = state.orders;
    for (size_t i = 0; i < count; i++) {
        quanyu__tagging_counts__stage__init(&rows[i]);
        rows[i].stage = stages[i].stage;
        rows[i].persons = stages[i].persons;
        list[i] = &rows[i];
    }
    counts->stages = list;
    counts->n_stages = count;
    Quanyu__TaggingReply *answer = (Quanyu__TaggingReply *)reply;
    answer->result_case = QUANYU__TAGGING_REPLY__RESULT_COUNTS;
    answer->counts = counts;
    const struct scope scope = handler_scope(context);
    error = handler_hides_money(context) ? withhold(context, counts) : 0;
    if (error)
        return error;
    return scope.bounded ? scope_counts(context, &scope, state.highest, counts) : 0;
}
