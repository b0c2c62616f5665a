/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of tagging's requests share. */
#ifndef QY_TAGGING_HANDLERS_H
#define QY_TAGGING_HANDLERS_H

#include "services/tagging/tagging.h"

rpc_handler_fn handle_profile, handle_audience, handle_rule_check, handle_define, handle_definitions,
    handle_remove, handle_changes, handle_tag_person, handle_counts;

/* A copy in the reply's arena; NULL when memory is out. */
char *reply_text(struct rpc_context *context, const char *text);
/* The definitions as the snapshot has them. */
int handler_registry(struct rpc_context *context, struct registry **ret_registry);
/* Refuses a rule, pointing into the member of the API's request that holds it ("/rule"). */
int handler_refuse_rule(
    struct rpc_context *context, int code, const char *member, const struct rule_problem *problem);
/* For commands: an error that is not the caller's fails the batch, for something may have been written. */
int handler_check(struct rpc_context *context, int error);
/* For audit: a change by hand. */
void handler_act(struct rpc_context *context, const char *action, const char *detail, uint32_t person);

#endif
