/* SPDX-License-Identifier: Apache-2.0 */
/* Tells of alerts: by a signed webhook and by email, as the alert rules say; again in the next round where it fails. */
#ifndef QY_AUDIT_NOTIFY_H
#define QY_AUDIT_NOTIFY_H

#include "common/service.h"

#include <stdatomic.h>

struct audit_notify;
/* -QY_ENOMEM. */
int audit_notify_open(struct service *service, struct audit_notify **ret_notify);
void audit_notify_close(struct audit_notify **notify); /* safe on NULL */
/* Tells of those that nobody has been told of yet. The webhook gets the alert as JSON, with X-Quanyu-Timestamp and
 * X-Quanyu-Signature: v1=, the HMAC-SHA256, in hex, of the timestamp, a full stop and the body under the secret. Ends early when `stopping` says so, or
 * some could not be told. */
void audit_notify_run(struct audit_notify *notify, const atomic_bool *stopping);

#endif
