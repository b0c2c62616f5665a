/* SPDX-License-Identifier: Apache-2.0 */
/* What identity's handlers share. */
#ifndef QY_IDENTITY_HANDLERS_H
#define QY_IDENTITY_HANDLERS_H

#include "proto/identity.pb-c.h"
#include "services/identity/identity.h"

static inline const Quanyu__IdentityRequest *request_of(const ProtobufCMessage *message)
{
    return (const Quanyu__IdentityRequest *)(const void *)message;
}

static inline Quanyu__IdentityReply *reply_of(ProtobufCMessage *message)
{
    return (Quanyu__IdentityReply *)(void *)message;
}

/* How many of a page are asked for: 0 and what is more than a page holds are a whole one. */
#define PAGE_MAX 100
static inline size_t page_of(uint32_t limit)
{
    return limit && limit < PAGE_MAX ? limit : PAGE_MAX;
}

/* reference.c */
/* Whose a node is; 0: there is no such node. */
uint32_t person_of(struct store_txn *txn, uint32_t node);
/* The person that bears a number now: itself, or the one that it joined. 0: there never was one. */
uint32_t present_person(struct store_txn *txn, uint32_t number);
/* The node that is meant, or a refusal that names the field ("identifiers/0"). */
int reference_find(struct rpc_context *context, const Quanyu__IdentifierRef *reference, const char *field,
    uint32_t *ret_node);

/* decision_view.c */
/* With its identifiers, masked where personal ones are wanted, and whose they are now. */
int decision_view(struct rpc_context *context, Quanyu__Decision *decision, bool personal,
    Quanyu__DecisionReply **ret_reply);

/* acts.c: something that was done by hand, into the journal; `detail` is JSON. */
void identity_act(struct rpc_context *context, const char *action, const char *reason, const char *detail,
    const uint32_t *persons, size_t count);
/* What was decided, or undone, and whose the identifiers are now. */
int identity_act_decision(
    struct rpc_context *context, const char *action, const char *reason, const Quanyu__DecisionReply *done);

/* handlers_decision.c */
rpc_handler_fn handle_decide, handle_undo, handle_decisions;
/* handlers_explain.c, handlers_review.c */
rpc_handler_fn handle_explain, handle_history, handle_conflicts, handle_busy;
/* handlers_duplicate.c */
rpc_handler_fn handle_duplicate_search, handle_duplicate_progress, handle_duplicates,
    handle_duplicate_dismiss;
/* handlers_rules.c */
rpc_handler_fn handle_rules, handle_change_rules, handle_dry_run;

#endif
