/* SPDX-License-Identifier: Apache-2.0 */
/* Whether somebody knows a password: looked at only where login and address are not delayed, and counted as failed until it is known
 * to be right. */
#ifndef QY_GATEWAY_SIGN_IN_H
#define QY_GATEWAY_SIGN_IN_H

#include "services/gateway/sign_in_store.h"
#include "services/gateway/staff_change.h"

struct sign_in {
    const char *login, *password;
    struct sign_in_who who[2]; /* login, address */
    struct staff_login name;
    Quanyu__Staff *staff; /* NULL: there is none with this login who has not left */
    Quanyu__StaffSecrets *secrets;
};

/* Counts the attempt, then looks at the password. 0: it is right; -QY_EUNAUTHENTIC: it is not, or nobody has this login, which
 * cannot be told apart. 429 with Retry-After where it is not to be looked at. Both are on record. */
int sign_in_try(struct api_call *call, const char *login, const char *password, struct sign_in *ret_try);
/* A refusal that is on record: the right password was not enough. */
int sign_in_refuse(struct api_call *call, const struct sign_in *attempt, const char *reason,
    const char *field, const char *message);

/* The password was right, and what was asked for with it failed for another reason: it counts no more. */
int sign_in_take_back(struct api_call *call, struct sign_in *attempt);

/* 429 with Retry-After. */
int sign_in_refuse_early(struct api_call *call, int64_t wait_ms);

/* -- in a batch -- */

/* It was right. */
void sign_in_succeed(struct store_txn *txn, const struct sign_in *attempt);
/* What was right is still so: nothing of it has been changed since. */
int sign_in_check(struct api_call *call, struct store_txn *txn, struct sign_in *attempt);
/* A one-time code of the second factor, or a recovery code, which it uses up. */
bool sign_in_use_code(
    struct api_call *call, Quanyu__Staff *staff, Quanyu__StaffSecrets *secrets, const char *code);
void sign_in_actor(const struct api_call *call, const Quanyu__Staff *staff, char id_room[STAFF_ID_BYTES],
    Quanyu__Actor *ret_actor);

#endif
