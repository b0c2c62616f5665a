/* SPDX-License-Identifier: Apache-2.0 */
/* What staff state, purposes and reasons, goes on record for good: it must not bear what is known of the person whom it is about. */
#ifndef QY_IDENTITY_STATED_H
#define QY_IDENTITY_STATED_H

#include "services/identity/identity.h"

/* Whether the text holds one of the person's identifiers, names, or addresses (of houses; a city alone is nobody's). */
int stated_is_personal(const struct identity *identity, struct store_txn *txn, uint32_t person,
    const char *text, bool *ret_personal);

#endif
