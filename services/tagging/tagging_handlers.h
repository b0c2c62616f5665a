/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of tagging's requests share. */
#ifndef QY_TAGGING_HANDLERS_H
#define QY_TAGGING_HANDLERS_H

#include "services/tagging/money_view.h"
#include "services/tagging/scope.h"
#include "services/tagging/tagging.h"

rpc_handler_fn handle_weigh, handle_keep_question, handle_referrer, handle_open_work;
rpc_handler_fn handle_profile, handle_audience, handle_rule_check, handle_define, handle_definitions,
    handle_remove, handle_changes, handle_tag_person, handle_counts, handle_in_scope, handle_people,
    handle_bind, handle_bindings, handle_binding_rules, handle_set_binding_rules, handle_transfer,
    handle_show_transfer;

/* A copy in the reply's arena; NULL when memory is out. */
char *reply_text(struct rpc_context *context, const char *text);
/* Whom the caller may see. */
struct scope handler_scope(const struct rpc_context *context);
/* Refuses somebody whom the caller may not see as one who does not exist. */
int handler_check_scope(struct rpc_context *context, const struct person *person);
/* -- handler_checks.c: a unit or a member of staff that the caller may not see does not exist -- */
int handler_check_unit(struct rpc_context *context, struct store_txn *txn, uint32_t unit, const char *field);
int handler_check_staff(struct rpc_context *context, struct store_txn *txn, uint32_t staff, const char *field,
    struct staff_row *ret_member);
/* -- the same: money that the caller may not see -- */
bool handler_hides_money(const struct rpc_context *context);
/* Refuses a rule that asks for any, whether itself or through what it refers to. The registry must hold its rules: handler_registry()
 * sees to that. */
int handler_check_money(struct rpc_context *context, const struct registry *registry, const struct rule *rule,
    const char *member);
int handler_check_reason(struct rpc_context *context, const char *reason);
/* Where people go: the guide's unit where no other is named. `fields`: where the API's body names them. */
struct target_fields {
    const char *unit, *guide;
};
int handler_check_target(struct rpc_context *context, uint32_t unit, uint32_t guide,
    const struct target_fields *fields, uint32_t *ret_unit);

/* Those that a member of staff has begun are shown to whose scope is the same. */
bool handler_may_see_transfer(const struct rpc_context *context, const Quanyu__Transfer *transfer);
/* As replies show it; NULL when memory is out. */
Quanyu__Binding *handler_binding(struct rpc_context *context, const struct binding *binding);
/* What a question about an audience asks: of whom the asker may see, until nobody waits any more. */
struct audience;
int handler_audience(struct rpc_context *context, ProtobufCBinaryData text, int64_t as_of_ms,
    struct scope *scope, struct registry **ret_registry, struct rule **ret_rule,
    struct audience *ret_audience);
/* The definitions as the snapshot has them; with their rules for who may not see money. */
int handler_registry(struct rpc_context *context, struct registry **ret_registry);
/* Refuses a rule, pointing into the member of the API's request that holds it ("/rule"). */
int handler_refuse_rule(
    struct rpc_context *context, int code, const char *member, const struct rule_problem *problem);
/* For commands: an error that is not the caller's fails the batch, for something may have been written. */
int handler_check(struct rpc_context *context, int error);
/* For audit: a change by hand. */
void handler_act(struct rpc_context *context, const char *action, const char *detail, uint32_t person);

#endif
