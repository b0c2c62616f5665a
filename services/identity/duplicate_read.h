/* SPDX-License-Identifier: Apache-2.0 */
/* A person out of the state as it is compared with others. */
#ifndef QY_IDENTITY_DUPLICATE_READ_H
#define QY_IDENTITY_DUPLICATE_READ_H

#include "services/identity/duplicate_fields.h"
#include "services/identity/identity.h"

/* What is known of a person, as of a snapshot; the record says nothing where there is no such person any more. */
int duplicate_read(const struct identity *identity, struct store_txn *txn, uint32_t person,
    struct duplicate_record *ret_record);
/* From traits alone. */
void duplicate_read_traits(const struct profile *profile, struct duplicate_record *record);
/* A phone number or an email, in its one form; the newest ones stay. */
void duplicate_read_phone(struct duplicate_record *record, const char *value, size_t size);
void duplicate_read_email(struct duplicate_record *record, const char *value, size_t size);

#endif
