/* SPDX-License-Identifier: Apache-2.0 */
/* Persons as others may see them: identifiers and personal traits, masked; or one address in the clear, to
 * send to. */
#ifndef QY_IDENTITY_VIEW_H
#define QY_IDENTITY_VIEW_H

#include "proto/identity.pb-c.h"
#include "services/identity/identity.h"

/* Fills the view (initialised) from `arena`; identifiers and traits where `personal` is wanted. */
int view_person(const struct identity *identity, struct store_txn *txn, uint32_t person, bool personal,
    struct arena *arena, Quanyu__PersonView *view);

/* One identifier with its id, its value masked, or none where it is not wanted. NULL: no memory, or the transaction has failed. */
Quanyu__Identifier *view_identifier(const struct identity *identity, struct store_txn *txn, uint32_t node,
    bool personal, struct arena *arena);
/* A person's One ID; NULL: no memory. */
char *view_one_id(const struct identity *identity, uint32_t person, struct arena *arena);

/* Personal fields in the clear. */
int view_unmasked(const struct identity *identity, struct store_txn *txn, const Quanyu__UnmaskRequest *asked,
    uint32_t person, struct arena *arena, Quanyu__UnmaskReply *reply);

/* The person's newest identifier of this kind. -QY_ENOTFOUND: there is none. */
int view_address(const struct identity *identity, struct store_txn *txn, uint32_t person, const char *kind,
    struct arena *arena, Quanyu__AddressReply *reply);

#endif
