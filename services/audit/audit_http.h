/* SPDX-License-Identifier: Apache-2.0 */
/* The auditors' HTTP port: records, the tree. Bearer tokens are audit's own; every look goes on record before
 * it is answered. */
#ifndef QY_AUDIT_HTTP_H
#define QY_AUDIT_HTTP_H

#include "common/service.h"

/* service_spec.start and stop; `self` is the struct audit. */
int audit_http_start(void *self, struct service *service);
void audit_http_stop(void *self, struct service *service);

#endif
