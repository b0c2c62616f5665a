/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_start.h"

#include "services/audit/audit_http.h"
#include "services/audit/audit_indexer.h"

int audit_start(void *self, struct service *service)
{
    int error = audit_indexer_start(self, service);
    return error ? error : audit_http_start(self, service);
}

void audit_stop(void *self, struct service *service)
{
    audit_http_stop(self, service);
    audit_indexer_stop(self);
}
