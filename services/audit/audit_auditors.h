/* SPDX-License-Identifier: Apache-2.0 */
/* Auditors' tokens, made, listed and revoked by operators on the machine itself. */
#ifndef QY_AUDIT_AUDITORS_H
#define QY_AUDIT_AUDITORS_H

#include "common/rpc.h"

/* The request "auditors". */
rpc_handler_fn audit_auditors;

#endif
