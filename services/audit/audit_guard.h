/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at what staff do, on a thread of its own, and raises alerts: each record once, as it comes; a day is judged while it lasts and
 * when it is over, by the records' own time. */
#ifndef QY_AUDIT_GUARD_H
#define QY_AUDIT_GUARD_H

#include "services/audit/audit.h"

struct audit_guard;
/* -QY_ENOMEM. */
int audit_guard_start(struct audit *audit, struct service *service, struct audit_guard **ret_guard);
/* While the writer still runs; safe on NULL. */
void audit_guard_stop(struct audit_guard **guard);

#endif
