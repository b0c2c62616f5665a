/* SPDX-License-Identifier: Apache-2.0 */
/* A change of staff, credentials or roles: checked and stored in the writer's batch, where nothing can come between, named for audit,
 * and in force before it returns. */
#ifndef QY_GATEWAY_STAFF_CHANGE_H
#define QY_GATEWAY_STAFF_CHANGE_H

#include "services/gateway/api.h"
#include "services/gateway/staff_store.h"

/* On the writer's thread, while the call waits; may use its arena, and refuse. Check first, then write: what was refused has changed
 * nothing. */
typedef int staff_apply_fn(struct api_call *call, struct batch *batch, void *self);

/* Runs it, unless the caller may not any more. */
int staff_commit(struct api_call *call, staff_apply_fn *apply, void *self);

/* -- for apply -- */

/* The member of staff that this is the id of, in `batch`: who may be changed by the caller. Refuses who is out of scope as if not
 * there (-QY_ENOTFOUND), who has left (-QY_ECONFLICT), and whose role holds what the caller's does not (-QY_EDENIED). */
int staff_fetch_managed(
    struct api_call *call, struct store_txn *txn, const char *id, Quanyu__Staff **ret_staff);
/* The same to look at: also who has left, whatever the role. */
int staff_fetch_seen(struct api_call *call, struct store_txn *txn, const char *id, Quanyu__Staff **ret_staff);
/* Whether the caller has all that this role gives: its permissions, and everybody of a unit where it is not limited to own people. */
bool staff_covers_role(const struct api_call *call, const struct role *role);
/* Whether somebody else is an HQ admin of the whole brand who has a password, or a token that is in force. */
bool staff_has_other_admin(struct store_txn *txn, uint32_t number, int64_t now_ms);
bool staff_is_admin(const Quanyu__Staff *staff);
/* Stores the changed row as the next version. */
void staff_store(struct batch *batch, Quanyu__Staff *staff, const Quanyu__Staff *before);
/* Tells the others of a new unit, or of leaving. */
void staff_emit_member(struct batch *batch, const Quanyu__Staff *staff);

/* What goes on record: {"id":…,"before":…,"after":…} and what `more` writes. */
struct staff_act {
    const char *action;
    const Quanyu__Actor *actor; /* NULL: the caller */
    const Quanyu__Staff *staff; /* whom it is about; NULL: nobody */
    const Quanyu__Staff *before, *after;
    bool rows; /* write before and after, null where there is none */
    void (*more)(struct json *json, const void *self);
    const void *self;
};
int staff_emit_act(struct api_call *call, struct batch *batch, const struct staff_act *act);
/* The same where nobody called: act->actor says who it was. */
int staff_emit_act_of(struct batch *batch, const struct staff_act *act, const char *request_id);

#endif
