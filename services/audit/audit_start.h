/* SPDX-License-Identifier: Apache-2.0 */
/* What runs beside the writer: who makes indexes, the signer, the sealer and the auditors' port. */
#ifndef QY_AUDIT_START_H
#define QY_AUDIT_START_H

#include "common/service.h"

/* service_spec.start and stop; `self` is the struct audit. */
int audit_start(void *self, struct service *service);
void audit_stop(void *self, struct service *service);

#endif
