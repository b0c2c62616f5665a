/* SPDX-License-Identifier: Apache-2.0 */
/* What calls that change units share. */
#ifndef QY_GATEWAY_API_UNIT_H
#define QY_GATEWAY_API_UNIT_H

#include "services/gateway/api.h"
#include "services/gateway/unit_change.h"

/* In words, and the member that it is about; NULL: none. */
const char *unit_fault_reason(enum unit_fault fault);
const char *unit_fault_column(enum unit_fault fault);
/* unit_store() on behalf of the caller, within the caller's scope. */
int unit_store_for(struct api_call *call, const char *action, struct unit_edit *edits, size_t count,
    struct unit_refusal *ret_refusal);

#endif
