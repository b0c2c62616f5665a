/* SPDX-License-Identifier: Apache-2.0 */
/* Invitations: with one, a member of staff gives him- or herself a password. */
#ifndef QY_GATEWAY_INVITATION_H
#define QY_GATEWAY_INVITATION_H

#include "services/gateway/credential_store.h"

/* The page that a link leads to; the secret stands behind "#", which browsers send nowhere. */
#define INVITATION_PATH "/invitation"

/* Makes one, for seven days; those before are void. `makers`: the members of staff who see it; it must live as long as the invitation. */
void invitation_put(struct store_txn *txn, uint32_t staff, struct makers *makers, int64_t now_ms,
    Quanyu__Credential *ret_invitation, char ret_text[SECRET_TEXT_BYTES]);

#endif
