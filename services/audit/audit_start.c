/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_start.h"

#include "services/audit/audit_guard.h"
#include "services/audit/audit_http.h"
#include "services/audit/audit_indexer.h"
#include "services/audit/audit_pruner.h"
#include "services/audit/audit_sealer.h"
#include "services/audit/audit_signer.h"

void audit_stop(void *self, struct service *service)
{
    struct audit *audit = self;
    audit_http_stop(self, service);
    audit_guard_stop(&audit->guard);
    audit_pruner_close(&audit->pruner);
    audit_sealer_close(&audit->sealer);
    audit_signer_close(&audit->signer);
    audit_indexer_stop(audit);
}

int audit_start(void *self, struct service *service)
{
    struct audit *audit = self;
    int error = audit_indexer_start(audit, service);
    if (!error)
        error = audit_signer_open(audit, service, &audit->signer);
    if (!error)
        error = audit_signer_start(audit->signer);
    if (!error)
        error = audit_pruner_open(audit, service, &audit->pruner); /* before the sealer writes files */
    if (!error)
        error = audit_sealer_open(audit, service, &audit->sealer);
    if (!error)
        error = audit_sealer_start(audit->sealer);
    if (!error)
        error = audit_pruner_start(audit->pruner);
    if (!error)
        error = audit_guard_start(audit, service, &audit->guard);
    if (!error)
        error = audit_http_start(self, service);
    if (error)
        audit_stop(self, service); /* nobody else ends what runs already */
    return error;
}
