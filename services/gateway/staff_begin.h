/* SPDX-License-Identifier: Apache-2.0 */
/* The first member of staff: who there is before anybody has made anybody. */
#ifndef QY_GATEWAY_STAFF_BEGIN_H
#define QY_GATEWAY_STAFF_BEGIN_H

#include "services/gateway/staff_vault.h"

/* Makes the next member of staff: an HQ admin, with this login where nobody has it. */
int staff_make_admin(const struct staff_vault *vault, struct store_txn *txn, int64_t now_ms,
    Quanyu__Staff__State state, uint32_t *ret_number);

/* A state from before logins were compared by what they look like: notes it of all. Nothing to do where it is known. */
int staff_note_looks(const struct staff_vault *vault, struct store_txn *txn);

/* A state from before there was staff: its tokens become the first admin's. Nothing to do where there is staff, or no token. */
int staff_take_over(const struct staff_vault *vault, struct store_txn *txn, int64_t now_ms);

#endif
