/* SPDX-License-Identifier: Apache-2.0 */
/* What the other services' journals say, as audit records. */
#ifndef QY_AUDIT_SOURCES_H
#define QY_AUDIT_SOURCES_H

#include "common/journal.h"
#include "proto/campaign.pb-c.h"
#include "services/audit/audit.h"

/* Fills `record` (initialised) from a record of audit_inputs[input]; what it points to is in the arena.
 * Nothing that a journal holds is left off the record: what cannot be read or is too large is told by its
 * hash, and *ret_readable is false or its detail replaced. The record has no action where another one of the same
 * journal says it all. -QY_ENOMEM. */
int audit_source_record(unsigned input, const struct journal_record *journal, struct arena *arena,
    Quanyu__AuditRecord *record, bool *ret_readable);

/* "ready", "delivered", …: the outcome of a delivery's record. */
const char *audit_delivery_state(Quanyu__Delivery__State state);

#endif
