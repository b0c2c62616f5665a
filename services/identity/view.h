/* SPDX-License-Identifier: Apache-2.0 */
/* Persons as others may see them: identifiers and personal traits, masked; or one address in the clear, to
 * send to. */
#ifndef QY_IDENTITY_VIEW_H
#define QY_IDENTITY_VIEW_H

#include "proto/identity.pb-c.h"
#include "services/identity/identity.h"

/* Fills the view (initialised) from `arena`. */
int view_person(const struct identity *identity, struct store_txn *txn, uint32_t person, struct arena *arena,
    Quanyu__PersonView *view);

/* The person's newest identifier of this kind. -QY_ENOTFOUND: there is none. */
int view_address(const struct identity *identity, struct store_txn *txn, uint32_t person, const char *kind,
    struct arena *arena, Quanyu__AddressReply *reply);

#endif
