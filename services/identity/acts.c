/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"
#include "common/service.h"
#include "services/identity/handlers.h"
#include "services/identity/stated.h"

#include <inttypes.h>
#include <stdio.h>

/* The reason, unless it bears what is known of one of them: it is with the decision, in identity alone. */
static const char *recordable(
    struct rpc_context *context, const char *reason, const uint32_t *persons, size_t count)
{
    bool personal = false;
    for (size_t i = 0; i < count && !personal; i++)
        if (stated_is_personal(context->self, context->batch->txn, persons[i], reason, &personal))
            personal = true;
    return personal ? "[personal]" : reason;
}

void identity_act(struct rpc_context *context, const char *action, const char *reason, const char *detail,
    const uint32_t *persons, size_t count)
{
    Quanyu__IdentityAct act = QUANYU__IDENTITY_ACT__INIT;
    act.actor = context->header->actor;
    act.action = (char *)(uintptr_t)action;
    act.detail = (char *)(uintptr_t)detail;
    act.reason = (char *)(uintptr_t)recordable(context, reason, persons, count);
    act.persons = (uint32_t *)(uintptr_t)persons;
    act.n_persons = count;
    act.request_id = context->header->request_id;
    batch_emit(context->batch, QUANYU__IDENTITY_RECORD__RECORD_ACT, &act.base);
}

static const char *kind_name(Quanyu__Decision__Kind kind)
{
    static const char *const names[] = {
        [QUANYU__DECISION__KIND__NONE] = "none",
        [QUANYU__DECISION__KIND__JOIN] = "join",
        [QUANYU__DECISION__KIND__SPLIT] = "split",
        [QUANYU__DECISION__KIND__BLOCK] = "block",
        [QUANYU__DECISION__KIND__WITHDRAW] = "withdraw",
        [QUANYU__DECISION__KIND__MOVE] = "move",
        [QUANYU__DECISION__KIND__REASSIGN] = "reassign",
    };
    return (unsigned)kind < COUNT_OF(names) ? names[kind] : "other";
}

int identity_act_decision(
    struct rpc_context *context, const char *action, const char *reason, const Quanyu__DecisionReply *done)
{
    char id[24];
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    struct json json = json_to(&detail);
    snprintf(id, sizeof(id), "d_%" PRIu64, done->decision->number);
    json_open(&json, '{');
    json_field_text(&json, "decision", id);
    json_field_text(&json, "what", kind_name(done->decision->kind));
    json_close(&json, '}');
    if (buffer_error(&detail))
        return buffer_error(&detail);
    identity_act(context, action, reason, buffer_c_str(&detail), done->persons, done->n_persons);
    return 0;
}
