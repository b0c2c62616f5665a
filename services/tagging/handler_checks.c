/* SPDX-License-Identifier: Apache-2.0 */
/* What requests about units, staff and bindings are checked for. */
#include "services/tagging/tagging_handlers.h"

#include <string.h>

#define REASON_BYTES_MAX 500u

/* Whoever asks has found the name in the gateway's own list: what is not here is on its way. */
static int refuse_unheard(struct rpc_context *context)
{
    return rpc_refuse(context, -QY_EOVERTAKEN, RPC_FIELD_SCOPE, "what was asked for has not come here yet");
}

/* A unit or a member of staff that the caller may not see does not exist. */
int handler_check_unit(struct rpc_context *context, struct store_txn *txn, uint32_t unit, const char *field)
{
    const struct scope scope = handler_scope(context);
    struct unit_row row;
    if (!organisation_unit(txn, unit, &row))
        return refuse_unheard(context);
    bool there = !row.removed;
    if (there && (!scope.bounded || (scope.unit && organisation_is_below(txn, unit, scope.unit))))
        return 0;
    return rpc_refuse(context, -QY_ENOTFOUND, field, "there is no such unit");
}

int handler_check_staff(struct rpc_context *context, struct store_txn *txn, uint32_t staff, const char *field,
    struct staff_row *ret_member)
{
    const struct scope scope = handler_scope(context);
    if (!organisation_staff(txn, staff, ret_member))
        return refuse_unheard(context);
    if (!scope.bounded || scope.staff == staff ||
        (scope.unit && organisation_is_below(txn, ret_member->unit, scope.unit)))
        return 0;
    return rpc_refuse(context, -QY_ENOTFOUND, field, "there is no such member of staff");
}

bool handler_hides_money(const struct rpc_context *context)
{
    const Quanyu__Actor *actor = context->header->actor;
    return actor && actor->without_amounts;
}

int handler_check_money(
    struct rpc_context *context, const struct registry *registry, const struct rule *rule, const char *member)
{
    struct money_view view;
    struct rule_problem where = {0};
    if (!handler_hides_money(context))
        return 0;
    int error = money_view_make(registry, context->arena, &view);
    if (!error && money_view_rule_asks(&view, rule, &where))
        error = handler_refuse_rule(context, -QY_EINVAL, member, &where);
    return error;
}

int handler_check_reason(struct rpc_context *context, const char *reason)
{
    if (*reason && strlen(reason) <= REASON_BYTES_MAX)
        return 0;
    return rpc_refuse(context, -QY_EINVAL, "reason", "must have 1 to %u bytes", REASON_BYTES_MAX);
}

/* Where people go: the guide's unit where no other is named. */
int handler_check_target(struct rpc_context *context, uint32_t unit, uint32_t guide,
    const struct target_fields *fields, uint32_t *ret_unit)
{
    struct store_txn *txn = context->batch->txn;
    struct staff_row member = {0};
    *ret_unit = unit;
    if (!unit && !guide)
        return rpc_refuse(context, -QY_EINVAL, fields->unit, "give a unit, a guide or both");
    int error = guide ? handler_check_staff(context, txn, guide, fields->guide, &member) : 0;
    if (!error && guide && staff_is_absent(&member))
        error = rpc_refuse(context, -QY_ECONFLICT, fields->guide, "st_%u has left", guide);
    if (!error && !unit)
        *ret_unit = member.unit;
    else if (!error)
        error = handler_check_unit(context, txn, unit, fields->unit);
    return error;
}
